#!/bin/sh
# Lets through iptables what moshgate let through: it knows that by its mark, so without moshgate the range is
# closed. Wants in moshgate.conf:
#
#	[firewall]
#	accept-mark = 0x4d534700
#
# The rule comes first, before any that drops, and is saved where iptables-persistent is installed.
set -e
grep -Eqrs '^accept-mark *= *(0x4d534700|1297303296) *$' /etc/moshgate ||
	echo "$0: warning: nothing in /etc/moshgate has accept-mark = 0x4d534700, so nothing gets the mark" >&2
for iptables in iptables ip6tables; do
	set -- INPUT -m mark --mark 0x4d534700 -j ACCEPT
	$iptables -C "$@" 2>/dev/null || $iptables -I "$@"
done
! command -v netfilter-persistent >/dev/null || exec netfilter-persistent save
