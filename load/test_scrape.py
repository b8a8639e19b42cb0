"""Does a real Prometheus find what a process tells, and is all of it in the answers? A few lines stand for the process."""

import re
import tempfile
import threading
import unittest
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import scrape
from shape import Process

TOLD = b"""# TYPE echo_http_request_seconds histogram
echo_http_request_seconds_bucket{route="/api/posts",method="GET",status="200",le="0.5"} 90
echo_http_request_seconds_bucket{route="/api/posts",method="GET",status="200",le="1.0"} 95
echo_http_request_seconds_bucket{route="/api/posts",method="GET",status="200",le="+Inf"} 95
echo_http_request_seconds_count{route="/api/posts",method="GET",status="200"} 95
echo_http_request_seconds_sum{route="/api/posts",method="GET",status="200"} 9
echo_http_request_seconds_count{route="/api/posts",method="GET",status="500"} 5
echo_http_request_seconds_count{route="/api/auth/login",method="POST",status="200"} 7
# TYPE echo_http_requests_in_flight gauge
echo_http_requests_in_flight 3
"""


class Tells(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(TOLD)

    def log_message(self, *_):
        pass


@contextmanager
def process(name):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tells)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield Process(name, 0, f"127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


class Scrape(unittest.TestCase):
    def test_what_two_processes_tell_is_kept_by_route_and_over_time(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        both = [self.enterContext(process(name)) for name in ("one", "two")]
        log = self.enterContext(open(folder / "log", "w"))

        with scrape.scraping(scrape.find(), both, folder, log) as prometheus:
            prometheus.await_scrape(log.name)
            routes, rows, alerts = prometheus.routes(), list(prometheus.over_time()), prometheus.alerts()

        self.assertEqual({name: (of["requests"], of["status_5xx"]) for name, of in routes.items()}, {
            "GET /api/posts": (200, 10),
            "POST /api/auth/login": (14, 0),
        })
        self.assertTrue(0 < routes["GET /api/posts"]["p50_ms"] < 500 < routes["GET /api/posts"]["p99_ms"] <= 1000)
        at_once = {(of, value) for _, figure, of, value in rows if figure == "requests at once"}
        self.assertEqual(at_once, {("one", 3), ("two", 3)})
        self.assertEqual(alerts, [])

    def test_a_process_that_is_gone_is_noticed(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        log = self.enterContext(open(folder / "log", "w"))
        going = ExitStack()
        one = going.enter_context(process("one"))

        with scrape.scraping(scrape.find(), [one], folder, log) as prometheus:
            going.close()

            with mock.patch.object(scrape, "PATIENCE", 3), self.assertRaisesRegex(SystemExit, "does not reach all of Echo"):
                prometheus.await_scrape(log.name)

    def test_every_figure_is_of_what_echo_measures(self):
        measured = (scrape.ROOT / "docs" / "metrics.md").read_text()
        questions = " ".join((*scrape.FIGURES.values(), scrape.REQUESTS, scrape.OF_5XX, scrape.TOOK))
        names = {re.sub("_(bucket|count|sum)$", "", name) for name in re.findall(r"\b(?:echo|process)_\w+", questions)}

        self.assertGreater(len(names), 10)
        self.assertEqual([name for name in sorted(names) if f"`{name}" not in measured], [])

    def test_every_question_is_one_that_prometheus_understands(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        log = self.enterContext(open(folder / "log", "w"))
        with process("one") as one, scrape.scraping(scrape.find(), [one], folder, log) as prometheus:
            for query in scrape.FIGURES.values():
                prometheus.ask("query", query=query)
            with self.assertRaises(RuntimeError):
                prometheus.ask("query", query="sum by (")


if __name__ == "__main__":
    unittest.main()
