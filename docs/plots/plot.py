#!/usr/bin/env python3
"""Draws the charts of docs/performance.md. Only the Python standard library.

  plot.py [NAME]...                    draws NAME.svg from NAME.json, beside this script
  plot.py --measure BUILD [NAME]...    runs the benchmarks of a build first; the machine is quiet

A data file holds, for each point, x, the rows that benchmarks printed with --json, and how many
cores other work kept busy just before. A point that was measured beside much other work says so,
and should be measured again.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
QUIET = 0.2  # cores that other work may keep busy
PATIENCE_S = 600


class Chart:
    """What is measured, and how it is drawn.

    points   for each x, what to run: (series of "weir", series of "twin" or None, command)
    """

    def __init__(self, title, x, y, points, log=False):
        self.title, self.x, self.y, self.points, self.log = title, x, y, points, log


def cost(*arguments):
    return ["cost_bench", "--json", "--runs", "3", "--events", "40", *map(str, arguments)]


def by_keys():
    for keys in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000):
        yield keys, [
            ("Weir", "loop by hand", cost("--keys", keys, "--case", "plain")),
            ("Weir, a checkpoint each second", None, cost("--keys", keys, "--case", "checkpoints")),
        ]


def by_operators():
    for more in (0, 1, 2, 4, 8, 16):
        options = ["--operators", more] if more else []
        yield more, [("Weir", "loop by hand",
                      cost("--keys", 100_000, "--case", "plain", *options))]


def by_parallelism():
    yield 1, [("Weir", None, cost("--case", "plain"))]
    for subtasks in (2, 3, 4):
        yield subtasks, [("Weir", None, cost("--case", "two", "--subtasks", subtasks))]


def by_state():
    memory = 4  # million entries; they stay, the keys become more
    for keys in (4, 8, 16, 32):
        yield keys * 48, [("Weir", "RocksDB, get and put",
                           ["large_bench", "--json", "--runs", "1", "--case", "even", "--updates",
                            "4", "--keys", str(keys), "--part", str(keys // memory)])]


CHARTS = {
    "keys": Chart("Keyed totals (bench cost), one subtask", "keys", "ns an event", by_keys,
                  log=True),
    "operators": Chart("Maps in the chain before the key_by, 100,000 keys", "further maps",
                       "ns an event", by_operators),
    "parallelism": Chart("Subtasks, each with a thread, on two cores; a million keys", "subtasks",
                         "ns an event", by_parallelism),
    "state": Chart("An update of one key at random, 192 MB of memory for state",
                   "state in memory form, MB", "ns an update", by_state, log=True),
}


# ---- measuring ----------------------------------------------------------------------------------


def busy_cores():
    """How many cores were busy in the next two seconds (proc(5), /proc/stat)."""

    def idle_and_all():
        ticks = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    idle, total = idle_and_all()
    time.sleep(2)
    idle_after, total_after = idle_and_all()
    return (1 - (idle_after - idle) / max(1, total_after - total)) * os.cpu_count()


def wait_for_quiet():
    """Until other work on the machine has ended; returns how many cores are busy then."""
    begin = time.monotonic()
    while (busy := busy_cores()) > QUIET and time.monotonic() - begin < PATIENCE_S:
        pass
    return busy


def measure(name, build):
    points = []
    for x, benches in CHARTS[name].points():
        for weir, twin, command in benches:
            busy = wait_for_quiet()
            text = subprocess.run([build / "bench" / command[0], *command[1:]], check=True,
                                  capture_output=True, text=True).stdout
            row = json.loads(text.splitlines()[0])
            points.append({"x": x, "weir": weir, "twin": twin, "busy": round(busy, 2),
                           "row": row})
            print(f"{name} {x}: {row['weir']} beside {row['twin']}, {busy:.2f} cores busy",
                  flush=True)
    text = ",\n".join(" " + json.dumps(point) for point in points)
    (HERE / f"{name}.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")


def series_of(points):
    """[(x, y)] by name."""
    series = {}
    for point in points:
        for name, value in ((point["weir"], "weir"), (point["twin"], "twin")):
            if name and point["row"][value] is not None:
                series.setdefault(name, []).append((point["x"], point["row"][value]))
    return series


# ---- drawing ------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 680, 380, 64, 24, 44, 52
COLOURS = ("#1f6f8b", "#c8553d", "#6b8f3a", "#7a5195")


def ticks(top):
    """Round numbers from 0 to a little above `top`."""
    step = 10 ** math.floor(math.log10(top))
    for part in (1, 2, 5, 10):
        if top / (step * part / 5) <= 6:
            step = step * part / 5
            break
    return [i * step for i in range(int(math.ceil(top / step)) + 1)]


def number(value):
    for unit, size in (("M", 1e6), ("K", 1e3)):
        if value >= size and value % (size / 10) == 0:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


class Plane:
    """Where a point lies in the picture."""

    def __init__(self, chart, series):
        self.xs = sorted({x for line in series.values() for x, _ in line})
        self.log = chart.log
        self.y_ticks = ticks(max(y for line in series.values() for _, y in line))

    def x(self, value):
        low, high = self.scaled(self.xs[0]), self.scaled(self.xs[-1])
        return LEFT + (self.scaled(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def scaled(self, value):
        return math.log(value) if self.log else value

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.y_ticks[-1] * (HEIGHT - TOP - BOTTOM)


def text_at(x, y, text, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(text)}</text>'


def draw(chart, series):
    plane = Plane(chart, series)
    middle = (LEFT + WIDTH - RIGHT) / 2
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'font-family="sans-serif" font-size="12" fill="#333">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           text_at(middle, 20, chart.title, extra=' font-size="14"'),
           text_at(middle, HEIGHT - 12, chart.x),
           text_at(0, 0, chart.y, extra=f' transform="translate(16 {HEIGHT / 2}) rotate(-90)"')]
    for value in plane.y_ticks:
        y = plane.y(value)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(text_at(LEFT - 8, y + 4, number(value), "end"))
    for value in plane.xs:
        out.append(f'<path d="M{plane.x(value):.1f} {HEIGHT - BOTTOM}v5" stroke="#333"/>')
        out.append(text_at(plane.x(value), HEIGHT - BOTTOM + 20, number(value)))
    for i, (name, line) in enumerate(series.items()):
        out += draw_line(plane, name, line, COLOURS[i], TOP + 16 + 18 * i)
    return "\n".join([*out, "</svg>", ""])


def draw_line(plane, name, line, colour, legend_y):
    places = [(plane.x(x), plane.y(y)) for x, y in line]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots,
            f'<path d="M{LEFT + 14} {legend_y - 4}h22" stroke="{colour}" stroke-width="2"/>',
            text_at(LEFT + 42, legend_y, name, "start")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHARTS))
    parser.add_argument("--measure", type=Path, metavar="BUILD")
    options = parser.parse_args()
    if unknown := set(options.names) - set(CHARTS):
        parser.error(f"no chart {', '.join(sorted(unknown))}; there are: {', '.join(CHARTS)}")
    for name in options.names or CHARTS:
        if options.measure:
            measure(name, options.measure)
        points = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
        loud = [point["x"] for point in points if point["busy"] > QUIET]
        if loud:
            print(f"{name}: measured on a busy machine at {loud}", file=sys.stderr)
        svg = draw(CHARTS[name], series_of(points))
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
