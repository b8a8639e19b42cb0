"""Draws what a run's figures were over time, one under another: chart.svg as k6 saw it, server.svg as Prometheus did."""

import csv
from collections import defaultdict
from html import escape

import result

WIDTH, HEIGHT, LEFT, GAP = 900, 130, 70, 60
FONT = 'font-family="sans-serif" font-size="12"'
COLOURS = ("#2563eb", "#dc2626", "#16a34a", "#9333ea", "#ea580c", "#0891b2", "#ca8a04", "#db2777")
GREY = "#444"


def draw_run(folder, title, foot):
    """Needs k6's points.csv.gz and samples.csv there. A panel is its title and its lines; a line has points by its name."""
    draw(folder / "chart.svg", title, [*requests(folder / "points.csv.gz"), *samples(folder / "samples.csv")], foot)
    if (folder / "server.csv").exists():
        draw(folder / "server.svg", f"{title}, by the server", server(folder / "server.csv"), foot)


def requests(path):
    """Requests per second, those that failed, and the 95th percentile of their time in ms, second by second."""
    counts, failures, times = defaultdict(int), defaultdict(int), defaultdict(list)
    for row in result.points(path):
        second, value = int(row["timestamp"]), float(row["metric_value"])
        match row["metric_name"]:
            case "http_reqs":
                counts[second] += int(value)
            case "http_req_failed":
                failures[second] += int(value)
            case "http_req_duration":
                times[second].append(value)
    # A second without a request is a zero, too.
    whole = range(min(counts, default=0), max(counts, default=-1) + 1)
    return [
        ("requests per second", {"": [(s, counts[s]) for s in whole]}),
        ("failed requests per second", {"": [(s, failures[s]) for s in whole]}),
        (
            "95 % of the requests took at most, in ms",
            {"": [(s, result.percentile(sorted(times[s]), 95)) for s in sorted(times)]},
        ),
    ]


def samples(path):
    cpu, memory = defaultdict(list), defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            cpu[row["process"]].append((float(row["time"]), float(row["cpu_percent"])))
            memory[row["process"]].append((float(row["time"]), float(row["rss_mib"])))
    return [("processor time of Echo, in % of one core", cpu), ("memory of Echo (RSS), in MiB", memory)]


def server(path):
    panels = defaultdict(lambda: defaultdict(list))
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            panels[row["figure"]][row["of"]].append((float(row["time"]), float(row["value"])))
    return list(panels.items())


def draw(path, title, panels, foot):
    seconds = [second for _, lines in panels for line in lines.values() for second, _ in line]
    if not seconds:
        return
    span = (min(seconds), max(max(seconds), min(seconds) + 1))
    height = 55 + len(panels) * (HEIGHT + GAP)
    parts = [text(LEFT, 22, f"{title}: {span[1] - span[0]:.0f} s", weight="bold")]
    for place, (panel, lines) in enumerate(panels):
        parts += draw_panel(70 + place * (HEIGHT + GAP), span, panel, lines)
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(text(LEFT + share * WIDTH, height - 12, f"{share * (span[1] - span[0]):.0f} s", anchor="middle"))
    parts += [text(LEFT, height + 12 + place * 18, line) for place, line in enumerate(foot)]
    path.write_text(svg(WIDTH + LEFT + 20, height + 5 + len(foot) * 18, parts))


def draw_panel(top, span, title, lines):
    """Of many lines, those that come highest."""
    start, end = span
    drawn = sorted(lines, key=lambda name: -highest(lines[name]))[: len(COLOURS)]
    peak = max(highest(lines[name]) for name in drawn)
    most = peak or 1
    x = lambda second: LEFT + (second - start) / (end - start) * WIDTH
    y = lambda value: top + HEIGHT * (1 - value / most)
    left_out = f"; {len(lines) - len(drawn)} lower ones are not drawn" if len(lines) > len(drawn) else ""
    yield text(LEFT, top - 24, f"{title}; at most {peak:,.4g}{left_out}")
    if any(drawn):
        yield legend(top - 8, drawn)
    for share in (0, 0.5, 1):
        yield f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y(most * share)}" y2="{y(most * share)}" stroke="#ddd"/>'
        yield text(LEFT - 8, y(most * share) + 4, f"{most * share:,.4g}", anchor="end")
    for name, colour in zip(drawn, COLOURS):
        points = " ".join(f"{x(second):.1f},{y(value):.1f}" for second, value in lines[name])
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def highest(line):
    return max((value for _, value in line), default=0)


def legend(y, names):
    spans = (f'<tspan fill="{colour}">{escape(name)}  </tspan>' for name, colour in zip(names, COLOURS))
    return f'<text x="{LEFT}" y="{y}" {FONT} xml:space="preserve">{"".join(spans)}</text>'


def text(x, y, words, anchor="start", weight="normal", colour=GREY):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" {FONT} fill="{colour}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def svg(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
    return "\n".join((head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>")) + "\n"
