"""What the parts play on: the lab's hosts, a helper, the kernel's notices, PAM services, mosh in a terminal."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

LAB = "/run/lab"
SERVER, SERVER_B, CLIENT = "198.51.100.7", "198.51.100.8", "203.0.113.5"
BUILD = os.environ["top_builddir"]
HERE = os.path.dirname(os.path.abspath(__file__))
STAMPS = f"{LAB}/stamps"
STAND_IN = f"{LAB}/stand-in/mosh-server"
SSH = ["ssh", "-F", f"{LAB}/ssh_config"]
PATIENCE_S = 60


def program(name):
    return f"{BUILD}/tests/bench/{name}"


def on(host, *command):
    return ["nsenter", f"--net=/run/netns/{host}", "--", *map(str, command)]


def run(command, text=None):
    """what it prints; if it fails, so does the bench"""
    done = subprocess.run(command, input=text, stdin=None if text else subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def nft(host, commands):
    return run(on(host, "nft", "-f", "-"), commands)


def nft_json(host, *what):
    return json.loads(run(on(host, "nft", "-j", "list", *what)))["nftables"]


def wait_for(what, condition, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds} s for {what}")
        time.sleep(0.002)
    return result


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def set_up():
    """stand-ins for mosh-server, and a file that all of them can write to"""
    os.makedirs(os.path.dirname(STAND_IN), exist_ok=True)
    run(["install", "-m", "755", program("mosh-server"), STAND_IN])
    run(["install", "-m", "755", f"{BUILD}/tests/bench/.libs/bindtime.so", f"{LAB}/bindtime.so"])
    write(STAMPS, "", 0o666)


# --- the helper -----------------------------------------------------------------------------------


class Helper:
    """moshgated on a host; lines of configuration are of [gate] until one names a section"""

    def __init__(self, *lines, host="server"):
        conf = [f"[helper]\nuser = moshgate\nsession-socket = {LAB}/run/session.sock",
                f"control-socket = {LAB}/run/control.sock\nstate = {LAB}/run\n[gate]",
                f"server = /usr/bin/mosh-server {STAND_IN}", *lines]
        write(f"{LAB}/moshgate.conf", "\n".join(conf) + "\n")
        self.host = host
        self.log = open(f"{LAB}/helper.log", "a")
        self.process = subprocess.Popen(on(host, f"{BUILD}/moshgated", "-f", "-c", f"{LAB}/moshgate.conf"),
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        wait_for("the helper", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit(f"the helper ended: {open(self.log.name).read()[-2000:]}")
        return subprocess.run(on(self.host, f"{BUILD}/moshgatectl", "-s", f"{LAB}/run/control.sock", "logins"),
                              capture_output=True).returncode == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.log.close()

    def status(self, *names):
        """numbers of /proc/PID/status"""
        text = open(f"/proc/{self.pid}/status").read()
        return [int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1]) for name in names]

    def cpu_us(self):
        """the processor time that it has used; to the nanosecond, which /proc/PID/stat has not"""
        return int(open(f"/proc/{self.pid}/schedstat").read().split()[0]) / 1000

    def ctl(self, *arguments):
        return json.loads(run(on(self.host, f"{BUILD}/moshgatectl", "-s", f"{LAB}/run/control.sock", "--json",
                                 *arguments)))


def remove_guard(host="server"):
    nft(host, "add table inet moshgate; delete table inet moshgate")


def audit(event):
    """how many lines of that event there are in the helper's log so far"""
    return sum(f": {event} " in line for line in open(f"{LAB}/syslog"))


# --- what the kernel tells ------------------------------------------------------------------------


class Watch:
    """gatewatch's lines, as (ns, what, port, client), as they come; of tables or ends alone if that is said: what it
    hears, too, it hears before the helper"""

    def __init__(self, *only):
        self.events = []
        self.process = subprocess.Popen(on("server", program("gatewatch"), *only), stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            ns, what, *rest = line.split()
            self.events.append((int(ns), what, *map(int, rest[:1]), *rest[1:]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def since(self, start, what):
        return [event for event in self.events[start:] if event[1] == what]

    def wait(self, start, what, count, seconds=PATIENCE_S):
        """the events of that kind since the list was that long, when there are so many of them"""
        return wait_for(f"{count} times \"{what}\"",
                        lambda: len(found := self.since(start, what)) >= count and found, seconds)


def stamps(offset=0):
    """(what, port, ns) of the stand-ins' and bindtime's lines, from that offset on"""
    with open(STAMPS) as file:
        file.seek(offset)
        return [(what, int(port), int(ns)) for what, port, ns in map(str.split, file)]


def stamps_size():
    return os.path.getsize(STAMPS)


# --- PAM ------------------------------------------------------------------------------------------

# What people write today: the range, for whoever logs in; and, since the port is not known before, a look for it
# when the session closes.
SCRIPTS = {
    "range": """#!/bin/sh
PATH=/usr/sbin:/usr/bin
[ "$PAM_TYPE" = open_session ] || exit 0
nft add element inet script clients "{ $PAM_RHOST timeout 1h }"
""",
    "port": """#!/bin/sh
PATH=/usr/sbin:/usr/bin
[ "$PAM_TYPE" = close_session ] || exit 0
for pid in $(pgrep -u "$PAM_USER" -x mosh-server); do
	port=$(ss -Hulnp "sport >= :60000 and sport <= :61000" | sed -n "s/.*:\\([0-9]*\\) .*pid=$pid,.*/\\1/p")
	[ -z "$port" ] || nft add element inet script ports "{ $PAM_RHOST . $port timeout 1h }"
done
exit 0
""",
}
# The table that they need, closed without them.
SCRIPT_TABLE = """
add table inet script
delete table inet script
table inet script {
	set clients { type ipv4_addr; flags timeout; }
	set ports { type ipv4_addr . inet_service; flags timeout; }
	chain input {
		type filter hook input priority 0;
		udp dport 60000-61000 ip saddr @clients accept
		ip saddr . udp dport @ports accept
		udp dport 60000-61000 drop
	}
}
"""
MODULE = f"session optional {BUILD}/.libs/pam_moshgate.so socket={LAB}/run/session.sock\n"
GATES = {
    "none": "",
    "moshgate": MODULE,
    "range": f"session optional pam_exec.so quiet {LAB}/script.range\n",
    "port": f"session optional pam_exec.so quiet {LAB}/script.port\n",
}


def pam_services():
    """bench-none, bench-moshgate, bench-range and bench-port"""
    for name, text in SCRIPTS.items():
        write(f"{LAB}/script.{name}", text, 0o755)
    for name, line in GATES.items():
        write(f"/etc/pam.d/bench-{name}", line + "session required pam_permit.so\n")


def pam_sshd(gate, *more):
    """sshd's stack from now on, with more lines before the gate's: each login reads it anew"""
    lines = ["account required pam_unix.so", "session optional pam_loginuid.so", *more,
             GATES[gate] + "session required pam_permit.so"]
    write("/etc/pam.d/sshd.new", "\n".join(lines) + "\n")
    os.rename("/etc/pam.d/sshd.new", "/etc/pam.d/sshd")


def with_client(*command, address=CLIENT, **pipes):
    """a program that prints its port first: runs it on the server, with one connection from that client"""
    process = subprocess.Popen(on("server", *map(str, command)), stdout=subprocess.PIPE, text=True, **pipes)
    port = process.stdout.readline().strip()
    connect = f"""import socket
socket.create_connection(("{SERVER}", {port}), source_address=("{address}", 0)).recv(1)"""
    process.connection = subprocess.Popen(on("client1", "python3", "-c", connect), stdin=subprocess.DEVNULL)
    return process


def more_users(count):
    """crowd0 and so on, without a way to log in by ssh"""
    with open("/etc/passwd", "a") as passwd:
        for i in range(count):
            passwd.write(f"crowd{i}:x:{70000 + i}:{70000 + i}::/nonexistent:/bin/sh\n")


# --- ssh and mosh ---------------------------------------------------------------------------------


def ssh(command, user="alice"):
    return run(on("client1", *SSH, f"{user}@{SERVER}", command))


class Mosh:
    """a real mosh in a terminal: start, first_screen, leave"""

    def __init__(self, *arguments):
        self.start_s = time.monotonic()
        self.terminal, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            on("client1", "mosh", f"--ssh={' '.join(SSH)}", *arguments, f"alice@{SERVER}"),
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=dict(os.environ, TERM="xterm"))
        os.close(slave)
        self.seen = b""

    def until(self, text, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while text not in self.seen:
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit(f"mosh: no {text!r} after {seconds} s: {self.seen!r}")
            self.seen += os.read(self.terminal, 65536)

    def first_screen(self):
        """seconds from the start of mosh to the shell's prompt"""
        self.until(b"ready alice")
        return time.monotonic() - self.start_s

    def leave(self):
        os.write(self.terminal, b"exit\r")
        while self.process.poll() is None:
            if select.select([self.terminal], [], [], 0.05)[0]:
                try:
                    os.read(self.terminal, 65536)
                except OSError:
                    break
        self.process.wait()
        os.close(self.terminal)


def counted_drops():
    """of mosh's datagrams from the client, how many the gate dropped: by counters before and after it"""
    counts = {"before": 0, "after": 0}
    for item in nft_json("server", "table", "inet", "lab"):
        rule = item.get("rule")
        text = json.dumps(rule)
        if rule and f'"{CLIENT}"' in text and '"!="' in text:
            counts[rule["chain"]] += next(e["counter"]["packets"] for e in rule["expr"] if "counter" in e)
    return counts["before"] - counts["after"]


def kill_servers(which=signal.SIGTERM):
    subprocess.run(["pkill", f"-{int(which)}", "-x", "mosh-server"])
    wait_for("servers to end", lambda: subprocess.run(["pgrep", "-x", "mosh-server"],
                                                      capture_output=True).returncode != 0)
