"""What figures depend on, as lines of a name and a value in machine.txt, and which of these two sets must have the same."""

import hashlib
import os
import re
import statistics
import subprocess
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from shape import ROOT

# What differs from one time to the next.
PASSING = ("time", "load", "fsync")
# What is compared.
COMPARED = ("echod", "commit")


def describe(scenario, shape, setting, programs):
    """`setting` is what the scenario and its world are made of; `programs` has a path or nothing by each name."""
    changed = " and changes" if said("git", "status", "--porcelain") else ""
    given = ", beside an echod that was given" if "ECHOD" in os.environ else ""
    scripts = digest(ROOT / "load" / "flow.js", ROOT / "load" / f"{scenario}.js")
    return {
        "scenario": f"{scenario}, {scripts}",
        "shape": shape,
        **setting,
        "cores": len(os.sched_getaffinity(0)),
        "CPU": field("/proc/cpuinfo", "model name"),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": " ".join((os.uname().sysname, os.uname().release, os.uname().machine)),
        **{name: version(path) for name, path in programs.items() if path and name not in ("echod", "mongod")},
        **({"mongod": mongod(programs["mongod"])} if "mongod" in programs else {}),
        "echod": f"{version(programs['echod'])}, {digest(programs['echod'])}, {programs['echod']}",
        "commit": f"{said('git', 'rev-parse', '--short=12', 'HEAD')}{changed}{given}",
        "time": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC",
        "load": f"{os.getloadavg()[0]:.1f} before it began, of other programs",
        "fsync": f"{fsync():.2f} ms for 4 KiB, the median of 100, in {tempfile.gettempdir()}",
    }


def write(path, lines):
    path.write_text("".join(f"{name:<12}{value}\n" for name, value in lines.items()))


def read(path):
    parts = (line.partition(" ") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in parts}


def command(lines, n_runs):
    """What makes a set like this one."""
    people, posts = (part.split()[0] for part in lines["world"].split(", "))
    given = (
        ("SEED_USERS", people, "1000"),
        ("SEED_POSTS", posts, "10000"),
        ("THINK_TIME", lines["think"].split()[0], "1"),
        ("SOAK_TIME", lines.get("soak", "1h"), "1h"),
    )
    environment = "".join(f"{name}={value} " for name, value, default in given if value != default)
    runs = f" --runs {n_runs}" if n_runs > 1 else ""
    more = "" if lines["k6-args"] == "none" else f" {lines['k6-args']}"
    return f"{environment}load/run {lines['scenario'].partition(',')[0]} --shape {lines['shape']}{runs}{more}"


def ran_on(lines):
    """What to say beside figures, in short."""
    gib = int(lines["memory"].split()[0]) / 1024 / 1024
    stood_on = [lines["mongod"]] if "mongod" in lines else []
    return [
        f"{lines['cores']} cores ({lines['CPU']}), {gib:.0f} GiB, {lines['kernel']}, with k6 on the same; {lines['time']}",
        ", ".join((lines["echod"].partition(",")[0], f"commit {lines['commit']}", *stood_on)),
    ]


def differences(a, b, may_differ=PASSING + COMPARED):
    """Names of lines that should be the same, and are not."""
    return [name for name in (a | b) if name not in may_differ and str(a.get(name)) != str(b.get(name))]


def version(path):
    """As the program tells it."""
    told = next(filter(None, (said(path, how) for how in ("--version", "version", "-v"))), None)
    return told or f"{Path(path).name}, which does not tell its version"


def mongod(path):
    """MongoDB's own server begins so; any other stands in for it."""
    told = version(path)
    return told if told.startswith("db version") else f"{told} and stands in for MongoDB"


def said(*command):
    """The first line of a command that succeeds."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "" if done.returncode else done.stdout.strip().partition("\n")[0]


def digest(*paths):
    """Enough to tell one content from another."""
    return hashlib.sha256(b"".join(Path(path).read_bytes() for path in paths)).hexdigest()[:12]


def field(path, name):
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(path).read_text(), re.MULTILINE)
    return found[1] if found else "not told"


def fsync():
    """What the disk takes to keep 4 KiB more, in milliseconds."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)
