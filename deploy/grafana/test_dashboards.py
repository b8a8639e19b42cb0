"""The dashboards are as their source says, can be laid out, and ask for figures that there are.

    python -m unittest discover deploy/grafana      with PyYAML; promtool in PATH
"""

import json
import re
import subprocess
import tempfile
import unittest
from itertools import combinations
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted((HERE / "dashboards").glob("*.json"))}
ROOT = HERE.parent.parent


def panels(dashboard):
    return [it for it in dashboard["panels"] if it["type"] != "row"]


def queries():
    """Where each is, and what it asks, for all that may be chosen."""
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                asked = re.sub(r"\$(job|role|instance)\b", ".*", target["expr"]).replace("$__rate_interval", "1m")
                yield f"{name}: {panel['title']} {target['refId']}", asked


def cells(panel):
    at = panel["gridPos"]
    return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}


class Dashboards(unittest.TestCase):
    def test_they_are_as_their_source_says(self):
        done = subprocess.run([HERE / "make", "--check"], capture_output=True, text=True)

        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(DASHBOARDS), 5)

    def test_ids_are_unique(self):
        self.assertEqual(len({it["uid"] for it in DASHBOARDS.values()}), len(DASHBOARDS))
        for name, dashboard in DASHBOARDS.items():
            ids = [it["id"] for it in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)), name)

    def test_no_panel_lies_over_another_or_beside_the_page(self):
        for name, dashboard in DASHBOARDS.items():
            for one, other in combinations(dashboard["panels"], 2):
                self.assertFalse(cells(one) & cells(other), f"{name}: {one['title']}, {other['title']}")
            for it in dashboard["panels"]:
                self.assertLessEqual(it["gridPos"]["x"] + it["gridPos"]["w"], 24, f"{name}: {it['title']}")

    def test_each_panel_says_what_to_look_for_and_asks_for_something(self):
        for name, dashboard in DASHBOARDS.items():
            titles = [it["title"] for it in panels(dashboard)]
            self.assertEqual(len(titles), len(set(titles)), name)
            for it in panels(dashboard):
                self.assertGreater(len(it["description"]), 15, f"{name}: {it['title']}")
                self.assertTrue(it["targets"], f"{name}: {it['title']}")

    def test_runbooks_and_pages_that_panels_name_are_there(self):
        said = " ".join(it["description"] for dashboard in DASHBOARDS.values() for it in panels(dashboard))

        pages = re.findall(r"docs/[\w/-]+\.md", said)
        self.assertTrue(pages)
        for page in pages:
            self.assertTrue((ROOT / page).is_file(), page)

    def test_the_data_source_is_chosen_at_the_top_and_provisioned(self):
        provisioned = yaml.safe_load((HERE / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
        for name, dashboard in DASHBOARDS.items():
            chosen = dashboard["templating"]["list"][0]
            self.assertEqual((chosen["name"], chosen["current"]["value"]), ("datasource", provisioned[0]["uid"]), name)
            used = [it["datasource"] for it in dashboard["templating"]["list"][1:]]
            used += [it["datasource"] for panel in panels(dashboard) for it in [panel, *panel["targets"]]]
            self.assertEqual({it["uid"] for it in used}, {"${datasource}"}, name)

    def test_prometheus_understands_every_query(self):
        rules = [{"record": "asked", "labels": {"by": by}, "expr": asked} for by, asked in queries()]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}, file)
            file.flush()
            done = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"{len(rules)} rules found", done.stdout)

    def test_every_query_keeps_to_what_is_chosen(self):
        for dashboard in DASHBOARDS.values():
            for panel in panels(dashboard):
                for asked in (it["expr"] for it in panel["targets"]):
                    if "ALERTS{" not in asked:
                        self.assertNotRegex(asked, r"\b(echo|process)_\w+(\[|\)| )", panel["title"])
                        self.assertEqual(len(re.findall(r"\w\{", asked)), asked.count('{job=~"$job"'), panel["title"])


if __name__ == "__main__":
    unittest.main()
