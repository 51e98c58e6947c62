"""What session.sh records: terminals as an SVG that moves, and the times of one session as another.

    session.py film TMUX-SOCKET CAPTION-FILE SVG NAME...    until the caption is "end"
    session.py first ADDRESS PORT                           the time of the first datagram from there
    session.py timeline EVENTS SVG
"""

import re
import socket
import struct
import subprocess
import sys
import time
from xml.sax.saxutils import escape

COLUMNS, LINE, CHARACTER, MARGIN = 100, 18, 8.4, 14
LONGEST = 2.5  # seconds that nothing happens
COLOURS = ["#586069", "#e5534b", "#57ab5a", "#c69026", "#539bf5", "#b083f0", "#39c5cf", "#cdd9e5"]
TEXT, BACK, FRAME = "#cdd9e5", "#1c2128", "#444c56"


# --- a film of terminals ----------------------------------------------------------------------------

def styled(line):
    """(style, text) of a line as tmux gives it"""
    style, parts = {}, []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b"):
            parts.append((dict(style), part))
            continue
        for code in (int(n or 0) for n in part[2:-1].split(";")):
            if code == 0:
                style = {}
            elif code in (1, 7):
                style["bold" if code == 1 else "reverse"] = True
            elif 30 <= code <= 37 or 90 <= code <= 97:
                style["fill"] = COLOURS[code % 10]
            elif code in (39, 27, 22):
                style.pop({39: "fill", 27: "reverse", 22: "bold"}[code], None)
    return [(how, text) for how, text in parts if text]


def drawn(line, x, y):
    column, parts = 0, []
    for style, text in styled(line):
        at = x + column * CHARACTER
        width = len(text) * CHARACTER
        fill = style.get("fill", TEXT)
        if style.get("reverse"):
            parts.append(f'<rect x="{at:.1f}" y="{y - 13}" width="{width:.1f}" height="{LINE}" fill="{fill}"/>')
            fill = BACK
        if text.strip():
            bold = ' font-weight="bold"' if style.get("bold") else ""
            parts.append(f'<text x="{at:.1f}" y="{y}" textLength="{width:.1f}" fill="{fill}"{bold}>{escape(text)}</text>')
        column += len(text)
    return "".join(parts)


def screen(tmux, name):
    text = subprocess.run(["tmux", "-S", tmux, "capture-pane", "-e", "-p", "-t", f"={name}:"],
                          capture_output=True, check=True, text=True).stdout
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]


def record(tmux, caption_file, names):
    """frames: (seconds, {row: text}); a row is a line of a terminal, or the caption"""
    frames, last, shown_at = [], None, 0.0
    then = time.monotonic()
    while True:
        with open(caption_file) as file:
            caption = file.read().strip()
        if caption == "end":
            return frames, shown_at + LONGEST
        rows = {("", 0): caption}
        for name in names:
            rows.update({(name, i): line for i, line in enumerate(screen(tmux, name))})
        now = time.monotonic()
        if rows != last:
            shown_at += min(now - then, LONGEST)
            frames.append((shown_at, rows))
            last, then = rows, now
        time.sleep(0.05)


def spans(frames, end):
    """{row: [(from, to, text)]}: how long each stood there"""
    rows = {}
    for i, (start, frame) in enumerate(frames):
        until = frames[i + 1][0] if i + 1 < len(frames) else end
        for row, text in frame.items():
            stood = rows.setdefault(row, [])
            if stood and stood[-1][2] == text and stood[-1][1] == start:
                stood[-1] = (stood[-1][0], until, text)
            else:
                stood.append((start, until, text))
    return rows


def shown(content, start, until, end):
    """Who cannot show it moving shows how it ends."""
    is_last = until >= end
    hide = f'<set attributeName="visibility" to="hidden" begin="film.begin" dur="{start:.2f}s"/>'
    show = f'<set attributeName="visibility" to="visible" begin="film.begin+{start:.2f}s" dur="{until - start:.2f}s"/>'
    return f'<g{"" if is_last else " visibility=" + chr(34) + "hidden" + chr(34)}>{(hide if start > 0 else "") if is_last else show}{content}</g>'


def film(tmux, caption_file, path, *names):
    frames, end = record(tmux, caption_file, names)
    rows = spans(frames, end)
    heights = {name: max(i for n, i in rows if n == name) + 1 for name in names}
    width, y, parts = COLUMNS * CHARACTER + 4 * MARGIN, 34, []
    for start, until, text in rows[("", 0)]:
        parts.append(shown(f'<text x="{2 * MARGIN}" y="22" font-weight="bold" fill="{TEXT}">{escape(text)}</text>',
                           start, until, end))
    for name in names:
        height = heights[name] * LINE + 2 * MARGIN
        parts.append(f'<rect x="{MARGIN}" y="{y}" width="{width - 2 * MARGIN:.0f}" height="{height}" rx="6" '
                     f'fill="{BACK}" stroke="{FRAME}"/>')
        for (owner, i), stood in rows.items():
            for start, until, text in stood if owner == name else []:
                if text:
                    parts.append(shown(drawn(text, 2 * MARGIN, y + MARGIN + LINE * (i + 1) - 5), start, until, end))
        y += height + MARGIN
    write(path, width, y, parts, f'<animate id="film" attributeName="x" from="0" to="0" begin="0s;film.end" dur="{end:.2f}s"/>')


def write(path, width, height, parts, inside=""):
    with open(path, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
                   f'height="{height:.0f}" font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14" '
                   f'xml:space="preserve"><rect width="100%" height="100%" fill="#22272e">{inside}</rect>\n')
        file.write("\n".join(parts) + "\n</svg>\n")


# --- the times of a session -------------------------------------------------------------------------

def first(address, port):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    print("watching", flush=True)
    while True:
        packet = packets.recv(2048)
        header = (packet[0] & 15) * 4
        if (packet[9] == 17 and packet[12:16] == socket.inet_aton(address) and
                struct.unpack("!H", packet[header + 2:header + 4])[0] == int(port)):
            print(f"{time.time():.6f} first", flush=True)
            return


LANES = ["laptop", "sshd, pam_moshgate", "moshgated", "the kernel's set"]


def timeline(events, path):
    """events: lines "TIME FROM TO TEXT", with the lanes' numbers; equal ones are something that one does alone"""
    with open(events) as file:
        steps = sorted((float(line.split(" ", 3)[0]), *line.rstrip("\n").split(" ", 3)[1:]) for line in file)
    width, top, step, left = 920, 70, 44, 130
    at = [left + 70 + i * 205 for i in range(len(LANES))]
    height = top + step * len(steps) + 30
    parts = []
    for x, name in zip(at, LANES):
        parts.append(f'<text x="{x}" y="36" text-anchor="middle" font-weight="bold" fill="{TEXT}">{escape(name)}</text>')
        parts.append(f'<line x1="{x}" y1="50" x2="{x}" y2="{height - 14}" stroke="{FRAME}" stroke-dasharray="3 4"/>')
    parts.append(f'<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
                 f'<path d="M0 0 8 4 0 8z" fill="{COLOURS[4]}"/></marker></defs>')
    for i, (moment, source, target, text) in enumerate(steps):
        y, begin, stop = top + 16 + i * step, at[int(source)], at[int(target)]
        ms = (moment - steps[0][0]) * 1000
        said = f"+{ms:.1f} ms" if ms < 1000 else f"+{ms / 1000:.1f} s"
        parts.append(f'<text x="{MARGIN}" y="{y}" fill="{COLOURS[3]}">{said}</text>')
        if source == target:
            parts.append(f'<circle cx="{begin}" cy="{y - 4}" r="4" fill="{COLOURS[4]}"/>')
        else:
            parts.append(f'<line x1="{begin}" y1="{y - 4}" x2="{stop}" y2="{y - 4}" stroke="{COLOURS[4]}" '
                         f'stroke-width="1.5" marker-end="url(#tip)"/>')
        middle = (begin + stop) / 2
        parts.append(f'<text x="{middle:.0f}" y="{y - 11}" text-anchor="middle" font-size="12" fill="{TEXT}">{escape(text)}</text>')
    write(path, width, height, parts)


if __name__ == "__main__":
    {"film": film, "first": first, "timeline": timeline}[sys.argv[1]](*sys.argv[2:])
