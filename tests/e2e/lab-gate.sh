# shellcheck shell=bash
# What the kernel says: the gate's sets, packets before and after the gate, datagrams and their answers.

# --- the gate's sets ------------------------------------------------------------------------------

# One line "CLIENT SERVER PORT" for each element of both sets
grants() {
	on server nft -j list table inet moshgate | python3 "$E2E/lab.py" grants
}

# The ports on which mosh-servers listen, as the guard knows them
servers_set() {
	on server nft -j list table inet moshgate | python3 "$E2E/lab.py" servers
}

# grants_are [LINE...]: exactly these, in any order
grants_are() {
	same "$( ((! $#)) || printf '%s\n' "$@" | sort)" "$(grants)"
}

no_grants() {
	grants_are
}

# grant_port CLIENT SERVER: the port of the one element with these addresses; fails unless there is one
grant_port() {
	grants | awk -v c="$1" -v s="$2" '$1 == c && $2 == s { port = $3; n++ }
		END { if (n != 1) exit 1; print port }'
}

# --- packets, counted by tables that are not the gate's -------------------------------------------

# Before and after the gate on the server, by source address, the lab's own datagrams (by their TTL)
# apart from mosh's; on the attacker, whatever answers it.
lab_counters() {
	{
		lab_count_chain before -300
		lab_count_chain after 300
	} | on server nft -f - &&
		on attacker nft -f - <<-END
			table inet lab {
				chain answers {
					type filter hook input priority -300
					icmpv6 type { 130, 131, 132, 133, 134, 135, 136, 143 } accept
					ip saddr { $SERVER, $SERVER_B } counter
					ip6 saddr 2001:db8:51::/64 counter
				}
			}
		END
}

lab_count_chain() {
	local address ttl

	echo "add table inet lab"
	echo "add chain inet lab $1 { type filter hook input priority $2; }"
	for ttl in '77' '!= 77'; do
		for address in $CLIENT1 $CLIENT1_B $CLIENT2 $ATTACKER; do
			echo "add rule inet lab $1 ip saddr $address ip ttl $ttl udp dport 60000-61000 counter"
		done
		for address in $CLIENT1_6 $CLIENT2_6 $ATTACKER6; do
			echo "add rule inet lab $1 ip6 saddr $address ip6 hoplimit $ttl" \
				"udp dport 60000-61000 counter"
		done
	done
}

# counted TTL ADDRESS: of mosh's ("!= 77") or the lab's ("77") datagrams to the range, how many came and
# how many the gate let through
counted() {
	on server nft list table inet lab |
		sed -n "s/.* saddr $2 .* \(ttl\|hoplimit\) $1 .* packets \([0-9]*\) .*/\2/p" | xargs
}

# arrived|passed|dropped ADDRESS: mosh's datagrams from there, the lab's own not among them
arrived() {
	local n

	n=$(counted '!= 77' "$1")
	echo "${n% *}"
}

passed() {
	local n

	n=$(counted '!= 77' "$1")
	echo "${n#* }"
}

dropped() {
	local n

	# One chain is told after the other: what comes in between has only passed.
	for _ in 1 2 3; do
		n=$(counted '!= 77' "$1")
		[ "${n% *}" -lt "${n#* }" ] || break
	done
	echo $((${n% *} - ${n#* }))
}

is_dropped() {
	same "$2" "$(dropped "$1")"
}

# Packets of any kind that the server sent to the attacker
answers() {
	on attacker nft list table inet lab |
		awk '/ packets / { for (i = 1; i < NF; i++) if ($i == "packets") n += $(i + 1) } END { print n }'
}

# A closed TCP port answers every time and at once, so it also tells that earlier answers have come.
knock() {
	fails on attacker bash -c ": 2>/dev/null <>/dev/tcp/$1/9"
}

answers_are() {
	same "$1" "$(answers)"
}

# --- datagrams ------------------------------------------------------------------------------------

# send_from HOST ADDRESS FIRST[-LAST]: one datagram to each port
send_from() {
	on "$1" python3 "$E2E/lab.py" send "${@:2}"
}

# shut_out WHAT HOST SOURCE ADDRESS FIRST[-LAST]: all that HOST sends there arrives, and none gets in
shut_out() {
	local was n

	was=$(counted 77 "$3")
	n=$((${5#*-} - ${5%-*} + 1))
	send_from "$2" "$4" "$5"
	check "$1: shut out" wait_for 2 counted_are "$3" "$((${was% *} + n)) ${was#* }"
}

counted_are() {
	same "$2" "$(counted 77 "$1")"
}

# kernel_log [NUMBER]: the kernel's messages (after that one), each with its number in front. There is nothing to
# wait for: a packet is logged before it is counted as dropped. LAB_KERNEL_LOG has it log those of the lab.
kernel_log() {
	[ -e $LAB/kmsg ] || mknod $LAB/kmsg c 1 11 || return 1
	python3 "$E2E/lab.py" kernel_log $LAB/kmsg | awk -v since="${1:--1}" '$1 > since'
}

# --- the gate's history, with times ---------------------------------------------------------------

# Every change of the gate's sets goes to $LAB/monitor, with its time in front, from now on
monitor_start() {
	local urgent="chrt --fifo 50"

	# What they tell of has priority, too, where it can be had.
	$urgent true 2>/dev/null || urgent=""
	on server $urgent nft monitor elements | $urgent python3 "$E2E/lab.py" stamp >$LAB/monitor &
	on server nft add table inet lab-probe
	on server nft 'add set inet lab-probe started { type inet_service; }'
	wait_for 5 monitor_started
}

monitor_started() {
	on server nft 'add element inet lab-probe started { 1 }; delete element inet lab-probe started { 1 }'
	grep -q lab-probe $LAB/monitor
}

# The times of each "delete element" for CLIENT SERVER PORT
deleted_times() {
	grep -E "delete element inet moshgate grants[46] \{ $1 \. $2 \. $3\b" $LAB/monitor | cut -d' ' -f1
}

# The last of them
deleted_at() {
	deleted_times "$@" | tail -n 1 | grep .
}

# deleted_since N CLIENT SERVER PORT: there are more than N
deleted_since() {
	[ "$(deleted_times "${@:2}" | wc -l)" -gt "$1" ]
}

mosh_servers() {
	pgrep -u "$1" -x mosh-server
}

# ends_with_grant PID CLIENT SERVER PORT COMMAND...: do something that ends this mosh-server, and tell
# how many seconds after its end the grant was deleted
ends_with_grant() {
	local ended gone before

	before=$(deleted_times "${@:2:3}" | wc -l)
	rm -f $LAB/ended
	python3 "$E2E/lab.py" ended "$1" >$LAB/ended &
	wait_for 5 grep -qs watching $LAB/ended || { echo "not watched"; return 1; }
	"${@:5}"
	wait_for 15 grep -q ended $LAB/ended || { echo "not ended"; return 1; }
	wait_for 5 deleted_since "$before" "${@:2:3}" || { echo "not deleted"; return 1; }
	ended=$(awk '/ended/ { print $1 }' $LAB/ended)
	gone=$(deleted_at "$2" "$3" "$4")
	awk -v a="$gone" -v b="$ended" 'BEGIN { printf "%.3f\n", a - b }'
}
