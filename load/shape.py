"""Starts Echo as one process, as two that do everything, or as five services, with what they stand on."""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHAPES = ("embedded", "two", "services")


@dataclass
class Process:
    """One `echod`; `internal` is the address of its metrics."""

    name: str
    pid: int
    internal: str


@dataclass
class Echo:
    url: str
    processes: list


def seed(echod, data, sizes, logs):
    """Makes a demo world in the folder `data`, and has Echo do what follows from it, so that none of that is measured."""
    with open(logs / "seed.log", "w") as log:
        subprocess.run([echod, "seed", *sizes], env=settings(data), cwd=data, stdout=log, stderr=log, check=True)
    with alone(echod, data, logs):
        while waiting(echod, data):
            time.sleep(0.2)


def waiting(echod, data):
    """How many events are still to be dealt with."""
    said = subprocess.run([echod, "doctor", "--json"], env=settings(data), cwd=data, capture_output=True, check=True).stdout
    return sum(consumer["waiting"] for consumer in json.loads(said)["events"])


def start(shape, echod, mongod, data, logs):
    """An Echo of the records and images in the folder `data`, which serves as long as the block lasts."""
    return alone(echod, data, logs) if shape == "embedded" else cluster(shape, echod, mongod, data, logs)


def settings(data):
    return {"DATA_DIR": str(data), "PORT": "0", "INTERNAL_ADDR": "127.0.0.1:0", "RATE_LIMITS": "off", "NO_COLOR": "1"}


@contextmanager
def alone(echod, data, logs):
    with open(logs / "echod.log", "w") as log, serving([echod], env=settings(data), cwd=data, stderr=log) as process:
        url = told(process, r"http://localhost:\d+", log)
        internal = told(process, r"Metrics http://(\S+)/metrics", log)
        yield Echo(url, [Process("echod", process.pid, internal)])


@contextmanager
def cluster(shape, echod, mongod, data, logs):
    """scripts/cluster starts it, and ends it once what it runs, which is `cat`, has nothing more to read."""
    environment = os.environ | {"ECHOD": str(echod), "MONGOD": str(mongod), "DATA": str(data), "LOGS": str(logs.resolve())}
    tell = 'echo "at $ECHO_TEST_URL as $ECHO_TEST_PROCESSES"; exec cat'
    command = [ROOT / "scripts" / "cluster", shape, "sh", "-c", tell]
    with open(logs / "cluster.log", "w") as log:
        with serving(command, env=environment, stdin=subprocess.PIPE, stderr=log) as process:
            url, processes = told(process, r"at (\S+ as .*)", log).split(" as ")
            each = (process.split("=") for process in processes.split())
            yield Echo(url, [Process(name, int(pid), internal) for name, pid, internal in each])


@contextmanager
def serving(command, **how):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **how)
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        else:
            process.terminate()
        process.wait()
        process.stdout.close()


def told(process, pattern, log):
    """What is in the brackets of the first line of this pattern, or all that is of it."""
    found = next(filter(None, (re.search(pattern, line) for line in process.stdout)), None)
    if not found:
        sys.exit(f"{process.args[0]} did not start: see {log.name}")
    return found[found.lastindex or 0]
