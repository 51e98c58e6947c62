"""Part 7: how long the guard is away after somebody has flushed the ruleset, with few and with many grants. If it was a
program that ends then, as nft does, the kernel lets nobody change anything until it is done with what is gone."""

import subprocess

import crowd
import stage
from result import row


def flush_and_end():
    stage.nft("server", "flush ruleset")


def flush_and_stay():
    process = subprocess.Popen(stage.on("server", "nft", "-i"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    process.stdin.write(b"flush ruleset\n")
    process.stdin.flush()
    return process


def gap(flush):
    """ms; of a helper that has just started, since one that was fought takes its time"""
    with stage.Helper(), stage.Watch() as watch:
        process = flush()
        (gone_ns, *_), = watch.wait(0, "gone", 1)
        (back_ns, *_), = watch.wait(0, "back", 1)
        if process:
            process.communicate()
    return (back_ns - gone_ns) / 1e6


def gaps(grants, count):
    """ms after each way of flushing"""
    with stage.Helper():
        made = crowd.grants(grants)
        made.__enter__()
    taken = [(gap(flush_and_stay), gap(flush_and_end)) for _ in range(count)]
    with stage.Helper():
        made.__exit__(None, None, None)
    return zip(*taken)


def rows_of(grants, count):
    name = f"{grants:,} grant{'s' * (grants > 1)}"
    stays, ends = gaps(grants, count)
    return [row("flush", f"from a flush to the guard's return, {name}", "ms", stays),
            row("flush", f"from a flush by a program that ends to the guard's return, {name}", "ms", ends)]


def run(quick):
    crowd.prepare()
    rows = [row for grants in ((1, 1000) if quick else (1, 10000)) for row in rows_of(grants, 5 if quick else 20)]
    stage.remove_guard()
    return rows
