# shellcheck shell=bash
# A lab of real hosts on one machine: a server with sshd, mosh and the helper, two clients and an
# attacker. Source this file first in a test; it starts the test again inside the lab.
#
# The whole lab lives in namespaces of its own (mounts, network, processes): when the test's first
# process ends, however it ends, the kernel ends everything else and nothing of it is left outside.
#
# To be set before sourcing:
#   LAB_CGROUPS=1      each login gets a cgroup of its own, as systemd-logind gives it
#   LAB_MODULE=no      leave pam_moshgate.so out of sshd's PAM stack
#   LAB_PRELOAD=NAME   the helper runs with that library of tests/interpose
#   LAB_KERNEL_LOG=1   the kernel logs packets of the lab, too (kernel_log); LAB_NO_LOG says why it does not
#   LAB_LIMIT=SECONDS  the test is ended, as failed, after this time (default 240)
# From the environment: top_srcdir, top_builddir, MOSHGATED, MOSHGATECTL, PAM_MOSHGATE, FIREWALLS,
# SERVICES and READERS (of unpack_firewalls, unpack_services and unpack_readers in tests/packages.sh).

set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(cd "${top_builddir:-$E2E/../..}" && pwd)
MOSHGATED=${MOSHGATED:-$BUILD/moshgated}
MOSHGATECTL=${MOSHGATECTL:-$BUILD/moshgatectl}
PAM_MOSHGATE=${PAM_MOSHGATE:-$BUILD/.libs/pam_moshgate.so}
LAB=/run/lab
LAB_CHECKS=0
LAB_FAILED=0
LAB_SKIPPED=

# --- into the lab ---------------------------------------------------------------------------------

skip() {
	echo "skipped: $*"
	exit 77
}

# skip_part WHAT: the rest is tested, and if that is well the test counts as skipped
skip_part() {
	LAB_SKIPPED=$*
	echo "# skipped: $*"
}

lab_needs() {
	local program

	[ "$(id -u)" = 0 ] || skip "needs root"
	for program in setpriv unshare mount nsenter ip nft sshd ssh ssh-keygen mosh mosh-server tmux python3 pgrep; do
		command -v "$program" >/dev/null || skip "needs $program"
	done
	[ -d /proc/sys/net/ipv6 ] || skip "needs IPv6 in the kernel"
	unshare --mount --net --pid --fork nft list tables >/dev/null 2>&1 ||
		skip "needs namespaces and nf_tables (not in an unprivileged container)"
}

# The folder of the run in the cgroup2 tree: the one thing that does not vanish with a namespace.
lab_cgroup_make() {
	local tree

	LAB_CGROUP=
	[ -n "${LAB_CGROUPS:-}" ] || return 0
	tree=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$tree" ] || skip "needs a cgroup2 tree"
	LAB_CGROUP=$tree/moshgate-lab-$$
	mkdir "$LAB_CGROUP" 2>/dev/null || skip "needs a writable cgroup2 tree"
}

lab_cgroup_remove() {
	[ -n "$LAB_CGROUP" ] || return 0
	wait_for 5 find "$LAB_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null
}

# One switch of the whole host lets rules in network namespaces log. As long as a lab has it on no other one has,
# and afterwards it is what it was.
lab_log_on() {
	local switch=/proc/sys/net/netfilter/nf_log_all_netns lock

	LAB_LOG_WAS='' LAB_NO_LOG="no $switch"
	export LAB_NO_LOG
	[ -n "${LAB_KERNEL_LOG:-}" ] && [ -r $switch ] || return 0
	exec {lock}<$switch
	flock "$lock"
	LAB_LOG_WAS=$(cat $switch)
	LAB_NO_LOG=$({ echo 1 >$switch; } 2>&1) || LAB_LOG_WAS=''
}

lab_log_off() {
	[ -z "$LAB_LOG_WAS" ] || echo "$LAB_LOG_WAS" >/proc/sys/net/netfilter/nf_log_all_netns
}

# Outside: run the test again as the first process of new namespaces, and pass on its exit status.
lab_enter() {
	local child status

	lab_needs
	lab_cgroup_make
	export LAB_CGROUP LAB_INSIDE=1
	child=
	trap '[ -z "$child" ] || kill -TERM "$child"' INT TERM HUP
	lab_log_on
	setpriv --pdeathsig TERM timeout -k 5 "${LAB_LIMIT:-240}" \
		unshare --mount --uts --ipc --net --pid --fork --kill-child --mount-proc \
		bash "$0" "$@" </dev/null &
	child=$!
	wait "$child"
	status=$?
	while kill -0 "$child" 2>/dev/null; do
		wait "$child"
		status=$?
	done
	lab_log_off
	lab_cgroup_remove
	exit "$status"
}

# Inside: build the hosts. Every test calls this first.
lab_start() {
	exec 3>&1
	trap lab_end EXIT
	trap 'lab_die "interrupted, or slower than its limit"' TERM
	{ lab_files && lab_network && lab_counters && lab_users && lab_sshd_start; } ||
		lab_die "the lab does not come up"
}

lab_die() {
	LAB_FAILED=$((LAB_FAILED + 1))
	echo "not ok - $*" >&3
	exit 1
}

lab_end() {
	local status=$?

	exec >&3 2>&1
	[ "$status" = 77 ] && exit 77
	if [ "$status" = 0 ] && [ "$LAB_FAILED" = 0 ] && [ "$LAB_CHECKS" -gt 0 ]; then
		echo "1..$LAB_CHECKS"
		[ -z "$LAB_SKIPPED" ] || skip "in part: $LAB_SKIPPED"
		exit 0
	fi
	echo "# failed: $LAB_FAILED, after $LAB_CHECKS checks; exit status of the script: $status"
	lab_dump
	exit 1
}

lab_dump() {
	local name log

	for log in helper.log syslog sshd.log monitor; do
		echo "# ---- $log"
		tail -n 60 "$LAB/$log" 2>/dev/null
	done
	echo "# ---- the server's ruleset, processes and sockets"
	on server nft list ruleset | head -n 200
	ps -eo pid,ppid,user,stat,args | head -n 100
	on server ss -Huanp | head -n 100
	for name in $(lab_tmux list-sessions -F '#{session_name}' 2>/dev/null); do
		echo "# ---- screen $name"
		mosh_screen "$name" | grep .
	done
}

# --- waiting and checking -------------------------------------------------------------------------

now_us() {
	echo "${EPOCHREALTIME//[!0-9]/}"
}

# What takes milliseconds has been seen to take 5 s while a machine was shared with others. So a wait lasts so many times
# what it says. What is to be fast is measured.
PATIENCE=5

# wait_for SECONDS COMMAND...: until the command succeeds; fails when it has not by then, nor in ten tries, which a
# machine that stood still meanwhile has not had.
wait_for() {
	local end tries=0

	end=$(($(now_us) + $1 * 1000000 * PATIENCE))
	shift
	until "$@"; do
		tries=$((tries + 1))
		[ "$(now_us)" -lt "$end" ] || [ $tries -lt 10 ] || return 1
		sleep 0.01
	done
}

# never_in SECONDS COMMAND...: the command fails for all of that time
never_in() {
	local end

	end=$(($(now_us) + $1 * 1000000))
	shift
	while [ "$(now_us)" -lt "$end" ]; do
		! "$@" || return 1
		sleep 0.01
	done
}

# check WHAT COMMAND...: one claim of the test. Goes on after a failure; the test then fails at its end.
check() {
	local what=$1

	shift
	LAB_CHECKS=$((LAB_CHECKS + 1))
	if "$@" >"$LAB/check.out" 2>&1; then
		echo "ok $LAB_CHECKS - $what"
		return 0
	fi
	LAB_FAILED=$((LAB_FAILED + 1))
	echo "not ok $LAB_CHECKS - $what"
	echo "#   $*"
	tail -n 15 "$LAB/check.out" | sed 's/^/#   /'
	return 1
}

# need WHAT COMMAND...: a claim without which the rest of the test makes no sense.
need() {
	check "$@" || exit 1
}

fails() {
	! "$@"
}

# same WANTED GOT
same() {
	echo "wanted: $1"
	echo "got:    $2"
	[ "$1" = "$2" ]
}

# exits STATUS COMMAND...
exits() {
	local status

	"${@:2}"
	status=$?
	same "$1" "$status"
}

# at_most LIMIT VALUE..., in decimals
at_most() {
	echo "limit $1, values ${*:2}"
	[ $# -ge 2 ] && awk 'BEGIN { for (i = 2; i < ARGC; i++) if (ARGV[i] !~ /^-?[0-9.]+$/ ||
		ARGV[i] + 0 > ARGV[1] + 0) exit 1 }' "$@"
}

# --- the helper -----------------------------------------------------------------------------------

# lab_conf [LINE...]: write $LAB/moshgate.conf; a line can start a section of its own or add to [gate].
lab_conf() {
	cat >"$LAB/moshgate.conf" <<-END
		[helper]
		user = moshgate
		session-socket = $LAB/run/session.sock
		control-socket = $LAB/run/control.sock
		state = $LAB/run

		[gate]
		server = /usr/bin/mosh-server
	END
	printf '%s\n' "$@" >>"$LAB/moshgate.conf"
}

# lab_helper_start [LINE...]: more lines of configuration, in [gate] unless they name a section.
lab_helper_start() {
	lab_conf "$@"
	[ -x "$MOSHGATED" ] || lab_die "no $MOSHGATED: build it first"
	exec_on server env ${LAB_PRELOAD:+"LD_PRELOAD=$BUILD/tests/interpose/.libs/$LAB_PRELOAD.so"} \
		"$MOSHGATED" -f -c "$LAB/moshgate.conf" 2>>"$LAB/helper.log" &
	HELPER=$!
	wait_for 5 helper_ready || lab_die "the helper does not come up"
}

helper_ready() {
	kill -0 "$HELPER" 2>/dev/null || lab_die "the helper ended at once"
	[ -S "$LAB/run/session.sock" ] && guard_there
}

guard_there() {
	on server nft list table inet moshgate >/dev/null 2>&1
}

lab_helper_signal() {
	kill -"$1" "$HELPER"
}

lab_helper_stop() {
	lab_helper_signal TERM
	wait "$HELPER"
}

lab_helper_kill() {
	lab_helper_signal KILL
	wait "$HELPER" 2>/dev/null
}

ctl() {
	on server "$MOSHGATECTL" -s "$LAB/run/control.sock" "$@"
}

# audit EVENT [TEXT]: the helper's syslog lines of that event (that hold that text), without syslog's head.
audit() {
	sed -nE 's/^[0-9.]+ <[0-9]+>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} moshgated(\[[0-9]+\])?: //p' \
		"$LAB/syslog" | grep -E "^$1 " | grep -F -e "${2:-}"
}

# audit_fields EVENT FIELD...: the values of these fields, a line for each line of that event, sorted
audit_fields() {
	audit "$1" | awk -v fields="${*:2}" '{
		n = split(fields, name, " ")
		out = ""
		for (i = 1; i <= n; i++)
			for (j = 2; j <= NF; j++)
				if (index($j, name[i] "=") == 1)
					out = out " " substr($j, length(name[i]) + 2)
		print substr(out, 2)
	}' | sort
}

# json_says EXPRESSION: JSON comes on stdin, the expression is Python, the document is d
json_says() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(d); sys.exit(not eval(sys.argv[1]))' "$1"
}

# shellcheck source=tests/e2e/lab-hosts.sh
. "$E2E/lab-hosts.sh"
# shellcheck source=tests/e2e/lab-gate.sh
. "$E2E/lab-gate.sh"
# shellcheck source=tests/e2e/lab-mosh.sh
. "$E2E/lab-mosh.sh"
# shellcheck source=tests/e2e/lab-life.sh
. "$E2E/lab-life.sh"
# shellcheck source=tests/e2e/lab-hostile.sh
. "$E2E/lab-hostile.sh"
# shellcheck source=tests/e2e/lab-firewall.sh
. "$E2E/lab-firewall.sh"

[ -n "${LAB_INSIDE:-}" ] || lab_enter "$@"
