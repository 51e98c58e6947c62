"""Part 7: how long the guard is away after somebody has flushed the ruleset, with few and with many grants."""

import crowd
import stage
from result import row


def gap():
    """ms; of a helper that has just started, since one that was fought takes its time"""
    with stage.Helper(), stage.Watch() as watch:
        stage.nft("server", "flush ruleset")
        (gone_ns, *_), = watch.wait(0, "gone", 1)
        (back_ns, *_), = watch.wait(0, "back", 1)
    return (back_ns - gone_ns) / 1e6


def gaps(grants, count):
    with stage.Helper():
        made = crowd.grants(grants)
        made.__enter__()
    taken = [gap() for _ in range(count)]
    with stage.Helper():
        made.__exit__(None, None, None)
    return taken


def run(quick):
    crowd.prepare()
    rows = [row("flush", f"from a flush to the guard's return, {grants:,} grant{'s' * (grants > 1)}", "ms",
                gaps(grants, 5 if quick else 20)) for grants in ((1, 1000) if quick else (1, 10000))]
    stage.remove_guard()
    return rows
