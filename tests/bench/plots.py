"""Plots as SVG, written by hand: lines over axes of logarithms."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 380, 70, 230, 40, 50
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444"]


class Chart:
    def __init__(self, title, x, y, x_range, y_range, is_y_log=True):
        self.parts, self.series = [], 0
        self.x_range, self.y_range, self.is_y_log = x_range, y_range, is_y_log
        self.text(WIDTH / 2, 22, title, "middle", 15)
        self.text(LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 12, x, "middle")
        self.parts.append(f'<text transform="translate(16 {TOP + (HEIGHT - TOP - BOTTOM) / 2}) rotate(-90)" '
                          f'text-anchor="middle">{escape(y)}</text>')
        self.axes()

    @staticmethod
    def share(value, limits, is_log):
        low, high = limits
        if is_log:
            value, low, high = (math.log10(max(at, 1e-9)) for at in (value, low, high))
        return min(1.02, max(0, (value - low) / (high - low)))

    def place(self, x, y):
        return (LEFT + self.share(x, self.x_range, True) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - self.share(y, self.y_range, self.is_y_log) * (HEIGHT - TOP - BOTTOM))

    def text(self, x, y, text, anchor="start", size=12, colour="#222"):
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">'
                          f'{escape(text)}</text>')

    def rule(self, start, end, style="stroke=\"#ddd\""):
        self.parts.append(f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" {style}/>')

    @staticmethod
    def decades(limits):
        low, high = (round(math.log10(at)) for at in limits)
        return [10.0 ** i for i in range(low, high + 1)]

    def axes(self):
        for at in self.decades(self.x_range):
            x, _ = self.place(at, self.y_range[0])
            self.rule((x, TOP), (x, HEIGHT - BOTTOM))
            self.text(x, HEIGHT - BOTTOM + 17, f"{at:,g}", "middle")
        steps = self.decades(self.y_range) if self.is_y_log else [i * self.y_range[1] / 4 for i in range(5)]
        for at in steps:
            _, y = self.place(self.x_range[0], at)
            self.rule((LEFT, y), (WIDTH - RIGHT, y))
            self.text(LEFT - 6, y + 4, f"{at:,g}", "end")

    def line(self, name, points, is_marked=False):
        colour = COLOURS[self.series % len(COLOURS)]
        placed = [self.place(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in placed if is_marked else []:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        y = TOP + 12 + 20 * self.series
        self.rule((WIDTH - RIGHT + 12, y - 4), (WIDTH - RIGHT + 30, y - 4), f'stroke="{colour}" stroke-width="3"')
        self.text(WIDTH - RIGHT + 36, y, name)
        self.series += 1

    def limit(self, x, name):
        """an upright line, named at its top"""
        at, _ = self.place(x, self.y_range[0])
        self.rule((at, TOP), (at, HEIGHT - BOTTOM), 'stroke="#b00" stroke-dasharray="4 3"')
        self.text(at + 4, HEIGHT - BOTTOM - 6, name, colour="#b00", size=11)

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
                f'height="{HEIGHT}" font-family="sans-serif" font-size="12">\n'
                f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def shares(samples, scale):
    """how many percent of the samples are at most that long"""
    ordered = sorted(samples)
    return [(max(at * scale, 1e-3), (i + 1) * 100 / len(ordered)) for i, at in enumerate(ordered)]


def packets(rows):
    chart = Chart("What a packet that may pass costs", "clients that may pass", "ns more than an empty input chain",
                  (1, 100000), (10, 100000))
    series = {}
    for row in rows:
        if "series" in row:
            series.setdefault(row["series"], []).append((row["x"], row["median"]))
    for name, points in series.items():
        chart.line(name, sorted(points), True)
    return chart.svg()


def logins(rows):
    found = [row for row in rows if "curve" in row]
    top = max(point["cpu"] for row in found for point in row["points"])
    chart = Chart("What a login costs when there are many", "logins, or grants, that there are",
                  "µs of the helper's processor time", (1, 10000), (0, math.ceil(top / 200) * 200), False)
    for row in found:
        chart.line(f"with so many {row['curve']}", [(point["count"], point["cpu"]) for point in row["points"]], True)
    return chart.svg()


def latency(rows):
    chart = Chart("How long it takes", "ms", "% that took at most so long", (0.01, 1000), (0, 100), False)
    for row in rows:
        if "plot" in row:
            chart.line(row["plot"], shares(row["samples"], {"µs": 0.001, "ms": 1}[row["unit"]]))
    chart.limit(3.7, "first datagram")
    return chart.svg()


def draw(rows):
    """{file: (title, SVG)}, of what has been measured"""
    drawn = {}
    if any("series" in row for row in rows):
        drawn["bench-packets.svg"] = ("The cost of a packet against the number of grants", packets(rows))
    if any("curve" in row for row in rows):
        drawn["bench-logins.svg"] = ("The cost of a login against the number of logins and grants", logins(rows))
    if any("plot" in row for row in rows):
        drawn["bench-latency.svg"] = ("Distributions of latencies", latency(rows))
    return drawn
