"""Do load/compare and load/report say of made-up sets what is true of them?"""

import json
import random
import subprocess
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
MACHINE = {
    "scenario": "load, 0123456789ab",
    "shape": "embedded",
    "world": "1000 people, 10000 posts",
    "think": "0 s",
    "k6-args": "none",
    "cores": "2",
    "CPU": "Some processor",
    "memory": "8 kB",
    "kernel": "Linux",
    "echod": "echod 0.1.0, 0123456789ab, /bin/echod",
    "commit": "0123456789ab",
    "time": "today",
    "load": "none",
    "fsync": "1 ms",
}


class Sets(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.dice = random.Random(1)

    def set(self, name, runs=5, times=1, rate=300, missed=0, **different):
        """A set whose feeds take so many times what they took."""
        folder = self.folder / name
        for number in range(runs):
            (folder / str(number + 1)).mkdir(parents=True)
            told = self.run_of(times, rate, number >= missed)
            (folder / str(number + 1) / "result.json").write_text(json.dumps(told))
        lines = MACHINE | different
        (folder / "machine.txt").write_text("".join(f"{name:<12}{value}\n" for name, value in lines.items()))
        return folder

    def run_of(self, times, rate, held):
        noisy = lambda value: value * self.dice.gauss(1, 0.02)
        took = lambda ms: {"p50_ms": noisy(ms), "p95_ms": noisy(3 * ms), "p99_ms": noisy(4 * ms)}
        return {
            "thresholds_held": held,
            "requests": 1000,
            "rate": noisy(rate),
            "failures": 0,
            "shed": 0,
            "classes": {"feed": took(2 * times), "login": took(40)},
            "server": {"cpu_ms_per_request": noisy(3), "peak_rss_mib": noisy(100)},
        }

    def run_tool(self, tool, *arguments):
        done = subprocess.run([HERE / tool, *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def verdicts(self, said):
        rows = (line for line in said.splitlines() if " %" in line[20:])
        return {row.split("  ")[0]: row.rsplit("  ", 1)[1].strip() for row in rows}


class Compare(Sets):
    def test_nothing_is_worse_where_nothing_changed(self):
        code, said = self.run_tool("compare", self.set("a"), self.set("b", commit="another", echod="echod 0.2.0, 1, /x"))

        self.assertEqual(code, 0, said)
        self.assertEqual(set(self.verdicts(said).values()), {"within the noise"}, said)

    def test_slower_feeds_are_worse_and_only_they(self):
        code, said = self.run_tool("compare", self.set("a"), self.set("b", times=1.3))

        self.assertEqual(code, 1, said)
        worse = {name for name, verdict in self.verdicts(said).items() if verdict == "worse"}
        self.assertEqual(worse, {"feed p50, ms", "feed p95, ms", "feed p99, ms"}, said)

    def test_more_requests_per_second_are_better_and_fewer_worse(self):
        a, b = self.set("a"), self.set("b", rate=390)

        (up, rose), (down, fell) = self.run_tool("compare", a, b), self.run_tool("compare", b, a)

        self.assertEqual((up, self.verdicts(rose)["requests per second"]), (0, "better"), rose)
        self.assertEqual((down, self.verdicts(fell)["requests per second"]), (1, "worse"), fell)

    def test_a_sure_but_small_difference_does_not_count(self):
        a, b = self.set("a"), self.set("b", times=1.3)

        code, said = self.run_tool("compare", a, b, "--least", "50")

        self.assertEqual((code, self.verdicts(said)["feed p50, ms"]), (0, "less than 50 %"), said)

    def test_four_runs_are_too_few(self):
        code, said = self.run_tool("compare", self.set("a", runs=4), self.set("b", times=3))

        self.assertEqual((code, set(self.verdicts(said).values())), (2, {"too few runs to say"}), said)

    def test_a_threshold_that_held_each_time_and_no_longer_does_is_worse(self):
        held, missed = self.set("a"), self.set("b", missed=1)

        self.assertEqual(self.run_tool("compare", held, missed)[0], 1)
        self.assertEqual(self.run_tool("compare", missed, held)[0], 0)

    def test_another_machine_scenario_or_shape_is_not_comparable_unless_asked_for(self):
        a = self.set("a")
        for place, different in enumerate(({"cores": 4}, {"scenario": "load, another"}, {"shape": "two", "mongod": "db version v8"})):
            b = self.set(f"b{place}", **different)
            code, said = self.run_tool("compare", a, b)

            self.assertEqual(code, 2, said)
            for name in different:
                self.assertIn(f"Different {name}: ", said)
            self.assertEqual(self.run_tool("compare", a, b, "--anyway")[0], 0)

    def test_a_folder_without_results_is_refused_with_the_cure(self):
        code, said = self.run_tool("compare", self.folder, self.set("b"))

        self.assertEqual(code, 2, said)
        self.assertIn("load/run", said)


class Report(Sets):
    def test_it_has_every_figure_of_every_set_and_says_how_it_was_made(self):
        a, b = self.set("a"), self.set("b", shape="services", mongod="db version v8")
        image = self.folder / "there" / "image.svg"

        code, said = self.run_tool("report", a, b, "--svg", image)

        self.assertEqual(code, 0, said)
        self.assertIn("THINK_TIME=0 load/run load --shape services --runs 5", said)
        rows = [line.split(" | ") for line in said.splitlines() if line.startswith("| feed p95, ms")]
        self.assertEqual([len(row) for row in rows], [3], said)
        words = " ".join(ElementTree.parse(image).getroot().itertext())
        for word in ("feed", "login", "embedded", "services", "Some processor", "db version v8", "0123456789ab"):
            self.assertIn(word, words)

    def test_sets_of_two_machines_are_not_one_report(self):
        code, said = self.run_tool("report", self.set("a"), self.set("b", CPU="Another processor"))

        self.assertNotEqual(code, 0)
        self.assertIn("differ in CPU", said)


if __name__ == "__main__":
    unittest.main()
