"""Part 6: many logins at once, and what one costs when there are many. Logins are processes of their own that use
libpam as sshd does; 200 of sshd itself would want four processors more."""

import contextlib
import subprocess
import time

import stage
from result import fact, median, row

USERS = 400
ADDRESSES = [f"203.0.113.{i}" for i in range(100, 110)]


def crowd(count, per_second, hold, users, *program, address=stage.CLIENT):
    return stage.with_client(stage.program("crowd"), "bench-moshgate", count, per_second, hold, users, *program,
                             stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, address=address)


def opened(process):
    """the µs of each login, when all have begun"""
    lines = []
    for line in process.stdout:
        if line == "done\n":
            break
        lines.append(line.strip())
    if "failed" in lines:
        raise SystemExit(f"{lines.count('failed')} logins failed")
    return [int(line) / 1000 for line in lines]


def finish(process):
    process.stdin.close()
    process.wait()
    process.connection.wait()


@contextlib.contextmanager
def held(count):
    """so many logins that stay; at a pace that this machine keeps"""
    if count == 0:
        yield
        return
    process = crowd(count, 500, "ever", USERS)
    opened(process)
    yield
    finish(process)


def grants_now():
    return sum(len(item["set"].get("elem", [])) for item in stage.nft_json("server", "set", "inet", "moshgate", "grants4")
               if "set" in item)


@contextlib.contextmanager
def grants(count):
    """so many grants: each user has 25 servers, and may reach each of them from up to 10 addresses"""
    servers = min(count, 1000)
    per_user = min(servers, 25)
    script = (f"for i in $(seq {per_user}); do"
              f" {stage.STAND_IN} {stage.SERVER} 60000-61000 {stage.STAMPS} >/dev/null; done")
    for i in range(max(1, count // servers)):
        program = ["/bin/sh", "-c", script] if i == 0 else []
        process = crowd(servers // per_user, 10 if i == 0 else 100, 50, servers // per_user, *program,
                        address=ADDRESSES[i])
        opened(process)
        finish(process)
    stage.wait_for(f"{count} grants", lambda: grants_now() == count)
    yield
    stage.kill_servers()
    stage.wait_for("no grants", lambda: grants_now() == 0)


def many(quick):
    """logins by the clock, each of which starts a server that lives for a second"""
    seconds = 5 if quick else 30
    count = 200 * seconds
    with stage.Helper(), stage.Watch() as watch:
        events, logins, offset = len(watch.events), stage.audit("login"), stage.stamps_size()
        process = crowd(count, 200, 30, USERS, stage.STAND_IN, stage.SERVER, "60001-60999", stage.STAMPS, 1)
        taken = opened(process)
        finish(process)
        stage.wait_for("the last to end", lambda: grants_now() == 0)
        bound = [(port, ns) for what, port, ns in stage.stamps(offset) if what == "bind"]
        taken_ms = delays(bound, watch.since(events, "open"))
        logins = stage.audit("login") - logins
    rows = [fact("crowd", f"200 logins a second for {seconds} s: lost logins", "", count - logins, limit=0),
            fact("crowd", f"200 logins a second for {seconds} s: lost grants", "", count - len(taken_ms), limit=0),
            row("crowd", "200 logins a second: to open a session", "µs", taken),
            row("crowd", "200 logins a second: bind to element", "ms", taken_ms)]
    return rows


def delays(bound, opens):
    """ms of each bind, to the first element of its port; none if the port's next bind comes first"""
    events = sorted([(ns, "bind", port) for port, ns in bound] + [(ns, "open", port) for ns, _, port, _ in opens])
    waiting, taken = {}, []
    for ns, what, port in events:
        if what == "bind":
            waiting[port] = ns
        elif port in waiting:
            taken.append((ns - waiting.pop(port)) / 1e6)
    return taken


def cost(helper, count):
    """µs of a session, opened and closed, and of the helper's processor time for it"""
    before = helper.cpu_us()
    process = stage.with_client(stage.program("sessions"), "alice", count, "bench-moshgate")
    taken = [(int(a) + int(b)) / 1000 for _, _, a, b in map(str.split, process.stdout)]
    process.wait()
    process.connection.wait()
    return median(taken), (helper.cpu_us() - before) / len(taken)


def is_idle(helper):
    before = helper.cpu_us()
    time.sleep(0.3)
    return helper.cpu_us() - before < 1000


def curve(name, counts, make, quick):
    points = []
    with stage.Helper() as helper:
        for count in counts:
            with make(count):
                # it looks for servers for some time after the last was found
                stage.wait_for("an idle helper", lambda: is_idle(helper))
                session, cpu = cost(helper, 300)
            points.append({"count": count, "session": session, "cpu": cpu})
    first, last = points[0], points[-1]
    return fact("crowd", f"a login with {last['count']:,} {name}, times that with {first['count']}", "times",
                last["cpu"] / first["cpu"], limit=2, points=points, curve=name)


def whole_range(quick):
    """real mosh-servers, as many as there are ports (or a hundred), from one login"""
    count = 100 if quick else 999
    with stage.Helper("[limits]", "grants-per-user = 1000"), stage.Watch() as watch:
        events, start_s = len(watch.events), time.monotonic()
        stage.ssh(f"for i in $(seq {count}); do mosh-server new -s -- sleep 1000; done >/dev/null 2>&1")
        taken_s = time.monotonic() - start_s
        granted = len(watch.wait(events, "open", count))
        stage.kill_servers()
        watch.wait(events, "shut", count)
    return fact("crowd", f"{count} real mosh-servers in {taken_s:.0f} s: without a grant", "", count - granted, limit=0)


def run(quick):
    prepare()
    rows = many(quick)
    rows.append(curve("logins", [1, 100, 2000] if quick else [1, 10, 100, 1000, 3000, 10000], held, quick))
    rows.append(curve("grants", [1, 100, 1000] if quick else [1, 10, 100, 1000, 3000, 10000], grants, quick))
    rows.append(whole_range(quick))
    stage.remove_guard()
    return rows


def prepare():
    """what other parts need, too, and can ask for again"""
    stage.pam_services()
    stage.pam_sshd("moshgate")
    if "crowd0:" in open("/etc/passwd").read():
        return
    stage.more_users(USERS)
    for address in ADDRESSES:
        stage.run(stage.on("client1", "ip", "address", "add", f"{address}/32", "dev", "eth0"))
