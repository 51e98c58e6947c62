# shellcheck shell=bash
# Debian's and Ubuntu's packages. To be sourced, as root.

build_packages="gcc make autoconf automake libtool pkg-config libc6-dev libpam0g-dev libnftables-dev
	libnftnl-dev libmnl-dev libevent-dev libcap-ng-dev libseccomp-dev libjansson-dev libinih-dev nettle-dev
	uthash-dev check"
lab_packages="openssh-server openssh-client mosh tmux nftables iproute2 procps python3 netbase
	util-linux libpam-modules strace perl"
analysis_packages="clang xz-utils libclang-rt-dev"

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
