# shellcheck shell=bash
# The firewalls that hosts have: each the real one, on the server alone, with what examples/firewall has for it.

# shellcheck disable=SC2034 # for the tests
EXAMPLES=$E2E/../../examples/firewall
# shellcheck disable=SC2034 # for the tests
MARK="accept-mark = 0x4d534700"

# firewall_files NAME PROGRAM: that firewall is on the server's disk. As unpacked by tests/packages.sh, if it is, or
# as installed here; what it writes is the lab's own in either case.
firewall_files() {
	local folder=${FIREWALLS:-/nonexistent}/$1

	if [ -d "$folder/usr" ]; then
		mount -t overlay -o "lowerdir=$folder/usr:/usr" lab /usr || skip "needs overlayfs"
		cp -a "$folder/etc/." /etc
	fi
	command -v "$2" >/dev/null || skip "needs $2, installed or in FIREWALLS (CONTRIBUTING.md)"
}

# --- iptables -------------------------------------------------------------------------------------

# A host that is closed but for ssh, as iptables does it everywhere
iptables_up() {
	local iptables

	iptables -V | grep -q nf_tables || skip "needs iptables with nf_tables"
	for iptables in iptables ip6tables; do
		on server $iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT &&
			on server $iptables -A INPUT -m conntrack --ctstate INVALID -j DROP &&
			on server $iptables -A INPUT -i lo -j ACCEPT &&
			on server $iptables -A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT &&
			on server $iptables -P INPUT DROP || return
	done
	on server iptables -A INPUT -p icmp -j ACCEPT &&
		on server ip6tables -A INPUT -p ipv6-icmp -j ACCEPT
}

# --- ufw ------------------------------------------------------------------------------------------

# The files that its package's script makes when it is installed.
ufw_files() {
	local name

	firewall_files ufw ufw
	for name in ufw.conf before.init after.init iptables/{before,after,user}{,6}.rules; do
		install -m 640 "/usr/share/ufw/$name" /etc/ufw/ || return
	done
}

ufw_up() {
	on server ufw default deny incoming &&
		on server ufw allow 22/tcp &&
		on server ufw --force enable
}

# --- firewalld ------------------------------------------------------------------------------------

# It is talked to over D-Bus, by a bus of the lab's own where the system's would be.
bus_start() {
	mkdir -p /run/dbus
	cat >$LAB/bus.conf <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
			"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
			<listen>unix:path=/run/dbus/system_bus_socket</listen>
			<auth>EXTERNAL</auth>
			<policy user="root">
				<allow own="*"/>
				<allow send_destination="*"/>
				<allow receive_sender="*"/>
			</policy>
		</busconfig>
	END
	dbus-daemon --config-file=$LAB/bus.conf --nofork --nopidfile >$LAB/bus.log 2>&1 &
	wait_for 10 test -S /run/dbus/system_bus_socket
}

firewalld_files() {
	firewall_files firewalld firewalld
	command -v dbus-daemon >/dev/null || skip "needs dbus-daemon"
	find /etc/firewalld -name '*.xml' -delete
}

firewalld_start() {
	exec_on server firewalld --nofork --nopid >>$LAB/firewalld.log 2>&1 &
	FIREWALLD=$!
	wait_for 30 firewalld_runs
}

firewalld_runs() {
	on server firewall-cmd --state >/dev/null 2>&1
}

firewalld_stop() {
	kill "$FIREWALLD"
	wait "$FIREWALLD"
}

# --- what is to be seen with each -----------------------------------------------------------------

# doctor_finds LEVEL TEXT...: each in a finding of that level about the firewall
doctor_finds() {
	local text found

	found=$(ctl --json doctor)
	for text in "${@:2}"; do
		json_says "any((f['level'], f['check']) == ('$1', 'firewall') and
			'''$text''' in f['text'] + ': ' + f['advice'] for f in d)" <<<"$found" || return
	done
}

doctor_is_content() {
	doctor_finds ok "no other table" && fails doctor_finds error "" && fails doctor_finds warning ""
}

# Whoever gives up leaves the port to the next
mosh_give_up() {
	lab_tmux kill-server
	pkill -u $ALICE -x mosh-server
	wait_for 10 no_grants
}

# firewall_stops TEXT...: mosh does not work, and doctor says why
firewall_stops() {
	local was4 was6

	check "ssh gets in" login client1 alice@$SERVER true
	check "over IPv6 too" login client1 alice@$SERVER6 true
	was4=$(passed $CLIENT1)
	was6=$(passed $CLIENT1_6)
	mosh_start four client1 alice@$SERVER
	need "mosh sends" wait_for 30 has_sent $CLIENT1 1
	mosh_start six client1 alice@$SERVER6 -6
	need "over IPv6 too" wait_for 30 has_sent $CLIENT1_6 1
	check "the guard would let it" grep "^$CLIENT1 " < <(grants)
	check "for nothing: the firewall drops it" same "$was4" "$(passed $CLIENT1)"
	check "over IPv6 too" same "$was6" "$(passed $CLIENT1_6)"
	check "doctor says who, and what to do" doctor_finds error "$@"
	need "mosh gives up" mosh_give_up
}

# firewall_lets: mosh gets through, a stranger does not
firewall_lets() {
	mosh_start four client1 alice@$SERVER
	need "mosh gets through" mosh_answers four
	mosh_start six client1 alice@$SERVER6 -6
	need "over IPv6 too" mosh_answers six
	check "doctor is content" doctor_is_content
	nobody_gets_in "with the guard"
}

# nobody_gets_in WHEN
nobody_gets_in() {
	shut_out "$1: a stranger" attacker $ATTACKER $SERVER 60000-61000
	shut_out "$1: a stranger over IPv6" attacker $ATTACKER6 $SERVER6 60000-61000
}

# firewall_survives WHAT COMMAND...: while a stranger knocks, and what runs goes on
firewall_survives() {
	local knocking

	knocking_start attacker $SERVER "$(grant_port $CLIENT1 $SERVER)"
	knocking=$!
	check "$1" "${@:2}"
	check "$1: the session goes on" mosh_answers four
	check "$1: over IPv6 too" mosh_answers six
	check "$1: a stranger knocked, and never got in" all_dropped $ATTACKER
	kill $knocking
	wait $knocking 2>/dev/null
	check "$1: doctor is content" doctor_is_content
}

# firewall_closed COMMAND...: without moshgate, before and after the firewall starts anew
firewall_closed() {
	lab_helper_stop
	need "the guard is taken away" on server nft delete table inet moshgate
	nobody_gets_in "without the guard"
	check "without the guard the session goes on" mosh_answers four
	check "the firewall starts anew" "$@"
	nobody_gets_in "without the guard, started anew"
	check "the session goes on" mosh_answers four
}
