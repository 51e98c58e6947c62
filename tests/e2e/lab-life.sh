# shellcheck shell=bash
# What a gate lives through: clients that move, helpers that come and go, servers without number.

# shellcheck disable=SC2034 # for the tests
CLIENT1_B6=2001:db8:113::6

# move_to HOST ADDRESS...: from now on what this host sends comes from there
move_to() {
	local address

	for address in "${@:2}"; do
		case $address in
		*:*) on "$1" ip -6 route replace default dev eth0 src "$address" ;;
		*) on "$1" ip route replace default dev eth0 src "$address" ;;
		esac
	done
}

# --- helpers --------------------------------------------------------------------------------------

# helper_begin [LINE...]: as lab_helper_start, but also where an earlier helper has left guard and sockets
helper_begin() {
	install -m 755 "$MOSHGATECTL" $LAB/moshgatectl
	lab_helper_start "$@"
	wait_for 5 helper_answers || lab_die "the helper does not answer"
}

# "logins" is what it tells without looking at the kernel, so asking mends nothing.
helper_answers() {
	ctl logins >/dev/null 2>&1
}

# helper_log TEXT: how many lines of the helper's own messages hold it
helper_log() {
	grep -cF -e "$1" $LAB/helper.log
}

# lab_journal_start FILE: somebody in journald's place, process $JOURNALD, who writes what comes to that file, an
# entry a line
lab_journal_start() {
	local socket=/run/systemd/journal/socket

	mkdir -p ${socket%/*}
	rm -f $socket
	python3 "$E2E/lab.py" syslog $socket >>"$1" &
	JOURNALD=$!
	wait_for 5 anybody_may_write $socket
}

anybody_may_write() {
	[ "$(stat -c %a "$1" 2>/dev/null)" = 666 ]
}

# --- what must agree ------------------------------------------------------------------------------

# One line "ADDRESS PORT" for each socket of a mosh-server in the range
mosh_sockets() {
	on server ss -Huanp 'sport >= :60000 and sport <= :61000' |
		awk '/"mosh-server"/ { sub(/%[^:\]]*/, "", $4); port = $4; sub(/.*:/, "", port)
			sub(/:[0-9]+$/, "", $4); gsub(/[][]/, "", $4); print $4, port }' | sort -u
}

# The guard's ports are those of the mosh-servers, and each grant is for one of their sockets. The
# kernel comes first and the helper last, since asking it makes it compare.
agree() {
	{
		mosh_sockets
		on server nft -j list table inet moshgate
		ctl --json list
	} | python3 "$E2E/lab.py" agree
}

# left_s CLIENT SERVER PORT: the seconds that this element still has
left_s() {
	on server nft -j list table inet moshgate | python3 "$E2E/lab.py" left "$*"
}

# lapses_within LEAST MOST CLIENT SERVER PORT: the element is there, for between so many seconds
lapses_within() {
	local left

	left=$(left_s "${@:3}")
	echo "left: $left s"
	[ -n "$left" ] && [ "$left" -ge "$1" ] && [ "$left" -le "$2" ]
}

audit_count() {
	audit "$@" | wc -l
}

# audit_says N EVENT [TEXT]: so many lines
audit_says() {
	same "$1" "$(audit_count "${@:2}")"
}

# A mosh-server listens on that port
mosh_at() {
	mosh_sockets | grep -q " $1$"
}

# has_sent ADDRESS [MORE THAN]: so many of mosh's datagrams have come from there
has_sent() {
	[ "$(arrived "$1")" -gt "${2:-0}" ]
}

# What the guard is made of, without what it counts
guard_text() {
	on server nft -s -t list table inet moshgate
}

# --- transactions ---------------------------------------------------------------------------------

# Every change of a ruleset on the server goes to $LAB/transactions, with its time and the program's name
transactions_start() {
	exec_on server python3 "$E2E/lab.py" transactions >$LAB/transactions &
	wait_for 5 grep -q listening $LAB/transactions
}

transactions_of() {
	grep -c " $1$" $LAB/transactions
}

# cpu_ms PID: the processor time that it has used
cpu_ms() {
	sed 's/.*) //' "/proc/$1/stat" | awk -v hz="$(getconf CLK_TCK)" '{ print int(($12 + $13) * 1000 / hz) }'
}

# knocking_start HOST ADDRESS PORT: datagrams to that port, again and again, until the lab ends
knocking_start() {
	exec_on "$1" python3 "$E2E/lab.py" keep_sending "${@:2}" &
}

# all_dropped ADDRESS: of the lab's own datagrams from there some came, and none was let through
all_dropped() {
	local counted

	counted=$(counted 77 "$1")
	echo "came, passed: $counted"
	[ "${counted% *}" -gt 0 ] && [ "${counted#* }" = 0 ]
}

logins_are() {
	same "$(printf '%s\n' "$@" | sort)" \
		"$(ctl --json logins | python3 -c 'import json, sys; print(*sorted(l["user"] + " " + l["addr"]
			for l in json.load(sys.stdin)), sep="\n")')"
}

# by_hand NAME HOST USER@ADDRESS PORT: a login that stays; after "go USER NAME" it starts a mosh-server there
by_hand() {
	login_open "$1" "$2" "$3" "until [ -e ~/go.$1 ]; do sleep 0.02; done; mosh-server new -s -p $4"
}

# go USER NAME PORT: and wait until that mosh-server is there
go() {
	touch "$LAB/home/$1/go.$2"
	wait_for 10 grep -q "MOSH CONNECT $3" "$LAB/login.$2"
}

# ctl_as USER ARGUMENT...; the build may be where that user cannot go
ctl_as() {
	on server setpriv --reuid="$1" --regid="$1" --clear-groups \
		$LAB/moshgatectl -s $LAB/run/control.sock "${@:2}"
}

# watchers_are N: so many connections to the control socket stand; a round trip shows that they are served
watchers_are() {
	same "$1" "$(on server ss -Hx state connected src "$LAB/run/control.sock" | wc -l)" && helper_answers
}

# cut_off HOST, put_back HOST: its cable
cut_off() {
	ip link set "to-$1" nomaster
}

put_back() {
	ip link set "to-$1" master switch
}

# A mosh-server of the lab's own: who starts one elsewhere on this machine does not wake the helper here.
own_mosh_server() {
	cp /usr/bin/mosh-server $LAB/mosh-server && mount --bind $LAB/mosh-server /usr/bin/mosh-server
}

# A folder with a mosh-server that the test may change, and "many", a stand-in for it (lab.py servers_of);
# STANDS_IN runs it, ADDRESS FIRST COUNT behind it.
own_programs() {
	mkdir -m 755 $LAB/bin $LAB/many &&
		cp /usr/bin/mosh-server $LAB/bin/mosh-server &&
		cp "$(readlink -f "$(command -v python3)")" $LAB/many/mosh-server &&
		cp "$E2E/lab.py" $LAB/lab.py
}
STANDS_IN="$LAB/many/mosh-server $LAB/lab.py servers_of"

# netlink_drops PROTOCOL: how many messages the kernel could not give to the helper
netlink_drops() {
	on server awk -v protocol="$1" -v pid="$HELPER" '$2 == protocol && $9 > n { n = $9 } END { print n + 0 }' \
		/proc/net/netlink
}
