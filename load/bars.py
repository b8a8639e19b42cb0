"""Draws how long each kind of request took in some sets of runs, one set under another, and what they ran on."""

import math

import machine
from chart import COLOURS, LEFT, WIDTH, svg, text
from sets import number

ROW, SWATCH = 22, 10
# Beside the longest line, for its figures.
RIGHT = 150


def draw(sets):
    """An image as SVG, with a colour for each set. Each time is the median of those of the runs."""
    classes = [name for name in sets[0].classes if all(name in it.classes for it in sets)]
    axis = Axis([it.time(name, share).median for it in sets for name in classes for share in (50, 99)])
    parts = [text(LEFT, 22, "half / 95 % / 99 % of the requests took at most, in ms", weight="bold")]
    top = 50
    for place, it in enumerate(sets):
        parts += swatch(top + place * ROW, COLOURS[place], headline(it))
    top += len(sets) * ROW + 10
    bottom = top + len(classes) * (len(sets) * ROW + ROW)
    parts += axis.draw(top, bottom)
    for name in classes:
        parts.append(text(LEFT - 10, top + 4 + len(sets) * ROW / 2, name, anchor="end"))
        for place, it in enumerate(sets):
            parts += bar(axis, top + place * ROW, COLOURS[place], [it.time(name, share).median for share in (50, 95, 99)])
        top += len(sets) * ROW + ROW
    parts += [text(LEFT, bottom + 45 + place * 18, line) for place, line in enumerate(footer(sets))]
    return svg(LEFT + WIDTH + 20, bottom + 45 + len(footer(sets)) * 18, parts)


class Axis:
    """Milliseconds from left to right, ten times as many in equal steps."""

    def __init__(self, times):
        self.first = math.floor(math.log10(min(times)))
        self.last = max(self.first + 1, math.ceil(math.log10(max(times))))

    def x(self, ms):
        return LEFT + (WIDTH - RIGHT) * (math.log10(ms) - self.first) / (self.last - self.first)

    def draw(self, top, bottom):
        for power in range(self.first, self.last + 1):
            at = self.x(10**power)
            yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{bottom}" stroke="#ddd"/>'
            yield text(at, bottom + 16, f"{10**power:,g}", anchor="middle")


def bar(axis, top, colour, times):
    """A dot at the median, a thick line to p95, a thin one to p99."""
    half, most, nearly_all = map(axis.x, times)
    y = top + ROW / 2
    for end, width in ((nearly_all, 2), (most, 7)):
        yield f'<line x1="{half:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="{width}"/>'
    yield f'<circle cx="{half:.1f}" cy="{y}" r="6" fill="{colour}"/>'
    yield text(nearly_all + 8, y + 4, " / ".join(map(number, times)))


def swatch(top, colour, words):
    yield f'<rect x="{LEFT}" y="{top}" width="{SWATCH}" height="{SWATCH}" fill="{colour}"/>'
    yield text(LEFT + 18, top + 10, words)


def headline(it):
    figures = it.figures()
    rate, cpu, memory = (figures[name] for name in ("requests per second", "processor time per request, ms", "most memory, MiB"))
    return f"{it.machine['shape']}: {rate} requests per second, {cpu} ms of processor time each, {memory} MiB at most"


def footer(sets):
    """How to make it again, and what the last of them ran on, which may stand on more than the others."""
    return [*(machine.command(it.machine, len(it.runs)) for it in sets), *machine.ran_on(sets[-1].machine)]
