"""A Prometheus that asks every process of Echo what it measured, for as long as a run takes, with the rules that are shipped."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

from shape import ROOT

# What there is to see over time. A figure that this shape of Echo does not have is left out.
FIGURES = {
    "requests per second": "sum by (method, route) (rate(echo_http_request_seconds_count[5s]))",
    "requests answered with 5xx per second": 'sum by (method, route) (rate(echo_http_request_seconds_count{status=~"5.."}[5s]))',
    "95 % of the requests took at most, in ms":
        "1000 * histogram_quantile(0.95, sum by (le, method, route) (rate(echo_http_request_seconds_bucket[5s])))",
    "requests at once": "sum by (instance) (echo_http_requests_in_flight)",
    "requests turned away per second": "sum by (reason) (rate(echo_http_requests_shed_total[5s]))",
    "processor time, in % of one core": '100 * sum by (instance) (rate(process_cpu_seconds_total{job="echo"}[5s]))',
    "memory, in MiB": 'sum by (instance) (process_resident_memory_bytes{job="echo"}) / 2^20',
    "found in caches, in %":
        "100 * sum by (cache) (rate(echo_cache_hits_total[5s]))"
        " / (sum by (cache) (rate(echo_cache_hits_total[5s])) + sum by (cache) (rate(echo_cache_misses_total[5s])))",
    "memory of caches, in MiB": "sum by (cache) (echo_cache_bytes) / 2^20",
    "events wait, in s": "max by (consumer) (echo_event_lag_seconds)",
    "95 % of the calls of stores took at most, in ms":
        "1000 * histogram_quantile(0.95, sum by (le, backend) (rate(echo_store_seconds_bucket[5s])))",
    "writes per commit of SQLite":
        "sum(rate(echo_sqlite_batch_writes_sum[5s])) / sum(rate(echo_sqlite_batch_writes_count[5s]))",
    "95 % of the commits of SQLite took at most, in ms":
        "1000 * histogram_quantile(0.95, sum by (le) (rate(echo_sqlite_commit_seconds_bucket[5s])))",
    "95 % of the calls of neighbours took at most, in ms":
        "1000 * histogram_quantile(0.95, sum by (le, peer) (rate(echo_peer_seconds_bucket[5s])))",
    "passwords that wait": "sum by (instance) (echo_password_queue)",
}
REQUESTS = "sum by (method, route) (echo_http_request_seconds_count)"
OF_5XX = 'sum by (method, route) (echo_http_request_seconds_count{status=~"5.."})'
TOOK = "1000 * histogram_quantile({share}, sum by (le, method, route) (echo_http_request_seconds_bucket))"
# Of this many points the lines of a chart are made.
POINTS = 1000
PATIENCE = 30


def find():
    """The program, or nothing when there is none or none is wanted."""
    given = os.environ.get("PROMETHEUS", "prometheus")
    found = None if given == "off" else shutil.which(given)
    if not found:
        print("No Prometheus: what the server measures is not kept" + ("" if given == "off" else f"; there is no {given}"))
    return found


@contextmanager
def scraping(program, processes, folder, log):
    """Keeps its data in the folder, as long as the block lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = folder / "prometheus.json"
    settings.write_text(json.dumps(configuration(processes), indent=2))
    command = [program, f"--config.file={settings}", f"--storage.tsdb.path={folder}", f"--web.listen-address={address}"]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        prometheus = Prometheus(f"http://{address}", len(processes))
        prometheus.await_scrape(log.name)
        yield prometheus
    finally:
        process.terminate()
        process.wait()


def configuration(processes):
    """JSON is YAML, too."""
    targets = [
        {"targets": [process.internal], "labels": {"instance": process.name, "role": process.name}} for process in processes
    ]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "5s"},
        "rule_files": [str(ROOT / "deploy" / "prometheus" / "rules" / "*.yml")],
        "scrape_configs": [{"job_name": "echo", "static_configs": targets}],
    }


class Prometheus:
    def __init__(self, url, n_processes):
        self.url, self.n_processes, self.began = url, n_processes, time.time()

    def await_scrape(self, log):
        """Returns once every process has been asked after now."""
        now = time.time()
        while time.time() < now + PATIENCE:
            reached = [at for _, at in self.each('timestamp(up{job="echo"}) * up{job="echo"}')]
            if len(reached) == self.n_processes and min(reached) >= now:
                return
            time.sleep(0.1)
        sys.exit(f"Prometheus does not reach all of Echo: see {log}")

    def ask(self, what, **parameters):
        """Nothing as long as it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}") as reply:
                return json.load(reply)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise RuntimeError(f"Prometheus refuses {parameters}: {error.read().decode()}") from error
        except (urllib.error.URLError, ConnectionError):
            pass
        return []

    def over_time(self):
        """Rows of time, figure, what it is of, and value."""
        end = time.time()
        window = {"start": self.began, "end": end, "step": max(1, (end - self.began) / POINTS)}
        for figure, query in FIGURES.items():
            for series in self.ask("query_range", query=query, **window):
                for at, value in series["values"]:
                    if value != "NaN":
                        yield float(at), figure, label(series), float(value)

    def routes(self):
        """For each route, how many requests there were, how many got a 5xx, and what they took by the server's clock."""
        routes = {name: {"requests": int(value), "status_5xx": 0} for name, value in self.each(REQUESTS)}
        for name, value in self.each(OF_5XX):
            routes[name]["status_5xx"] = int(value)
        for share in (0.5, 0.95, 0.99):
            for name, value in self.each(TOOK.format(share=share)):
                routes[name][f"p{share * 100:.0f}_ms"] = round(value, 2)
        return routes

    def alerts(self):
        """The alerts that fired meanwhile, by the rules that are shipped."""
        seconds = int(time.time() - self.began) + 1
        fired = f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{seconds}s]))'
        return sorted(name for name, _ in self.each(fired))

    def each(self, query):
        return [(label(series), float(series["value"][1])) for series in self.ask("query", query=query)]


def label(series):
    return " ".join(value for _, value in sorted(series["metric"].items()))


def write(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("time", "figure", "of", "value"), *rows])
