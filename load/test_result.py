"""What a run came to, from k6's measurements and from /proc."""

import csv
import gzip
import io
import json
import os
import tempfile
import unittest
from pathlib import Path

import chart
import result
from shape import Process
from watch import Watch

POINTS = """metric_name,timestamp,metric_value,name,status
http_reqs,100,1,feed,200
http_req_failed,100,0,feed,200
http_req_duration,100,5,feed,200
http_reqs,101,1,feed,200
http_req_failed,101,0,feed,200
http_req_duration,101,7,feed,200
http_reqs,103,1,feed,503
http_req_failed,103,0,feed,503
http_req_duration,103,90,feed,503
shed,103,1,feed,
http_reqs,103,1,login,500
http_req_failed,103,1,login,500
http_req_duration,103,40,login,500
vus,103,2,,
"""


class Result(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_each_kind_of_request_is_counted_and_being_turned_away_is_no_reply_to_time(self):
        with gzip.open(self.folder / "points.csv.gz", "wt") as file:
            file.write(POINTS)
        (self.folder / "summary.json").write_text(json.dumps({"metrics": {"http_reqs": {"count": 4, "rate": 0.8}}}))
        taken = {"one": {"cpu_seconds": 0.5, "peak_rss_mib": 40}, "two": {"cpu_seconds": 1.5, "peak_rss_mib": 50}}

        told = result.of(self.folder, 99, taken, 0.25)

        rates = {"requests": 3, "rate": 0.6, "failures": 0, "shed": 1}
        self.assertEqual(told["classes"]["feed"], rates | {"p50_ms": 5, "p95_ms": 7, "p99_ms": 7})
        self.assertEqual(list(told["classes"]), ["feed", "login"])
        self.assertEqual((told["requests"], told["rate"], told["failures"], told["shed"]), (4, 0.8, 1, 1))
        self.assertEqual((told["seconds"], told["thresholds_held"], told["k6_cpu_seconds"]), (5, False, 0.25))
        server = told["server"]
        self.assertEqual((server["cpu_seconds"], server["cpu_ms_per_request"], server["peak_rss_mib"]), (2, 500, 90))

    def test_so_many_percent_do_not_exceed_a_percentile(self):
        times = list(range(1, 101))

        self.assertEqual([result.percentile(times, share) for share in (50, 95, 99)], [50, 95, 99])
        self.assertEqual(result.percentile([3], 50), 3)

    def test_a_second_without_a_request_is_drawn_as_zero(self):
        with gzip.open(self.folder / "points.csv.gz", "wt") as file:
            file.write(POINTS)

        (_, rate), (_, failed), _ = chart.requests(self.folder / "points.csv.gz")

        self.assertEqual(rate[""], [(100, 1), (101, 1), (102, 0), (103, 2)])
        self.assertEqual(failed[""], [(100, 0), (101, 0), (102, 0), (103, 1)])

    def test_processor_time_and_memory_are_those_of_the_process(self):
        path = self.folder / "samples.csv"

        with Watch([Process("this", os.getpid(), "")], path) as watch:
            given_back = len(bytearray(100 << 20))
            began = os.times()
            while os.times().user + os.times().system < began.user + began.system + 1.2:
                pass

        taken = watch.taken["this"]
        self.assertGreaterEqual(taken["cpu_seconds"], 1.1)
        self.assertGreater(taken["peak_rss_mib"], given_back >> 20)
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        self.assertTrue(rows and all(row["process"] == "this" and 5 < float(row["rss_mib"]) < 100 for row in rows), rows)


if __name__ == "__main__":
    unittest.main()
