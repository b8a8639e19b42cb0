"""Puts together what a run came to: result.json has what two runs are compared by."""

import csv
import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Class:
    """The requests of one kind: sign-ins, feeds, and so on."""

    times: list = field(default_factory=list)
    requests: int = 0
    failures: int = 0
    shed: int = 0


def of(folder, code, taken, k6_seconds):
    """Needs k6's points.csv.gz and summary.json in the run's folder; `taken` is what each process took."""
    summary = json.loads((folder / "summary.json").read_text())["metrics"]["http_reqs"]
    seconds = summary["count"] / summary["rate"]
    classes = read(points(folder / "points.csv.gz"))
    cpu = sum(process["cpu_seconds"] for process in taken.values())
    requests = sum(it.requests for it in classes.values())
    return {
        "thresholds_held": code == 0,
        "seconds": round(seconds, 1),
        "requests": requests,
        "rate": round(requests / seconds, 2),
        "failures": sum(it.failures for it in classes.values()),
        "shed": sum(it.shed for it in classes.values()),
        "classes": {name: told(it, seconds) for name, it in sorted(classes.items())},
        "server": {
            "cpu_seconds": round(cpu, 2),
            "cpu_ms_per_request": round(1000 * cpu / requests, 3),
            "peak_rss_mib": round(sum(process["peak_rss_mib"] for process in taken.values()), 1),
            "processes": taken,
        },
        "k6_cpu_seconds": round(k6_seconds, 2),
    }


def points(path):
    """k6's measurements: a row for each."""
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def read(rows):
    classes = defaultdict(Class)
    for row in rows:
        it, value = classes[row["name"]], float(row["metric_value"])
        match row["metric_name"]:
            case "http_reqs":
                it.requests += int(value)
            case "http_req_failed":
                it.failures += int(value)
            case "shed":
                it.shed += int(value)
            # To be turned away takes no time: who turns many away is not faster for that.
            case "http_req_duration" if row["status"] != "503":
                it.times.append(value)
    # What k6 says of itself, such as how many people there are, is of no class.
    return {name: it for name, it in classes.items() if it.requests}


def told(it, seconds):
    times = sorted(it.times)
    return {
        "requests": it.requests,
        "rate": round(it.requests / seconds, 2),
        "failures": it.failures,
        "shed": it.shed,
    } | {f"p{share}_ms": round(percentile(times, share), 3) for share in (50, 95, 99) if times}


def percentile(times, share):
    """That so many percent of the times, which are in order, do not exceed."""
    return times[(len(times) * share - 1) // 100]
