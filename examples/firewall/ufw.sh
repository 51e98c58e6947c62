#!/bin/sh
# Lets through ufw what moshgate let through: it knows that by its mark, so without moshgate the range is closed.
# Wants in moshgate.conf:
#
#	[firewall]
#	accept-mark = 0x4d534700
#
# ufw itself has no word for marks; these files are its own place for such rules, and stay as they are.
set -e
for six in "" 6; do
	rules=/etc/ufw/before$six.rules
	rule="-A ufw$six-before-input -m mark --mark 0x4d534700 -j ACCEPT"
	grep -qxF -e "$rule" $rules || sed -i "/^# End required lines/a $rule" $rules
done
exec ufw reload
