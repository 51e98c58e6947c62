#!/bin/bash
# On a real Debian, the package's life: installed, begun, upgraded under a live session, after a reboot, removed.
# Nobody is cut off by any of that, nothing is open but in between what was chosen, nothing is left behind.
#
# From the environment: VM (see machine.sh), PACKAGE (the .deb).
LAB_LIMIT=${LAB_LIMIT:-5400}
. "$(dirname "$0")/../e2e/lab.sh"
. "$(dirname "$0")/machine.sh"

install="DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0"

# journal TEXT [ARGUMENT OF JOURNALCTL...]: how many of moshgated's lines of this boot have that text
journal() {
	vm "journalctl -b --no-pager -o cat -t moshgated ${*:2} | grep -cF -e '$1'"
}

journal_has() {
	[ "$(journal "$@")" -ge 1 ]
}

# entries FIELD=VALUE...: how many of the unit's entries of this boot have these
entries() {
	vm "journalctl --sync; journalctl -b -q --no-pager -o cat _SYSTEMD_UNIT=moshgated.service $* | wc -l"
}

entries_are() {
	local count=$1

	shift
	same "$count" "$(entries "$@")"
}

main_pid() {
	vm 'systemctl show -P MainPID moshgated'
}

# When the helper last told systemd that it lives
last_fed() {
	vm 'systemctl show -P WatchdogTimestampMonotonic moshgated'
}

fed_since() {
	! same "$1" "$(last_fed)"
}

# has_new_helper PID: another than that one, which is ready
has_new_helper() {
	vm 'systemctl is-active -q moshgated' && ! same "$1" "$(main_pid)"
}

# goes_on WHAT: alice's ssh login and her mosh session
goes_on() {
	check "$1: the ssh login goes on" vm_login_lives live
	check "$1: the mosh session goes on" mosh_answers alice
}

is_exposed_at_most() {
	local score

	score=$(vm 'systemd-analyze security moshgated.service' | sed -nE 's/.*Overall exposure level.*: ([0-9.]+).*/\1/p')
	at_most "$1" "$score"
}

# guard_before_network: by systemd's clock
guard_before_network() {
	local guard network

	guard=$(vm 'systemctl show -P ActiveEnterTimestampMonotonic moshgated')
	network=$(vm 'systemctl show -P InactiveExitTimestampMonotonic networking')
	echo "guard: $guard us, network: $network us"
	[ "$guard" -gt 0 ] && [ "$guard" -le "$network" ]
}

# readme_does TEXT: each of the commands below that line of README.Debian, as it is there
readme_does() {
	local command commands

	mapfile -t commands < <(vm 'cat /usr/share/doc/moshgate/README.Debian' | awk -v text="$1" '
		inside && /^    / { sub(/ *#.*/, ""); print; has_begun = 1; next }
		inside && has_begun { exit }
		index($0, text) { inside = 1 }')
	[ ${#commands[@]} -gt 0 ] || return 1
	for command in "${commands[@]}"; do
		echo "README.Debian: $command"
		vm "$command" || return 1
	done
}

# What of ours is on its disk
left_behind() {
	vm 'find / -xdev -path /var/log -prune -o -path /root -prune -o -path /var/tmp -prune -o -path /tmp -prune \
		-o -iname "*moshgate*" -print
		grep -rl --exclude="*-" moshgate /etc /run/systemd 2>/dev/null'
}

vm_start
need "the machine boots, and nothing of it fails" vm_boot
need "the machine has the users' keys" vm_keys
vm 'head -n 1 /etc/os-release; uname -r; ssh -V 2>&1; systemctl --version | head -n 1; mosh-server --version | head -n 1' |
	sed 's/^/# /'
check "before: the range is open" vm_is_open
need "a login that stays" vm_login live client1 alice
need "the package comes" vm_copy "$PACKAGE" /root/moshgate.deb

# --- installed, and nothing else --------------------------------------------------------------------

need "it is installed" vm "$install install /root/moshgate.deb"
check "installed: the ssh login goes on" vm_login_lives live
check "installed: another comes" login client1 alice@$SERVER true
check "installed: no PAM file has our line" fails vm 'grep -r moshgate /etc/pam.d'
check "installed: the helper does not run" fails vm 'pgrep -x moshgated'
check "installed: nothing is enabled" fails vm 'systemctl -q is-enabled moshgated.service'
check "installed: nor its sockets" fails vm 'systemctl -q is-enabled moshgated-session.socket'
check "installed: the range is open" vm_is_open
check "installed: its user is there" vm 'getent passwd moshgate'
check "installed: doctor says that there is no helper" exits 3 vm 'moshgatectl doctor'

# --- begun, as README.Debian says -------------------------------------------------------------------

check "doctor says how to begin it" vm 'moshgatectl doctor | grep "pam-auth-update --enable moshgate"'
need "it begins" readme_does "Two steps begin it"
check "the PAM line is behind logind's" vm 'grep -A 99 pam_systemd.so /etc/pam.d/common-session | grep pam_moshgate.so'
check "and the last of those that are added" vm 'grep "^session" /etc/pam.d/common-session | tail -n 1 | grep pam_moshgate.so'
check "begun: the ssh login goes on" vm_login_lives live
check "begun: the range is closed" vm_is_closed
check "begun: doctor finds nothing" vm 'moshgatectl doctor'
check "begun: of 10 points of exposure it has 1.3 at most" is_exposed_at_most 1.3
check "begun: AppArmor confines it" same "moshgated (enforce)" \
	"$(vm 'cat /proc/$(pidof moshgated)/attr/apparmor/current')"
check "begun: it goes before others" same SCHED_RR \
	"$(vm 'chrt -p $(pidof moshgated)' | grep -o 'SCHED_[A-Z]*')"

mosh_start alice client1 alice@$SERVER
need "alice's mosh answers" mosh_answers alice
check "it has opened just that" vm_grants_are "$CLIENT1 $SERVER 60001"
check "to nobody else" vm_is_closed 60001
check "as her login's own" json_says 'd[0]["via"] == "login"' < <(vm 'moshgatectl --json list')
check "the journal has that once, by fields" entries_are 1 MOSHGATE_EVENT=grant MOSHGATE_USER=alice \
	MOSHGATE_ADDR=$CLIENT1 MOSHGATE_PORT=60001 PRIORITY=6 SYSLOG_FACILITY=10
check "and once by its words" same 1 "$(journal "grant user=alice ")"
check "which are the same" same \
	"$(vm 'journalctl -b -u moshgated -o cat MOSHGATE_EVENT=grant MOSHGATE_USER=alice')" \
	"$(vm 'journalctl -b -t moshgated -o cat | grep "^grant user=alice "')"
mosh_start bob client2 bob@$SERVER6 -6
need "bob's mosh answers by IPv6" mosh_answers bob

# --- what happens to a host -------------------------------------------------------------------------

helper=$(main_pid)
vm 'mkdir -p /etc/moshgate/moshgate.conf.d; printf "[gate]\nidle = 2d\n" >/etc/moshgate/moshgate.conf.d/vm.conf'
check "reload" vm 'systemctl reload moshgated'
check "reload: the guard has what is new" wait_for 20 vm 'nft list chain inet moshgate guard | grep "timeout 2d"'
check "reload: the same helper" same "$helper" "$(main_pid)"
goes_on "reload"
vm 'printf "[gate]\nidle = wrong\n" >/etc/moshgate/moshgate.conf.d/vm.conf'
check "reload: a wrong configuration fails" fails vm 'systemctl reload moshgated'
check "reload: and the journal says which line" vm 'journalctl -b -o cat -u moshgated | grep "vm.conf:2: idle wants"'
check "reload: the same helper goes on" same "$helper" "$(main_pid)"
vm 'rm -r /etc/moshgate/moshgate.conf.d; systemctl reload moshgated'
check "nftables starts again" vm 'systemctl restart nftables'
check "nftables: the guard is put back" wait_for 20 journal_has "guard action=restored"
goes_on "nftables"
check "nftables: the range is closed" vm_is_closed
check "the helper starts again" vm 'systemctl restart moshgated'
goes_on "restart"

logins=$(entries MOSHGATE_EVENT=login)
check "journald starts again" vm 'systemctl restart systemd-journald'
check "journald: a login comes" login client1 alice@$SERVER true
check "journald: and has its fields" wait_for 20 entries_are $((logins + 1)) MOSHGATE_EVENT=login
check "journald: and was always there" same "$(journal "login user=")" "$(entries MOSHGATE_EVENT=login)"

# Where kernel and libnftables have it, the table is nobody else's: not with Debian 12's.
vm 'mkdir -p /etc/moshgate/moshgate.conf.d
	printf "[firewall]\nexclusive = yes\n" >/etc/moshgate/moshgate.conf.d/vm.conf; systemctl restart moshgated'
goes_on "exclusive"
if vm '. /etc/os-release; [ "$VERSION_ID" = 12 ]'; then
	check "exclusive: said that it cannot be had" journal_has "exclusive = yes cannot be had"
else
	restored=$(journal "guard action=restored")
	check "exclusive: others cannot take anything away" fails vm 'nft delete table inet moshgate'
	check "exclusive: nor put anything in" fails vm 'nft add chain inet moshgate foreign'
	check "exclusive: a flush passes it by" vm 'nft flush ruleset'
	check "exclusive: so nothing has to be put back" same "$restored" "$(journal "guard action=restored")"
	check "exclusive: the range is closed" vm_is_closed
	goes_on "exclusive, flushed"
	helper=$(main_pid)
	vm 'systemctl kill -s KILL moshgated'
	check "exclusive: killed, it starts again" wait_for 60 has_new_helper "$helper"
	goes_on "exclusive, killed"
	check "exclusive, killed: the next one has taken the table over" fails vm 'nft delete table inet moshgate'
fi
vm 'rm -r /etc/moshgate/moshgate.conf.d; systemctl restart moshgated && systemctl restart nftables'
check "exclusive no more: the guard is put back again" wait_for 20 vm 'nft list chain inet moshgate guard'
goes_on "exclusive no more"

vm 'mkdir -p /run/systemd/system/moshgated.service.d &&
	printf "[Service]\nWatchdogSec=10s\nTimeoutAbortSec=3s\n" >/run/systemd/system/moshgated.service.d/vm.conf &&
	systemctl daemon-reload && systemctl restart moshgated'
helper=$(main_pid)
fed=$(last_fed)
check "watchdog: is fed" wait_for 60 fed_since "$fed"
check "watchdog: by the same helper" same "$helper" "$(main_pid)"
vm "kill -STOP $helper"
check "watchdog: one that hangs is replaced" wait_for 120 has_new_helper "$helper"
check "watchdog: because of that" vm 'journalctl -b -o cat -u moshgated | grep -i "watchdog timeout"'
goes_on "watchdog"
vm 'rm -r /run/systemd/system/moshgated.service.d && systemctl daemon-reload && systemctl restart moshgated'

helper=$(main_pid)
check "upgrade" vm "$install install --reinstall /root/moshgate.deb"
check "upgrade: another helper" has_new_helper "$helper"
goes_on "upgrade"
check "upgrade: the PAM line stays" vm 'grep pam_moshgate.so /etc/pam.d/common-session'
check "upgrade: bob's session goes on, too" mosh_answers bob
check "upgrade: the range is closed" vm_is_closed
check "AppArmor denied nothing" fails vm 'journalctl -b -k -o cat | grep "DENIED.*moshgated"'
check "doctor knows who took the guard away, and nothing else" vm 'systemctl restart moshgated && moshgatectl doctor'

# --- a boot with a wrong configuration ----------------------------------------------------------------

vm 'mkdir -p /etc/moshgate/moshgate.conf.d; printf "[gate]\nidle = wrong\n" >/etc/moshgate/moshgate.conf.d/vm.conf'
boot=$(vm 'cat /proc/sys/kernel/random/boot_id')
vm 'systemctl --no-block reboot'
need "wrong boot: it reboots" wait_for $VM_BOOT vm_is_another_boot "$boot"
check "wrong boot: it comes up" wait_for $VM_BOOT vm 'systemctl is-active -q multi-user.target ssh'
check "wrong boot: the helper does not run" fails vm 'systemctl is-active -q moshgated'
check "wrong boot: it says which line" journal_has "vm.conf:2: idle wants"
check "wrong boot: the range is closed" vm_is_closed
check "wrong boot: by a table of its own" vm 'nft list table inet moshgate.closed'
vm 'rm -r /etc/moshgate/moshgate.conf.d'
check "wrong boot: put right, it starts by itself" wait_for 60 vm 'systemctl is-active -q moshgated'
check "wrong boot: and takes that table away" fails vm 'nft list table inet moshgate.closed'

# --- a reboot ---------------------------------------------------------------------------------------

was=$(answers)
exec_on attacker python3 "$E2E/lab.py" keep_sending $SERVER 60005 20 &
attack=$!
need "it reboots" vm_reboot
check "reboot: the attacker goes on all the time" kill -0 $attack
check "reboot: none of what he sent was answered" answers_are "$was"
kill $attack
check "reboot: what he sends arrives" wait_for 20 vm \
	"nft list chain inet moshgate guard | grep -E 'counter packets [1-9][0-9]* bytes [0-9]+ drop'"
check "reboot: the guard stood before the network" guard_before_network
check "reboot: the journal was there before" entries_are 1 MOSHGATE_EVENT=start
check "reboot: the range is closed" vm_is_closed
check "reboot: doctor finds nothing" vm 'moshgatectl doctor'
lab_tmux kill-server
need "a login that stays" vm_login again client1 alice
mosh_start carol client1 alice@$SERVER
need "mosh answers after the reboot" mosh_answers carol
check "reboot: it has opened just that" vm_grants_are "$CLIENT1 $SERVER 60001"

# --- a wrong configuration at the start ---------------------------------------------------

vm 'mkdir /etc/moshgate/moshgate.conf.d; printf "[gate]\nidle = wrong\n" >/etc/moshgate/moshgate.conf.d/vm.conf
	systemctl restart moshgated; nft delete table inet moshgate'
check "wrong: the helper does not run" fails vm 'systemctl is-active -q moshgated'
check "wrong: it has closed the range by itself" wait_for 20 vm 'nft list table inet moshgate.closed'
check "wrong: so that it is closed" vm_is_closed
check "wrong: and says so" journal_has "is closed to everybody, by table moshgate.closed"
vm 'rm -r /etc/moshgate/moshgate.conf.d'
check "wrong: put right, it starts by itself" wait_for 60 vm 'systemctl is-active -q moshgated'
check "wrong: and has taken the other table away" fails vm 'nft list table inet moshgate.closed'
check "wrong: and the range is closed" vm_is_closed
check "wrong: a login brings the mosh session back" login client1 alice@$SERVER true
check "wrong: it goes on" mosh_answers carol

# --- ended, as README.Debian says -------------------------------------------------------------------

need "it is ended" readme_does "To end it"
check "ended: another login comes" login client1 alice@$SERVER true
check "ended: a user who asks finds no helper" exits 3 login client1 alice@$SERVER moshgatectl list
check "ended: nothing has started it again" fails vm 'pgrep -x moshgated'
check "ended: the range is open" vm_is_open
check "ended: the ssh login goes on" vm_login_lives again
check "ended: the mosh session goes on" mosh_answers carol
need "it begins again" readme_does "Two steps begin it"
check "begun again: the range is closed" vm_is_closed
check "begun again: a login brings the mosh session back" login client1 alice@$SERVER true
check "begun again: it goes on" mosh_answers carol

# --- removed ----------------------------------------------------------------------------------------

vm "sed -i.was '\$a session optional pam_moshgate.so' /etc/pam.d/sshd"
need "it is removed" eval 'vm "$install remove moshgate 2>&1" >$LAB/removed'
check "removed: a PAM line of somebody's own is told of" grep "take that line away" $LAB/removed
vm 'mv /etc/pam.d/sshd.was /etc/pam.d/sshd'
check "removed: the ssh login goes on" vm_login_lives again
check "removed: the mosh session goes on" mosh_answers carol
check "removed: another login comes" login client1 alice@$SERVER true
check "removed: no guard" fails vm 'nft list table inet moshgate'
check "removed: no PAM line" fails vm 'grep -r moshgate /etc/pam.d'
check "removed: no user" fails vm 'getent passwd moshgate'
check "removed: no helper" fails vm 'pgrep -x moshgated'
check "removed: no run-time folder" fails vm 'ls /run/moshgate'
check "removed: no unit" fails vm 'systemctl cat moshgated-session.socket'
check "removed: nothing is enabled" fails vm 'find /etc/systemd -name "moshgated*" | grep .'
check "removed: the configuration stays" vm 'test -e /etc/moshgate/moshgate.conf'
check "removed: the range is open" vm_is_open
need "it is purged" vm "$install purge moshgate"
check "purged: nothing is left" same "" "$(left_behind)"
check "nothing has failed" vm_settles
