"""Every call of the helper's that can fail is made to fail, one in each run, by tests/moshgated_fail.

A run has a helper with an earlier one's grant and login, and takes it through all that it is for. When it
serves on, all has to be as without the failure; when it ends, then with a reason, and the next helper puts
things right. Of a call there may be many occurrences in a run, and it may fail in several ways.
"""

import collections
import ctypes
import fcntl
import functools
import json
import mmap
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

PROGRAM, BASE = sys.argv[1:3]
RUN = f"{BASE}/run"
SERVER = "198.51.100.7"
ALICE = 61001
HELD, STARTED, UNSEEN, FOREIGN = 60001, 60002, 60003, 60009  # ports
PATIENCE = 10.0  # seconds until what has to come has failed to
LOGIN_PATIENCE = 8.0  # until a login has been held up; the module would have given up long before, but for a busy machine

ORDER = struct.Struct("=QIIIIIIII")  # tests/fail/force.h
DEPTH = 12
RECORD = struct.Struct(f"=QII{DEPTH}I32s")
RECORDS = 4096

DONE, NOTHING, FAILED = 0, 4, 5  # helper/wire.h
STATUS, LIST, LOGINS, REVOKE, WATCH, RELOAD, DIAGNOSE, PENDING = 1, 2, 3, 4, 5, 6, 7, 8

BAD = re.compile(rb"Sanitizer|runtime error:|Assertion|stack smashing|buffer overflow")
LINE = re.compile(rb"^moshgated(?:\[\d+\])?: (.*)$", re.M)
# What is no reason to end: events, what becomes of the guard meanwhile (fallback.c), and what is said by a helper that goes
# on, as one in the background may when the process that started it has ended.
NO_REASON = re.compile(rb"(start|stop|guard|login|logout|grant|revoke|deny|limit)( [a-z]+=|$)|UDP [0-9-]+ is closed to everybody"
                       rb"|the guard of the last moshgated stays|table \S+ |descriptors: |no real-time priority: "
                       rb"|this kernel has no Landlock|login of |user \S+ has |\d+ files of logins|the journal: |not reloaded: "
                       rb"|the service manager cannot be told|the ruleset cannot be looked at|\S+ cannot be watched"
                       rb"|notices of closed sockets: |(session|control) socket: |conntrack = no|somebody keeps changing "
                       rb"|nftables takes the guard only ")

# How often a call is waited for after five runs, each time in a world that has just begun; and those that need not come
# even then. Whether something is settled at once, by a timer or with what happens next is for the time to decide that all
# else takes (loop.c), and so is what is left to find for the look when a login ends (session.c), and whether a look comes
# between a socket's end and the notice of it (search.c).
AGAIN = 10
BY_CHANCE = re.compile(r"(^\S+|<) ((on_settle|plan_gathering) loop|on_logout session|ask_for_missing search)\.c:")

# What a kernel answers that has no Landlock, or has it off: ways of that call to fail (tests/fail/calls.c).
NO_LANDLOCK = {("landlock_version", 0), ("landlock_version", 1)}
# Some of what confines the helper; there has to be a way to each.
CONFINING = ("capng_change_id", "landlock_version", "seccomp_load", "setrlimit")

# How a helper ended, and what it had said.
End = collections.namedtuple("End", "result output")


class Fault(Exception):
    """The helper did what it may not."""


class Late(Fault):
    """What has to come does not come."""


class Ended(Exception):
    """The helper has ended, as it may."""


# --- the kernel's side ----------------------------------------------------------------------------------


class Nft:
    """libnftables, in place of a process for each question"""

    def __init__(self):
        self.library = ctypes.CDLL("libnftables.so.1")
        self.library.nft_ctx_new.restype = ctypes.c_void_p
        self.library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
        self.context = ctypes.c_void_p(self.library.nft_ctx_new(0))
        self.library.nft_ctx_buffer_output(self.context)
        self.library.nft_ctx_buffer_error(self.context)
        self.library.nft_ctx_output_set_flags(self.context, 1 << 4)  # JSON

    def run(self, commands):
        """the output, None if it was refused"""
        result = self.library.nft_run_cmd_from_buffer(self.context, commands.encode())
        output = self.library.nft_ctx_get_output_buffer(self.context)
        return output if result == 0 else None

    def sets(self):
        """the keys of all grants, and the ports of servers; None without a guard"""
        output = self.run("list table inet moshgate")
        if not output:
            return None
        grants, servers = set(), set()
        for item in json.loads(output)["nftables"]:
            for element in item.get("set", {}).get("elem", []):
                value = element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element
                if item["set"]["name"] == "servers":
                    servers.add(value)
                else:
                    grants.add(tuple(value["concat"]))
        return grants, servers

    def has_guard(self):
        output = self.run("list table inet moshgate") or b""
        return b'"jump"' in output and output.count(b'"drop"') >= 2


def stay(pipe):
    """until the parent closes its end"""
    os.read(pipe, 1)
    os._exit(0)


class Process:
    """a child that does something, says so, and stays until told"""

    def __init__(self, work, *arguments):
        theirs, self.orders = os.pipe()
        self.answers, ours = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.orders)
            os.close(self.answers)
            try:
                work(theirs, ours, *arguments)
            finally:
                os._exit(1)
        os.close(theirs)
        os.close(ours)

    def answer(self, patience):
        if not select.select([self.answers], [], [], patience)[0]:
            return "late"
        return os.read(self.answers, 100).decode() or "gone"

    def end(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.orders)
            os.close(self.answers)
        self.pid = 0


def hold_port(orders, answers, name, port):
    """as mosh-server: alice's, with its name and ECN mark"""
    os.setgid(ALICE)
    os.setuid(ALICE)
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if name == "mosh-server":
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 2)
    sock.bind((SERVER, port))
    os.write(answers, b"bound")
    stay(orders)


def ask_session(message):
    """as the module: one request, one answer"""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(LOGIN_PATIENCE + 1)
    sock.connect(f"{RUN}/session.sock")
    sock.send(message)
    answer = sock.recv(16)
    return struct.unpack("<HH", answer)[1] if len(answer) == 4 else "hung up"


def try_session(message):
    try:
        return str(ask_session(message))
    except socket.timeout:
        return "late"
    except OSError:
        return "hung up"


def log_in(orders, answers, client):
    """as sshd's process: registers itself, and its end when told"""
    opening = struct.pack("<HHIBBH4s12x4s12x256s", 1, 1, ALICE, 4, 4, 0, socket.inet_aton(client),
                          socket.inet_aton(SERVER), b"alice")
    os.write(answers, try_session(opening.ljust(4096, b"\0")).encode())
    if os.read(orders, 1):
        os.write(answers, try_session(struct.pack("<HH", 1, 2).ljust(4096, b"\0")).encode())
    stay(orders)


class Login(Process):
    def __init__(self, client):
        super().__init__(log_in, client)
        self.client = client
        try:
            self.is_known = self.waits("opening") == str(DONE)
        except Fault:
            self.end()
            raise

    def waits(self, what):
        answer = self.answer(LOGIN_PATIENCE)
        if answer == "late":
            raise Late(f"a login waits at its {what}")
        return answer

    def close(self):
        os.write(self.orders, b"c")
        self.waits("close")


def mosh_server(port, name="mosh-server"):
    process = Process(hold_port, name, port)
    if process.answer(PATIENCE) != "bound":
        raise Fault(f"port {port} is not free: the test is wrong")
    return process


# --- the helper -----------------------------------------------------------------------------------------


class Manager:
    """a service manager that has made the sockets and passes them on, as systemd does"""

    SOCKETS = {"session.sock": socket.SOCK_SEQPACKET, "control.sock": socket.SOCK_STREAM}
    # The process number is the helper's own only when it is executed.
    START = 'exec 3<&$1- 4<&$2-; shift 2; LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'

    def __init__(self):
        self.fds = []

    def listen(self):
        self.end()
        os.makedirs(RUN, exist_ok=True)
        for name, kind in self.SOCKETS.items():
            with socket.socket(socket.AF_UNIX, kind) as sock:
                sock.bind(f"{RUN}/{name}")
                sock.listen(64)
                self.fds.append(fcntl.fcntl(sock, fcntl.F_DUPFD, 100))  # in nobody's way
        self.inodes = self.look()

    def look(self):
        return [os.path.exists(f"{RUN}/{name}") and os.stat(f"{RUN}/{name}").st_ino for name in self.SOCKETS]

    def is_untouched(self):
        return self.look() == self.inodes

    def command(self, command):
        return ["bash", "-c", self.START, "manager", *map(str, self.fds), *command]

    def end(self):
        while self.fds:
            os.close(self.fds.pop())


class Helper:
    def __init__(self, forced=None, options=("-f",), manager=None):
        environment = dict(os.environ, NOTIFY_SOCKET=f"{BASE}/notify")
        environment.pop("FORCED", None)
        if forced:
            environment["FORCED"] = forced
        self.manager = manager
        self.log = open(f"{BASE}/log", "w+b")
        status = os.stat(os.devnull)
        environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"  # as if its output were the journal's
        command = [PROGRAM, *options, "-c", f"{BASE}/moshgate.conf"]
        self.process = subprocess.Popen(manager.command(command) if manager else command, env=environment,
                                        pass_fds=manager.fds if manager else (), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.log)

    def has_ended(self):
        return self.process.poll() is not None

    def ends_within(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_for(self, what, condition, patience=PATIENCE):
        end = time.monotonic() + patience
        while not condition():
            if self.has_ended():
                raise Ended
            if time.monotonic() > end:
                raise Late(f"not so: {what}")
            time.sleep(0.002)

    def connect(self, request, port=0):
        """an answer and text, or None when hung up on"""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(PATIENCE)
        sock.connect(f"{RUN}/control.sock")
        sock.send(struct.pack("<HHIBBH20x", 1, request, 0, 0, 0, port))
        return sock

    def try_control(self, request, port=0):
        text = b""
        try:
            with self.connect(request, port) as sock:
                while part := self.receive(sock):
                    text += part
        except socket.timeout:
            raise Late(f"no answer to control request {request}") from None
        except OSError:
            return None
        if len(text) < 4:
            return None
        return struct.unpack("<HH", text[:4])[1], json.loads(text[4:]) if len(text) > 4 else None

    def receive(self, sock):
        """In a manager's socket one would wait for the next helper."""
        end = time.monotonic() + PATIENCE
        sock.setblocking(False)
        while not select.select([sock], [], [], 0.05)[0]:
            if self.manager and self.has_ended():
                return b""
            if time.monotonic() > end:
                raise socket.timeout
        return sock.recv(65536)

    def control(self, request, port=0):
        """what was answered at last, and whether a try before that had failed"""
        for is_again in (False, True):
            answer = self.try_control(request, port)
            if answer and answer[0] in (DONE, NOTHING):
                return answer[0], answer[1], is_again
            if self.ends_within(5 if is_again else 0.1):
                raise Ended
        raise Fault(f"control request {request} fails twice: {answer}")

    def watch(self):
        """whoever is hung up on does without"""
        try:
            return self.connect(WATCH)
        except OSError:
            return None

    def is_ready(self):
        answer = self.try_control(LOGINS)
        return answer is not None and answer[0] == DONE

    def listed(self):
        return {(g["addr"], g["server"], g["port"]) for g in self.control(LIST)[1]}

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def executed(self):
        return os.readlink(f"/proc/{self.process.pid}/exe")

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        if not self.has_ended():
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Fault("it does not stop") from None

    def kill(self):
        if not self.has_ended():
            self.process.kill()
            self.process.wait()
        self.log.close()


# --- one run --------------------------------------------------------------------------------------------


class World:
    """what is outside of the helper, and what should come of it"""

    def __init__(self):
        self.nft = Nft()
        self.round = 0
        self.fds = None
        self.held = self.home = self.foreign = self.manager = None
        self.is_lost = self.is_home_lost = False
        self.executed = None  # the program itself, where another one has executed it
        self.processes = []
        os.makedirs(BASE, exist_ok=True)
        self.program = f"{BASE}/mosh-server"
        open(self.program, "w").close()
        with open(f"{BASE}/moshgate.conf", "w") as file:
            file.write(f"[helper]\nuser = moshgate\nsession-socket = {RUN}/session.sock\n"
                       f"control-socket = {RUN}/control.sock\nstate = {RUN}\n"
                       f"[gate]\nserver = {self.program}\npending = yes\n[firewall]\nconntrack = no\n")
        os.makedirs(f"{BASE}/moshgate.conf.d", exist_ok=True)
        with open(f"{BASE}/moshgate.conf.d/more.conf", "w") as file:
            file.write("[gate]\nclaim = 1h\n")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{BASE}/notify")
        self.notify.setblocking(False)

    def begin(self):
        """a login at home with a mosh-server that has its grant, from an earlier helper"""
        self.foreign = self.foreign or mosh_server(FOREIGN, "other")
        if self.manager:
            self.manager.listen()
        helper = self.start()
        try:
            helper.wait_for("the helper is there", helper.is_ready)
            self.executed = helper.executed()
            self.home = Login("127.0.1.1")
            self.execute()
            self.held = mosh_server(HELD)
            self.wanted, self.ports = {("127.0.1.1", SERVER, HELD)}, {HELD}
            self.wait_agreed(helper, "the first grant")
            if helper.stop() != 0:
                raise Fault("it does not stop well: " + helper.output().decode())
        finally:
            helper.kill()

    def start(self, forced=None):
        return Helper(forced, manager=self.manager)

    def reset(self):
        """all as before begin()"""
        self.clear()
        for process in (self.home, self.held):
            if process:
                process.end()
        self.home = self.held = None
        self.is_lost = self.is_home_lost = False
        self.nft.run("flush ruleset")
        subprocess.run(["rm", "-rf", RUN], check=True)

    def clear(self):
        for process in self.processes:
            process.end()
        self.processes = []

    def execute(self):
        os.close(os.open(self.program, os.O_RDONLY))
        time.sleep(0.015)  # mosh-server takes some ms as well; the helper has to look more than once

    def is_agreed(self, helper):
        """The kernel first: asking the helper makes it compare."""
        sets = self.nft.sets()
        if sets is None:
            return False
        self.check_no_more(sets[0])
        return sets == (self.wanted, self.ports) and helper.listed() == self.wanted

    def check_no_more(self, grants):
        """what could never be right, not even for a moment"""
        for client, server, port in grants:
            if server != SERVER or port not in (HELD, STARTED, UNSEEN) or client not in self.clients:
                raise Fault(f"open to {client} {server} {port}")

    def wait_agreed(self, helper, what):
        try:
            helper.wait_for(what, lambda: self.is_agreed(helper))
        except Late as fault:
            raise Late(f"{fault}; wanted {self.wanted} {self.ports}, is {self.nft.sets()}") from None

    @property
    def clients(self):
        """addresses of this round, so that it finds nothing of an earlier one"""
        a, b = divmod(self.round, 200)
        return ["127.0.1.1"] + [f"127.{i}.{a}.{b + 1}" for i in (2, 3, 4)]

    def log_in(self, helper, client):
        login = Login(client)
        self.processes.append(login)
        # Without an answer it may still be registered; and who asks is told when all that it brings is done.
        logins = helper.control(LOGINS)[1]
        login.is_known = login.is_known or client in {known["addr"] for known in logins}
        if login.is_known:
            self.wanted.update((client, SERVER, port) for port in self.ports)
        return login

    def live(self, helper):
        """all that a helper is for"""
        _, first, second, third = self.clients
        helper.wait_for("the helper is there", helper.is_ready)
        # A file that is found cut short is not believed.
        self.is_home_lost = b"set aside" in helper.output()
        self.wait_agreed(helper, "the grant from before")
        self.count_fds(helper)
        watcher = helper.watch()
        login = self.log_in(helper, first)
        self.wait_agreed(helper, "a login roams")
        helper.control(LOGINS)
        helper.control(STATUS)
        helper.control(PENDING)
        self.start_mosh(helper, login)
        self.revoke(helper)
        self.reload(helper)
        self.flush(helper)
        self.log_out(helper, login)
        self.start_unseen(helper, self.log_in(helper, second))
        self.die(helper, self.log_in(helper, third))
        self.end_mosh(helper)
        helper.control(DIAGNOSE)
        watcher and watcher.close()
        self.check_fds(helper)

    def start_mosh(self, helper, login):
        self.execute()
        self.processes.append(mosh_server(STARTED))
        self.wait_granted(helper, STARTED, login, "a mosh-server's grant")

    def wait_granted(self, helper, port, login, what):
        """Which of a user's logins has started it is for cgroups and sessions to tell; without one of these
        it may be taken for another's of the same user."""
        clients = {login.client, "127.0.1.1"} if login.is_known else {"127.0.1.1"}

        def granted():
            return {key for key in (self.nft.sets() or [set()])[0] if key[2] == port}

        helper.wait_for(what, lambda: len(granted()) == 1 and granted() <= {(c, SERVER, port) for c in clients})
        self.wanted |= granted()
        self.ports.add(port)
        self.wait_agreed(helper, what)

    def revoke(self, helper):
        is_there = any(port == STARTED for _, _, port in self.wanted)
        self.wanted = {key for key in self.wanted if key[2] != STARTED}
        answer, _, is_again = helper.control(REVOKE, STARTED)
        if is_there and answer != DONE and not is_again:
            raise Fault("nothing is revoked")
        self.wait_agreed(helper, "a revoked grant is gone")

    def reload(self, helper):
        helper.control(RELOAD)
        self.wait_agreed(helper, "a reload")

    def flush(self, helper):
        """Until the helper has put all back its database is gone."""
        self.is_lost = True
        self.nft.run("flush ruleset")
        helper.wait_for("the guard is back", self.nft.has_guard)
        self.wait_agreed(helper, "all is back after a flush")
        self.is_lost = False

    def await_logins(self, helper, what):
        wanted = [] if self.is_home_lost else ["127.0.1.1"]
        helper.wait_for(what, lambda: [login["addr"] for login in helper.control(LOGINS)[1]] == wanted)

    def log_out(self, helper, login):
        login.close()
        login.end()
        self.await_logins(helper, "a login ends")

    def start_unseen(self, helper, login):
        """a mosh-server that inotify does not tell of: found by the last look"""
        process = mosh_server(UNSEEN)
        self.processes.append(process)
        self.log_out(helper, login)
        if login.is_known:
            self.wait_granted(helper, UNSEEN, login, "the last look at a logout")
        else:
            process.end()

    def die(self, helper, login):
        login.end()
        self.await_logins(helper, "a dead login is forgotten")
        self.wait_agreed(helper, "a login that died")

    def end_mosh(self, helper):
        self.clear()
        self.wanted = {key for key in self.wanted if key[2] == HELD}
        self.ports = {HELD}
        self.wait_agreed(helper, "a mosh-server's end")

    def count_fds(self, helper):
        """once, when it has just begun; after all that came and went there must not be more"""
        if self.fds is None:
            time.sleep(0.2)
            self.fds = helper.fds()

    def check_fds(self, helper):
        helper.wait_for(f"no more descriptors than {self.fds}", lambda: helper.fds() <= self.fds, 3)

    def repair(self):
        """what the last helper left is what the next one makes good"""
        helper = self.start()
        try:
            helper.wait_for("the next helper is there", helper.is_ready)
            sets = self.nft.sets()
            self.check_no_more(sets[0])
            lasting = ("127.0.1.1", SERVER, HELD)
            is_right = lasting in sets[0] and {key[2] for key in sets[0]} == {HELD} and sets[1] == {HELD}
            if not is_right and not self.is_lost:
                raise Fault(f"not put right: {sets}")
            if helper.listed() != sets[0]:
                raise Fault(f"lists {helper.listed()}, not {sets[0]}")
            self.await_logins(helper, "the next helper knows the login")
            if helper.stop() != 0:
                raise Fault("the next helper does not stop well")
            for client, server, port in sets[0] - {lasting}:
                self.nft.run(f"delete element inet moshgate grants4 {{ {client} . {server} . {port} }}")
        except Ended:
            raise Fault("the next helper ends at once") from None
        except Fault as fault:
            raise Fault(f"{fault}\n{helper.output().decode(errors='replace')}") from None
        finally:
            helper.kill()


def has_reason(output):
    return any(re.fullmatch(rb"\S.*[^:\s]", line) and not NO_REASON.match(line) for line in LINE.findall(output))


def judge(status, output, is_done):
    """what a helper left that has ended"""
    if BAD.search(output):
        raise Fault("a detector has found something")
    if is_done and status == 0:
        return End("served on", output)
    if status != 1:
        raise Fault(f"it ended with {status}")
    if not has_reason(output):
        raise Fault("it ended without a reason")
    return End("stopped", output)


def serve(world, forced):
    """one life of a helper"""
    world.round += 1
    world.wanted, world.ports = {("127.0.1.1", SERVER, HELD)}, {HELD}
    helper = world.start(forced)
    is_done = False
    try:
        try:
            world.live(helper)
            is_done = True
        except Ended:
            pass
        except Late:
            # Logins wait in a manager's socket, for the next helper.
            if not (world.manager and helper.has_ended()):
                raise
        end = judge(helper.stop(), helper.output(), is_done)
        if end.result == "served on" and world.nft.sets() != (world.wanted, world.ports):
            raise Fault("it took away what was open")
        world.clear()
        world.is_home_lost = b"set aside" in helper.output()
        world.repair()
        if world.is_lost or world.is_home_lost:
            world.reset()
            world.begin()
        return end
    except Fault as fault:
        raise Fault(f"{fault}\n{helper.output().decode(errors='replace')}") from None
    finally:
        helper.kill()


def serve_passed(world, forced):
    """the same with sockets of a service manager's, which stay whatever becomes of the helper"""
    end = serve(world, forced)
    if not world.manager.is_untouched():
        raise Fault("the manager's sockets are gone")
    return end


def finish(helper):
    try:
        return judge(helper.process.wait(PATIENCE), helper.output(), True)
    except subprocess.TimeoutExpired:
        raise Fault("it hangs") from None
    except Fault as fault:
        raise Fault(f"{fault}\n{helper.output().decode(errors='replace')}") from None
    finally:
        helper.kill()


def check_only(world, forced):
    """moshgated -t"""
    world.reset()
    return finish(Helper(forced, ["-t"]))


def remove_guard(world, forced):
    world.reset()
    world.nft.run("add table inet moshgate")
    end = finish(Helper(forced, ["--remove-guard"]))
    if end.result == "served on" and world.nft.sets() is not None:
        raise Fault("the guard is still there")
    return end


def into_background(world, forced):
    """the process that is started ends when the one behind it serves, or with its reason"""
    world.reset()
    helper = Helper(forced, [])
    try:
        end = finish(helper)
        if end.result == "served on" and not helper.is_ready():
            raise Fault("it says it is there, and is not")
    finally:
        statuses = end_children()
    if end.result == "served on" and statuses != [0]:
        raise Fault(f"it does not stop well: {statuses}")
    return end


def end_children():
    """what is left of a helper in the background; its exit statuses"""
    statuses = []
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = [int(pid) for pid in file.read().split()]
    for pid in children:
        os.kill(pid, signal.SIGTERM)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return statuses


# --- the sweep ------------------------------------------------------------------------------------------


class Forced:
    """the file that a helper shares with us"""

    def __init__(self):
        self.path = f"{BASE}/forced"

    def write(self, call=0, occurrence=0, way=0, loses=0):
        if os.path.exists(self.path):
            os.unlink(self.path)  # not truncated: a helper that is still there has it mapped
        with open(self.path, "wb") as file:
            file.write(ORDER.pack(call, occurrence, way, 0, 0, 0, 0, loses, 0))
            file.truncate(ORDER.size + RECORDS * RECORD.size)
        os.chmod(self.path, 0o666)

    def read(self):
        """how often it was forced, how many calls there were, what calls, and whether it is built to find leaks"""
        with open(self.path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            _, _, _, forced, used, total, lost, _, finds_leaks = ORDER.unpack_from(data, 0)
            records = [RECORD.unpack_from(data, ORDER.size + i * RECORD.size) for i in range(used)]
        if lost:
            raise SystemExit("more different calls than FORCE_RECORDS")
        return forced, total, {record[0]: record for record in records}, finds_leaks


class Sweep:
    def __init__(self, share, of, is_full):
        self.share, self.of, self.is_full = share, of, is_full
        self.only = os.environ.get("FAIL_ONLY", ".*")
        self.forced = Forced()
        self.world = World()
        self.known = set()
        self.runs = self.failed = self.calls = self.missed = self.total = 0
        self.results = {}

    @functools.lru_cache(None)
    def where(self, record):
        """the way to a call, what the compiler has put into its callers among it"""
        addresses = [hex(offset - 1) for offset in record[3 : 3 + DEPTH] if offset]
        lines = subprocess.run(["addr2line", "-s", "-f", "-i", "-e", self.world.executed, *addresses],
                               capture_output=True, text=True, check=True).stdout.split("\n")
        return " < ".join(f"{name} {line}" for name, line in zip(lines[::2], lines[1::2]))

    def confines(self, record):
        return re.search(r" (confine|sandbox)\.c:", self.where(record))

    def check_confining(self, records):
        """That their ways are known, and so what must not fail."""
        for name in CONFINING:
            if not any(self.name(record) == name and self.confines(record) for record in records):
                raise SystemExit(f"no {name}() that confines the helper")

    def name(self, record):
        return record[-1].rstrip(b"\0").decode()

    def orders(self, record):
        """each way of the first occurrence, and the first way of each other"""
        yield from ((1, way) for way in range(record[2] if self.is_full or self.confines(record) else 1))
        if self.is_full:
            yield from ((occurrence, 0) for occurrence in range(2, record[1] + 1))

    def check_confined(self, record, way, end):
        """Whatever of its confinement fails, a helper does not start; but for a kernel that has no Landlock."""
        if (self.name(record), way) in NO_LANDLOCK:
            if end.result != "served on" or b"this kernel has no Landlock" not in end.output:
                raise Fault(f"without Landlock it {end.result}\n{end.output.decode(errors='replace')}")
        elif self.confines(record) and end.result != "stopped":
            raise Fault(f"not confined it {end.result}\n{end.output.decode(errors='replace')}")

    def force(self, scene, record, occurrence, way):
        """True if that call came"""
        self.forced.write(record[0], occurrence, way)
        try:
            end = scene(self.world, self.forced.path)
            result = end.result
            if self.has_come():
                self.check_confined(record, way, end)
        except Fault as fault:
            result = "fault"
            self.failed += 1
            print(f"not ok - {scene.__name__}: {self.name(record)}, occurrence {occurrence}, way {way}, "
                  f"{record[0]:#x}: {fault}\n#   {self.where(record)}", flush=True)
            self.begin_anew(scene)
        self.runs += 1
        came = self.has_come()
        if came:
            self.results[result] = self.results.get(result, 0) + 1
        return came

    def has_come(self):
        return self.forced.read()[0] == 1

    def calls_of(self, scene):
        """Which there are is a matter of time too, so three runs are looked at."""
        found = {}
        for _ in range(3):
            self.forced.write()
            if scene(self.world, self.forced.path).result != "served on":
                raise SystemExit("it does not even work without a failure")
            _, total, records, _ = self.forced.read()
            for call, record in records.items():
                if call not in found or found[call][1] < record[1]:
                    found[call] = record
        self.total += total
        return found

    def sweep(self, scene):
        """every call of the scene that no earlier scene had"""
        records = self.calls_of(scene)
        if scene is serve:
            self.check_confining(records.values())
        new = sorted((record for call, record in records.items() if call not in self.known), key=lambda r: r[0])
        self.known.update(records)
        for record in new:
            if record[0] % self.of == self.share and re.fullmatch(self.only, self.name(record)):
                self.calls += 1
                self.force_all(scene, record)

    def comes(self, scene, record, occurrence, way):
        """What comes later in a run may not come in each: how often one looks is a matter of time. And what is done for
        young mosh-servers is not done where they are all old."""
        if any(self.force(scene, record, occurrence, way) for _ in range(5 if occurrence == 1 else 1)):
            return True
        for _ in range(AGAIN if occurrence == 1 else 0):
            self.begin_anew(scene)
            if self.force(scene, record, occurrence, way):
                return True
        return False

    def force_all(self, scene, record):
        for occurrence, way in self.orders(record):
            if self.comes(scene, record, occurrence, way):
                continue
            self.missed += 1
            if occurrence == 1:
                self.tell_missed(record)
            return

    def tell_missed(self, record):
        where = f"{self.name(record)} {self.where(record)}"
        if BY_CHANCE.search(where):
            print(f"# never came: {where}", flush=True)
        else:
            self.failed += 1
            print(f"not ok - never came: {where}", flush=True)

    def begin_anew(self, scene):
        if scene in (serve, serve_passed):
            self.world.reset()
            self.world.begin()

    def prove_detector(self):
        """A helper that loses memory is at fault, if it is built to find that: whatever is silent later has lost none."""
        found = ""
        self.forced.write(loses=1)
        try:
            serve(self.world, self.forced.path)
        except Fault as fault:
            found = str(fault)
            self.begin_anew(serve)
        finds_leaks = self.forced.read()[3]
        print(f"# it {'finds' if finds_leaks else 'is not built to find'} leaks", flush=True)
        if "LeakSanitizer" not in found if finds_leaks else found:
            self.failed += 1
            print(f"not ok - memory is lost on purpose: {found or 'and that is no fault'}", flush=True)

    def run(self):
        self.world.begin()
        self.prove_detector()
        self.sweep(serve)
        self.world.reset()
        self.world.manager = Manager()
        self.world.begin()
        self.sweep(serve_passed)
        self.world.foreign.end()
        for scene in (into_background, remove_guard, check_only):
            self.sweep(scene)
        print(f"# {self.runs} runs, {self.calls} calls of {len(self.known)}, {self.total} in one run of each "
              f"scene; {self.results}; {self.missed} did not come", flush=True)
        return self.failed == 0 and self.runs > 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    sweep = Sweep(int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "full")
    sys.exit(not sweep.run())
