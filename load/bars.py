"""Draws how long each kind of request took in some sets of runs, one set under another, and what they ran on."""

import math

from chart import COLOURS, LEFT, WIDTH, svg, text
from sets import number

ROW, BAR, RIGHT = 22, 10, 210


def draw(sets):
    """An image as SVG, in shades of one colour for each set: to the median, to p95, to p99, of the median run of each."""
    classes = [name for name in sets[0].classes if all(name in it.classes for it in sets)]
    axis = Axis([it.time(name, 99).median for it in sets for name in classes])
    parts = [text(LEFT, 22, "half, 95 % and 99 % of the requests took at most, in ms", weight="bold")]
    top = 50
    for place, it in enumerate(sets):
        parts += swatch(top + place * ROW, COLOURS[place], headline(it))
    top += len(sets) * ROW + 10
    bottom = top + len(classes) * (len(sets) * ROW + ROW)
    parts += axis.draw(top, bottom)
    for name in classes:
        parts.append(text(LEFT - 10, top + 14 + (len(sets) - 1) * ROW / 2, name, anchor="end"))
        for place, it in enumerate(sets):
            parts += bar(axis, top + place * ROW, COLOURS[place], [it.time(name, share).median for share in (50, 95, 99)])
        top += len(sets) * ROW + ROW
    parts += [text(LEFT, bottom + 45 + place * 18, line) for place, line in enumerate(footer(sets))]
    return svg(LEFT + WIDTH + 20, bottom + 45 + len(footer(sets)) * 18, parts)


class Axis:
    """Milliseconds from left to right, ten times as many in equal steps."""

    def __init__(self, longest):
        self.most = max(1, math.ceil(math.log10(max(longest, default=10))))

    def x(self, ms):
        return LEFT + (WIDTH - RIGHT) * (math.log10(max(ms, 0.1)) + 1) / (self.most + 1)

    def draw(self, top, bottom):
        for power in range(-1, self.most + 1):
            at = self.x(10**power)
            yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{bottom}" stroke="#ddd"/>'
            yield text(at, bottom + 16, f"{10**power:,g}", anchor="middle")


def bar(axis, top, colour, times):
    start = axis.x(0)
    for time, opacity in zip(times, (1, 0.55, 0.25)):
        yield (
            f'<rect x="{start:.1f}" y="{top + 5}" width="{axis.x(time) - start:.1f}" height="{BAR}" '
            f'fill="{colour}" fill-opacity="{opacity}"/>'
        )
        start = axis.x(time)
    yield text(start + 8, top + 14, " / ".join(map(number, times)))


def swatch(top, colour, words):
    yield f'<rect x="{LEFT}" y="{top}" width="{BAR}" height="{BAR}" fill="{colour}"/>'
    yield text(LEFT + 18, top + 10, words)


def headline(it):
    figures = it.figures()
    rate, cpu, memory = (figures[name] for name in ("requests per second", "processor time per request, ms", "most memory, MiB"))
    return f"{it.machine['shape']}: {rate} requests per second, {cpu} ms of processor time each, {memory} MiB at most"


def footer(sets):
    """How to make it again, and on what it was made."""
    ran_on = sets[0].machine
    stands_in = sorted({it.machine["mongod"] for it in sets if "mongod" in it.machine})
    return [
        *(it.command() for it in sets),
        f"{ran_on['cores']} cores, {ran_on['CPU']}, {ran_on['memory']}, {ran_on['kernel']}, k6 on the same; {ran_on['time']}",
        f"{ran_on['echod'].partition(',')[0]}, commit {ran_on['commit'][:12]}" + "".join(f", {it}" for it in stands_in),
    ]
