"""Part 3: from the end of a mosh-server's socket to the end of its element."""

import os
import signal
import time

import stage
from result import row

APART_S = 0.02  # ends that follow sooner are gathered


def fill(count):
    """one login that starts so many stand-ins, each an execution of its own; {port: pid}, once all have grants"""
    with stage.Watch("tables") as watch:
        events = len(watch.events)
        stage.ssh(f"for i in $(seq {count}); do {stage.STAND_IN} {stage.SERVER} 60001-61000 {stage.STAMPS}; done >/dev/null")
        watch.wait(events, "open", count)
    listed = stage.run(stage.on("server", "ss", "-Hulnp", "sport >= :60000 and sport <= :61000"))
    return {int(line.split()[3].rsplit(":", 1)[1]): int(line.split("pid=")[1].split(",")[0])
            for line in listed.splitlines()}


def end_one(watch, what, pid):
    """ms from its close() to that event"""
    events, offset = len(watch.events), stage.stamps_size()
    os.kill(pid, signal.SIGTERM)
    (came_ns, _, port, *_), = watch.wait(events, what, 1)
    closed_ns = stage.wait_for("a stamp", lambda: [ns for what, at, ns in stage.stamps(offset)
                                                   if what == "close" and at == port])[0]
    time.sleep(APART_S)
    return (came_ns - closed_ns) / 1e6


def end_all(count, only, what):
    servers = fill(count)
    with stage.Watch(only) as watch:
        return [end_one(watch, what, pid) for pid in servers.values()]


def alone(quick):
    closed, told = [], []
    for _ in range(1 if quick else 5):
        closed += end_all(200, "tables", "shut")
        told += end_all(200, "ends", "end")
    yield row("closing", "socket's end to element gone, one mosh-server", "ms", closed, target=(0.5, 2),
              plot="socket's end to element gone")
    yield row("closing", "the limit of that: to the kernel's notice of the socket's end, for who hears it first", "ms",
              told)


def together(watch, quick):
    taken, all_taken = [], []
    for _ in range(2 if quick else 10):
        servers = fill(999)
        events, killed_ns = len(watch.events), time.monotonic_ns()
        for pid in servers.values():
            os.kill(pid, signal.SIGKILL)
        shut = watch.wait(events, "shut", 999)
        ended = watch.wait(events, "end", 999)
        taken.append((shut[-1][0] - ended[-1][0]) / 1e6)
        all_taken.append((shut[-1][0] - killed_ns) / 1e6)
    yield row("closing", "999 killed together: last end to last element gone", "ms", taken, target=(50, 50))
    yield row("closing", "999 killed together: first kill to last element gone", "ms", all_taken)


def run(quick):
    stage.pam_sshd("moshgate")
    with stage.Helper("[limits]", "grants-per-user = 2000"):
        rows = list(alone(quick))
        with stage.Watch() as watch:
            rows += together(watch, quick)
    stage.remove_guard()
    return rows
