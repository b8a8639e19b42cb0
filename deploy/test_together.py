"""What is written down in several places is the same in all of them.

    python -m unittest discover deploy -p 'test_together.py'      with PyYAML and cfn-lint
"""

import re
import unittest
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from cfnlint.decode import cfn_yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def text(path):
    return (ROOT / path).read_text()


def by_nginx():
    """nginx takes the last that matches, or what it begins with."""
    routes = text("deploy/nginx/routes.conf")
    first = re.search(r"^set \$role (\w+);$", routes, re.MULTILINE)[1]
    matches = re.findall(r"^if \(\$request_uri ~ \^(/\S*)\) \{ set \$role (\w+); \}$", routes, re.MULTILINE)

    def role(path):
        return ([first] + [role for prefix, role in matches if path.startswith(prefix)])[-1]

    return role


def by_load_balancer():
    """The load balancer takes the first rule."""
    resources = cfn_yaml.load(str(HERE / "ecs/echo.yaml"))["Resources"].values()
    stacks = [it["Properties"]["Parameters"] for it in resources if it["Type"] == "AWS::CloudFormation::Stack"]
    rules = sorted((it["Priority"], it["Paths"].split(","), it["Role"]) for it in stacks if "Paths" in it)

    def role(path):
        return next(role for _, paths, role in rules if any(fnmatchcase(path, it) for it in paths))

    return role


def by_ingress():
    """An Ingress takes the longest prefix of whole parts."""
    paths = yaml.safe_load(text("deploy/k8s/cluster/ingress.yaml"))["spec"]["rules"][0]["http"]["paths"]
    services = [(it["path"].rstrip("/") + "/", it["backend"]["service"]["name"]) for it in paths]

    def role(path):
        return max((prefix, name) for prefix, name in services if f"{path}/".startswith(prefix))[1].removeprefix("echo-")

    return role


class Together(unittest.TestCase):
    def test_every_route_goes_to_the_same_role_by_every_way(self):
        routes = re.findall(r"^\| `[A-Z]+ (/[^`]*)` \|", text("docs/api.md"), re.MULTILINE)
        nginx, balancer, ingress = by_nginx(), by_load_balancer(), by_ingress()
        roles = {}
        for route in routes:
            path = re.sub(r"\{\w+\}", "6b03897c59cb5e8bbe000001", route)
            roles.setdefault(nginx(path), []).append(path)
            self.assertEqual((balancer(path), ingress(path)), (nginx(path), nginx(path)), path)

        self.assertGreater(len(routes), 35)
        self.assertEqual(set(roles), {"auth", "users", "posts", "media"})

    def test_a_deployment_sets_nothing_that_echo_does_not_have(self):
        settings = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", text("README.md"), re.MULTILINE))
        places = {
            "deploy/Dockerfile": r"^(?:ENV |    )([A-Z0-9_]+)=\S+ ?\\?$",
            "deploy/compose.yaml": r"^      ([A-Z0-9_]+):",
            "deploy/compose.cluster.yaml": r"^(?:  |      )([A-Z0-9_]+):",
            "deploy/ecs/role.yaml": r"\{ Name: ([A-Z0-9_]+), Value(?:From)?:",
            "deploy/k8s/base/deployment.yaml": r"- name: ([A-Z0-9_]+)$",
            "deploy/k8s/cluster/service/many-processes.yaml": r"- name: ([A-Z0-9_]+)$",
            "deploy/k8s/cluster/kustomization.yaml": r"- ([A-Z0-9_]+)=",
            "deploy/image-check": r"^([A-Z0-9_]+)=\S*$",
        }
        # Not Echo's: the build's, and those of what it stands on.
        others = {"CARGO_INCREMENTAL", "CARGO_PROFILE_RELEASE_STRIP", "SSL_CERT_FILE", "TMPDIR"}
        for place, pattern in places.items():
            named = {it for it in re.findall(pattern, text(place), re.MULTILINE) if not it.startswith("GF_")} - others

            self.assertTrue(named, place)
            self.assertEqual(named - settings, set(), place)

    def test_the_version_is_that_of_the_program(self):
        version = re.search(r'^version = "(.*)"$', text("Cargo.toml"), re.MULTILINE)[1]
        places = {
            "deploy/compose.yaml": r"image: echo:(\S+)",
            "deploy/compose.cluster.yaml": r"image: echo:(\S+)",
            "deploy/k8s/embedded/kustomization.yaml": r"newTag: (\S+)",
            "deploy/k8s/cluster/kustomization.yaml": r"newTag: (\S+)",
        }
        for place, pattern in places.items():
            self.assertEqual(set(re.findall(pattern, text(place))), {version}, place)

    def test_every_image_and_action_is_pinned(self):
        for place in ["deploy/compose.cluster.yaml", "deploy/Dockerfile", ".github/workflows/ci.yml"]:
            named = re.findall(r"^ *(?:image:|MONGO:|REDIS:|ARG RUST=) ?(\S+)", text(place), re.MULTILINE)
            self.assertTrue(named, place)
            for image in named:
                self.assertRegex(image, r"^(echo:[0-9.]+|[\w/.-]+:[\w.-]+@sha256:[0-9a-f]{64})$", place)
        for workflow in (ROOT / ".github/workflows").glob("*.yml"):
            for used in re.findall(r"uses: (.*)", workflow.read_text()):
                self.assertRegex(used, r"^[\w/-]+@[0-9a-f]{40} # v[0-9.]+$", workflow.name)

    def test_grafana_knows_how_often_prometheus_asks_and_finds_its_dashboards(self):
        asks = yaml.safe_load(text("deploy/prometheus/prometheus.yml"))["global"]["scrape_interval"]
        source = yaml.safe_load(text("deploy/grafana/provisioning/datasources/prometheus.yml"))["datasources"][0]
        provider = yaml.safe_load(text("deploy/grafana/provisioning/dashboards/echo.yml"))["providers"][0]
        grafana = yaml.safe_load(text("deploy/compose.cluster.yaml"))["services"]["grafana"]

        self.assertEqual(source["jsonData"]["timeInterval"], asks)
        self.assertIn(f"./grafana/dashboards:{provider['options']['path']}:ro", grafana["volumes"])
        home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        self.assertEqual(home, f"{provider['options']['path']}/overview.json")

    def test_prometheus_keeps_what_the_service_levels_need(self):
        arguments = yaml.safe_load(text("deploy/compose.cluster.yaml"))["services"]["prometheus"]["command"]
        kept = next(int(it[1]) for it in (re.fullmatch(r"--storage.tsdb.retention.time=(\d+)d", it) for it in arguments) if it)
        longest = max(int(days) for days in re.findall(r"\[(\d+)d\]", text("deploy/prometheus/rules/slo.yml")))

        self.assertGreater(kept, longest)

    def test_ci_asks_the_mongodb_of_the_cluster(self):
        pattern = r"(mongo:\S+@sha256:\w+)"

        (one,) = set(re.findall(pattern, text("deploy/compose.cluster.yaml")))
        self.assertEqual(set(re.findall(pattern, text(".github/workflows/ci.yml"))), {one})
