#!/bin/bash
# Installs what is needed (Debian, Ubuntu; as root), builds outside of the tree, and runs every test:
# first as an ordinary user, then, with those that need it, as root. Exits 0 if all passed and, as root,
# none was skipped, and says how long each step took. The host stays as it was, packages aside.
#
#   tests/run.sh          the build with gcc and its tests
#   tests/run.sh --all    also clang, the sanitizers, analysis.sh, a little fuzzing, each call failing once under
#                         the sanitizers, and "make distcheck"
#   tests/run.sh --long   that, each call failing each time and in each way, and what of the program the tests run
set -eu -o pipefail
top_srcdir=$(cd "$(dirname "$0")/.." && pwd)
. "$top_srcdir/tests/packages.sh"

die() {
	echo "tests/run.sh: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "needs root, to install packages and to make network namespaces"
all="" long=""
case ${1:-} in
'') ;;
--all) all=1 ;;
--long) all=1 long=1 ;;
*) die "no such option: $1" ;;
esac

stage=packages since=$SECONDS
# shellcheck disable=SC2086 # words
install_packages $build_packages $lab_packages $firewall_packages $document_packages binutils \
	${all:+$analysis_packages $fuzz_packages}

work=$(mktemp -d /var/tmp/moshgate-tests.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
chmod 755 "$work"
passed=0 failed=0 skipped=0

# stage WHAT: that begins now; what has just ended took so long
stage() {
	echo "== took $((SECONDS - since)) s: $stage"
	stage=$1 since=$SECONDS
	echo "== $stage"
}

export FIREWALLS=$work/firewalls # for tests/e2e/firewall-*.test
unpack_firewalls "$FIREWALLS"
export SERVICES=$work/services # for tests/e2e/service-*.test
unpack_services "$SERVICES"
export READERS=$work/readers # for tests/e2e/siem-rsyslogd.test and dashboard.test
unpack_readers "$READERS"

# The user of whom nothing is left: no home, no files but those under $work.
as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \
		env -i PATH="$PATH" HOME="$work/home" LC_ALL=C.UTF-8 "$@"
}

# A private copy of the sources, so that the tree stays clean.
copy_sources() {
	mkdir "$work/src" "$work/home"
	(cd "$top_srcdir" && tar -c --exclude=./.git --exclude=./autom4te.cache .) | tar -x -C "$work/src"
	chown -R 65534:65534 "$work/src" "$work/home"
	# shellcheck disable=SC2016 # the inner shell's
	as_nobody sh -c 'cd "$1" && autoreconf -fi' sh "$work/src" >"$work/autoreconf.log" 2>&1 ||
		{ cat "$work/autoreconf.log"; die "autoreconf failed"; }
}

# build NAME [ARGUMENT OF CONFIGURE...]
build() {
	local name=$1

	shift
	stage "building: $name"
	install -d -o 65534 -g 65534 "$work/$name"
	# shellcheck disable=SC2015,SC2016 # whichever of them fails; the inner shell's
	as_nobody sh -c 'cd "$1" && shift && exec "$@"' sh "$work/$name" \
		"$work/src/configure" --enable-werror -q "$@" >"$work/$name.log" 2>&1 &&
		as_nobody make -C "$work/$name" -j2 all >>"$work/$name.log" 2>&1 ||
		{ tail -n 60 "$work/$name.log"; die "$name: the build failed"; }
}

# count LOG: adds the totals that the test harness printed; where something failed it prints them twice
count() {
	local name

	for name in PASS FAIL XPASS ERROR SKIP; do
		local n
		n=$(awk -v name="# $name:" 'index($0, name) == 1 { n = $3 } END { print n + 0 }' "$1")
		case $name in
		PASS) passed=$((passed + n)) ;;
		SKIP) skipped=$((skipped + n)) ;;
		*) failed=$((failed + n)) ;;
		esac
	done
}

# tell_failures LOG: what failed, and then some of each log
tell_failures() {
	grep -E '^(FAIL|ERROR)[: ]|^not ok|^#   ' "$1" || true
	awk '/^(FAIL|ERROR): / { lines = 0 } /^SKIP: / { lines = 400 } lines++ < 400' "$1" | tail -n 1200
}

# check NAME WHO JOBS [VARIABLE=VALUE...]: "make check" there; the log of what failed is printed
check() {
	local name=$1 who=$2 jobs=$3 log=$work/$1-$2.check status=0

	shift 3
	stage "testing: $name, as $who"
	if [ "$who" = nobody ]; then
		as_nobody make -C "$work/$name" -j"$jobs" check VERBOSE=1 "$@" >"$log" 2>&1 || status=$?
	else
		make -C "$work/$name" -j"$jobs" check VERBOSE=1 "$@" >"$log" 2>&1 </dev/null || status=$?
	fi
	# Skips of an ordinary user are no news.
	grep -E "^(PASS|FAIL|ERROR|$([ "$who" = root ] && echo SKIP)): .*\.?" "$log" | sort -u || true
	if [ $status != 0 ]; then
		tell_failures "$work/$name/test-suite.log"
		grep -q '^# TOTAL:' "$log" || { tail -n 60 "$log"; failed=$((failed + 1)); }
	fi
}

copy_sources
build gcc
check gcc nobody 2
# As an ordinary user those that need root are skipped; as root nothing may be.
check gcc root 1
count "$work/gcc-root.check"
[ "$skipped" = 0 ] || failed=$((failed + skipped))
grep -E '^# (FAIL|ERROR):  *[1-9]' "$work/gcc-nobody.check" && failed=$((failed + 1))

if [ -n "$all" ]; then
	build clang CC=clang
	build sanitizers --disable-werror CFLAGS='-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all'
	check sanitizers nobody 2
	root_skipped=$skipped
	count "$work/sanitizers-nobody.check"
	skipped=$root_skipped
	stage "analysis"
	as_nobody "$work/src/tests/analysis.sh" "$work/home/analysis" 2>&1 | tee "$work/analysis.log" || true
	count "$work/analysis.log"
	grep -q '^# PASS: ' "$work/analysis.log" || failed=$((failed + 1))
	stage "fuzzing"
	as_nobody "$work/src/tests/fuzz/run.sh" 5 || failed=$((failed + 1))
	echo "== every call fails once, under the detectors"
	check sanitizers root 1 TESTS=tests/e2e/fail.test
	count "$work/sanitizers-root.check"
	stage "make distcheck"
	as_nobody make -C "$work/gcc" -j2 distcheck >"$work/distcheck.log" 2>&1 ||
		{
			find "$work/gcc" -path '*/_build/*' -name test-suite.log | while read -r log; do
				tell_failures "$log"
			done
			tail -n 60 "$work/distcheck.log"
			failed=$((failed + 1))
		}
fi

if [ -n "$long" ]; then
	echo "== every call fails: each time it is made, in each way, under the detectors"
	check sanitizers root 1 TESTS=tests/e2e/fail.test FAIL=full
	count "$work/sanitizers-root.check"
	stage "coverage"
	"$top_srcdir/tests/coverage.sh" || failed=$((failed + 1))
fi

stage "all, in $SECONDS s"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
