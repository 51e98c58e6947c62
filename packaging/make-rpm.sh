#!/bin/sh
# make-rpm.sh TARBALL: builds Fedora's packages from that tarball of "make dist", and puts them here. Needs rpmbuild and
# what the spec names. Elsewhere (Debian has an rpm, too) packages come of it that only show whether the spec is right;
# there it needs selinux-policy-dev, too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$PWD/rpm-tree

if ! rpm --eval '%{?_unitdir}' | grep -q .; then
	set -- "$1" --nodeps --load "$here/rpm/macros.elsewhere"
fi
tarball=$(realpath "$1")
shift
rm -rf "$tree"
rpmbuild -bb --define "_topdir $tree" --define "_sourcedir $(dirname "$tarball")" "$@" "$here/rpm/moshgate.spec"
mv "$tree"/RPMS/*/*.rpm .
rm -rf "$tree"
if command -v rpmlint >/dev/null; then
	rpmlint -c "$here/rpm/rpmlint.toml" "$here/rpm/moshgate.spec"
fi
ls ./*.rpm
