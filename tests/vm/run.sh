#!/bin/bash
# The Debian package on real machines: builds it in a root of its own, boots Debian 12 (Linux 6.1) and Debian 13
# (Linux 6.12, OpenSSH 10) under qemu, with systemd and logind, and takes it through its life there. Exits 0 if all
# of it was seen. As root; half an hour for each, or more, where nothing helps the emulation.
#
#   tests/vm/run.sh [12|13]...      these; by default both
#
# Installs what it needs (Debian, Ubuntu). The machines are made of Debian's packages once and kept in MOSHGATE_VM
# (/var/tmp/moshgate-vm): remove that for newer ones. MOSHGATE_VM_ACCEL=kvm goes fast where there is KVM.
# Nothing of a machine is reachable from outside of the test's own namespaces.
set -eu -o pipefail
top_srcdir=$(cd "$(dirname "$0")/../.." && pwd)
. "$top_srcdir/tests/packages.sh"
kept=${MOSHGATE_VM:-/var/tmp/moshgate-vm}
failed=0

die() {
	echo "tests/vm/run.sh: $*" >&2
	exit 1
}

# Ends with the shell that runs it: all that it mounts is in a namespace of its own.
# in_root ROOT FOLDER COMMAND...: in that root, with FOLDER as its /mnt
in_root() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount --pid --fork --kill-child --net sh -c 'set -e
		root=$1
		mount --bind "$2" "$root/mnt"
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		shift 2
		exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root "$@"' \
		sh "$@" </dev/null
}

# build_package RELEASE: from a copy of the tree; sets package
build_package() {
	local work=$kept/$1/work

	echo "== Debian $1: building the package"
	rm -rf --one-file-system "$work"
	mkdir -p "$work/src" "$work/out"
	(cd "$top_srcdir" && tar -c --exclude=./.git --exclude=./autom4te.cache .) | tar -x -C "$work/src"
	in_root "$kept/$1/build" "$work" sh -c \
		'cd /mnt/src && autoreconf -fi && cd ../out && ../src/configure -q --enable-werror && make deb' \
		>"$work/log" 2>&1 || { tail -n 40 "$work/log"; return 1; }
	package=$(echo "$work"/out/moshgate_*.deb)
}

# release 12|13
release() {
	local package

	"$top_srcdir/tests/vm/image.sh" "$1" "$kept/$1" && build_package "$1" || return 1
	echo "== Debian $1: the package's life"
	VM=$kept/$1 PACKAGE=$package top_builddir=$top_srcdir "$top_srcdir/tests/vm/package.sh"
}

[ "$(id -u)" = 0 ] || die "needs root, to make namespaces and machines"
[ $# -gt 0 ] || set -- 12 13
for which; do
	[ "$which" = 12 ] || [ "$which" = 13 ] || die "no such release: $which"
done
# shellcheck disable=SC2086 # words
install_packages $lab_packages $machine_packages
mkdir -p "$kept"
exec 9>"$kept/lock"
flock -n 9 || die "another run uses $kept"
for which; do
	release "$which" 9>&- || { echo "FAIL: Debian $which"; failed=1; continue; }
	echo "PASS: Debian $which"
done
exit $failed
