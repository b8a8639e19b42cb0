"""The stack, made by moto and read back; and what moto does not keep, read from the templates.

    python -m unittest discover deploy/ecs      with moto[server,all], boto3 and cfn-lint
"""

import ast
import json
import os
import unittest
from pathlib import Path

import boto3
from cfnlint.decode import cfn_yaml
from moto import mock_aws

HERE = Path(__file__).resolve().parent
REGION = "eu-central-1"
ROLES = {"auth", "users", "posts", "media", "worker"}
WITH_ROUTES = ROLES - {"worker"}
IMAGE = "registry.example.com/echo@sha256:" + 64 * "0"

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION=REGION)


# What moto does not make. The tests make what others refer to of it, and read the rest from the templates.
NOT_MADE = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::S3::BucketPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::ServiceDiscovery::HttpNamespace",
}


def template(name):
    return cfn_yaml.load(str(HERE / name))


def makeable(name, stand_ins):
    """The template without what moto does not make, and with these values for what is referred to of it."""

    def replaced(it):
        if isinstance(it, list):
            return [replaced(part) for part in it]
        if not isinstance(it, dict):
            return it
        named = it.get("Ref") or it.get("Fn::GetAtt", [None])[0]
        return stand_ins.get(named) or {key: replaced(value) for key, value in it.items()}

    whole = template(name)
    whole["Resources"] = {key: it for key, it in whole["Resources"].items() if it["Type"] not in NOT_MADE}
    return replaced(whole)


def packaged(bucket, stand_ins):
    """The template with the address of role.yaml in it, as `aws cloudformation package` makes it."""
    boto3.client("s3").put_object(Bucket=bucket, Key="role.yaml", Body=json.dumps(makeable("role.yaml", {})))
    text = json.dumps(makeable("echo.yaml", stand_ins))
    assert text.count('"TemplateURL": "role.yaml"') == len(ROLES)
    return text.replace('"role.yaml"', f'"https://{bucket}.s3.amazonaws.com/role.yaml"')


def network():
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=REGION + "ab"[n % 2])["Subnet"]["SubnetId"]
        for n in range(4)
    ]
    return vpc, ",".join(subnets[:2]), ",".join(subnets[2:])


class TheStack(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.aws = mock_aws()
        cls.aws.start()
        cls.addClassCleanup(cls.aws.stop)
        boto3.client("s3").create_bucket(
            Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        vpc, public, private = network()
        secrets = boto3.client("secretsmanager")
        cls.secrets = {
            name: secrets.create_secret(Name=name, SecretString="{}")["ARN"] for name in ["Stores", "JwtSecret", "ServiceToken"]
        }
        certificate = boto3.client("acm").request_certificate(DomainName="echo.example.com")["CertificateArn"]
        parameters = {
            "VpcId": vpc,
            "PublicSubnets": public,
            "PrivateSubnets": private,
            "Image": IMAGE,
            "PublicUrl": "https://echo.example.com",
            "CertificateArn": certificate,
            "StoresSecretArn": cls.secrets["Stores"],
        }
        boto3.client("cloudformation").create_stack(
            StackName="echo",
            TemplateBody=packaged("templates", cls.secrets | {"Namespace": "arn:aws:servicediscovery:::namespace/ns-1"}),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        ecs = boto3.client("ecs")
        cls.cluster = ecs.list_clusters()["clusterArns"][0]
        cls.services = ecs.describe_services(
            cluster=cls.cluster, services=ecs.list_services(cluster=cls.cluster)["serviceArns"]
        )["services"]
        tasks = [ecs.describe_task_definition(taskDefinition=it["taskDefinition"]) for it in cls.services]
        cls.containers = [task["taskDefinition"]["containerDefinitions"][0] for task in tasks]

    def environment(self, container):
        return {it["name"]: it["value"] for it in container["environment"]}

    def of(self, role):
        return next(it for it in self.containers if self.environment(it)["ROLES"] == role)

    def test_it_is_made(self):
        stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]

        self.assertEqual(len(stacks), 1 + len(ROLES))
        self.assertEqual({it["StackStatus"] for it in stacks}, {"CREATE_COMPLETE"})

    def test_each_role_is_a_service_of_two_tasks(self):
        self.assertEqual(len(self.services), len(ROLES))
        self.assertEqual({it["desiredCount"] for it in self.services}, {2})
        self.assertEqual({self.environment(it)["ROLES"] for it in self.containers}, ROLES)

    def test_each_role_runs_the_image_with_its_neighbours_and_secrets(self):
        for container in self.containers:
            environment = self.environment(container)
            secrets = {it["name"]: it["valueFrom"] for it in container["secrets"]}

            self.assertEqual(container["image"], IMAGE)
            for role in WITH_ROUTES:
                self.assertEqual(environment[f"PEER_{role.upper()}_URL"], f"http://{role}:9464")
            self.assertEqual(environment["INTERNAL_ADDR"], "0.0.0.0:9464")
            self.assertEqual(secrets["MONGODB_URI"], self.secrets["Stores"] + ":MONGODB_URI::")
            self.assertEqual(secrets["REDIS_URL"], self.secrets["Stores"] + ":REDIS_URL::")
            self.assertEqual(secrets["JWT_SECRET"], self.secrets["JwtSecret"])
            self.assertEqual(secrets["SERVICE_TOKEN"], self.secrets["ServiceToken"])
            self.assertEqual(set(secrets) & set(environment), set())

    def test_only_media_knows_the_bucket(self):
        buckets = {it["Name"] for it in boto3.client("s3").list_buckets()["Buckets"]} - {"templates"}

        self.assertEqual({self.environment(self.of("media"))["S3_BUCKET"]}, buckets)
        for role in ROLES - {"media"}:
            self.assertEqual(self.environment(self.of(role))["S3_BUCKET"], "")

    def test_only_medias_role_may_touch_images(self):
        iam = boto3.client("iam")
        policies = {}
        for role in [it["RoleName"] for it in iam.list_roles()["Roles"]]:
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                # Those that are written down with their role, moto keeps as text of Python.
                policies.setdefault(name, []).append(ast.literal_eval(policy) if isinstance(policy, str) else policy)

        self.assertEqual(len(policies["images"]), 1)
        self.assertEqual(set(policies), {"images", "logs", "secrets"})
        bucket = self.environment(self.of("media"))["S3_BUCKET"]
        resources = {it["Resource"] for it in policies["images"][0]["Statement"]}
        self.assertEqual(resources, {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"})
        for policy in sum(policies.values(), []):
            for statement in policy["Statement"]:
                self.assertNotIn("*", [statement["Resource"], statement["Action"]])

    def test_the_load_balancer_sends_each_path_to_its_role(self):
        elb = boto3.client("elbv2")
        balancer = elb.describe_load_balancers()["LoadBalancers"][0]
        listeners = {it["Port"]: it for it in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]}
        groups = {it["TargetGroupArn"]: it for it in elb.describe_target_groups()["TargetGroups"]}
        rules = [
            it for it in elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"] if it["Priority"] != "default"
        ]
        rules.sort(key=lambda it: int(it["Priority"]))
        paths = [it["Conditions"][0]["PathPatternConfig"]["Values"] for it in rules]

        self.assertEqual(balancer["Scheme"], "internet-facing")
        self.assertEqual(listeners[80]["DefaultActions"][0]["RedirectConfig"]["Port"], "443")
        self.assertEqual(listeners[443]["Protocol"], "HTTPS")
        self.assertEqual([it[0] for it in paths], ["/api/users/*", "/api/posts", "/api/media", "/*"])
        self.assertEqual({it["Actions"][0]["TargetGroupArn"] for it in rules}, set(groups))
        self.assertEqual(len(groups), len(WITH_ROUTES))
        for group in groups.values():
            self.assertEqual((group["Port"], group["TargetType"], group["HealthCheckPath"]), (8000, "ip", "/readyz"))

    def test_tasks_are_reached_by_the_load_balancer_and_one_another_alone(self):
        groups = boto3.client("ec2").describe_security_groups()["SecurityGroups"]
        front = next(it for it in groups if it["Description"].startswith("the load balancer"))
        tasks = next(it for it in groups if it["Description"].startswith("the tasks"))
        reached = {it["FromPort"]: it for it in tasks["IpPermissions"]}

        self.assertEqual(set(reached), {8000, 9464})
        self.assertEqual([it["GroupId"] for it in reached[8000]["UserIdGroupPairs"]], [front["GroupId"]])
        self.assertEqual([it["GroupId"] for it in reached[9464]["UserIdGroupPairs"]], [tasks["GroupId"]])
        self.assertEqual([it["IpRanges"] for it in reached.values()], [[], []])

    def test_logs_end_some_day(self):
        logs = boto3.client("logs").describe_log_groups()["logGroups"]

        self.assertEqual([it["retentionInDays"] for it in logs], [30])


class TheTemplates(unittest.TestCase):
    """What moto does not keep."""

    def setUp(self):
        self.echo, self.role = template("echo.yaml"), template("role.yaml")
        self.made = {name: it["Properties"] for name, it in self.role["Resources"].items()}

    def test_every_role_is_a_stack_of_the_same_template(self):
        stacks = [it["Properties"] for it in self.echo["Resources"].values() if it["Type"] == "AWS::CloudFormation::Stack"]

        self.assertEqual({it["Parameters"]["Role"] for it in stacks}, ROLES)
        self.assertEqual({it["Parameters"]["Role"] for it in stacks if "Paths" in it["Parameters"]}, WITH_ROUTES)
        self.assertEqual([it["Parameters"]["Role"] for it in stacks if "KeepsImages" in it["Parameters"]], ["media"])

    def test_a_task_begins_with_one_processor_and_two_gibibytes(self):
        parameters = self.echo["Parameters"]

        self.assertEqual((parameters["TaskCpu"]["Default"], parameters["TaskMemory"]["Default"]), ("1024", "2048"))

    def test_a_container_can_change_nothing_but_its_data_and_is_not_root(self):
        container = self.made["Task"]["ContainerDefinitions"][0]

        self.assertTrue(container["ReadonlyRootFilesystem"])
        self.assertEqual(container["User"], "10001:10001")
        self.assertEqual(container["LinuxParameters"]["Capabilities"], {"Drop": ["ALL"]})
        self.assertEqual(container["HealthCheck"]["Command"], ["CMD", "/echod", "health"])
        self.assertGreater(container["StopTimeout"], 45)

    def test_a_deployment_that_does_not_get_ready_goes_back(self):
        deployment = self.made["Service"]["DeploymentConfiguration"]

        self.assertEqual(deployment["DeploymentCircuitBreaker"], {"Enable": True, "Rollback": True})
        self.assertEqual((deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]), (100, 200))

    def test_neighbours_find_the_internal_listener_by_the_roles_name(self):
        connect = self.made["Service"]["ServiceConnectConfiguration"]
        service = connect["Services"]["Fn::If"][1][0]
        ports = {it["Name"]: it["ContainerPort"] for it in self.made["Task"]["ContainerDefinitions"][0]["PortMappings"]}

        self.assertEqual(service["ClientAliases"], [{"DnsName": {"Ref": "Role"}, "Port": 9464}])
        self.assertEqual(ports[service["PortName"]], 9464)

    def test_each_service_scales_with_its_processors(self):
        policy = self.made["ScaleByCpu"]

        self.assertEqual(policy["PolicyType"], "TargetTrackingScaling")
        self.assertEqual(policy["ScalingTargetId"], {"Ref": "Scale"})
        self.assertEqual(self.made["Scale"]["ResourceId"], {"Fn::Sub": "service/${Cluster}/${Service.Name}"})

    def test_no_secret_is_in_the_environment(self):
        container = self.made["Task"]["ContainerDefinitions"][0]
        told = json.dumps(container["Environment"])

        for secret in ["MONGODB_URI", "REDIS_URL", "JWT_SECRET", "SERVICE_TOKEN", "AWS_SECRET_ACCESS_KEY"]:
            self.assertNotIn(secret, told)
