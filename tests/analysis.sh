#!/bin/bash
# Analysers over the programs, hardening-check over what they become, shellcheck and pyflakes over the scripts.
# Exits 0 if none of them finds anything. Needs ./configure ("autoreconf -fi").
#
#   tests/analysis.sh [FOLDER]    builds there; by default in one that is removed again
set -eu -o pipefail
top_srcdir=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-$(mktemp -d "${TMPDIR:-/tmp}/moshgate-analysis.XXXXXX")}
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
cd "$top_srcdir"
passed=0 failed=0

# step NAME COMMAND...: what it says is shown if it fails; and how long it took
step() {
	local since=$SECONDS

	if "${@:2}" >"$work/$1.log" 2>&1; then
		passed=$((passed + 1))
		echo "PASS: analysis: $1 ($((SECONDS - since)) s)"
	else
		failed=$((failed + 1))
		echo "FAIL: analysis: $1"
		{ grep -E -A6 '(warning|error|style|portability|performance)[:(]|^In |: no|^[EW]: ' "$work/$1.log" ||
			cat "$work/$1.log"; } | tail -n 200
	fi
}

programs=(helper/*.c pam_moshgate/*.c)
flags=(-std=c11 -D_GNU_SOURCE -Ihelper -Ipam_moshgate '-DVERSION=""' '-DCONFIG_FILE=""'
	'-DSESSION_SOCKET=""' '-DCONTROL_SOCKET=""' '-DSTATE_DIR=""' '-DPAM_DIR=""'
	'-DEXAMPLES_DIR=""')

# One file at a time: with several, clang 14 takes a va_list for uninitialized. Checks are in .clang-tidy.
clang_tidy() {
	printf '%s\0' "${programs[@]}" |
		xargs -0 -P"$(nproc)" -I{} clang-tidy --quiet {} -- "${flags[@]}"
}

# Its questions of style are the compiler's or not ours. The macros of uthash it has to be shown.
cppcheck_programs() {
	cppcheck -q --error-exitcode=1 --enable=warning,performance,portability --inline-suppr -j"$(nproc)" \
		--std=c11 "${flags[@]:1}" -D__linux__ --include=/usr/include/uthash.h \
		--include=/usr/include/utlist.h "${programs[@]}"
}

cppcheck_tests() {
	cppcheck -q --error-exitcode=1 --enable=warning,performance,portability --inline-suppr -j"$(nproc)" \
		--std=c11 -D_GNU_SOURCE -Ihelper -Ipam_moshgate -Itests tests/*.c tests/interpose/*.c
}

# build NAME [ARGUMENT OF CONFIGURE...]; $through runs configure and make
build() {
	mkdir -p "$work/$1"
	cd "$work/$1"
	"${through[@]}" "$top_srcdir/configure" -q "${@:2}" && "${through[@]}" make -k -j"$(nproc)" all
}

# Function by function, since with all that is inlined it does not come to an end. Two of its warnings are left out:
# that of leaks takes what uthash and utlist link for lost, and that of values not set does not see through auto_free.
# valgrind.test and the sanitizers look for both.
gcc_analyzer() (
	through=(env)
	without='-Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value'
	build gcc --enable-werror CC=gcc CFLAGS="-g -O2 -fno-inline -fanalyzer $without"
)

# It cannot be told of one line, as clang-tidy can, so what takes uthash for wrong is left to that, which has the
# same checkers; dead stores are those of auto_free (.clang-tidy).
scan_build() (
	through=(scan-build -o "$work/scan-build.report" --status-bugs -disable-checker deadcode.DeadStores
		-disable-checker unix.Malloc -disable-checker core.NullDereference
		-disable-checker core.UndefinedBinaryOperatorResult)
	build scan-build CC=clang
)

# The C library's own start files have no mark of control flow protection in Debian, so the linker leaves it out of
# the program as well; our objects have it. All of the module's calls with a fortified variant were proved by the
# compiler, which leaves none for the check to find.
hardening() {
	hardening-check --nocfprotection "$work/gcc/moshgated" "$work/gcc/moshgatectl" &&
		hardening-check --nocfprotection --nofortify "$work/gcc/.libs/pam_moshgate.so" &&
		marked_objects
}

marked_objects() {
	local object

	[ "$(uname -m)" = x86_64 ] || return 0
	find "$work/gcc" -name '*.o' >"$work/objects"
	[ -s "$work/objects" ] || return 1
	while read -r object; do
		readelf -n "$object" | grep -q 'IBT, SHSTK' || { echo "$object: not marked"; return 1; }
	done <"$work/objects"
}

# What the unit leaves open, by systemd's own count: ten times what it shows at the end.
exposure() {
	command -v systemd-analyze >/dev/null || { echo "error: no systemd-analyze"; return 1; }
	sed 's#@sbindir@#/usr/sbin#; s#@bindir@#/usr/bin#' examples/moshgated.service.in >"$work/moshgated.service" &&
		systemd-analyze security --offline=true --threshold=13 "$work/moshgated.service"
}

# What systemd finds in the units: keys that it does not know, values that it ignores, programs that are not there. It
# exits 0 with most of that. The manual's pages are not installed here.
units() (
	command -v systemd-analyze >/dev/null || { echo "error: no systemd-analyze"; return 1; }
	rm -rf "$work/units"
	export HOME=$work/units/home XDG_RUNTIME_DIR=$work/units/run
	mkdir -p "$HOME/.local/bin" "$XDG_RUNTIME_DIR" && cp examples/client/moshgate-follow "$HOME/.local/bin" &&
		cp examples/*.socket examples/metrics/*.timer examples/client/*.service "$work/units" &&
		sed "s#@s*bindir@#$work/gcc#" examples/moshgated.service.in >"$work/units/moshgated.service" &&
		sed "s#/usr/local/sbin/#$PWD/examples/metrics/#" examples/metrics/moshgate-metrics.service \
			>"$work/units/moshgate-metrics.service" &&
		verify --system moshgated.service moshgated-{session,control}.socket &&
		verify --system moshgate-metrics.service moshgate-metrics.timer &&
		verify --user moshgate-follow.service
)

# verify WHOSE UNIT...: nothing is said of ours; of others of this host that they name, anything may be
verify() {
	local files=("${@:2}") said status=0

	said=$(systemd-analyze verify "$1" --man=no "${files[@]/#/$work/units/}" 2>&1) || status=$?
	! grep moshgate <<<"$said" && [ $status = 0 ]
}

# The unit's filter has all that the helper's own allows; it would refuse the rest at a time that nobody foresees. Both
# are named as text, so those of other processors are looked at, too.
unit_calls() {
	local unit=examples/moshgated.service.in allowed denied

	command -v systemd-analyze >/dev/null || { echo "error: no systemd-analyze"; return 1; }
	allowed="@default $(sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' $unit)"
	denied=$(sed -n 's/^SystemCallFilter=~//p' $unit)
	# shellcheck disable=SC2086 # words
	comm -23 <(members $allowed) <(members $denied) >"$work/unit.calls"
	grep -oE 'SCMP_SYS\([a-z0-9_]+' helper/sandbox.c | cut -d'(' -f2 | sort -u >"$work/own.calls" &&
		comm -23 "$work/own.calls" "$work/unit.calls" >"$work/refused.calls" &&
		! sed 's/$/: not in the unit/' "$work/refused.calls" | grep .
}

# members NAME...: the calls of these groups, and of those in them
members() {
	local name

	for name in "$@"; do
		if [ "${name#@}" = "$name" ]; then
			echo "$name"
		else
			# shellcheck disable=SC2046 # words
			members $(systemd-analyze syscall-filter --no-pager "$name" | sed '1d; /#/d')
		fi
	done | sort -u
}

scripts() {
	shellcheck .ci/run examples/*.sh examples/firewall/*.sh examples/client/moshgate-refresh \
		examples/client/moshgate-follow examples/client/90-moshgate examples/metrics/moshgate-metrics \
		packaging/make-deb.sh packaging/make-rpm.sh packaging/runit/run packaging/runit/finish packaging/runit/log/run \
		packaging/alpine/moshgate.{pre-install,pre-deinstall,post-upgrade} \
		packaging/debian/moshgate.{postinst,postrm,prerm} tests/*.sh tests/*.test \
		tests/bench/*.sh doc/*.sh tests/e2e/*.sh tests/e2e/*.test tests/vm/*.sh &&
		shellcheck --shell=sh --exclude=SC2034,SC2086,SC2154 packaging/alpine/APKBUILD &&
		shellcheck --shell=sh --exclude=SC2034 examples/moshgated.openrc
}

python() {
	pyflakes3 doc/*.py tests/bench/*.py tests/e2e/*.py tests/vm/*.py
}

# The policy compiles, against Debian's reference policy, and gives its names to what it is about.
selinux() (
	rm -rf "$work/selinux"
	cp -R packaging/selinux "$work/selinux"
	cd "$work/selinux"
	make -f /usr/share/selinux/devel/Makefile moshgate.pp &&
		semodule_unpackage moshgate.pp moshgate.mod contexts &&
		is_labelled /usr/sbin/moshgated moshgated_exec_t && is_labelled /usr/bin/moshgated moshgated_exec_t &&
		is_labelled /etc/moshgate/moshgate.conf moshgated_conf_t &&
		is_labelled /run/moshgate/logins/1 moshgated_runtime_t &&
		is_labelled /run/moshgate/session.sock moshgated_session_t &&
		is_labelled /run/moshgate/control.sock moshgated_control_t &&
		! is_labelled /usr/bin/moshgatectl moshgated_exec_t
)

is_labelled() {
	selabel_lookup -b file -f contexts -k "$1" | grep ":$2:"
}

# Debian's package builds, lintian has nothing to say of it, and what belongs to it is where Debian looks for it.
deb_package() {
	command -v lintian >/dev/null || { echo "error: no lintian"; return 1; }
	rm -rf "$work"/gcc/*.deb "$work"/gcc/*.changes "$work/deb"
	mkdir "$work/deb" && make -C "$work/gcc" deb && deb=("$work"/gcc/moshgate_*.deb) && [ ${#deb[@]} = 1 ] &&
		dpkg-deb -c "${deb[0]}" >"$work/deb/contents" && dpkg-deb -e "${deb[0]}" "$work/deb/control" &&
		dpkg-deb -x "${deb[0]}" "$work/deb/files" && deb_files && deb_has_no_privilege &&
		grep -x 'Default: no' "$work/deb/files/usr/share/pam-configs/moshgate" &&
		diff - <(sort "$work/deb/control/conffiles") <<-END
			/etc/apparmor.d/usr.sbin.moshgated
			/etc/moshgate/moshgate.conf
		END
}

deb_files() {
	local file missing=0

	while read -r file; do
		grep -qE " \./$file( -> .*)?\$" "$work/deb/contents" || { echo "the package: no $file"; missing=1; }
	done <<-'END'
		usr/sbin/moshgated
		usr/bin/moshgatectl
		usr/lib/[^/]*/security/pam_moshgate\.so
		etc/moshgate/moshgate\.conf
		etc/apparmor\.d/usr\.sbin\.moshgated
		(usr/)?lib/systemd/system/moshgated\.service
		(usr/)?lib/systemd/system/moshgated-control\.socket
		(usr/)?lib/systemd/system/moshgated-session\.socket
		usr/lib/sysusers\.d/moshgate\.conf
		usr/lib/tmpfiles\.d/moshgate\.conf
		usr/share/pam-configs/moshgate
		usr/share/man/man1/moshgatectl\.1\.gz
		usr/share/man/man5/moshgate\.conf\.5\.gz
		usr/share/man/man7/moshgate\.7\.gz
		usr/share/man/man8/moshgated\.8\.gz
		usr/share/man/man8/pam_moshgate\.8\.gz
		usr/share/bash-completion/completions/moshgatectl
		usr/share/bash-completion/completions/moshgated
		usr/share/zsh/vendor-completions/_moshgatectl
	END
	[ $missing = 0 ]
}

# Nothing is set-user-ID or set-group-ID, has capabilities from its file, is not root's, or others may write to it.
deb_has_no_privilege() {
	! grep -vE '^([-d]([r-][w-][x-])([r-]-[x-])([r-]-[x-])|lrwxrwxrwx) root/root ' "$work/deb/contents" &&
		! grep -r setcap "$work/deb/control"
}

# Fedora's packages build from what "make dist" makes: no file is missing, and none is in no package.
rpm_packages() {
	make -C "$work/gcc" rpm && rpm -qlp "$work"/gcc/moshgate-*.rpm >"$work/rpm.files" &&
		grep -x '.*/security/pam_moshgate.so' "$work/rpm.files" &&
		grep -x '.*/moshgate.pp.bz2' "$work/rpm.files" &&
		grep -x '/usr/share/doc/moshgate/examples/client/moshgate-refresh' "$work/rpm.files" &&
		rpmlint -c packaging/rpm/rpmlint.toml packaging/rpm/moshgate.spec
}

# Alpine's recipe, followed by hand where there is no abuild.
alpine_package() (
	export pkgdir=$work/alpine/pkg CBUILD="" CHOST=""
	rm -rf "$work/alpine"
	mkdir -p "$work/alpine" && tar -xJf "$work"/gcc/moshgate-*.tar.xz -C "$work/alpine" &&
		cp packaging/alpine/* "$work/alpine" && cd "$work/alpine"/moshgate-*/ &&
		sh -e -c '. ../APKBUILD && test "$pkgver" = "${PWD##*-}" && build && package &&
			for script in $install; do test -f "../$script"; done' &&
		test -x "$pkgdir/etc/init.d/moshgated" && test -f "$pkgdir/lib/security/pam_moshgate.so" &&
		test -x "$pkgdir/usr/share/doc/moshgate/examples/client/moshgate-refresh" &&
		test -x "$pkgdir/usr/sbin/moshgated" && test -f "$pkgdir/etc/moshgate/moshgate.conf"
)

step clang-tidy clang_tidy
step cppcheck cppcheck_programs
step cppcheck-tests cppcheck_tests
step gcc-analyzer gcc_analyzer
step scan-build scan_build
step hardening hardening
step exposure exposure
step units units
step unit-calls unit_calls
step shellcheck scripts
step python python
step selinux selinux
step deb deb_package
step rpm rpm_packages
step alpine alpine_package
echo "# PASS: $passed"
echo "# FAIL: $failed"
[ $failed = 0 ]
