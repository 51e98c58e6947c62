#!/bin/bash
# Builds the fuzz targets outside of the tree, with clang, libFuzzer and the address and undefined
# behaviour sanitizers, lets each run for a time, from its seeds, and says what it did. Exits 0 if
# nothing was found; what was is left in a folder that is named.
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]     10 seconds each, and all of them, if nothing is said
#   tests/fuzz/run.sh --coverage [TARGET...]    which lines and branches the seeds and the corpus reach; no fuzzing
#
# Folders in the environment, made if they are not there: in MOSHGATE_CORPUS/TARGET is what a target
# has learned, for the next run to begin with; MOSHGATE_BUILD is kept for the next run as well.
set -eu -o pipefail
top_srcdir=$(cd "$(dirname "$0")/../.." && pwd)
here=$top_srcdir/tests/fuzz

die() {
	echo "tests/fuzz/run.sh: $*" >&2
	exit 1
}

seconds=10 coverage=
case ${1:-} in
--coverage) coverage=1 && shift ;;
-*) die "no such option: $1" ;;
?*) seconds=$1 && shift ;;
esac
case $seconds in
*[!0-9]* | 0) die "not a number of seconds: $seconds" ;;
esac
command -v clang >/dev/null || die "needs clang with its libFuzzer: see fuzz_packages in tests/packages.sh"
[ -x "$top_srcdir/configure" ] || die "no configure: run autoreconf -fi in $top_srcdir"

work=$(mktemp -d "${TMPDIR:-/var/tmp}/moshgate-fuzz.XXXXXX")
# What the targets write is written very often, and never read again.
scratch=$(mktemp -d /dev/shm/fuzz.XXXXXX 2>/dev/null || mktemp -d "$work/XXXXXX")
trap 'rm -rf "$work" "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
build=${MOSHGATE_BUILD:-$work/build}
corpus=${MOSHGATE_CORPUS:-$work/corpus}
mkdir -p "$build" "$corpus"
build=$(cd "$build" && pwd) corpus=$(cd "$corpus" && pwd)

# build NAME CFLAGS LDFLAGS: the targets, with them
build() {
	local log=$build/$1.log

	mkdir -p "$build/$1"
	{ configure_in "$build/$1" "$2" && make -C "$build/$1" -j2 fuzz-programs LDFLAGS="$3"; } >"$log" 2>&1 ||
		{ tail -n 40 "$log" >&2; die "the build failed"; }
}

configure_in() (
	cd "$1"
	[ -e Makefile ] || "$top_srcdir/configure" -q --disable-hardening CC=clang CFLAGS="-g -O1 $2"
)

# What the log of a run says behind a word.
said() {
	grep -oE "$2:? +[0-9]+" "$1" | tail -n 1 | grep -oE '[0-9]+$' || echo -
}

# fuzz TARGET: runs it and prints its line of the table
fuzz() {
	local target=$1 log=$work/$1.log dictionary=$here/$1.dict status=0

	mkdir -p "$corpus/$target" "$work/findings"
	[ -e "$dictionary" ] || dictionary=
	# memory_exhausted() ends the program with status 1: a finding, too, but one without a file.
	TMPDIR=$scratch "$build/fuzz/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 \
		-max_len=8192 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=1 \
		-artifact_prefix="$work/findings/$target-" ${dictionary:+-dict="$dictionary"} \
		"$corpus/$target" "$here/seeds/$target" >"$log" 2>&1 || status=$?
	printf '%-11s %12s %9s %6s %9s %7s  %s\n' "$target" "$(said "$log" stat::number_of_executed_units)" \
		"$(said "$log" stat::average_exec_per_sec)" "$(said "$log" cov)" "$(said "$log" ft)" \
		"$(find "$corpus/$target" -type f | wc -l)" "$([ $status = 0 ] || echo FOUND)"
	[ $status = 0 ] || cp "$log" "$work/findings/$target.log"
	return $status
}

fuzz_all() {
	local target found=

	build fuzz '-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' -fsanitize=fuzzer
	printf '%-11s %12s %9s %6s %9s %7s\n' target executions per-s edges features corpus
	for target in "$@"; do
		fuzz "$target" || found="$found $target"
	done
	# shellcheck disable=SC2086 # words
	[ -z "$found" ] || keep_findings $found
	[ -z "$found" ]
}

keep_findings() {
	local kept target

	kept=$(mktemp -d "${TMPDIR:-/var/tmp}/moshgate-findings.XXXXXX")
	cp -R "$work/findings/." "$kept"
	for target in "$@"; do
		cp "$build/fuzz/tests/fuzz/fuzz_$target" "$kept"
		echo "== $target"
		grep -vE '^(#|INFO:|stat::|Dictionary)| in fuzzer::' "$kept/$target.log" | head -n 40
	done
	echo "Found something: inputs, logs and programs are in $kept. To see it again: fuzz_TARGET INPUT"
}

# Without libFuzzer, each target runs the inputs that are named.
measure_all() {
	local target objects=

	command -v llvm-cov >/dev/null || die "--coverage needs llvm-cov: see fuzz_packages in tests/packages.sh"
	build coverage '-fprofile-instr-generate -fcoverage-mapping' -fprofile-instr-generate
	for target in "$@"; do
		mkdir -p "$corpus/$target"
		LLVM_PROFILE_FILE=$work/$target.profraw TMPDIR=$scratch \
			"$build/coverage/tests/fuzz/fuzz_$target" "$here/seeds/$target" "$corpus/$target" >"$work/$target.log" ||
			{ tail -n 5 "$work/$target.log"; die "$target failed"; }
		objects="$objects -object $build/coverage/tests/fuzz/fuzz_$target"
	done
	llvm-profdata merge -o "$build/coverage.profdata" "$work"/*.profraw
	# shellcheck disable=SC2086 # words
	llvm-cov report $objects -instr-profile="$build/coverage.profdata" -ignore-filename-regex=/tests/ |
		awk 'BEGIN { print "file lines missed reached branches missed reached" }
			$8 + 0 > $9 + 0 { print $1, $8, $9, $10, $11, $12, $13 }' | column -t
	# shellcheck disable=SC2086 # words
	llvm-cov show $objects -instr-profile="$build/coverage.profdata" -ignore-filename-regex=/tests/ >"$build/coverage.txt"
}

# The targets are those whose sources are here.
if [ $# = 0 ]; then
	for target in "$here"/fuzz_*.c; do
		target=${target##*/fuzz_}
		set -- "$@" "${target%.c}"
	done
fi
for target in "$@"; do
	[ -e "$here/fuzz_$target.c" ] || die "no such target: $target"
done
if [ -n "$coverage" ]; then
	measure_all "$@"
else
	fuzz_all "$@"
fi
