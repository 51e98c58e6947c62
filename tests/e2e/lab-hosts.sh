# shellcheck shell=bash
# The lab's hosts: network namespaces on one switch, private files, users, sshd.

SERVER=198.51.100.7 SERVER_B=198.51.100.8 SERVER6=2001:db8:51::7
CLIENT1=203.0.113.5 CLIENT1_B=203.0.113.6 CLIENT1_6=2001:db8:113::5
CLIENT2=203.0.113.9 CLIENT2_6=2001:db8:113::9
ATTACKER=192.0.2.66 ATTACKER6=2001:db8:66::66
ALICE=61001 BOB=61002

# on HOST COMMAND...: run it there
on() {
	nsenter --net="/run/netns/$1" -- "${@:2}"
}

# exec_on HOST COMMAND... &: the same in the background, with $! the process of the command itself
exec_on() {
	exec nsenter --net="/run/netns/$1" -- "${@:2}"
}

# --- files: private copies of what the lab changes ------------------------------------------------

# Without one of these mounts the lab would write where the host's own are.
lab_files() {
	hostname server
	mount -t tmpfs -o mode=755 lab /run || return
	mkdir -p $LAB/home $LAB/keys /run/sshd
	: >$LAB/monitor
	cp -a /etc $LAB/etc || return
	mount --bind $LAB/etc /etc || return
	rm -f /etc/motd
	mount -t tmpfs -o mode=755 lab /var/log || return
	touch /var/log/wtmp /var/log/lastlog
	install -m 664 -g 43 /dev/null /run/utmp
	[ ! -d /var/lib/wtmpdb ] || mount -t tmpfs lab /var/lib/wtmpdb || return
	lab_dev || return
	python3 "$E2E/lab.py" syslog /dev/log >$LAB/syslog &
	wait_for 5 test -S /dev/log
}

# A /dev of the lab's own, for its /dev/log and terminals.
lab_dev() {
	local node

	mkdir $LAB/dev
	mount -t tmpfs -o mode=755 lab $LAB/dev || return
	for node in null zero full random urandom tty; do
		: >$LAB/dev/$node
		mount --bind /dev/$node $LAB/dev/$node
	done
	mkdir -m 1777 $LAB/dev/shm
	mkdir $LAB/dev/pts
	mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 lab $LAB/dev/pts || return
	ln -s pts/ptmx $LAB/dev/ptmx
	ln -s /proc/self/fd $LAB/dev/fd
	mount --rbind $LAB/dev /dev
}

# --- network: every host is on link with every other ----------------------------------------------

lab_network() {
	ip link set lo up
	ip link add switch type bridge forward_delay 0 mcast_snooping 0
	ip link set switch up
	lab_host server $SERVER $SERVER_B $SERVER6 2001:db8:51::8 &&
		lab_host client1 $CLIENT1 $CLIENT1_B $CLIENT1_6 2001:db8:113::6 &&
		lab_host client2 $CLIENT2 $CLIENT2_6 &&
		lab_host attacker $ATTACKER $ATTACKER6
}

# lab_host NAME ADDRESS...
lab_host() {
	local name=$1 address

	shift
	ip netns add "$name"
	ip link add "to-$name" type veth peer name eth0 netns "$name"
	ip link set "to-$name" master switch up
	on "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
		net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0 \
		net.ipv6.conf.eth0.accept_ra=0
	on "$name" ip link set lo up
	on "$name" ip link set eth0 up
	for address; do
		case $address in
		*:*) on "$name" ip address add "$address/128" dev eth0 nodad ;;
		*) on "$name" ip address add "$address/32" dev eth0 ;;
		esac
	done
	on "$name" ip route add default dev eth0 src "$(first_of . "$@")" &&
		on "$name" ip -6 route add default dev eth0 src "$(first_of : "$@")"
}

# first_of CHARACTER WORD...: the first word that has it
first_of() {
	local word

	for word in "${@:2}"; do
		[[ $word = *"$1"* ]] && echo "$word" && return
	done
}

# --- users ----------------------------------------------------------------------------------------

lab_users() {
	cat >/etc/passwd <<-END
		root:x:0:0:root:/root:/bin/bash
		nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
		sshd:x:61022:65534::/run/sshd:/usr/sbin/nologin
		moshgate:x:61000:61000::/nonexistent:/usr/sbin/nologin
		alice:x:$ALICE:$ALICE::$LAB/home/alice:/bin/bash
		bob:x:$BOB:$BOB::$LAB/home/bob:/bin/bash
	END
	cat >/etc/group <<-END
		root:x:0:
		tty:x:5:
		utmp:x:43:
		nogroup:x:65534:
		moshgate:x:61000:
		alice:x:$ALICE:
		bob:x:$BOB:
	END
	sed 's/:.*/:*:19000:0:99999:7:::/' /etc/passwd >/etc/shadow
	printf '%s: files\n' passwd group shadow >/etc/nsswitch.conf
	echo 'hosts: files' >>/etc/nsswitch.conf
	lab_user alice && lab_user bob
}

# A home with a key and a prompt that a test can wait for.
lab_user() {
	local home=$LAB/home/$1

	mkdir -p "$home/.ssh"
	ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$LAB/keys/$1"
	cp "$LAB/keys/$1.pub" "$home/.ssh/authorized_keys"
	echo "PS1='ready \\u\\$ '" >"$home/.bash_profile"
	chown -R "$1:$1" "$home"
}

# --- sshd -----------------------------------------------------------------------------------------

lab_sshd_start() {
	ssh-keygen -q -t ed25519 -N '' -f $LAB/keys/host
	echo "* $(cut -d' ' -f1,2 $LAB/keys/host.pub)" >$LAB/known_hosts
	lab_ssh_config >$LAB/ssh_config
	lab_sshd_config >$LAB/sshd_config
	lab_pam_stack >/etc/pam.d/sshd
	exec_on server "$(command -v sshd)" -D -e -f $LAB/sshd_config 2>$LAB/sshd.log &
	SSHD=$!
	wait_for 10 grep -qs 'listening on 0.0.0.0' $LAB/sshd.log
}

lab_sshd_config() {
	cat <<-END
		ListenAddress 0.0.0.0
		ListenAddress ::
		HostKey $LAB/keys/host
		PidFile none
		UsePAM yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		UseDNS no
		AcceptEnv LANG LC_*
		PrintMotd no
		MaxStartups 100
		Subsystem sftp internal-sftp
	END
}

lab_ssh_config() {
	cat <<-END
		Host *
		IdentityFile $LAB/keys/%r
		IdentitiesOnly yes
		UserKnownHostsFile $LAB/known_hosts
		GlobalKnownHostsFile none
		StrictHostKeyChecking yes
		BatchMode yes
		ControlPath none
		LogLevel ERROR
		SendEnv LANG LC_*
	END
}

# sshd's stack: what matters here of a distribution's, and our line where the README puts it.
lab_pam_stack() {
	echo 'account required pam_unix.so'
	echo 'session optional pam_loginuid.so'
	[ -z "$LAB_CGROUP" ] || lab_pam_cgroup
	[ "${LAB_MODULE:-}" = no ] ||
		echo "session optional $PAM_MOSHGATE socket=$LAB/run/session.sock timeout=500 debug"
	echo 'session required pam_env.so readenv=0 user_readenv=1'
	echo 'session required pam_permit.so'
}

# A step as pam_systemd's: the session's process, and so all that it starts, moves to a new cgroup.
lab_pam_cgroup() {
	cat >$LAB/cgroup <<-END
		#!/bin/sh
		[ "\$PAM_TYPE" = open_session ] || exit 0
		mkdir $LAB_CGROUP/login-\$PPID && echo \$PPID >$LAB_CGROUP/login-\$PPID/cgroup.procs
	END
	chmod 755 $LAB/cgroup
	echo "session required pam_exec.so quiet $LAB/cgroup"
}

# login HOST USER@ADDRESS [COMMAND...]: plain ssh
login() {
	on "$1" ssh -F $LAB/ssh_config "${@:2}" </dev/null
}

# login_open NAME HOST USER@ADDRESS [COMMAND]: plain ssh that says "logged in" (in $LAB/login.NAME), does the
# command and stays; its client is process $LOGIN
login_open() {
	rm -f "$LAB/login.$1" # of one before
	exec_on "$2" ssh -F $LAB/ssh_config "$3" "echo logged in; ${4:-:}; exec sleep 1000" \
		</dev/null >"$LAB/login.$1" 2>&1 &
	# shellcheck disable=SC2034 # for the tests
	LOGIN=$!
	wait_for 10 grep -qs 'logged in' "$LAB/login.$1"
}

# sshd has no connection left: also the last part of a login, the closing of its session, is over
logins_over() {
	! pgrep -P "$SSHD" >/dev/null
}
