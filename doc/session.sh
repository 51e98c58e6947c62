#!/bin/bash
# shellcheck disable=SC1091,SC2086,SC2154 # lab.sh, whose names are without blanks
# Makes doc/session.svg and doc/timeline.svg of a real session through the gate, between the lab's hosts. As root, in a
# build: make session
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tests/e2e/lab.sh"
lab_start
echo "$SERVER server" >>/etc/hosts
sed "s/^[^ ]*/server,&/" $LAB/known_hosts >$LAB/known && mv $LAB/known $LAB/known_hosts
mount -t tmpfs lab /usr/local/bin
printf '#!/bin/sh\nexec %s -s %s "$@"\n' "$MOSHGATECTL" $LAB/run/control.sock >/usr/local/bin/moshgatectl
printf '#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n' $LAB/ssh_config >/usr/local/bin/ssh
printf '#!/bin/sh\nexec /usr/bin/mosh --ssh=/usr/local/bin/ssh "$@"\n' >/usr/local/bin/mosh
chmod 755 /usr/local/bin/*
lab_helper_start
monitor_start

# terminal NAME HOST PROMPT ROWS
terminal() {
	lab_tmux new-session -d -s "$1" -x 100 -y "$4" nsenter --net="/run/netns/$2" -- \
		env -u TMUX PS1="$3" PATH="/usr/local/bin:$PATH" bash --norc
	wait_for 5 mosh_shows "$1" "^$1" || lab_die "no terminal"
}

caption() {
	echo "$*" >$LAB/caption.new && mv $LAB/caption.new $LAB/caption
}

# Nothing is typed before what it follows is there, and people have read it.
pause() {
	sleep "$1"
}

printf 'set -g %s\n' 'remain-on-exit on' 'exit-empty off' 'status off' 'default-terminal screen-256color' >$LAB/tmux.conf
terminal laptop client1 'laptop$ ' 6
terminal server server 'server# ' 14
caption "The laptop has $CLIENT1. Nobody is logged in, and UDP 60000-61000 is closed."
python3 "$here/session.py" film $LAB/tmux.sock $LAB/caption $LAB/session.svg laptop server &
film=$!
exec_on server python3 "$here/session.py" first $CLIENT1 60001 >$LAB/first &
wait_for 5 grep -q watching $LAB/first || lab_die "nobody watches packets"
mosh_type server "moshgatectl watch"
pause 2
caption "mosh, as ever: one port opens, to this address."
mosh_type laptop "mosh alice@server"
wait_for 20 mosh_shows server " grant " || lab_die "no grant"
mosh_wait laptop '^ready '
wait_for 5 grep -q first $LAB/first || lab_die "no datagram"
pause 3
mosh_type laptop "echo here I am"
mosh_wait laptop '^here I am'
pause 2
caption "The laptop moves: now it has $CLIENT1_B, which is shut out. The session waits."
move_to client1 $CLIENT1_B
mosh_type laptop "echo still here"
pause 3
caption "One login from there, by hand or by moshgate-follow: ssh server true. It goes on."
on client1 /usr/local/bin/ssh alice@server true
mosh_wait laptop '^still here'
pause 3
caption "The session ends, and with its mosh-server's socket all that was open for it."
mosh_type laptop "exit"
wait_for 10 no_grants || lab_die "still open"
pause 3
caption end
wait $film || lab_die "no film"

# line WHAT FROM TO TEXT: the first audit line of that event
line() {
	grep -m 1 "\]: $1 " $LAB/syslog | awk -v rest="$2 $3 $4" '{ print $1, rest }'
}

{
	line login 1 2 "alice is logged in, from $CLIENT1"
	grep -m 1 "add element inet moshgate grants4" $LAB/monitor | awk '{ print $1, "2 3 opens her mosh-server'"'"'s port" }'
	line logout 1 2 "mosh leaves ssh"
	awk -v to="$SERVER:60001" '/first/ { print $1, "0 3 the first datagram, to " to ": passes" }' $LAB/first
	line 'grant.*via=roam' 2 3 "and to $CLIENT1_B"
	line revoke 2 3 "mosh-server is gone: closes"
} >$LAB/events
python3 "$here/session.py" timeline $LAB/events $LAB/timeline.svg || lab_die "no timeline"
cp $LAB/session.svg $LAB/timeline.svg "${SESSION_TO:-$here}"
check "it is there" test -s "${SESSION_TO:-$here}/session.svg"
