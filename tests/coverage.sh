#!/bin/bash
# How much of pam_moshgate/ and helper/ the tests run: builds with gcc's --coverage in a folder of its own,
# runs every test (as root), and prints lines and branches, by file and in total. Fails below LINES_LEAST
# and BRANCHES_LEAST per cent. Nothing is left out of the count. Tests that fail are named and no more than
# that: some measure times, which are not the program's here. Whether they pass tests/run.sh tells.
#
#   tests/coverage.sh              what an end-to-end test needs too is installed
#   tests/coverage.sh FOLDER       the build and its profile stay there
set -eu -o pipefail
LINES_LEAST=92 BRANCHES_LEAST=80
top_srcdir=$(cd "$(dirname "$0")/.." && pwd)
. "$top_srcdir/tests/packages.sh"

die() {
	echo "tests/coverage.sh: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "needs root, for the tests between namespaces"
# shellcheck disable=SC2154,SC2086 # of packages.sh; words
install_packages $build_packages $lab_packages $firewall_packages binutils $coverage_packages

if [ $# = 0 ]; then
	work=$(mktemp -d /var/tmp/moshgate-coverage.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
else
	mkdir -p "$1"
	work=$(cd "$1" && pwd)
fi
chmod 755 "$work"
[ -n "${FIREWALLS:-}" ] || {
	export FIREWALLS=$work/firewalls
	unpack_firewalls "$FIREWALLS"
}
[ -n "${SERVICES:-}" ] || {
	export SERVICES=$work/services
	unpack_services "$SERVICES"
}

build() {
	rm -rf "$work/src" "$work/build"
	mkdir "$work/src" "$work/build"
	(cd "$top_srcdir" && tar -c --exclude=./.git --exclude=./autom4te.cache .) | tar -x -C "$work/src"
	(cd "$work/src" && autoreconf -fi) &&
		(cd "$work/build" && "$work/src/configure" -q CC=gcc CFLAGS='-g -O0 --coverage') &&
		make -C "$work/build" -j2 all && make -C "$work/build" -j2 check TESTS=
}

# Several users write to one profile, so that it is made beforehand, for everybody.
open_profile() {
	find "$work/build" -name '*.gcno' | while read -r notes; do
		: >"${notes%.gcno}.gcda"
		chmod 666 "${notes%.gcno}.gcda"
	done
}

# unconfined PROGRAM: the same, with a sandbox that has no effect
unconfined() {
	local path=$work/$1

	mkdir -p "$(dirname "$path")"
	cat >"$path" <<-END
		#!/bin/sh
		LD_PRELOAD="\${LD_PRELOAD:+\$LD_PRELOAD }$work/build/tests/interpose/.libs/unconfined.so"
		export LD_PRELOAD
		exec $work/build/$1 "\$@"
	END
	chmod 755 "$path"
	echo "$path"
}

# check LOG ARGUMENT OF MAKE...: what the tests say goes there, what failed is printed
check() {
	local log=$1 status=0

	shift
	make -C "$work/build" check VERBOSE=1 "$@" >"$log" 2>&1 </dev/null || status=$?
	grep -E '^(FAIL|ERROR|SKIP): ' "$log" | sort -u || true
	[ $status = 0 ] || echo "tests have failed, or were skipped: see above"
}

echo "== building"
build >"$work/build.log" 2>&1 || { tail -n 60 "$work/build.log"; die "the build failed"; }
open_profile
echo "== testing"
# This one asks the kernel for the sandbox.
confined=tests/e2e/confined.test
tests=$(make -s -C "$work/build" list-tests)
check "$work/confined.log" TESTS=$confined
MOSHGATED=$(unconfined moshgated) FORCED_PROGRAM=$(unconfined tests/moshgated_fail) \
	check "$work/check.log" TESTS="${tests/$confined/}"

# gcovr's word on both, in one table each
gcovr -r "$work/src" --object-directory "$work/build" "$work/build" \
	-f "$work/src/helper/" -f "$work/src/pam_moshgate/" --json "$work/coverage.json" \
	>/dev/null 2>"$work/gcovr.log" || { tail "$work/gcovr.log"; die "gcovr failed"; }
python3 "$top_srcdir/tests/coverage.py" "$work/coverage.json" $LINES_LEAST $BRANCHES_LEAST
