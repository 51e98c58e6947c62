# SPDX-License-Identifier: GPL-2.0-or-later
"""What other programs make of moshgatectl's metrics.

    parse          what comes on stdin is OpenMetrics, and the older text format too; one line
                   "NAME LABEL=VALUE... NUMBER" for each sample, sorted
    shown FILE     the metrics that a dashboard shows, each with the labels that it wants of it
"""
import json
import re
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as older


def samples(families):
    for family in families:
        for sample in family.samples:
            labels = [f"{name}={value}" for name, value in sorted(sample.labels.items())]
            yield " ".join([sample.name, *labels, f"{sample.value:g}"])


def parse():
    text = sys.stdin.read()
    families = list(openmetrics(text))
    lines = sorted(samples(families))
    assert lines == sorted(samples(older(text))), "the two formats differ"
    # Types that only OpenMetrics has make a reader of the older format give the file up.
    assert {family.type for family in families} <= {"counter", "gauge"}
    assert all(family.documentation for family in families)
    assert len(set(lines)) == len(lines) > 0
    print(*lines, sep="\n")


def strings(value, key):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from [inner] if name == key and isinstance(inner, str) else strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, key)


def shown(path):
    """instance is what Prometheus itself adds."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    wanted = set()
    for panel in document["panels"]:
        for target in panel["targets"]:
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - {"instance"}
            for name in re.findall(r"\bmoshgate\w*", target["expr"]):
                wanted.add(" ".join([name, *sorted(labels)]))
    for query in strings(document["templating"], "query"):
        wanted.update(re.findall(r"\bmoshgate\w*", query))
    print(*sorted(wanted), sep="\n")


if __name__ == "__main__":
    {"parse": parse, "shown": shown}[sys.argv[1]](*sys.argv[2:])
