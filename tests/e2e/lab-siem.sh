# shellcheck shell=bash
# Events that there really are, with names that are made to fool who reads them, and what a parser that takes nothing
# but right lines says of them. To be sourced after lab.sh.

# shellcheck disable=SC2034 # for the tests
RECIPE=$E2E/../../examples/siem/moshgate.rsyslog.conf

# siem_events: their lines are in $LAB/lines then
siem_events() {
	local number=0 name

	hostile_begin
	mosh_start alice client1 alice@$SERVER
	need "alice's session answers" mosh_answers alice

	# Names that look like keys and ends of quotes; hostile.py undoes its own escapes.
	# shellcheck disable=SC1003 # a backslash in quotes, no quote
	for name in 'm addr=192.0.2.66 port=22' 'm" addr=192.0.2.66 user="root' 'm\\" addr=192.0.2.66 x="' '\\' '"' \
		'deny reason=m' 'm\nlogin user=root addr=192.0.2.66'; do
		number=$((number + 1))
		exec_on server python3 "$E2E/hostile.py" opens $LAB/run/session.sock $((61200 + number)) $CLIENT2 $SERVER \
			"$name" "$name" , child $((61200 + number)) , stay >$LAB/root.$number 2>&1 &
		need "a login by the name of $(printf %q "$name")" wait_for 20 grep -q "^answered 0" $LAB/root.$number
	done
	check "alice's session closes" mosh_close alice
	need "a mosh-server of nobody who is logged in" on server setpriv --reuid=bob --regid=bob --clear-groups \
		mosh-server new -i $SERVER -p 60020
	on server nft flush ruleset
	need "the guard is restored" wait_for 5 audit_says 1 guard action=restored
	need "something is denied" wait_for 5 audit_says 1 deny reason=no-login
	lab_helper_stop
	logger -p user.info -t lab "the last line"
	need "all of it is logged" wait_for 5 grep -q "lab: the last line" $LAB/syslog
	{
		audit '[a-z]+' "="
		sed -nE 's/.* moshgated\[[0-9]+\]: (stop)$/\1/p' $LAB/syslog # has no keys
	} >$LAB/lines
	check "every event that there can be here" same "deny grant guard login logout revoke start stop" \
		"$(cut -d' ' -f1 $LAB/lines | sort -u | xargs)"
}

# really KEY...: the values of these, by a parser that takes nothing but right lines; each line has one of them at most
really() {
	local key

	for key in "$@"; do
		python3 "$E2E/lab.py" audit_field "$key" <$LAB/lines >$LAB/really.$key || return 1
	done
	paste -d '' "${@/#/$LAB/really.}"
}

# means: values as they stand in lines, without their escapes
means() {
	sed 's/^$/""/; s/^/x v=/' | python3 "$E2E/lab.py" audit_field v
}
