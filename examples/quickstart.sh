#!/bin/bash
# moshgate at work, on this machine and without touching it: installs what is needed to build and to
# show it (Debian, Ubuntu; as root), builds in a temporary folder, and then, between hosts that are
# network namespaces of their own, logs in by a real ssh, runs a real mosh through the gate, and shows
# what opens, what stays shut, and that it closes. Exits 0 if all of that was seen.
top_srcdir=$(cd "$(dirname "$0")/.." && pwd)

prepare() {
	set -eu
	. "$top_srcdir/tests/packages.sh"
	[ "$(id -u)" = 0 ] || { echo "needs root, to install packages and to make namespaces" >&2; exit 1; }
	# shellcheck disable=SC2086 # words
	install_packages $build_packages $lab_packages
	work=$(mktemp -d /var/tmp/moshgate-quickstart.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	echo "== building"
	mkdir "$work/src" "$work/build"
	(cd "$top_srcdir" && tar -c --exclude=./.git .) | tar -x -C "$work/src"
	(cd "$work/src" && autoreconf -fi && cd ../build && ../src/configure && make -j2) \
		>"$work/log" 2>&1 || { tail -n 40 "$work/log"; echo "the build failed" >&2; exit 1; }
	top_builddir=$work/build LC_ALL=C.UTF-8 bash "$0" show
}

if [ "${1:-}" != show ]; then
	prepare
	exit
fi

# shellcheck source=tests/e2e/lab.sh
. "$top_srcdir/tests/e2e/lab.sh"

say() {
	printf '\n== %s\n' "$*"
}

show() {
	printf '   $ %s\n' "$*"
	"$@" 2>&1 | sed 's/^/   /'
}

elements() {
	on server nft list set inet moshgate grants4 | sed -n '/elements/,/}/p' |
		sed -E 's/^[ \t]*/   /; s/ comment "[^"]*"//'
}

lab_start
say "A server ($SERVER) with sshd, our line in its /etc/pam.d/sshd, and the helper"
grep -n moshgate /etc/pam.d/sshd | sed -E 's|/[^ ]*/(pam_moshgate.so)|\1|; s/^/   /'
lab_helper_start
check "the guard stands" guard_there
check "nothing is open" no_grants

say "An attacker ($ATTACKER) tries all of 60000-61000, and gets no answer to anything"
shut_out "1001 datagrams" attacker $ATTACKER $SERVER 60000-61000

say "Alice runs: mosh alice@$SERVER, from $CLIENT1"
mosh_start session client1 alice@$SERVER
need "the shell at the other end answers" mosh_answers session
mosh_screen session | grep . | sed 's/^/   | /'

say "What that has opened: her address, this server's address, her mosh-server's port"
elements
check "exactly that" grants_are "$CLIENT1 $SERVER 60001"
check "none of her datagrams was lost" is_dropped $CLIENT1 0
printf '   $ moshgatectl list\n'
ctl list | sed 's/^/   /'

say "The attacker tries her port, and all others, again"
shut_out "her port" attacker $ATTACKER $SERVER 60001
shut_out "the whole range" attacker $ATTACKER $SERVER 60000-61000
shut_out "somebody else's client" client2 $CLIENT2 $SERVER 60001

say "Alice leaves her shell"
check "the session closes" mosh_close session
check "nothing is open any more" wait_for 1 no_grants

say "What syslog has of it"
audit '(login|grant|revoke|logout)' | sed 's/^/   /'
echo
