"""Each alert has a test and a runbook, each runbook an alert, and rules and panels ask for figures that Echo tells.

    python -m unittest discover deploy/prometheus      with PyYAML
"""

import json
import re
import unittest
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUNBOOKS = ROOT / "docs/runbooks"
# Labels that Prometheus gives to everything, and those of histograms.
ANYWHERE = {"job", "role", "instance", "le"}


def loaded(folder):
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((HERE / folder).glob("*.yml"))}


def rules():
    return [rule for file in loaded("rules").values() for group in file["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def tested():
    """The alerts of which a test says that they fire, and those of which one says that they do not."""
    cases = [case for file in loaded("tests").values() for test in file["tests"] for case in test.get("alert_rule_test", [])]
    return {it["alertname"] for it in cases if it["exp_alerts"]}, {it["alertname"] for it in cases if not it["exp_alerts"]}


def panel_queries():
    for path in (ROOT / "deploy/grafana/dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            yield from (target["expr"] for target in panel.get("targets", []))


def of_family(name):
    return name if ":" in name else re.sub(r"_(bucket|count|sum)$", "", name)


class Rules(unittest.TestCase):
    def test_each_alert_is_tested_to_fire_and_to_stay_quiet(self):
        fire, quiet = tested()

        self.assertEqual(set(alerts()) - fire, set())
        self.assertEqual(set(alerts()) - quiet, set())
        self.assertEqual((fire | quiet) - set(alerts()), set())

    def test_each_alert_says_who_must_act_on_what_and_where_it_is_told_how(self):
        for name, alert in alerts().items():
            self.assertIn(alert["labels"]["severity"], ("page", "ticket"), name)
            self.assertEqual(set(alert["annotations"]), {"summary", "description", "runbook_url"}, name)
            self.assertTrue((ROOT / alert["annotations"]["runbook_url"]).is_file(), name)

    def test_each_runbook_is_of_the_alerts_that_lead_to_it(self):
        for page in RUNBOOKS.glob("*.md"):
            if page.name != "README.md":
                lead = {name for name, it in alerts().items() if it["annotations"]["runbook_url"].endswith(f"/{page.name}")}
                self.assertTrue(lead, page.name)
                self.assertEqual(set(re.findall(r"`(Echo[A-Z]\w+)`", page.read_text().partition("\n## ")[0])), lead, page.name)
        listed = re.findall(r"^\| `(Echo\w+)` \| (\w+) \| \[.*\]\((.*\.md)\)", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
        self.assertEqual(
            {(name, severity, f"docs/runbooks/{page}") for name, severity, page in listed},
            {(name, it["labels"]["severity"], it["annotations"]["runbook_url"]) for name, it in alerts().items()},
        )

    def test_a_runbook_has_what_whoever_is_woken_looks_for(self):
        for page in RUNBOOKS.glob("*.md"):
            if page.name != "README.md":
                parts = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)
                self.assertEqual(parts, ["What it means", "Is it so?", "What to do", "When it is over"], page.name)

    def test_the_bounds_and_objectives_are_those_of_the_page(self):
        page = (ROOT / "docs/slo.md").read_text()
        told = re.findall(r"^\| `([\w-]+)` \| .* \| (?:.*within ([\d.]+) s|[^|]*) \| ([\d.]+) % \|$", page, re.MULTILINE)
        budgets = {it["labels"]["slo"]: float(it["expr"][7:-1]) for it in rules() if it.get("record") == "slo:echo_budget:ratio"}
        good = " ".join(it["expr"] for it in rules() if it.get("record") == "slo:echo_good_events:rate5m")

        self.assertEqual({slo: round(1 - float(share) / 100, 6) for slo, _, share in told}, budgets)
        bounds = {slo: float(bound) for slos, bound in re.findall(r'slo=~?"([\w|-]+)", le="([\d.]+)"', good) for slo in slos.split("|")}
        bounds["freshness"] = float(re.search(r'freshness_seconds_bucket\{le="([\d.]+)"', good)[1])
        self.assertEqual({slo: float(bound) for slo, bound, _ in told if slo != "availability"}, bounds)

    def test_bounds_are_of_buckets_that_there_are(self):
        bounds = re.findall(r'le="([\d.]+)"', " ".join(it["expr"] for it in rules()))

        self.assertTrue(bounds)
        for bound in bounds:
            self.assertIn(float(bound), [2.0**it for it in range(-14, 5)])
            self.assertIn(".", bound, "Prometheus 3 and Echo write 1 as 1.0")

    def test_everything_that_is_asked_for_is_told(self):
        page = (ROOT / "docs/metrics.md").read_text()
        families = re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|", page, re.MULTILINE)
        told = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in families}
        told |= {rule["record"]: {"slo"} for rule in rules() if "record" in rule}
        told |= {"up": set(), "ALERTS": {"alertname", "severity", "alertstate"}}
        for asked in [rule["expr"] for rule in rules()] + list(panel_queries()):
            bare = re.sub(r'"[^"]*"', '""', asked)
            named = {name: of_family(name) for name in re.findall(r"\b(?:echo_|process_|slo:)[\w:]+|\bup\b|\bALERTS\b", bare)}
            for name, family in named.items():
                self.assertIn(family, told, asked)
            for name, matchers in re.findall(r"([\w:]+)\{([^}]*)\}", bare):
                self.assertLessEqual(set(re.findall(r"(\w+)(?:=|!)", matchers)), told[of_family(name)] | ANYWHERE, asked)
            grouped = set(re.findall(r"\w+", " ".join(re.findall(r"\b(?:by|on) \(([^)]*)\)", bare))))
            self.assertLessEqual(grouped, ANYWHERE.union(*(told[family] for family in named.values())), asked)



if __name__ == "__main__":
    unittest.main()
