"""What a knock costs before each mosh: from starting the client's program to the first answered datagram. moshgate has
none: mosh starts as without it, and part 1 tells what that takes."""

import base64
import os
import shutil
import subprocess
import time

import stage
from result import row

PORT = 60001
PROBE = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], int(sys.argv[2])))
s.settimeout(0.002)
while True:
    try:
        s.send(b"x")
        s.recv(10)
        break
    except OSError:
        pass
print(time.monotonic())
"""
# Closed but for what stands in a chain before that.
CLOSED = """*filter
:INPUT ACCEPT [0:0]
:{chain} - [0:0]
-A INPUT -j {chain}
-A INPUT -p udp --dport {port} -j DROP
COMMIT
"""
AGAIN_S = 2  # then whoever knocked in vain knocks again


class Daemon:
    """a program on the server that stays in the foreground, until the end of the block"""

    def __init__(self, *command):
        self.log = open(f"{stage.LAB}/knock.log", "w")
        self.process = subprocess.Popen(stage.on("server", *command), stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def until_open(knock):
    """ms from the knock to the first answer"""
    probe = subprocess.Popen(stage.on("client1", "python3", "-c", PROBE, stage.SERVER, PORT), stdout=subprocess.PIPE,
                             text=True)
    start_s = time.monotonic()
    while time.monotonic() - start_s < stage.PATIENCE_S:
        stage.run(stage.on("client1", *knock))
        try:
            return (float(probe.communicate(timeout=AGAIN_S)[0]) - start_s) * 1000
        except subprocess.TimeoutExpired:
            pass
    probe.kill()
    raise SystemExit(f"{knock[0]} opened nothing: {open(f'{stage.LAB}/knock.log').read()}")


def measure(chain, daemon, knock, count):
    """the first one is for the daemon to be there"""
    stage.run(stage.on("server", "iptables-restore"), CLOSED.format(chain=chain, port=PORT))
    taken = []
    with Daemon(*daemon):
        for _ in range(count + 1):
            stage.run(stage.on("server", "iptables", "-F", chain))
            taken.append(until_open(knock))
    return taken[1:]


def knockd(count):
    conf = f"{stage.LAB}/knockd.conf"
    stage.write(conf, f"""[options]
	logfile = {stage.LAB}/knockd.log
	interface = eth0
[open]
	sequence = 7000,8000,9000
	seq_timeout = 5
	tcpflags = syn
	command = /usr/sbin/iptables -I KNOCK -s %IP% -p udp --dport {PORT} -j ACCEPT
""")
    return measure("KNOCK", ["knockd", "-c", conf], ["knock", stage.SERVER, 7000, 8000, 9000], count)


def fwknop(count):
    key, mac = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    folder = f"{stage.LAB}/fwknop"
    os.mkdir(folder)
    stage.write(f"{folder}/access.conf",
                f"SOURCE ANY\nKEY_BASE64 {key}\nHMAC_KEY_BASE64 {mac}\nFW_ACCESS_TIMEOUT 3600\n", 0o600)
    stage.write(f"{folder}/fwknopd.conf", f"PCAP_INTF eth0;\nFWKNOP_RUN_DIR {folder};\nFWKNOP_PID_FILE {folder}/pid;\n"
                f"DIGEST_FILE {folder}/digests;\nFLUSH_IPT_AT_INIT N;\n", 0o600)
    daemon = ["fwknopd", "-f", "-c", f"{folder}/fwknopd.conf", "-a", f"{folder}/access.conf"]
    knock = ["fwknop", "-A", f"udp/{PORT}", "-a", stage.CLIENT, "-D", stage.SERVER, "--key-base64-rijndael", key,
             "--key-base64-hmac", mac, "--use-hmac"]
    return measure("FWKNOP_INPUT", daemon, knock, count)


def run(quick):
    rows = []
    answering = subprocess.Popen(stage.on("server", "python3", f"{stage.HERE}/../e2e/lab.py", "answer", stage.SERVER,
                                          PORT), stdout=subprocess.DEVNULL)
    for name, count_of in ("knockd", knockd), ("fwknopd", fwknop):
        if not shutil.which(name):
            continue
        rows.append(row("knock", f"{name}: from knock to open", "ms", count_of(5 if quick else 40)))
    stage.run(stage.on("server", "iptables-restore"), "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
    answering.kill()
    answering.wait()
    return rows
