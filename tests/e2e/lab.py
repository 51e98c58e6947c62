"""What the lab needs and a shell cannot do: datagrams, a syslog socket, times, nft's JSON."""

import contextlib
import ctypes
import errno
import json
import os
import re
import select
import socket
import struct
import sys
import time
from urllib.parse import unquote_to_bytes

PROBE_TTL = 77  # by which the server's counters know send()'s datagrams



def udp_socket(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, int(port)))
    return sock


def any_for(address):
    return "::" if ":" in address else "0.0.0.0"


def set_elements(table, name):
    """value and attributes of each element of the sets whose names begin so, in nft's JSON; the kernel may tell of one
    twice, while it makes a set smaller from which something was deleted"""
    for item in table["nftables"]:
        if item.get("set", {}).get("name", "").startswith(name):
            elements = {}
            for element in item["set"].get("elem", []):
                attributes = element.get("elem", {}) if isinstance(element, dict) else {}
                value = attributes.get("val", element)
                elements[str(value)] = value, attributes
            yield from elements.values()


def grants_of(table):
    return sorted(" ".join(map(str, value["concat"])) for value, _ in set_elements(table, "grants"))


def servers_of_guard(table):
    return sorted(value for value, _ in set_elements(table, "servers"))


def listed_of(grants):
    return sorted(f"{grant['addr']} {grant['server']} {grant['port']}" for grant in grants)


def grants():
    """nft's JSON on stdin: one line "CLIENT SERVER PORT" for each element of grants4 and grants6"""
    print(*grants_of(json.load(sys.stdin)), sep="\n")


def servers():
    """nft's JSON on stdin: the elements of the set of servers' ports"""
    print(*servers_of_guard(json.load(sys.stdin)), sep="\n")


def agree():
    """a line "ADDRESS PORT" for each mosh-server's socket, nft's JSON and moshgatectl's list on stdin"""
    lines = sys.stdin.read().splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("{"))
    sockets = {tuple(line.split()) for line in lines[:begin]}
    table, end = json.JSONDecoder().raw_decode("\n".join(lines[begin:]))
    open_to = grants_of(table)
    without = [key for key in open_to if not {tuple(key.split()[1:]), ("*", key.split()[2])} & sockets]
    listed = listed_of(json.loads("\n".join(lines[begin:])[end:]))
    print("sockets:", sockets, "servers:", servers_of_guard(table), "grants:", open_to, "listed:", listed)
    sys.exit(servers_of_guard(table) != sorted({int(port) for _, port in sockets}) or bool(without)
             or open_to != listed)


def elements_of_grants():
    """the key as text and the attributes of each element of the sets of grants"""
    for value, attributes in set_elements(json.load(sys.stdin), "grants"):
        yield " ".join(map(str, value["concat"])), attributes


def left(wanted):
    """nft's JSON on stdin: how many seconds the element "CLIENT SERVER PORT" still has"""
    print(*(element["expires"] for key, element in elements_of_grants() if key == wanted))


def listed():
    """moshgatectl's list on stdin: one line "CLIENT SERVER PORT" for each grant"""
    print(*listed_of(json.load(sys.stdin)), sep="\n")


AUDIT_VALUE = r'(?:"(?:[ !#-\[\]-~]|\\["\\]|\\x[0-9a-f]{2})*"|[A-Za-z0-9.:_+/@,%-]+)'
AUDIT_LINE = re.compile(rf"[a-z]+(?: [a-z]+={AUDIT_VALUE})*")


def audit_field(wanted):
    """audit lines on stdin, which have to be just that: of each the value of a field, without its escapes"""
    for line in sys.stdin.read().splitlines():
        if not AUDIT_LINE.fullmatch(line):
            sys.exit(f"no audit line: {line}")
        values = re.findall(rf" ([a-z]+)=({AUDIT_VALUE})", line)
        if len({key for key, _ in values}) != len(values):
            sys.exit(f"a key that is there twice: {line}")
        value = dict(values).get(wanted, "")
        if value.startswith('"'):
            value = re.sub(r"\\(?:x(..)|(.))", lambda m: chr(int(m[1], 16)) if m[1] else m[2], value[1:-1])
        sys.stdout.buffer.write(value.encode("latin-1") + b"\n")


def comments():
    """nft's JSON on stdin: "CLIENT SERVER PORT", the uid and the name in the comment of each element"""
    for key, element in elements_of_grants():
        if not re.fullmatch(r"[A-Za-z0-9.:_+/%= -]{1,127}", element["comment"]):
            sys.exit(f"no comment of ours: {element['comment']}")
        fields = dict(field.split("=", 1) for field in element["comment"].split()[1:])
        name = unquote_to_bytes(fields.get("n", ""))
        sys.stdout.buffer.write(f"{key} {int(fields['u'], 16)} ".encode() + name + b"\n")


def transactions():
    """every change of a ruleset from now on: its time and the name of the program that made it"""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
    sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
    sock.bind((0, 1 << 6))  # NFNLGRP_NFTABLES
    # Before the helper, whose answer would else stand to be read with what it answers.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    print("listening", flush=True)
    while True:
        data = sock.recv(1 << 17)
        now = time.time()
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            if kind == 0xA0F:  # NFT_MSG_NEWGEN, the end of a transaction
                print(f"{now:.6f} {attribute(data[20:length], 3)}", flush=True)  # NFTA_GEN_PROC_NAME
            data = data[(length + 3) & ~3 :]


def nft_commands():
    """libnftables in a program that stays: what does a command"""
    library = ctypes.CDLL("libnftables.so.1")
    library.nft_ctx_new.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    return lambda command: library.nft_run_cmd_from_buffer(context, command.encode())


def nft():
    """each line of stdin is a command"""
    run = nft_commands()
    for line in sys.stdin:
        run(line)


def churn():
    """a set of somebody else's is made, and then changed again and again"""
    run = nft_commands()
    run("add table inet lab-other; add set inet lab-other s { type inet_service; }")
    while True:
        run("add element inet lab-other s { 7 }")
        run("delete element inet lab-other s { 7 }")


def ends():
    """the time of each notice that a UDP socket has ended, from now on"""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)  # NETLINK_SOCK_DIAG
    sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
    sock.bind((0, 1 << 1 | 1 << 3))  # SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    print("listening", flush=True)
    while sock.recv(1 << 16):
        print(f"{time.time():.6f} ended", flush=True)


def attribute(data, wanted):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if kind & 0x3FFF == wanted:
            return data[4:length].rstrip(b"\0").decode()
        data = data[(length + 3) & ~3 :]
    return "-"


def servers_of(address, first, count):
    """stand-ins for so many mosh-servers, each a process of its own; they take their ports when they are free"""
    held, release = os.pipe()
    for port in range(int(first), int(first) + int(count)):
        if os.fork() == 0:
            os.close(release)
            os.read(held, 1)  # until the parent has ended: no mosh-server is the parent of another
            os.setsid()
            stand_in(address, port)
    print("MOSH CONNECT", first, flush=True)


def stand_in(address, port):
    """holds its login open until it has its port, but not for long if that is another's"""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 2)  # ECT(0), as mosh
    patience = 400
    while not is_bound(sock, address, port):
        patience -= 1
        if patience == 0:
            leave_terminal()
        time.sleep(0.0005)
    leave_terminal()
    select.select([], [], [])


def is_bound(sock, address, port):
    try:
        sock.bind((address, port))
    except OSError:
        return False
    return True


def leave_terminal():
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)


def open_and_close(first, last, count):
    """so many UDP sockets on ports of that range"""
    for i in range(int(count)):
        try:
            udp_socket("127.0.0.1", int(first) + i % (int(last) - int(first))).close()
        except OSError:
            pass


def create_files(folder, count):
    for i in range(int(count)):
        os.close(os.open(f"{folder}/file{i}", os.O_CREAT | os.O_WRONLY, 0o600))


def probing_socket(address):
    sock = udp_socket(any_for(address), 0)
    if ":" in address:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, PROBE_TTL)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, PROBE_TTL)
    return sock


def keep_sending(address, port, every_ms="2"):
    """a datagram each so many milliseconds"""
    sock = probing_socket(address)
    while True:
        sock.sendto(b"unsolicited", (address, int(port)))
        time.sleep(int(every_ms) / 1000)


def send(address, ports):
    """one datagram to each port FIRST[-LAST]; what comes back, ICMP included, is not looked at"""
    first, _, last = ports.partition("-")
    sock = probing_socket(address)
    for port in range(int(first), int(last or first) + 1):
        sock.sendto(b"unsolicited", (address, port))


def answer(address, port):
    """a server: every datagram gets "answer to" and itself back"""
    sock = udp_socket(address, port)
    print("listening", flush=True)
    while True:
        data, peer = sock.recvfrom(1500)
        sock.sendto(b"answer to " + data, peer)


def hold(port, address="0.0.0.0"):
    """a socket that only listens: prints what it gets, and from where"""
    sock = udp_socket(address, port)
    print("holding", os.getpid(), flush=True)
    while True:
        data, peer = sock.recvfrom(1500)
        print("got", data.decode(), "from", peer[0], flush=True)


def ask(port, address, server_port):
    """from our PORT send each line of stdin to a server; print everything that comes to PORT"""
    sock = udp_socket(any_for(address), port)
    print("asking", flush=True)
    while True:
        for ready in select.select([sock, sys.stdin], [], [])[0]:
            if ready is sock:
                data, peer = sock.recvfrom(1500)
                print("got", data.decode(), "from", peer[0], flush=True)
            else:
                line = os.read(0, 1500)
                if not line:
                    return
                sock.sendto(line.strip(), (address, int(server_port)))


def tell_message(message):
    """with its time in front, one a line"""
    text = message.rstrip(b"\0\n").decode(errors="backslashreplace")
    print(f"{time.time():.6f} {text!r}" if "\n" in text else f"{time.time():.6f} {text}", flush=True)


def syslog(path):
    """/dev/log; before the helper, which has told of a thing when that can be seen"""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    while True:
        tell_message(sock.recv(65536))


def syslog_stream(path):
    """the same as a stream, in which each message ends with a zero"""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    os.chmod(path, 0o666)
    listening.listen(64)
    parts = {listening: b""}
    while True:
        for sock in select.select(list(parts), [], [])[0]:
            if sock is listening:
                parts[sock.accept()[0]] = b""
                continue
            data = sock.recv(65536)
            *messages, parts[sock] = (parts[sock] + data).split(b"\0")
            for message in messages:
                tell_message(message)
            if not data:
                del parts[sock]
                sock.close()


def relay(path, server, go):
    """control requests to the helper's socket and back: one at once, the others when there is a file"""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    listening.listen(8)
    while True:
        caller, _ = listening.accept()
        with caller, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as helper:
            helper.connect(server)
            helper.sendall(caller.recv(1000))
            while answer := helper.recv(65536):
                caller.sendall(answer)
        print("relayed", flush=True)
        while not os.path.exists(go):
            time.sleep(0.002)


def kernel_log(path):
    """the kernel's messages that there are, each with its number in front"""
    kmsg = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    while True:
        try:
            head, text = os.read(kmsg, 8192).decode(errors="replace").split(";", 1)
            print(head.split(",")[1], text.split("\n")[0])
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass  # others have come in its place


def stamp():
    """stdin to stdout with the time in front of each line"""
    for line in iter(sys.stdin.readline, ""):
        print(f"{time.time():.6f} {line.strip()}", flush=True)


def flood(address, port, seconds):
    """one datagram after the other"""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, int(port)))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for _ in range(100):
            sock.send(b"flood")


def send_long(address, port):
    """one datagram that is in one piece, and one that is not"""
    sock = probing_socket(address)
    for length in (10, 4000):
        sock.sendto(b"l" * length, (address, int(port)))


def ask_itself(address, port):
    """from that port another one of the same address, which answers"""
    asking, answering = (socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2))
    place = socket.getaddrinfo(address, int(port), type=socket.SOCK_DGRAM)[0][4]
    asking.bind(place)
    answering.bind((place[0], 50777, *place[2:]))  # not one of the range
    asking.sendto(b"question", answering.getsockname())
    answering.sendto(b"answer", answering.recvfrom(100)[1])
    assert asking.recv(100) == b"answer"


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


def fragments(source, address, port, first="8"):
    """a datagram in two fragments, of which the first one ends before its UDP header, among headers of options"""
    text = b"fragment"
    udp = struct.pack("!HHHH", 4444, int(port), 8 + len(text), 0) + text
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, address)
    udp = udp[:6] + struct.pack("!H", checksum(ends + struct.pack("!II", len(udp), 17) + udp)) + udp[8:]
    # two of destination options (60), of 16 and of 8 bytes, with nothing but padding in them
    whole = bytes([60, 1, 0x1E, 12]) + bytes(12) + bytes([17, 0, 1, 4]) + bytes(4) + udp
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    identity = time.monotonic_ns() & 0xFFFFFFFF
    for at, data, has_more in ((0, whole[:int(first)], 1), (int(first), whole[int(first):], 0)):
        payload = struct.pack("!BBHI", 60, 0, at | has_more, identity) + data
        header = struct.pack("!IHBB", 6 << 28, len(payload), 44, 64)
        sock.sendto(header + ends + payload, (address, 0))


def ended(pid):
    """the time at which a process ends"""
    pidfd = os.pidfd_open(int(pid))
    print("watching", flush=True)
    select.select([pidfd], [], [])
    print(f"{time.time():.6f} ended", flush=True)


def unix_socket(path):
    """stream or sequenced packets, whichever is listened to there"""
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.setblocking(False)
        try:
            sock.connect(path)
            return sock
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
    raise ValueError(path)


def pass_on(session, control, *command):
    """become that command, with both sockets made for it and passed on, as systemd does"""
    os.umask(0)
    for fd, path, kind, mode in ((3, session, socket.SOCK_SEQPACKET, 0o600), (4, control, socket.SOCK_STREAM, 0o666)):
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind(path)
        os.chmod(path, mode)
        sock.listen(64)
        os.dup2(sock.detach(), fd)
    os.umask(0o077)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
    os.execvp(command[0], command)


def fill(path):
    """connect to a unix socket that nobody serves until its queue is full, and stay"""
    held = []
    try:
        while True:
            held.append(unix_socket(path))
    except BlockingIOError:
        print("full", len(held), flush=True)
    select.select([], [], [])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
