# shellcheck shell=bash
# Users who try what they can. They run as themselves, with or without a login; hostile.py has what they do.

# Programs where every user can run them
hostile_programs() {
	own_mosh_server && own_programs && cp "$E2E/hostile.py" $LAB/hostile.py
}

# hostile_begin [LINE...]: these and the helper; lines as of lab_conf
hostile_begin() {
	[ -e $LAB/hostile.py ] || hostile_programs || exit 1
	helper_begin "server = /usr/bin/mosh-server $LAB/many/mosh-server" "$@"
}
HOSTILE="python3 $LAB/hostile.py"
# shellcheck disable=SC2034 # for the tests
HOSTILE_MOSH="$LAB/many/mosh-server $LAB/hostile.py" # the same by a program called mosh-server

# as_user USER COMMAND...: on the server, without a login
as_user() {
	on server setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"
}

# lurk USER NAME STEP...: hostile.py without a login, in the background as process $LURKER; what it says is in
# $LAB/lurk.NAME
lurk() {
	exec_on server setpriv --reuid="$1" --regid="$1" --clear-groups python3 $LAB/hostile.py "${@:3}" \
		>"$LAB/lurk.$2" 2>&1 </dev/null &
	# shellcheck disable=SC2034 # for the tests
	LURKER=$!
	disown
}

# lurk_as_many NAME STEP...: the same as root of bob's user namespace, with as many uids as Debian gives every user
lurk_as_many() {
	lurk $BOB "$1" subordinate , "${@:2}"
	wait_for 20 grep -q ^unshared "$LAB/lurk.$1" || return 1
	map_ids "$(awk '$1 == "unshared" { print $2 }' "$LAB/lurk.$1")"
}

# map_ids PID: what newuidmap and newgidmap, which are set-user-ID, do for him
map_ids() {
	local file

	for file in uid_map gid_map; do
		printf '0 %s 1\n1 165536 65536\n' $BOB | dd of="/proc/$1/$file" bs=4k status=none || return 1
	done
}

# bob_does NAME STEPS: a login of bob from client2 that does this, in $LAB/login.NAME
bob_does() {
	login_open "$1" client2 bob@$SERVER "${3:-$HOSTILE} $2"
}

# said NAME TEXT: in the login of that name
said() {
	grep -qE -e "$2" "$LAB/login.$1"
}

# is_granted CLIENT SERVER PORT
is_granted() {
	grants | grep -qxF "$*"
}

# grants_of CLIENT: its ports, in one line
grants_of() {
	grants | awk -v c="$1" '$1 == c { print $3 }' | sort -n | xargs
}

# alice_goes_on WHAT NAME: her session goes on, and a new one (of that name) starts with its first packet passed
alice_goes_on() {
	local was

	check "$1: alice's session goes on" mosh_answers alice
	was=$(dropped $CLIENT1)
	mosh_start "$2" client1 alice@$SERVER
	check "$1: a new one of hers answers" mosh_answers "$2"
	check "$1: from its first packet on" is_dropped $CLIENT1 "$was"
}

# alice_logs_in WHAT: three times, each registered and answered in the module's time
alice_logs_in() {
	local was late start most=0 ms

	was=$(audit_count login user=alice)
	late=$(module_late)
	for _ in 1 2 3; do
		start=$(now_us)
		check "$1: alice logs in" login client1 alice@$SERVER true
		ms=$((($(now_us) - start) / 1000))
		[ "$ms" -le "$most" ] || most=$ms
	done
	echo "# $1: alice's slowest login took $most ms"
	check "$1: her logins are registered" wait_for 5 audit_says $((was + 3)) login user=alice
	check "$1: none has waited for its timeout" same "$late" "$(module_late)"
}

# How often the module had no answer in time, or none
module_late() {
	grep -cE "pam_moshgate.*: no answer from the helper" $LAB/syslog
}

# nobody_else WHAT: who did not log in gets nowhere, and bob to none of alice's ports
nobody_else() {
	local port

	shut_out "$1: attacker" attacker $ATTACKER $SERVER 60000-61000
	shut_out "$1: attacker over IPv6" attacker $ATTACKER6 $SERVER6 60000-61000
	for port in $(alices_ports); do
		shut_out "$1: bob to alice's $port" client2 $CLIENT2 $SERVER "$port"
	done
	check "$1: only alice's and bob's addresses are open" same "" \
		"$(grants | grep -vE "^($CLIENT1|$CLIENT2) ")"
}

alices_ports() {
	on server ss -Huane "src $SERVER" | awk -v uid="uid:$ALICE" '$0 ~ uid { sub(/.*:/, "", $4); print $4 }' |
		awk '$1 >= 60000 && $1 <= 61000'
}

# The helper and the kernel say the same, whatever bob's processes are called
list_agrees() {
	helper_answers && same "$(grants)" "$(ctl --json list | python3 "$E2E/lab.py" listed)"
}

# refused: how many connections and messages the helper has refused; refused_more WAS N: at least so many more
refused() {
	ctl --json status | python3 -c 'import json, sys; print(json.load(sys.stdin)["refused"])'
}

refused_more() {
	[ "$(refused)" -ge $(($1 + $2)) ]
}

# log_lines: how many lines the helper has logged
log_lines() {
	grep -c ' moshgated\[' $LAB/syslog
}

# helper_fds: how many descriptors it has open
helper_fds() {
	find "/proc/$HELPER/fd" -mindepth 1 | wc -l
}
