# shellcheck shell=bash
# Debian's and Ubuntu's packages. To be sourced, as root.
# shellcheck disable=SC2034 # for those that source this

build_packages="gcc make autoconf automake libtool pkg-config libc6-dev libpam0g-dev libnftables-dev
	libnftnl-dev libmnl-dev libevent-dev libcap-ng-dev libseccomp-dev libjansson-dev libinih-dev nettle-dev
	uthash-dev check"
lab_packages="openssh-server openssh-client mosh tmux nftables iproute2 procps python3 python3-prometheus-client netbase
	util-linux mount libpam-modules strace perl valgrind"
# What firewalls run with. They themselves are unpacked (unpack_firewalls): installed, ufw and iptables-persistent
# shut each other out, and firewalld would close the host's ports when it starts next.
firewall_packages="iptables dbus-daemon python3-dbus python3-gi gir1.2-glib-2.0 python3-nftables python3-cap-ng"
bench_packages="fwknop-server fwknop-client knockd iptables" # what tests/bench/run.sh measures moshgate beside
# Which the documents' tests want.
document_packages="mandoc zsh"
analysis_packages="clang xz-utils libclang-rt-dev clang-tidy clang-tools cppcheck devscripts shellcheck pyflakes3
	selinux-policy-dev semodule-utils selinux-utils rpm rpmlint
	build-essential debhelper dh-apparmor lintian systemd"
fuzz_packages="clang libclang-rt-dev llvm" # for tests/fuzz/run.sh; the last for --coverage
coverage_packages="gcovr"
machine_packages="qemu-system-x86 qemu-utils mmdebstrap e2fsprogs debian-archive-keyring" # for tests/vm/run.sh

# install_packages PACKAGE...: what is there stays as it is; what comes does not start its services.
install_packages() {
	local missing="" package

	for package in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || {
		echo "apt-get is not here to install:$missing" >&2
		return 1
	}
	echo "== installing$missing"
	# shellcheck disable=SC2086 # words
	without_services install_now $missing
}

install_now() {
	apt-get update -qq </dev/null >/dev/null &&
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
			</dev/null >/dev/null
}

# without_services COMMAND...: packages' scripts ask policy-rc.d whether they may start services.
without_services() (
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		trap 'rm -f $policy' EXIT
		trap 'exit 1' INT TERM HUP
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
	fi
	"$@"
)

# unpack_firewalls FOLDER: each firewall's files, in a folder of its own below; nothing is installed or started.
unpack_firewalls() {
	echo "== unpacking firewalls"
	unpack_packages "$1/ufw" ufw &&
		unpack_packages "$1/firewalld" firewalld python3-firewall &&
		unpack_packages "$1/iptables" netfilter-persistent iptables-persistent
}

# unpack_services FOLDER: the service managers that Debian has beside systemd, of which no host wants two
unpack_services() {
	echo "== unpacking service managers"
	unpack_packages "$1" openrc librc1 libeinfo1 runit
}

# unpack_readers FOLDER: what reads what is in examples; rsyslog would take a host's log over. Of Prometheus its tool
# alone, which needs nothing else.
unpack_readers() {
	echo "== unpacking rsyslog and promtool"
	unpack_packages "$1" rsyslog libestr0 libfastjson4 prometheus && rm "$1/usr/bin/prometheus"
}

# unpack_packages FOLDER PACKAGE...: as they would lie where /bin, /sbin and /lib are in /usr
unpack_packages() (
	mkdir -p "$1/usr" && cd "$1" || exit
	shift
	download "$@" || { apt-get update -qq </dev/null >/dev/null && download "$@"; } || exit
	for package in ./*.deb; do
		dpkg -x "$package" . || exit
	done
	rm ./*.deb
	for folder in bin sbin lib; do
		[ ! -d $folder ] || { mkdir -p usr/$folder && cp -a $folder/. usr/$folder/ && rm -r $folder; } || exit
	done
)

# As root: the user that apt would change to may not write there.
download() {
	apt-get download -qq -o APT::Sandbox::User=root "$@" </dev/null >/dev/null
}
