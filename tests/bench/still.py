"""Part 5: what a helper takes that has nothing to do: wake-ups and memory."""

import re
import time

import crowd
import stage
from result import fact


def memory(helper):
    """MiB: resident; and of that what is its own, written to, and no page of a file"""
    rollup = open(f"/proc/{helper.pid}/smaps_rollup").read()
    anonymous = int(re.search(r"^Anonymous:\s+(\d+)", rollup, re.M)[1])
    return helper.status("VmRSS")[0] / 1024, anonymous / 1024


def rows_of(helper, when, limit):
    resident, anonymous = memory(helper)
    return [fact("still", f"resident memory, {when}", "MiB", resident, limit=limit),
            fact("still", f"of that its own, {when}", "MiB", anonymous)]


def wakeups(helper, seconds):
    """times that it was given a processor"""
    names = "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"
    before = sum(helper.status(*names))
    time.sleep(seconds)
    return fact("still", f"wake-ups in {seconds} idle seconds", "", sum(helper.status(*names)) - before, limit=0)


def run(quick):
    crowd.prepare()
    logins = 1000 if quick else 10000
    with stage.Helper() as helper:
        rows = rows_of(helper, "just started", 4) + [wakeups(helper, 10 if quick else 60)]
        with crowd.held(logins), crowd.grants(1000):
            rows += rows_of(helper, f"{logins:,} logins and 1,000 grants", 12)
        rows += rows_of(helper, "after that", 12)
    stage.remove_guard()
    return rows
