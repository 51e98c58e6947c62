"""What the lab needs and a shell cannot do: datagrams, a syslog socket, times, nft's JSON."""

import errno
import json
import os
import select
import socket
import sys
import time

PROBE_TTL = 77  # by which the server's counters know send()'s datagrams



def udp_socket(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, int(port)))
    return sock


def any_for(address):
    return "::" if ":" in address else "0.0.0.0"


def set_elements(name):
    for item in json.load(sys.stdin)["nftables"]:
        if item.get("set", {}).get("name", "").startswith(name):
            for element in item["set"].get("elem", []):
                yield element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element


def grants():
    """nft's JSON on stdin: one line "CLIENT SERVER PORT" for each element of grants4 and grants6"""
    print(*sorted(" ".join(map(str, value["concat"])) for value in set_elements("grants")), sep="\n")


def servers():
    """nft's JSON on stdin: the elements of the set of servers' ports"""
    print(*sorted(set_elements("servers")), sep="\n")


def send(address, ports):
    """one datagram to each port FIRST[-LAST]; what comes back, ICMP included, is not looked at"""
    first, _, last = ports.partition("-")
    sock = udp_socket(any_for(address), 0)
    if ":" in address:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, PROBE_TTL)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, PROBE_TTL)
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


def syslog(path):
    """/dev/log: every message with its time in front, one a line"""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    while True:
        text = sock.recv(65536).rstrip(b"\0\n").decode(errors="backslashreplace")
        print(f"{time.time():.6f} {text!r}" if "\n" in text else f"{time.time():.6f} {text}", flush=True)


def stamp():
    """stdin to stdout with the time in front of each line"""
    for line in iter(sys.stdin.readline, ""):
        print(f"{time.time():.6f} {line.strip()}", flush=True)


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
