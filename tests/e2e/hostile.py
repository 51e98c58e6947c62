"""What a hostile user of the server does: steps, one after the other, with "," between them.

    hostile.py name mosh-server , exec , bind ecn 198.51.100.7 60200-60209 , serve
"""

import array
import contextlib
import ctypes
import itertools
import os
import resource
import select
import signal
import socket
import struct
import sys
import time

CLONE_NEWUSER = 0x10000000
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
IP_PKTINFO = 8
IP_FREEBIND = 15
IPV6_FREEBIND = 78
IP_LOCAL_PORT_RANGE = 51  # since Linux 6.3
SO_TIMESTAMPNS = 35

sockets = []  # those that this process has bound
held = []  # connections that it leaves open


def say(*words):
    print(*words, flush=True)


# --- processes ------------------------------------------------------------------------------------


def name(text):
    """how ps shows this process; escapes as in Python"""
    ctypes.CDLL(None).prctl(PR_SET_NAME, text.encode().decode("unicode_escape").encode("latin-1"), 0, 0, 0)


def exec_():
    """what looks to others as if mosh-server were executed"""
    os.close(os.open("/usr/bin/mosh-server", os.O_RDONLY))


def fork():
    """the child goes on, its parent ends"""
    if os.fork() != 0:
        os._exit(0)
    os.setsid()


def brood(count):
    """so many children, of the same name"""
    for _ in range(int(count)):
        if os.fork() == 0:
            signal.pause()


def swarm(count):
    """the same steps from here on in so many processes that have no parent"""
    for number in range(int(count)):
        if os.fork() == 0:
            if os.fork() != 0:
                os._exit(0)
            os.setsid()
            os.environ["NUMBER"] = str(number)
            return
        os.wait()
    os._exit(0)


def crowd(count):
    """so many children that do nothing"""
    for _ in range(int(count)):
        if os.fork() == 0:
            signal.pause()
    say("crowded")


def subordinate():
    """root of a user namespace, in which there are the user's own uid and his subordinate ones, from 1 on"""
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER) != 0:
        sys.exit("no user namespace")
    say("unshared", os.getpid())
    while not open("/proc/self/gid_map").read():
        time.sleep(0.01)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def wait(path):
    while not os.path.exists(path):
        time.sleep(0.002)


def then(*words):
    say(*words)


# --- ports ----------------------------------------------------------------------------------------


def plain(sock, address):
    pass


def ecn(sock, address):
    """as mosh, which sets the same for IPv6"""
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 2)


def reuse(sock, address):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def device(sock, address):
    reuse(sock, address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")


def loopback(sock, address):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")


def v6only(sock, address):
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def free(sock, address):
    sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)


def new_socket(way, address):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    if sock.family == socket.AF_INET6 and way != "v6only":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    globals()[way](sock, address)
    return sock


def bind(way, address, ports):
    """every port of FIRST[-LAST] that can be had"""
    first, _, last = ports.partition("-")
    count = 0
    for port in range(int(first), int(last or first) + 1):
        sock = new_socket(way, address)
        try:
            sock.bind((address, port))
        except OSError:
            sock.close()
            continue
        sockets.append(sock)
        count += 1
    say("bound", way, address, ports, count)


def bind_own(way, address, first):
    """in a swarm: each its own port"""
    port = str(int(first) + int(os.environ["NUMBER"]))
    bind(way, address, port)


def snatch(way, address, port):
    """a port as soon as its owner leaves it"""
    sock = new_socket(way, address)
    say("snatching")
    while True:
        try:
            sock.bind((address, int(port)))
            break
        except OSError:
            pass
    sockets.append(sock)
    say(f"snatched {time.time():.6f}")


def loose(way, address, port):
    """the port as the kernel's own choice, which a socket can leave again without a close"""
    port, tries = int(port), 0
    while not sockets:
        sock = new_socket("plain", address)
        with contextlib.suppress(OSError):  # older kernels choose from all
            sock.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=HH", port, port))
        sock.bind((address, 0))
        tries += 1
        if sock.getsockname()[1] == port:
            sockets.append(sock)
    globals()[way](sockets[-1], address)
    if tries > 1:
        exec_()  # nobody looks for so long
    say("bound", way, address, port, 1)


def connect_to_nobody(sock):
    ctypes.CDLL(None).connect(sock.fileno(), bytes(16), 16)  # AF_UNSPEC


def move(port):
    """the last socket, to another port"""
    address = sockets[-1].getsockname()[0]
    connect_to_nobody(sockets[-1])
    sockets[-1].bind((address, int(port)))
    say("moved", port)


def move_to(address):
    """the last socket, to another address, with the same port"""
    port = sockets[-1].getsockname()[1]
    connect_to_nobody(sockets[-1])
    sockets[-1].bind((address, port))
    say("moved to", address)


def connect(address, port=9):
    """the last socket; one that is bound to any address leaves all but that one"""
    sockets[-1].connect((address, int(port)))
    say("connected to", address, port)


def disconnect():
    """and is back on all of them"""
    connect_to_nobody(sockets[-1])
    say("disconnected")


def close_late(address):
    """what was sent to an address where nobody is keeps the socket's end to itself for some seconds"""
    sockets[-1].sendto(b"x", (address, 9))
    sockets.pop().close()
    say("closed")


def close():
    while sockets:
        sockets.pop().close()
    say("closed")


def query(address, port, server, server_port):
    """each line of stdin to a server, from that port of that address; tells of what comes back"""
    sock = new_socket("plain", address)
    sock.bind((address, int(port)))
    say("asking")
    while True:
        for ready in select.select([sock, sys.stdin], [], [])[0]:
            if ready is sock:
                data, peer = sock.recvfrom(1500)
                say("got", data.decode(), "from", peer[0])
            else:
                line = os.read(0, 1500)
                if not line:
                    return
                sock.sendto(line.strip(), (server, int(server_port)))


def rebind(way, address, ports):
    """bind and close without end"""
    while True:
        bind(way, address, ports)
        close()


def bind_as(uid, way, address, port):
    """in that user namespace"""
    os.seteuid(uid)
    sock = new_socket(way, address)
    os.seteuid(0)
    sock.bind((address, port))
    sockets.append(sock)


def many_uids(way, address, first, count, seconds):
    """as many sockets, each of its own uid, and as if a mosh-server were executed; for so long, without end"""
    for turn in itertools.count():
        for number in range(int(count)):
            bind_as(1 + number, way, address, int(first) + number)
            if number == 0:
                exec_()
        exec_()
        if turn == 0:
            say("bound", count)
        time.sleep(float(seconds))
        while sockets:
            sockets.pop().close()


def server_of_uid(uid, way, address, port):
    """a process that looks like that uid's mosh-server, with sockets that come and go"""
    os.setresuid(uid, uid, uid)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    name("mosh-server")
    while True:
        sock = new_socket(way, address)
        sock.bind((address, port))
        time.sleep(1)
        sock.close()


def many_servers(way, address, first, count):
    """one for each of so many uids"""
    for number in range(int(count)):
        if os.fork() == 0:
            server_of_uid(1 + number, way, address, int(first) + number)
    say("serving", count)
    while True:
        exec_()
        time.sleep(0.4)


def tell(address, port):
    sockets[0].sendto(b"hello", (address, int(port)))


def tell_as(source, address, port):
    """from another of the host's addresses than the one that it is bound to"""
    packet_info = struct.pack("=i4s4s", 0, socket.inet_aton(source), bytes(4))
    sockets[0].sendmsg([b"hello"], [(socket.IPPROTO_IP, IP_PKTINFO, packet_info)], 0, (address, int(port)))


def forge(source, address, port):
    """sends as if it came from there; the kernel asks nobody over IPv6 whose an address is"""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        sock.bind((source, 0))
        sock.sendto(b"forged", (address, int(port)))


def serve():
    """tells of every datagram, and when it came"""
    say("serving")
    while True:
        for sock in select.select(sockets, [], [])[0]:
            data, [(_, _, stamp)], _, peer = sock.recvmsg(1500, 64)
            seconds, ns = struct.unpack("@2l", stamp)
            say(f"{seconds}.{ns // 1000:06} got", data.decode(), "at", sock.getsockname()[1], "from", peer[0])


# --- passing sockets on ---------------------------------------------------------------------------


def give(path):
    """the first socket to whoever comes to that path, who has it then too"""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    os.chmod(path, 0o666)
    listening.listen()
    say("giving")
    peer = listening.accept()[0]
    socket.send_fds(peer, [b"x"], [sockets[0].fileno()])
    peer.recv(1)
    say("given")


def take(path):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    while peer.connect_ex(path) != 0:
        time.sleep(0.002)
    fds = socket.recv_fds(peer, 1, 1)[1]
    sockets.append(socket.socket(fileno=fds[0]))
    peer.send(b"x")
    say("taken")


# --- as root, what sshd would not let happen ------------------------------------------------------


def unescaped(text):
    return text.encode("latin-1", "surrogateescape").decode("unicode_escape").encode("latin-1")


def packed(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address).ljust(16, b"\0")


def session_message(uid, client, server, user, auth):
    families = [6 if ":" in address else 4 for address in (client, server)]
    head = struct.pack("<HHIBBxx", 1, 1, int(uid), *families)
    return head + struct.pack("16s16s256s3796s", packed(client), packed(server), unescaped(user), unescaped(auth))


def opens(path, uid, client, server, user, auth):
    """a login by that name, which lasts as long as this process"""
    held.append(connected(path, socket.SOCK_SEQPACKET))
    held[-1].send(session_message(uid, client, server, user, auth))
    say("answered", struct.unpack("<HH", held[-1].recv(5))[1])


def closes(path):
    """the login's end, of which the module waits for no answer"""
    sock = connected(path, socket.SOCK_SEQPACKET)
    sock.send(struct.pack("<HH4092x", 1, 2))
    sock.close()
    say("closed")


def child(uid):
    """the rest is done by a child, as that user"""
    if os.fork() != 0:
        signal.pause()
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))


# --- the helper's own sockets ---------------------------------------------------------------------


def connected(path, kind=socket.SOCK_STREAM):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.connect(path)
    return sock


def answer_to(sock):
    """the helper's word, or what became of the connection"""
    sock.settimeout(10)
    try:
        data = sock.recv(5)
    except ConnectionResetError:
        return "reset"
    return struct.unpack("<HH", data[:4])[1] if len(data) >= 4 else "nothing"


def changed(message, at, *values):
    return message[:at] + bytes(values) + message[at + len(values) :]


def wrong_sessions(path):
    """every kind of message that is none: a line with the answer to each"""
    good = session_message(61001, "203.0.113.5", "198.51.100.7", "alice", "password")
    close_ = struct.pack("<HH4092x", 1, 2)
    six = session_message(61001, "2001:db8::1", "2001:db8::2", "alice", "")
    for what, message in (
        ("version-0", changed(good, 0, 0)),
        ("version-2", changed(good, 0, 2)),
        ("version-257", changed(good, 1, 1)),
        ("version-2-alone", b"\2\0"),
        ("type-0", changed(good, 2, 0)),
        ("type-3", changed(good, 2, 3)),
        ("type-257", changed(good, 3, 1)),
        ("close-with-more", changed(good, 2, 2)),
        ("close-with-last-byte", changed(close_, 4095, 1)),
        ("no-user-id", changed(good, 4, 255, 255, 255, 255)),
        ("family-0", changed(good, 8, 0)),
        ("family-5", changed(good, 8, 5)),
        ("families-differ", changed(good, 9, 6)),
        ("reserved-1", changed(good, 10, 1)),
        ("reserved-2", changed(good, 11, 1)),
        ("client-any", changed(good, 12, 0, 0, 0, 0)),
        ("client-padded", changed(good, 27, 1)),
        ("client-mapped", changed(six, 12, *[0] * 10, 255, 255, 1, 2, 3, 4)),
        ("server-any", changed(good, 28, 0, 0, 0, 0)),
        ("server-padded", changed(good, 43, 1)),
        ("user-empty", changed(good, 44, *[0] * 5)),
        ("user-endless", changed(good, 44, *[65] * 256)),
        ("user-in-two", changed(good, 44 + 200, 65)),
        ("auth-endless", changed(good, 300, *[65] * 3796)),
        ("auth-in-two", changed(good, 4095, 65)),
        ("length-0", b""),
        ("length-1", good[:1]),
        ("length-half", good[:2048]),
        ("length-less-1", good[:4095]),
        ("length-and-1", good + b"\0"),
        ("length-64k", good + bytes(61440)),
        ("random", b"\1\0" + os.urandom(4094)),
    ):
        sock = connected(path, socket.SOCK_SEQPACKET)
        sock.send(message)
        say(what, answer_to(sock))
        sock.close()


def dies(path, count):
    """peers that end before, in and after their message; the messages name a user, so that one sees who is heard"""
    good = session_message(61002, "203.0.113.9", "198.51.100.7", "bob", "")
    for number in range(int(count)):
        pid = os.fork()
        if pid == 0:
            sock = connected(path, socket.SOCK_SEQPACKET)
            if number % 3:
                sock.send(good if number % 3 == 1 else good[:100])
            os._exit(0)
        os.waitpid(pid, 0)
    say("died", count)


def pass_with_session(path, count):
    """messages that bring descriptors along"""
    null = os.open(os.devnull, os.O_RDONLY)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 100))]
    for number in range(int(count)):
        sock = connected(path, socket.SOCK_SEQPACKET)
        sock.sendmsg([struct.pack("<HH4092x", 1, 2 if number % 2 else 9)], rights)
        answer_to(sock)
        sock.sendmsg([b"more"], rights) if number % 3 == 0 and not is_gone(sock) else None
        held.append(sock)
    say("passed", count)


def is_gone(sock):
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


def wrong_requests(path):
    """the same for the control socket"""
    good = struct.pack("<HH28x", 1, 2)
    revoke = struct.pack("<HHIBBH16s4x", 1, 4, 0, 0, 0, 0, bytes(16))
    for what, message in (
        ("version-0", changed(good, 0, 0)),
        ("version-2", changed(good, 0, 2)),
        ("version-257", changed(good, 1, 1)),
        ("type-0", changed(good, 2, 0)),
        ("type-10", changed(good, 2, 10)),
        ("type-258", changed(good, 3, 1)),
        ("list-with-uid", changed(good, 4, 1)),
        ("list-with-family", changed(good, 8, 4)),
        ("list-with-port", changed(good, 10, 1)),
        ("list-with-end", changed(good, 31, 1)),
        ("revoke-family-5", changed(revoke, 8, 5)),
        ("revoke-flag-2", changed(revoke, 9, 2)),
        ("revoke-uid-without-flag", changed(revoke, 4, 1)),
        ("revoke-client-padded", changed(revoke, 8, 4, 0, 0, 0, 1, 2, 3, 4, 5)),
        ("revoke-reserved", changed(revoke, 28, 1)),
        ("revoke-end", changed(revoke, 31, 1)),
        ("pending-of-somebody", changed(changed(good, 2, 8), 8, 4, 0, 0, 0, 203, 0, 113, 5)),
        ("allow-nobody", changed(good, 2, 9)),
        ("allow-anybody", changed(changed(good, 2, 9), 8, 4)),
        ("allow-for-somebody", changed(changed(good, 2, 9), 8, 4, 1, 0, 0, 203, 0, 113, 5)),
        ("random", b"\1\0" + os.urandom(30)),
        ("length-0", b""),
        ("length-1", good[:1]),
        ("length-31", good[:31]),
        ("length-2-version-2", b"\2\0"),
    ):
        sock = connected(path)
        sock.send(message)
        sock.shutdown(socket.SHUT_WR)
        say(what, answer_to(sock))
        sock.close()


def drip(path):
    """a request byte by byte, as slowly as it may be"""
    sock = connected(path)
    begin = time.time()
    for byte in struct.pack("<HH28x", 1, 1):
        if is_gone(sock):
            break
        sock.send(bytes([byte]))
        time.sleep(0.4)
    say(f"dripped {time.time() - begin:.1f} {answer_to(sock)}")


def unread(path):
    """watches, and reads nothing"""
    for _ in range(8):
        held.append(connected(path))
        held[-1].send(struct.pack("<HH28x", 1, 5))
    say("watching")
    signal.pause()


def talk(path):
    """says something without end where it only watches"""
    sock = connected(path)
    sock.send(struct.pack("<HH28x", 1, 6))
    sock.recv(4)
    say("watching")
    try:
        while True:
            sock.send(bytes(65536))
    except OSError:
        say("hung up on")


def many_watch(path, count):
    """as many connections as each of so many uids can have, to watch"""
    for number in range(int(count)):
        os.seteuid(1 + number)
        for _ in range(16):
            try:
                sock = connected(path)
                sock.send(struct.pack("<HH28x", 1, 5))
                held.append(sock)
            except OSError:
                pass
        os.seteuid(0)
    say("watching")
    signal.pause()


def hang_on(path, count, kind="stream"):
    """so many connections that say nothing, hung up on or not"""
    kind = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_SEQPACKET
    for _ in range(int(count)):
        held.append(connected(path, kind))
    say("holding", len(held))


def ask_all(go):
    """a request of another version on all of hang_on's connections at once, when there is a file go"""
    while not os.path.exists(go):
        time.sleep(0.01)
    for sock in held:
        sock.send(struct.pack("<HH28x", 2, 1))
    say("asked")
    for sock in held:
        while sock.recv(65536):
            pass
    say("answered")


def dial(path, kind="stream"):
    """connect and hang up without end"""
    kind = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_SEQPACKET
    say("dialling")
    while True:
        try:
            connected(path, kind).close()
        except OSError:
            time.sleep(0.0001)


def ask(path, kind):
    """the same control request without end, by eight connections at a time; answers are read"""
    request = struct.pack("<HH28x", 1, int(kind))
    say("asking")
    while True:
        peers = []
        for _ in range(8):
            try:
                peers.append(connected(path))
                peers[-1].send(request)
            except OSError:
                pass
        for peer in peers:
            try:
                while peer.recv(65536):
                    pass
            except OSError:
                pass
            peer.close()


def chatter(path):
    """requests that are wrong in every way, without end"""
    say("chattering")
    for number in itertools.count():
        kind = number % 5
        sock = None
        try:
            sock = connected(path)
            if kind == 0:
                sock.send(os.urandom(32))
            elif kind == 1:
                sock.send(struct.pack("<HH28x", 1, 77))
            elif kind == 2:
                sock.send(struct.pack("<HH28x", 2, 1))
            elif kind == 3:
                sock.send(b"\1\0")
            else:
                sock.send(struct.pack("<HH28x", 1, 6))
                sock.recv(4)
        except OSError:
            pass
        if sock:
            sock.close()


def pass_fds(path, count):
    """requests that bring descriptors along, before, with and behind what is asked"""
    null = os.open(os.devnull, os.O_RDONLY)
    request = struct.pack("<HH28x", 1, 1)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 100))]
    passed = answers = 0
    for number in range(int(count)):
        sock = connected(path)
        at = (0, 4, 31, 32)[number % 4]
        if at:
            sock.send(request[:at])
        with contextlib.suppress(BrokenPipeError):  # behind the request it may be too late
            passed += sock.sendmsg([request[at:] or b"more"], rights) > 0
        answers += len(sock.recv(4)) == 4
        if number % 3:
            held.append(sock)
        else:
            sock.close()
    say("passed", passed, "answered", answers)


def stay():
    say("staying")
    signal.pause()


def main(words):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for is_end, step in itertools.groupby(words, lambda word: word == ","):
        if not is_end:
            verb, *rest = step
            globals()["exec_" if verb == "exec" else verb](*rest)


if __name__ == "__main__":
    main(sys.argv[1:])
