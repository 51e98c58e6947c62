# SPDX-License-Identifier: GPL-2.0-or-later
"""What other programs make of moshgatectl's metrics.

    parse          what comes on stdin is OpenMetrics, and the older text format too; one line
                   "NAME LABEL=VALUE... NUMBER" for each sample, sorted
    shown FILE     the metrics that a dashboard shows, each with the labels that it wants of it
    tried FILE     parse's lines come on stdin: what promtool is to test, which is that each expression of a
                   dashboard has a value when Prometheus has collected them for a day
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


def load(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    return document, [target for panel in document["panels"] for target in panel["targets"]]


def shown(path):
    """instance is what Prometheus itself adds."""
    document, targets = load(path)
    wanted = set()
    for target in targets:
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - {"instance"}
        for name in re.findall(r"\bmoshgate\w*", target["expr"]):
            wanted.add(" ".join([name, *sorted(labels)]))
    for query in strings(document["templating"], "query"):
        wanted.update(re.findall(r"\bmoshgate\w*", query))
    print(*sorted(wanted), sep="\n")


def tried(path):
    """Prometheus adds where it has them from. Its YAML may be JSON, which is easier to write."""
    series = []
    for line in sys.stdin:
        name, *labels, _ = line.split()
        pairs = [label.split("=", 1) for label in ["instance=server:9100", "job=node", *labels]]
        labels = ",".join(f"{key}={json.dumps(value)}" for key, value in pairs)
        series.append({"series": f"{name}{{{labels}}}", "values": "1+1x1500"})
    some = [{"labels": "{}", "value": 1}]
    tests = [{"expr": f"group({target['expr'].replace('$instance', 'server:.*')})", "eval_time": "1d", "exp_samples": some}
             for target in load(path)[1]]
    json.dump({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]}, sys.stdout, indent=1)


if __name__ == "__main__":
    {"parse": parse, "shown": shown, "tried": tried}[sys.argv[1]](*sys.argv[2:])
