#!/bin/bash
# Measures moshgate beside what people use today: prints one table, and writes all numbers as JSON. As root, on Debian
# or Ubuntu: installs what is needed, builds, and works in network namespaces of its own.
#
#   tests/bench/run.sh [--quick] [--json FILE] [--readme] [PART...]
#
#   --quick      in some three minutes; otherwise half an hour, less on a machine that has nothing else to do
#   --json FILE  where the numbers go (bench.json)
#   --readme     the table goes into README.md as well, and its plots beside it, into doc
#   PART         login knock opening closing packets still crowd flush: only these
# With top_builddir in the environment it uses that build.
set -eu -o pipefail
top_srcdir=$(cd "$(dirname "$0")/../.." && pwd)
. "$top_srcdir/tests/packages.sh"

die() {
	echo "tests/bench/run.sh: $*" >&2
	exit 1
}

mode=full json=bench.json readme="" parts=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) mode=quick ;;
	--json)
		[ $# -gt 1 ] || die "--json wants a file"
		json=$2
		shift
		;;
	--readme) readme=$top_srcdir ;;
	-*) die "no such option: $1" ;;
	*) parts+=("$1") ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || die "needs root, to install packages and to make network namespaces"

# shellcheck disable=SC2086,SC2154 # words; of packages.sh
install_packages $build_packages $lab_packages $bench_packages
work=$(mktemp -d /var/tmp/moshgate-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
chmod 755 "$work"

# A private copy of the sources, so that the tree stays clean.
build() {
	mkdir "$work/src" "$work/build"
	(cd "$top_srcdir" && tar -c --exclude=./.git --exclude=./autom4te.cache .) | tar -x -C "$work/src"
	(cd "$work/src" && autoreconf -fi && cd "$work/build" && "$work/src/configure" -q) &&
		make -C "$work/build" -s -j"$(nproc)" all bench-programs
}

if [ -z "${top_builddir:-}" ]; then
	build >"$work/build.log" 2>&1 || { tail -n 60 "$work/build.log" >&2; die "the build failed"; }
	export top_builddir=$work/build
fi
"$top_srcdir/tests/bench/in-lab.sh" "$work/bench.json" $mode "${parts[@]}" >"$work/lab.log" || {
	cat "$work/lab.log" >&2
	die "the bench failed"
}
cp "$work/bench.json" "$json"
PYTHONDONTWRITEBYTECODE=1 python3 "$top_srcdir/tests/bench/report.py" "$json" ${readme:+"$readme"}
