"""What bench.py found, for people: report.py FILE [TREE] prints the table, and puts it and its plots into the README."""

import json
import os
import sys

import plots

PARTS = {
    "login": "At login",
    "knock": "Knocking, which moshgate's users do not do",
    "opening": "Opening",
    "closing": "Closing",
    "packets": "Packets that may pass",
    "still": "Standing still",
    "crowd": "Crowds",
    "flush": "After a flush of the ruleset",
}
HEAD = ["", "median", "95 %", "99 %", "target", "beside"]
BEGIN, END = "<!-- tests/bench/run.sh --readme writes from here -->", "<!-- to here -->"


def digits(value):
    """three of them that count"""
    if value == int(value):
        return f"{int(value):,}"
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def with_unit(value, unit):
    return f"{digits(value)} {unit}".strip()


def target(row):
    limits = row.get("target", [row["limit"]] if "limit" in row else [])
    text = " and ".join(f"{with_unit(limit, row['unit'])}{' (99 %)' if i else ''}" for i, limit in enumerate(limits))
    if limits:
        text = "at most " + text if limits != [0] else "none"
    if "at_least" in row:
        text, met = f"at least {row['at_least']} times moshgate", row["versus"] >= row["at_least"]
        return text + ("" if met else ": **missed**")
    return text + ("" if row.get("met", True) else ": **missed**")


def beside(row):
    if "versus" in row:
        return f"{digits(row['versus'])} times moshgate"
    if "difference" in row:
        low, high = row["interval"]
        return f"{row['difference']:+.1f} {row['unit']} ({low:+.1f} to {high:+.1f})"
    return ""


def cells(row):
    what = row["what"] + (f" ({row['n']:,})" if row["n"] > 1 else "")
    numbers = [with_unit(row[key], row["unit"]) if key in row else "" for key in ("median", "p95", "p99")]
    return [what, *numbers, target(row), beside(row)]


def lines(result):
    """(title, [cells]) of each part"""
    for part, title in PARTS.items():
        found = [cells(row) for row in result["rows"] if row["part"] == part]
        if found:
            yield title, found


def text(result):
    width = max(len(row[0]) for _, rows in lines(result) for row in rows)
    out = []
    for title, rows in lines(result):
        for i, row in enumerate([[title, *HEAD[1:]], *rows]):
            indent = "  " if i else ""
            out.append(f"{indent + row[0]:{width + 2}} " + " ".join(f"{cell:>11}" for cell in row[1:4]) +
                       f"  {row[4]}" + (f"  {row[5]}" if row[5] else ""))
        out.append("")
    return "\n".join(line.rstrip().replace("**", "") for line in out)


def machine(result):
    about = result["machine"]
    return (f"{result['date']}, {about['processors']} processors ({about['model']}), Linux {about['kernel']}, nftables "
            f"{about['nft'].lstrip('v')}, {result['mode']} run.")


def markdown(result):
    out = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * 3 + "---|" * 2]
    for title, rows in lines(result):
        out.append(f"| **{title}** | | | | | |")
        out += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([machine(result) + " In brackets: how often.", "", *out])


def into_readme(result, tree):
    path = os.path.join(tree, "README.md")
    with open(path) as file:
        head, rest = file.read().split(BEGIN)
    tail = rest.split(END)[1]
    shown = "\n\n".join(f"![{title}]({write_plot(tree, name, drawn)})" for name, (title, drawn) in
                        plots.draw(result["rows"]).items())
    with open(path, "w") as file:
        file.write("\n".join([head + BEGIN, markdown(result), "", shown, END + tail]))


def write_plot(tree, name, drawn):
    os.makedirs(os.path.join(tree, "doc"), exist_ok=True)
    with open(os.path.join(tree, "doc", name), "w") as file:
        file.write(drawn)
    return f"doc/{name}"


def main(path, tree=None):
    with open(path) as file:
        result = json.load(file)
    print(machine(result), "\n")
    print(text(result))
    if tree:
        into_readme(result, tree)


if __name__ == "__main__":
    main(*sys.argv[1:])
