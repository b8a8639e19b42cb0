"""Sets of runs, as load/run leaves them, and the figures that they are compared by."""

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import machine


@dataclass
class Figure:
    """One figure of every run of a set."""

    values: list
    more_is_better: bool = False

    @property
    def median(self):
        return statistics.median(self.values)

    def __str__(self):
        if min(self.values) == max(self.values):
            return number(self.median)
        return f"{number(self.median)} ({number(min(self.values))}–{number(max(self.values))})"


@dataclass
class Set:
    folder: Path
    machine: dict
    runs: list

    @property
    def missed(self):
        """How many runs missed a threshold of the scenario."""
        return sum(not run["thresholds_held"] for run in self.runs)

    @property
    def classes(self):
        """The kinds of request that every run has."""
        return [name for name in self.runs[0]["classes"] if all(name in run["classes"] for run in self.runs)]

    def figures(self):
        """By their names."""
        of = lambda look, **how: Figure([look(run) for run in self.runs], **how)
        return {
            "requests per second": of(lambda run: run["rate"], more_is_better=True),
            **{f"{name} p{share}, ms": self.time(name, share) for name in self.classes for share in (50, 95, 99)},
            "failed, %": of(lambda run: 100 * run["failures"] / run["requests"]),
            "turned away, %": of(lambda run: 100 * run["shed"] / run["requests"]),
            "processor time per request, ms": of(lambda run: run["server"]["cpu_ms_per_request"]),
            "most memory, MiB": of(lambda run: run["server"]["peak_rss_mib"]),
        }

    def time(self, name, share):
        """What so many percent of the requests of a kind took at most, in ms."""
        return Figure([run["classes"][name][f"p{share}_ms"] for run in self.runs])


def load(folder):
    folder = Path(folder)
    results = sorted(folder.glob("*/result.json"), key=lambda path: int(path.parent.name))
    if not results or not (folder / "machine.txt").exists():
        print(f"{folder} has no results: load/run makes them, with --to {folder}", file=sys.stderr)
        sys.exit(2)
    return Set(folder, machine.read(folder / "machine.txt"), [json.loads(path.read_text()) for path in results])


def number(value):
    """With three digits that count."""
    digits = max(0, 3 - len(f"{value:.0f}")) if value >= 1 else 3
    return f"{value:,.{digits}f}" if value else "0"
