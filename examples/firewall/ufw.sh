#!/bin/sh
# Lets through ufw what moshgate let through: it knows that by its mark, so without moshgate the range is closed.
# Wants in moshgate.conf:
#
#	[firewall]
#	accept-mark = 0x4d534700
#
# ufw itself has no word for marks; these files are its own place for such rules, and stay as they are.
set -e
grep -Eqrs '^accept-mark *= *(0x4d534700|1297303296) *$' /etc/moshgate ||
	echo "$0: warning: nothing in /etc/moshgate has accept-mark = 0x4d534700, so nothing gets the mark" >&2
for six in "" 6; do
	rules=/etc/ufw/before$six.rules
	rule="-A ufw$six-before-input -m mark --mark 0x4d534700 -j ACCEPT"
	grep -qxF -e "$rule" $rules || sed -i "/^# End required lines/a $rule" $rules
	grep -qxF -e "$rule" $rules || { echo "$0: no \"# End required lines\" in $rules" >&2; exit 1; }
done
exec ufw reload
