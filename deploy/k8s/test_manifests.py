"""What kustomize makes of the overlays, and whether its parts find one another.

    python -m unittest discover deploy/k8s      with PyYAML, and kubectl in PATH
"""

import subprocess
import unittest
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROLES = {"auth", "users", "posts", "media", "worker"}


def manifests(overlay):
    made = subprocess.run(["kubectl", "kustomize", HERE / overlay], capture_output=True, check=True, text=True)
    return list(yaml.safe_load_all(made.stdout))


def selects(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


class Overlay:
    """What holds for both. `self.all` has every manifest."""

    def of(self, kind):
        return [it for it in self.all if it["kind"] == kind]

    def pods(self):
        return [it["spec"]["template"] for it in self.of("Deployment")]

    def containers(self):
        return [it["spec"]["containers"][0] for it in self.pods()]

    def labels(self, deployment):
        return deployment["spec"]["template"]["metadata"]["labels"]

    def test_everything_is_in_the_namespace_that_is_made(self):
        namespace = self.of("Namespace")[0]["metadata"]["name"]

        self.assertEqual({it["metadata"]["namespace"] for it in self.all if it["kind"] != "Namespace"}, {namespace})

    def test_each_deployment_has_its_pods_and_its_service(self):
        for deployment in self.of("Deployment"):
            labels = self.labels(deployment)
            self.assertTrue(selects(deployment["spec"]["selector"]["matchLabels"], labels))
            chosen = [it["metadata"]["name"] for it in self.of("Service") if selects(it["spec"]["selector"], labels)]
            self.assertEqual(chosen, [deployment["metadata"]["name"]])
        for service in self.of("Service"):
            chosen = [it for it in self.of("Deployment") if selects(service["spec"]["selector"], self.labels(it))]
            self.assertEqual(len(chosen), 1)

    def test_life_and_readiness_are_asked_for_apart(self):
        for container in self.containers():
            self.assertEqual(container["livenessProbe"]["httpGet"], {"path": "/healthz", "port": "http"})
            self.assertEqual(container["readinessProbe"]["httpGet"], {"path": "/readyz", "port": "http"})
            self.assertIn({"name": "http", "containerPort": 8000}, container["ports"])

    def test_nothing_runs_as_root_or_changes_anything_but_its_data(self):
        for pod, container in zip(self.pods(), self.containers()):
            self.assertTrue(pod["spec"]["securityContext"]["runAsNonRoot"])
            self.assertEqual(pod["spec"]["securityContext"]["runAsUser"], 10001)
            self.assertFalse(pod["spec"]["automountServiceAccountToken"])
            self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
            self.assertFalse(container["securityContext"]["allowPrivilegeEscalation"])
            self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})
            self.assertEqual([it["mountPath"] for it in container["volumeMounts"]], ["/data"])
            self.assertEqual([it["name"] for it in pod["spec"]["volumes"]], ["data"])

    def test_the_internal_listener_is_for_neighbours_and_monitoring(self):
        policies = self.of("NetworkPolicy")
        self.assertEqual(len(policies), 1)
        api, inside = policies[0]["spec"]["ingress"]

        for pod in self.pods():
            labels = pod["metadata"]["labels"]
            self.assertTrue(selects(policies[0]["spec"]["podSelector"]["matchLabels"], labels))
            self.assertTrue(selects(inside["from"][0]["podSelector"]["matchLabels"], labels))
        self.assertEqual(api, {"ports": [{"port": "http"}]})
        self.assertEqual(inside["ports"], [{"port": "internal"}])
        self.assertEqual(len(inside["from"]), 2)

    def test_there_is_every_map_and_account_that_is_named(self):
        maps = {it["metadata"]["name"] for it in self.of("ConfigMap")}
        accounts = {it["metadata"]["name"] for it in self.of("ServiceAccount")}
        named = set()
        for container in self.containers():
            named |= {it["configMapRef"]["name"] for it in container["envFrom"] if "configMapRef" in it}
            values = [it.get("valueFrom", {}).get("configMapKeyRef", {}).get("name") for it in container["env"]]
            named |= {it for it in values if it}

        self.assertEqual(named, maps)
        self.assertEqual({it["spec"]["serviceAccountName"] for it in self.pods()}, accounts)

    def test_the_image_is_of_a_version(self):
        images = {it["image"] for it in self.containers()}

        self.assertEqual(len(images), 1)
        self.assertRegex(images.pop(), r"^registry\.example\.com/echo:[0-9]+\.[0-9]+\.[0-9]+$")


class Embedded(Overlay, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = manifests("embedded")

    def test_one_process_at_a_time_has_the_volume(self):
        (deployment,) = self.of("Deployment")
        (volume,) = self.of("PersistentVolumeClaim")

        self.assertEqual((deployment["spec"]["replicas"], deployment["spec"]["strategy"]), (1, {"type": "Recreate"}))
        claim = deployment["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
        self.assertEqual(claim, volume["metadata"]["name"])
        self.assertEqual(self.of("HorizontalPodAutoscaler"), [])


class Cluster(Overlay, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = manifests("cluster")

    def environment(self, container):
        return {it["name"]: it.get("value") for it in container["env"]}

    def ports(self, field):
        return {it["metadata"]["name"]: {port[field] for port in it["spec"]["ports"]} for it in self.of("Service")}

    def test_each_role_is_a_deployment(self):
        names = [it["metadata"]["name"] for it in self.of("Deployment")]
        roles = [self.environment(it)["ROLES"] for it in self.containers()]

        self.assertEqual(dict(zip(names, roles)), {f"echo-{role}": role for role in ROLES})

    def test_neighbours_are_where_they_are_looked_for(self):
        services = self.ports("port")

        for container in self.containers():
            peers = {name: url for name, url in self.environment(container).items() if name.startswith("PEER_")}
            self.assertEqual(len(peers), len(ROLES) - 1)
            for name, url in peers.items():
                host, port = url.removeprefix("http://").split(":")
                self.assertIn(int(port), services[host])
                self.assertEqual(host, "echo-" + name.split("_")[1].lower())

    def test_only_media_has_the_bucket(self):
        having = [self.environment(it)["ROLES"] for it in self.containers() if "S3_BUCKET" in self.environment(it)]

        self.assertEqual(having, ["media"])

    def test_secrets_are_in_a_secret(self):
        for container in self.containers():
            self.assertIn({"secretRef": {"name": "echo"}}, container["envFrom"])
        self.assertEqual(self.of("Secret"), [])

    def test_each_role_is_scaled_and_never_drained_at_once(self):
        for deployment in self.of("Deployment"):
            name, labels = deployment["metadata"]["name"], self.labels(deployment)
            scalers = [it["spec"] for it in self.of("HorizontalPodAutoscaler")]
            budgets = [it["spec"] for it in self.of("PodDisruptionBudget")]

            self.assertEqual([it["minReplicas"] for it in scalers if it["scaleTargetRef"]["name"] == name], [2])
            of_these = [it for it in budgets if selects(it["selector"]["matchLabels"], labels)]
            self.assertEqual([it["maxUnavailable"] for it in of_these], [1])
            self.assertNotIn("replicas", deployment["spec"])

    def test_a_rollout_takes_no_pod_before_its_successor_is_ready(self):
        for deployment in self.of("Deployment"):
            self.assertEqual(deployment["spec"]["strategy"]["rollingUpdate"], {"maxUnavailable": 0, "maxSurge": 1})

    def test_each_role_is_spread_for_itself(self):
        for pod in self.pods():
            for spread in pod["spec"]["topologySpreadConstraints"]:
                self.assertEqual(spread["labelSelector"]["matchLabels"], pod["metadata"]["labels"])

    def test_the_ingress_sends_each_path_to_a_service_that_is_there(self):
        services = self.ports("name")
        (ingress,) = self.of("Ingress")
        paths = {it["path"]: it["backend"]["service"] for it in ingress["spec"]["rules"][0]["http"]["paths"]}

        for service in paths.values():
            self.assertIn(service["port"]["name"], services[service["name"]])
        self.assertEqual(
            {path: it["name"] for path, it in paths.items()},
            {
                "/api/users": "echo-users",
                "/api/posts": "echo-posts",
                "/api/feed": "echo-posts",
                "/api/media": "echo-media",
                "/media": "echo-media",
                "/": "echo-auth",
            },
        )
