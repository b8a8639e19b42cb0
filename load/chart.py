"""Draws chart.svg of a run's folder: requests, latency, CPU and memory over time, one under another."""

import csv
import gzip
from collections import defaultdict

WIDTH, HEIGHT, LEFT, GAP = 900, 130, 70, 50
FONT = 'font-family="sans-serif" font-size="12" fill="#444"'


def draw(folder, scenario):
    """Needs k6's points.csv.gz and the sampler's samples.csv there."""
    panels = [*requests(folder / "points.csv.gz"), *samples(folder / "samples.csv")]
    seconds = [second for _, _, line in panels for second, _ in line]
    if not seconds:
        return
    span = (min(seconds), max(max(seconds), min(seconds) + 1))
    height = 55 + len(panels) * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + LEFT + 20} {height}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="22" {FONT} font-weight="bold">{scenario}: {span[1] - span[0]:.0f} s</text>',
    ]
    for place, panel in enumerate(panels):
        parts += draw_panel(60 + place * (HEIGHT + GAP), span, *panel)
    for share in (0, 0.25, 0.5, 0.75, 1):
        at, label = LEFT + share * WIDTH, f"{share * (span[1] - span[0]):.0f} s"
        parts.append(f'<text x="{at}" y="{height - 15}" {FONT} text-anchor="middle">{label}</text>')
    (folder / "chart.svg").write_text("\n".join([*parts, "</svg>"]) + "\n")


def requests(path):
    """Requests per second, those that failed, and the 95th percentile of their time in ms, second by second."""
    counts, failures, times = defaultdict(int), defaultdict(int), defaultdict(list)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            second, value = int(row["timestamp"]), float(row["metric_value"])
            if row["metric_name"] == "http_reqs":
                counts[second] += int(value)
            elif row["metric_name"] == "http_req_failed":
                failures[second] += int(value)
            elif row["metric_name"] == "http_req_duration":
                times[second].append(value)
    # A second without a request is a zero, too.
    whole = range(min(counts, default=0), max(counts, default=-1) + 1)
    return [
        ("requests per second", "#2563eb", [(s, counts[s]) for s in whole]),
        ("failed requests per second", "#dc2626", [(s, failures[s]) for s in whole]),
        ("95 % of the requests took at most, in ms", "#9333ea", [(s, p95(times[s])) for s in sorted(times)]),
    ]


def p95(values):
    return sorted(values)[(len(values) * 95 - 1) // 100]


def samples(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    line = lambda name: [(float(row["time"]), float(row[name])) for row in rows]
    return [
        ("CPU of the server, in % of one core", "#ea580c", line("cpu_percent")),
        ("memory of the server (RSS), in MiB", "#16a34a", line("rss_mib")),
    ]


def draw_panel(top, span, title, colour, line):
    start, end = span
    peak = max((value for _, value in line), default=0)
    most = peak or 1
    x = lambda second: LEFT + (second - start) / (end - start) * WIDTH
    y = lambda value: top + HEIGHT * (1 - value / most)
    points = " ".join(f"{x(second):.1f},{y(value):.1f}" for second, value in line)
    yield f'<text x="{LEFT}" y="{top - 8}" {FONT}>{title}; at most {peak:,.0f}</text>'
    for share in (0, 0.5, 1):
        at, label = y(most * share), f"{most * share:,.4g}"
        yield f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{at}" y2="{at}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4}" {FONT} text-anchor="end">{label}</text>'
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
