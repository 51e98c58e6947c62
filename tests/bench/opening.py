"""Part 2: from a mosh-server's bind to its element in the set, and whether a client's first datagram is ever lost."""

import contextlib
import os
import signal
import subprocess
import threading

import stage
from result import fact, row

PRELOAD = f"BENCH_STAMPS={stage.STAMPS} LD_PRELOAD={stage.LAB}/bindtime.so"
SERVER = f"{PRELOAD} mosh-server new -s -- sleep 1000 >/dev/null 2>&1"


def start(watch, count):
    """one login that starts so many real mosh-servers at once: ms from bind to element of each"""
    events, offset = len(watch.events), stage.stamps_size()
    stage.ssh(f"for i in $(seq {count}); do {SERVER} & done; wait")
    opened = {port: ns for ns, _, port, _ in watch.wait(events, "open", count)}
    bound = {port: ns for what, port, ns in stage.stamps(offset) if what == "bind"}
    events = len(watch.events)
    stage.kill_servers()
    watch.wait(events, "shut", count)
    return [(opened[port] - bound[port]) / 1e6 for port in bound]


def times(quick):
    alone, together = [], []
    with stage.Watch("tables") as watch:
        for _ in range(40 if quick else 125):
            together += start(watch, 8)
            alone += start(watch, 1)
    yield row("opening", "bind to element, one mosh-server", "ms", alone, target=(2, 3.5), plot="bind to element, one")
    yield row("opening", "bind to element, 8 starting at once", "ms", together, target=(2, 3.5),
              plot="bind to element, 8 at once")


@contextlib.contextmanager
def processes(count):
    """so many more of them on the host"""
    crowd = subprocess.Popen(["sh", "-c", f"for i in $(seq {count}); do sleep 10000 & done; echo; wait"],
                             stdout=subprocess.PIPE, start_new_session=True)
    crowd.stdout.readline()
    yield
    os.killpg(crowd.pid, signal.SIGKILL)
    crowd.wait()


def among_many(quick):
    taken = []
    with stage.Watch("tables") as watch, processes(2000):
        for _ in range(12 if quick else 125):
            taken += start(watch, 1)
    yield row("opening", "bind to element, one mosh-server, on a host with 2,000 processes", "ms", taken,
              target=(2, 3.5))


def without_cgroups(quick):
    taken = []
    with stage.Watch("tables") as watch:
        for _ in range(12 if quick else 125):
            taken += start(watch, 8)
    yield row("opening", "bind to element, 8 starting at once, logins without a cgroup of their own", "ms", taken)


def clients(count, slow):
    for _ in range(count):
        mosh = stage.Mosh()
        if mosh.first_screen() > 3:
            slow.append(mosh)
        mosh.leave()


def lost(quick):
    """real clients, from four terminals at once"""
    count, slow = 40 if quick else 1000, []
    before = stage.counted_drops()
    threads = [threading.Thread(target=clients, args=(count // 4, slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield fact("opening", f"datagrams lost of {count} sessions, 4 at a time", "", stage.counted_drops() - before,
               limit=0, slow=len(slow))


def run(quick):
    """with a cgroup for each login, as systemd makes it, where there can be one"""
    has_cgroups = bool(os.environ.get("LAB_CGROUP"))
    cgroup = [f"session optional pam_exec.so quiet {stage.LAB}/cgroup"] if has_cgroups else []
    stage.pam_sshd("moshgate", *cgroup)
    with stage.Helper():
        rows = [*times(quick), *(among_many(quick) if has_cgroups else [])]
        stage.pam_sshd("moshgate")
        rows += [*without_cgroups(quick), *lost(quick)]
    stage.remove_guard()
    return rows
