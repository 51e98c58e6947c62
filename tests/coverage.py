"""gcovr's JSON as a table; fails below so many per cent of lines and of branches"""

import json
import sys


def count(lines):
    branches = [branch for line in lines for branch in line["branches"]]
    return [(len(lines), sum(line["count"] > 0 for line in lines)),
            (len(branches), sum(branch["count"] > 0 for branch in branches))]


def percent(all_of_them, ran):
    return 100 * ran / all_of_them if all_of_them else 100.0


def row(name, counts):
    print(f"{name:32}" + "".join(f"{all_of_them:8}{ran:8}{percent(all_of_them, ran):8.1f} %"
                                 for all_of_them, ran in counts))


with open(sys.argv[1]) as file:
    files = sorted(json.load(file)["files"], key=lambda one: one["file"])
print(f"{'':32}{'lines':>8}{'run':>8}{'':10}{'branches':>8}{'run':>8}")
counts = [count([line for line in one["lines"] if not line.get("gcovr/noncode")]) for one in files]
for one, counted in zip(files, counts):
    row(one["file"], counted)
total = [tuple(sum(numbers) for numbers in zip(*column)) for column in zip(*counts)]
row("total", total)
is_enough = all(percent(*counted) >= float(least) for counted, least in zip(total, sys.argv[2:]))
print("enough" if is_enough else f"not enough: {sys.argv[2]} % of lines and {sys.argv[3]} % of branches are asked for")
sys.exit(not is_enough)
