#!/bin/sh
# firewalld.sh [ZONE]
#
# Opens mosh's range in that zone (the default one; firewall-cmd --get-active-zones has the interfaces' zones), but not to what begins there without moshgate's mark, so without
# moshgate it is closed. Wants in moshgate.conf:
#
#	[firewall]
#	accept-mark = 0x4d534700
#
# firewalld cannot accept by a mark: what its direct rules accept, its zones may still reject. They can drop, if
# iptables is there. What runs already, and answers to what this host asked, has no need of the mark.
set -e
grep -Eqrs '^accept-mark *= *(0x4d534700|1297303296) *$' /etc/moshgate ||
	echo "$0: warning: nothing in /etc/moshgate has accept-mark = 0x4d534700, so nothing gets the mark" >&2
if ! command -v iptables >/dev/null || ! command -v ip6tables >/dev/null; then
	echo "$0: needs iptables and ip6tables" >&2
	exit 1
fi
for family in ipv4 ipv6; do
	firewall-cmd --permanent --direct --add-rule $family filter INPUT 0 -p udp --dport 60000:61000 \
		-m conntrack --ctstate NEW -m mark ! --mark 0x4d534700 -j DROP
done
firewall-cmd --permanent ${1:+--zone="$1"} --add-port=60000-61000/udp
exec firewall-cmd --reload
