#!/bin/sh
# make-deb.sh FOLDER: builds the Debian package from the sources in that folder, which it takes away, and puts
# it and what belongs to it here. Needs debhelper, dh-apparmor and what the control file names; lintian looks
# at the result if it is installed.
set -eu
folder=$1
cp -R "$folder/packaging/debian" "$folder/debian"
cp "$folder/examples/moshgated.sysusers.conf" "$folder/debian/moshgate.sysusers"
(cd "$folder" && dpkg-buildpackage -us -uc -b)
rm -rf "$folder"
if command -v lintian >/dev/null; then
	lintian --fail-on error,warning --allow-root ./*.changes
fi
ls ./*.deb
