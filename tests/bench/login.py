"""Part 1: what each gate adds to a login: to its PAM session, to ssh, to the start of mosh."""

import time

import stage
from result import interval, median, row

NAMES = {"none": "no gate", "moshgate": "moshgate", "range": "pam_exec, opens the range",
         "port": "pam_exec, looks for the port"}
PLOTTED = {"moshgate": "moshgate", "range": "script at open", "port": "script at close"}


def sessions(count, script_every):
    """{(loading or loaded, gate): µs to open and close}; the scripts less often, since they take so long"""
    services = [f"bench-{name}" + (f":{script_every}" if name in stage.SCRIPTS else "") for name in NAMES]
    process = stage.with_client(stage.program("sessions"), "alice", count, "limit", *services)
    taken = {}
    for line in process.stdout:
        module, service, opened, closed = line.split()
        taken.setdefault((module, service.removeprefix("bench-")), []).append((int(opened) + int(closed)) / 1000)
    if process.wait() != 0:
        raise SystemExit("sessions failed")
    process.connection.wait()
    return taken


def added(taken, module):
    """{gate: µs that it adds}"""
    none = median(taken[module, "none"])
    return {name: [us - none for us in taken[module, name]] for name in NAMES if name != "none"}


def pam(quick):
    with stage.Helper():
        taken = sessions(500 if quick else 2000, 10)
    loaded, loading = added(taken, "loaded"), added(taken, "loading")
    ours = median(loaded["moshgate"])
    for name, samples in loaded.items():
        more = {"target": (150,)} if name == "moshgate" else {"versus": median(samples) / ours, "at_least": 100}
        yield row("login", f"PAM session, open and close: {NAMES[name]} adds", "µs", samples,
                  plot=f"PAM session: {PLOTTED[name]}", **more)
    yield row("login", "the limit: an exchange and a message with a process that only answers", "µs",
              taken["loaded", "limit"], plot="PAM session: the limit")
    yield row("login", "PAM session, libpam loading the module first: moshgate adds", "µs", loading["moshgate"],
              plot="PAM session, loading the module")
    yield row("login", "the limit of that: the module loaded, too", "µs", taken["loading", "limit"])


def differences(part, what, taken):
    """each gate against none, in turns that stand next to each other"""
    none = taken["none"]
    for name, samples in taken.items():
        pairs = [a - b for a, b in zip(samples, none)]
        more = {} if name == "none" else {"difference": median(pairs), "interval": interval(pairs),
                                          "ratio": median(samples) / median(none)}
        if name == "moshgate":
            # what cannot be told from nothing
            more["met"] = more["interval"][0] <= 0 or more["ratio"] < 1.01
        yield row(part, f"{what}: {NAMES[name]}", "ms", samples, **more)


def ssh(quick):
    taken = {name: [] for name in NAMES}
    with stage.Helper():
        for _ in range(10 if quick else 150):
            for name, samples in taken.items():
                stage.pam_sshd(name)
                start_s = time.monotonic()
                stage.ssh("true")
                samples.append((time.monotonic() - start_s) * 1000)
    yield from differences("login", "ssh login", taken)


def one_mosh():
    mosh = stage.Mosh()
    taken_s = mosh.first_screen()
    mosh.leave()
    return taken_s * 1000


def turn(name):
    """a mosh through that gate, and nothing but that gate"""
    stage.pam_sshd(name)
    if name == "moshgate":
        with stage.Helper():
            taken = one_mosh()
        stage.remove_guard()
        return taken
    if name in stage.SCRIPTS:
        stage.nft("server", stage.SCRIPT_TABLE)
    taken = one_mosh()
    if name in stage.SCRIPTS:
        stage.nft("server", "delete table inet script")
    return taken


def mosh(quick):
    taken = {name: [] for name in NAMES}
    for _ in range(5 if quick else 60):
        for name, samples in taken.items():
            samples.append(turn(name))
    yield from differences("login", "mosh, to the first screen", taken)


def run(quick):
    stage.pam_services()
    stage.nft("server", stage.SCRIPT_TABLE)
    rows = list(pam(quick)) + list(ssh(quick))
    stage.nft("server", "delete table inet script")
    stage.remove_guard()
    return rows + list(mosh(quick))
