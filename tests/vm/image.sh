#!/bin/bash
# image.sh 12|13 FOLDER: makes, of Debian's packages, a machine to boot (base.raw, vmlinuz, initrd.img) and a
# root to build its package in (build/). What this script has made already stays as it is. To be run as root.
#
# From the environment: MOSHGATE_VM_MIRROR, the address of a mirror of Debian; by default mmdebstrap's own.
set -eu -o pipefail
vm_dir=$(cd "$(dirname "$0")" && pwd)
. "$vm_dir/../packages.sh"
. "$vm_dir/../e2e/lab-hosts.sh"

mirror=${MOSHGATE_VM_MIRROR:-}
security=${mirror%/debian}/debian-security
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

kernel=linux-image-cloud-amd64
base_packages="systemd systemd-sysv dbus libpam-systemd $kernel apparmor zstd ifupdown qemu-guest-agent
	openssh-server mosh nftables iproute2 procps"
# What ours depends on. The machine has no way out to fetch them.
machine_libraries="libnftables1 libnftnl11 libmnl0 libevent-core-2.1-7 libcap-ng0 libseccomp2 libjansson4
	libinih1 libnettle8"
package_packages="build-essential debhelper dh-apparmor devscripts xz-utils lintian"

# And what systemd.pc is in.
case ${1:-} in
12) suite=bookworm package_packages="$package_packages systemd" ;;
13) suite=trixie package_packages="$package_packages systemd-dev" ;;
*) echo "image.sh: 12 or 13" >&2; exit 2 ;;
esac
folder=$2

# The mirror's lines for apt; none without one.
sources() {
	local archive

	[ -n "$mirror" ] || return 0
	for archive in "$mirror $suite" "$mirror $suite-updates" "$security $suite-security"; do
		echo "deb [signed-by=$keyring] $archive main"
	done
}

# bootstrap ROOT VARIANT PACKAGE...: takes the host's way to the network with it
bootstrap() {
	local root=$1 variant=$2 option options=()

	shift 2
	while read -r option; do
		options+=(--aptopt="$option")
	done < <(apt-config dump | sed -nE '/^Acquire::(https?::|Check-|Retries|ForceIPv).*"[^"]+"/s/;$//p')
	rm -rf --one-file-system "$root"
	mmdebstrap --quiet --mode=root --variant="$variant" --include="$*" --aptopt='Apt::Install-Recommends "false"' \
		--essential-hook="$slim_initramfs" "${options[@]}" "$suite" "$root" ${mirror:+-} < <(sources)
}

# Only the disk's drivers: a small one unpacks faster in an emulated machine.
# shellcheck disable=SC2016 # mmdebstrap's shell's
slim_initramfs='mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d" &&
	echo MODULES=list >"$1/etc/initramfs-tools/conf.d/vm" &&
	printf "%s\n" virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/vm"'

interfaces() {
	cat <<-END
		auto lo
		iface lo inet loopback
		auto eth0
		iface eth0 inet static
		    address $SERVER/32
		    up ip route add default dev eth0
		iface eth0 inet6 static
		    address $SERVER6/128
		    accept_ra 0
		    dad-attempts 0
		    up ip -6 route add default dev eth0
	END
}

# What an installer would have asked for. The keys come with each run of the tests.
configure() {
	local root=$1 user

	echo server >"$root/etc/hostname"
	printf '127.0.0.1 localhost\n%s server\n::1 localhost\n' "$SERVER" >"$root/etc/hosts"
	: >"$root/etc/resolv.conf"
	echo 'LABEL=root / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
	interfaces >"$root/etc/network/interfaces"
	for user in alice bob; do
		chroot "$root" useradd -m -s /bin/bash "$user"
		echo "PS1='ready \\u\\$ '" >"$root/home/$user/.bash_profile"
	done
	chroot "$root" systemd-machine-id-setup >/dev/null 2>&1
	chroot "$root" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer
	chroot "$root" systemctl -q enable nftables
	rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
}

make_machine() {
	local root=$folder/root

	bootstrap "$root" important "$@"
	configure "$root"
	install -m 644 "$root"/boot/vmlinuz-* "$folder/vmlinuz"
	install -m 644 "$root"/boot/initrd.img-* "$folder/initrd.img"
	rm -f "$folder/base.raw"
	truncate -s 3G "$folder/base.raw"
	mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0 -d "$root" "$folder/base.raw"
	rm -rf --one-file-system "$root"
}

make_build_root() {
	bootstrap "$folder/build" minbase "$@"
}

# once NAME FUNCTION PACKAGE...: unless it was made the same way before
once() {
	local now

	now=$({ declare -f bootstrap configure interfaces "$2" && echo "$suite" "${@:3}"; } | sha256sum)
	[ "$(cat "$folder/$1.made" 2>/dev/null)" != "$now" ] || return 0
	echo "== Debian $suite: making the $1"
	rm -f "$folder/$1.made"
	"$2" "${@:3}"
	echo "$now" >"$folder/$1.made"
}

mkdir -p "$folder"
# shellcheck disable=SC2086,SC2154 # words; of packages.sh
{
	once machine make_machine $base_packages $machine_libraries
	once build-root make_build_root $build_packages $package_packages
}
