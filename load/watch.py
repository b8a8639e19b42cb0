"""Looks at the processor time and memory of processes, from outside: /proc says."""

import os
import re
import threading
import time
from pathlib import Path


class Watch:
    """Notes what each of Echo's processes takes, every second, as long as the block lasts."""

    def __init__(self, processes, path):
        self.processes, self.path, self.over = processes, path, threading.Event()
        self.thread = threading.Thread(target=self.sample)

    def __enter__(self):
        self.before = {process.name: spent(process.pid) for process in self.processes}
        self.thread.start()
        return self

    def __exit__(self, failed, *_):
        self.over.set()
        self.thread.join()
        if not failed:
            self.taken = {process.name: self.look(process) for process in self.processes}

    def look(self, process):
        """What the process took from the beginning of the block to now."""
        return {
            "cpu_seconds": round(spent(process.pid) - self.before[process.name], 2),
            "peak_rss_mib": round(memory(process.pid, "VmHWM"), 1),
        }

    def sample(self):
        with open(self.path, "w") as file:
            print("time,process,cpu_percent,rss_mib", file=file)
            then, before = time.time(), dict(self.before)
            while not self.over.wait(1):
                now = time.time()
                for process in self.processes:
                    after = spent(process.pid)
                    percent = 100 * (after - before[process.name]) / (now - then)
                    print(f"{now:.2f},{process.name},{percent:.1f},{memory(process.pid, 'VmRSS'):.1f}", file=file)
                    before[process.name] = after
                then = now


def spent(pid):
    """The processor time of a process so far, by its code and by the system for it, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, which):
    """In MiB: `VmRSS` has what is taken now, `VmHWM` the most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{which}:\s+(\d+)", status)[1]) / 1024
