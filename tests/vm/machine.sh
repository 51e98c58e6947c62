# shellcheck shell=bash
# In the lab's place of the server, a machine: a real Debian that qemu emulates. Its clients are the lab's
# namespaces, on the lab's switch. To be sourced after e2e/lab.sh; VM is the folder that image.sh made.

VM_MAC=52:54:00:60:00:01
VM_BOOT=900 # seconds that a boot may take where nothing helps the emulation

# --- the lab around it ------------------------------------------------------------------------------

# As lab_start, with the machine for the server, which vm_boot starts.
vm_start() {
	exec 3>&1
	trap lab_end EXIT
	trap 'lab_die "interrupted, or slower than its limit"' TERM
	{ lab_files && vm_network && vm_counter && lab_users && vm_ssh_config; } || lab_die "the lab does not come up"
	mkdir $LAB/vm
	rm -f "$VM/overlay.qcow2"
	qemu-img create -q -f qcow2 -b "$VM/base.raw" -F raw "$VM/overlay.qcow2" || lab_die "no disk for the machine"
}

vm_network() {
	mkdir /dev/net && mknod /dev/net/tun c 10 200
	ip link set lo up
	ip link add switch type bridge forward_delay 0 mcast_snooping 0
	ip link set switch up
	ip tuntap add tap0 mode tap
	ip link set tap0 master switch up
	lab_host client1 $CLIENT1 $CLIENT1_B $CLIENT1_6 &&
		lab_host client2 $CLIENT2 $CLIENT2_6 &&
		lab_host attacker $ATTACKER $ATTACKER6 &&
		on attacker ip neighbour replace $SERVER lladdr $VM_MAC dev eth0 nud permanent
}

# On the attacker, whatever answers it
vm_counter() {
	on attacker nft -f - <<-END
		table inet lab {
			chain answers {
				type filter hook input priority -300
				ip saddr $SERVER counter
			}
		}
	END
}

# The plain curve, because the usual exchange of keys is slow under emulation.
vm_ssh_config() {
	lab_ssh_config >$LAB/ssh_config
	echo 'KexAlgorithms curve25519-sha256' >>$LAB/ssh_config
}

# --- the machine ------------------------------------------------------------------------------------

# vm COMMAND: a line for its shell, as root, past network, sshd and PAM
vm() {
	python3 "$E2E/../vm/agent.py" $LAB/vm/agent.sock "$*"
}

# One processor: emulated ones do not always see how the kernel changes its own code ("Oops: int3").
vm_boot() {
	nice -n 5 qemu-system-x86_64 -machine pc -m 1024 -smp 1 -accel "${MOSHGATE_VM_ACCEL:-tcg}" \
		-display none -vga none -nodefaults -daemonize -pidfile $LAB/vm/pid \
		-kernel "$VM/vmlinuz" -initrd "$VM/initrd.img" \
		-append "root=LABEL=root ro console=ttyS0,115200 net.ifnames=0 ${VM_APPEND:-}" \
		-drive "file=$VM/overlay.qcow2,if=virtio,format=qcow2,cache=unsafe" \
		-netdev tap,id=net,ifname=tap0,script=no,downscript=no \
		-device virtio-net-pci,netdev=net,mac=$VM_MAC,romfile= \
		-object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng \
		-serial "file:$LAB/vm/console.log" \
		-chardev socket,id=agent,path=$LAB/vm/agent.sock,server=on,wait=off -device virtio-serial-pci \
		-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0 || return 1
	vm_is_up ''
}

# vm_is_up BOOT: another boot than that one, and all of it is over
vm_is_up() {
	wait_for $VM_BOOT vm_is_another_boot "$1" && vm_settles
}

vm_is_another_boot() {
	local now

	now=$(VM_LIMIT=5 vm 'cat /proc/sys/kernel/random/boot_id' 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$1" ]
}

# In good order: nothing has failed.
vm_settles() {
	same running "$(VM_LIMIT=$VM_BOOT vm 'systemctl is-system-running --wait')" || {
		vm 'systemctl --failed --no-legend'
		return 1
	}
}

vm_reboot() {
	local old

	old=$(vm 'cat /proc/sys/kernel/random/boot_id') && vm 'systemctl --no-block reboot' && vm_is_up "$old"
}

# vm_copy FILE PLACE
vm_copy() {
	on client2 scp -q -F $LAB/ssh_config "$1" "root@$SERVER:$2"
}

# The users' keys, root's too, to the machine; its own key to the clients.
vm_keys() {
	local user key

	ssh-keygen -q -t ed25519 -N '' -C root -f $LAB/keys/root
	for user in root alice bob; do
		key=$(<"$LAB/keys/$user.pub")
		vm "home=\$(getent passwd $user | cut -d: -f6) && install -d -m 700 -o $user -g $user \$home/.ssh &&
			echo '$key' >\$home/.ssh/authorized_keys && chown $user: \$home/.ssh/authorized_keys" || return 1
	done
	echo "* $(vm 'cut -d" " -f1,2 /etc/ssh/ssh_host_ed25519_key.pub')" >$LAB/known_hosts
}

lab_dump() {
	local name

	echo "# ---- the console"
	tail -n 20 $LAB/vm/console.log
	echo "# ---- what the helper, systemd and sshd say"
	VM_LIMIT=30 vm 'journalctl -b --no-pager -o short-monotonic -t moshgated -t sshd -t sshd-session -t systemd |
		tail -n 80; nft list ruleset; systemctl --failed'
	for name in $(lab_tmux list-sessions -F '#{session_name}' 2>/dev/null); do
		echo "# ---- screen $name"
		mosh_screen "$name" | grep .
	done
}

# --- logins that stay -------------------------------------------------------------------------------

# vm_login NAME HOST USER: an ssh login that answers each line it is told, until it is closed
vm_login() {
	mkfifo "$LAB/$1.in"
	exec_on "$2" ssh -F $LAB/ssh_config "$3@$SERVER" \
		'echo logged in; while read -r word; do echo "heard $word"; done' \
		<"$LAB/$1.in" >"$LAB/$1.out" 2>&1 &
	exec 8>"$LAB/$1.in"
	wait_for 120 grep -q 'logged in' "$LAB/$1.out"
}

# vm_login_lives NAME
vm_login_lives() {
	LAB_ASKED=$((LAB_ASKED + 1))
	echo "$LAB_ASKED" >&8
	wait_for 60 grep -qx "heard $LAB_ASKED" "$LAB/$1.out"
}

# --- what the machine's kernel says -----------------------------------------------------------------

vm_grants() {
	vm 'nft -j list table inet moshgate' | python3 "$E2E/lab.py" grants
}

vm_grants_are() {
	same "$( ((! $#)) || printf '%s\n' "$@" | sort)" "$(vm_grants)"
}

# The attacker tries some ports of the range. A closed TCP port answers at once, and last.
vm_tries() {
	local was=$(($(answers) + 1))

	send_from attacker $SERVER "${1:-60000-60020}"
	wait_for 60 knock $SERVER && wait_for 20 test "$(answers)" -ge $was
	echo "answers: $(($(answers) - was))"
	answered=$(($(answers) - was))
}

vm_is_closed() {
	vm_tries "$@" && same 0 $answered
}

vm_is_open() {
	vm_tries "$@" && [ $answered -gt 0 ]
}
