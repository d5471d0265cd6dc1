# SPDX-License-Identifier: Apache-2.0
"""The manifests against the Kubernetes schemas, kustomize, and the product that they start."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
from django.conf import settings

from dialplan.engine import parse_document_json
from switchboard.published_secrets import MARK, published
from tests.deploy import dockerfile
from tests.deploy.manifests import (
    K8S,
    PRODUCTION,
    WORKLOADS,
    Manifests,
    Pod,
    kustomize_command,
    render,
    render_plainly,
    render_with,
)
from tests.deploy.pods import environment
from tests.stack import ROOT

OLDEST, NEWEST = "1.28", kubernetes_validate.latest_version()
"""1.28 is the first release that labels pods with their number, which the RTP managers' ports come from."""

MAKE_SECRETS = ROOT / "deploy" / "make-secrets.sh"
OWN_IMAGES = {f"switchboard-{role}:latest" for role in dockerfile.ROLES}
NOT_THE_PRODUCTS = {"POD_INDEX"}
"""Read by other variables alone."""


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return Manifests(render())


def all_pods(manifests: Manifests) -> list[Pod]:
    """Return every pod of every workload."""
    names = [document["metadata"]["name"] for document in manifests.of_kind(*WORKLOADS)]
    return [pod for name in names for pod in manifests.pods(name)]


def containers(pod: Pod) -> list[dict[str, Any]]:
    """Return a pod's containers, those that run before it included."""
    return [*pod.spec.get("initContainers", []), *pod.spec["containers"]]


def test_the_files_are_those_of_the_guide_and_what_they_need() -> None:
    guide = {"kustomization", "namespace", "configmap", "postgres", "redis", "nats"}
    guide |= {"signaling", "rtpmanager", "ui"}
    found = {path.stem for path in K8S.glob("*.yaml")}
    assert found == guide | {"secrets", "migrate", "cdrs", "worker"}
    listed = set(render_resources())
    assert listed == {f"{name}.yaml" for name in found - {"kustomization"}}


def render_resources() -> list[str]:
    import yaml

    return list(yaml.safe_load((K8S / "kustomization.yaml").read_text())["resources"])


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_document_follows_its_schema(manifests: Manifests, version: str) -> None:
    for document in manifests.documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_catch_a_field_that_does_not_exist(manifests: Manifests) -> None:
    document = json.loads(json.dumps(manifests.get("Deployment", "ui")))
    document["spec"]["template"]["spec"]["hostNetworking"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, NEWEST, strict=True)


def test_kustomize_renders_what_the_files_say() -> None:
    command = kustomize_command()
    if command is None:
        pytest.skip("neither kubectl nor kustomize is installed")

    def key(document: dict[str, Any]) -> tuple[str, str]:
        return document["kind"], document["metadata"]["name"]

    assert sorted(render_with(command, K8S), key=key) == sorted(render_plainly(K8S), key=key)


# --- What starts ----------------------------------------------------------------------------------------------------


def test_every_variable_is_one_that_the_product_reads(manifests: Manifests) -> None:
    declared = set(settings.ENV.variables) | {
        f"{name}_FILE" for name, variable in settings.ENV.variables.items() if variable.secret
    }
    for pod in all_pods(manifests):
        for container in containers(pod):
            if container["image"] in OWN_IMAGES:
                names = {variable["name"] for variable in container.get("env", [])}
                assert names <= declared | NOT_THE_PRODUCTS, pod.name


def test_every_container_names_a_command_that_exists(manifests: Manifests) -> None:
    from django.core.management import get_commands

    for pod in all_pods(manifests):
        for container in containers(pod):
            if container["image"] in OWN_IMAGES:
                role = container["image"].removeprefix("switchboard-").removesuffix(":latest")
                assert "command" not in container, pod.name
                words = container.get("args", dockerfile.read(role).command)
                assert words[0] in get_commands(), pod.name


def test_own_images_come_from_the_node_alone(manifests: Manifests) -> None:
    used = set()
    for pod in all_pods(manifests):
        for container in containers(pod):
            if container["image"].startswith("switchboard-"):
                used.add(container["image"])
                assert container["imagePullPolicy"] == "Never"
    assert used == OWN_IMAGES


@pytest.mark.parametrize(
    ("index", "grpc", "first", "last"),
    [(0, 9090, 10000, 10099), (1, 9091, 10100, 10199), (2, 9092, 10200, 10299), (9, 9099, 10900, 10999)],
)
def test_an_rtp_managers_ports_follow_from_its_number(
    manifests: Manifests, index: int, grpc: int, first: int, last: int
) -> None:
    manifests = Manifests(json.loads(json.dumps(manifests.documents)))
    manifests.get("StatefulSet", "rtpmanager")["spec"]["replicas"] = 10
    pod = manifests.pods("rtpmanager")[index]
    env = environment(pod.container, pod, dockerfile.read("rtpmanager"), manifests)
    names = ("GRPC_PORT", "RTP_PORT_MIN", "RTP_PORT_MAX")
    assert [int(env[name]) for name in names] == [grpc, first, last]
    assert env["RTP_NODE_ID"] == f"rtpmanager-{index}"


def test_signaling_is_told_of_every_rtp_manager(manifests: Manifests) -> None:
    (pod,) = manifests.pods("signaling")
    env = environment(pod.container, pod, dockerfile.read("signaling"), manifests)
    count = len(manifests.pods("rtpmanager"))
    assert env["RTPMANAGER_ADDRS"].split(",") == [f"localhost:{9090 + n}" for n in range(count)]


def test_pods_of_one_node_reserve_no_port_twice(manifests: Manifests) -> None:
    taken: list[tuple[int, str]] = []
    for pod in all_pods(manifests):
        if pod.on_host_network:
            ports = pod.container.get("ports", [])
            taken += [(port["containerPort"], port.get("protocol", "TCP")) for port in ports]
    assert len(taken) == len(set(taken))
    assert set(taken) == {(5060, "UDP"), (5060, "TCP"), (8080, "TCP"), (3000, "TCP")}


def test_no_pod_takes_the_variables_that_kubernetes_makes_of_services(manifests: Manifests) -> None:
    # The Service "ui" alone would set UI_PORT=tcp://…, which is no port number.
    assert manifests.service_links()["UI_PORT"].startswith("tcp://")
    for pod in all_pods(manifests):
        assert pod.spec["enableServiceLinks"] is False
        assert pod.spec["automountServiceAccountToken"] is False


def test_the_drain_ends_before_the_pod_is_killed(manifests: Manifests) -> None:
    (pod, *_) = manifests.pods("rtpmanager")
    program, option, seconds = pod.container["lifecycle"]["preStop"]["exec"]["command"]
    assert (program, option) == ("switchboard-drain", "--timeout-s")
    own_s = float(settings.ENV.variables["DRAIN_GRACE_S"].default)
    assert int(seconds) + own_s + 5 <= pod.spec["terminationGracePeriodSeconds"]


# --- Hardening and secrets --------------------------------------------------------------------------------------------


def test_no_container_may_more_than_it_must(manifests: Manifests) -> None:
    for pod in all_pods(manifests):
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] and security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"]
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]) == {"requests", "limits"}


def test_secrets_stand_in_the_secret_alone_and_reach_the_roles_as_files(manifests: Manifests) -> None:
    others = [document for document in manifests.documents if document["kind"] != "Secret"]
    assert MARK not in json.dumps(others)
    secrets = manifests.secret("switchboard-secrets")
    assert published(secrets) == list(secrets)
    secret = {name for name, variable in settings.ENV.variables.items() if variable.secret}
    for pod in all_pods(manifests):
        if pod.container["image"] not in OWN_IMAGES:
            continue
        given = {variable["name"] for one in containers(pod) for variable in one["env"]}
        # This one names a server that wants no password.
        assert not given & secret - {"NATS_URL"}, pod.name
        (volume,) = [volume for volume in pod.spec["volumes"] if volume["name"] == "secrets"]
        files = {item["path"] for item in volume["secret"]["items"]}
        used = {
            variable["value"].rpartition("/")[2]
            for variable in pod.container["env"]
            if variable["name"].endswith("_FILE")
        }
        assert used == files


def test_the_database_url_is_the_guides(manifests: Manifests) -> None:
    secrets = manifests.secret("switchboard-secrets")
    wanted = f"postgres://switchboard:{secrets['postgres-password']}@postgres:5432/switchboard"
    assert secrets["database-url"] == wanted


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """What `make k8s-secrets` and `make k8s-deploy K8S=deploy/k8s-production` apply."""
    command = kustomize_command()
    if command is None:
        pytest.skip("neither kubectl nor kustomize is installed")
    directory = tmp_path_factory.mktemp("production")
    for source in (K8S, PRODUCTION):
        shutil.copytree(source, directory / source.name)
    made = directory / PRODUCTION.name
    shutil.rmtree(made / "secrets", ignore_errors=True)
    for _ in range(2):
        subprocess.run([str(MAKE_SECRETS), str(made / "secrets")], check=True, capture_output=True)
    assert {path.stat().st_mode & 0o777 for path in (made / "secrets").iterdir()} == {0o600}
    return Manifests(render_with(command, made))


def test_production_has_secrets_of_its_own_and_admits_no_published_ones(production: Manifests) -> None:
    secrets = production.secret("switchboard-secrets")
    assert published(secrets) == []
    assert secrets["postgres-password"] in secrets["database-url"]
    assert min(len(value) for value in secrets.values()) >= 48
    assert production.get("ConfigMap", "switchboard-settings")["data"] == {"ALLOW_DEV_SECRETS": "false"}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_what_production_adds_follows_its_schema(production: Manifests, version: str) -> None:
    for document in production.documents:
        kubernetes_validate.validate(document, version, strict=True)
    kinds = [document["kind"] for document in production.documents]
    added = ["Ingress", "PersistentVolumeClaim", "PodDisruptionBudget"]
    assert sorted([*(document["kind"] for document in render()), *added]) == sorted(kinds)
    assert {document["metadata"].get("namespace", "switchboard") for document in production.documents} == {
        "switchboard"
    }


def test_the_ingress_of_production_leads_to_the_ui_which_knows_its_name(production: Manifests) -> None:
    ingress = production.get("Ingress", "ui")["spec"]
    (rule,) = ingress["rules"]
    (path,) = rule["http"]["paths"]
    service = production.get("Service", path["backend"]["service"]["name"])["spec"]
    assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["ports"]}
    (ui,) = production.pods("ui")
    assert service["selector"].items() <= ui.labels.items()
    variables = {each["name"]: each.get("value") for each in ui.container["env"]}
    assert variables["ALLOWED_HOSTS"] == rule["host"]
    assert variables["CSRF_TRUSTED_ORIGINS"] == f"https://{rule['host']}"
    assert ingress["tls"][0]["hosts"] == [rule["host"]]
    assert variables["DATABASE_URL_FILE"]


def test_production_keeps_audio_on_a_volume_and_empties_nodes_one_rtp_manager_at_a_time(
    production: Manifests,
) -> None:
    budget = production.get("PodDisruptionBudget", "rtpmanager")["spec"]
    assert budget["maxUnavailable"] == 1
    for pod in production.pods("rtpmanager"):
        assert budget["selector"]["matchLabels"].items() <= pod.labels.items()
        (audio,) = [volume for volume in pod.spec["volumes"] if volume["name"] == "audio"]
        assert audio == {"name": "audio", "persistentVolumeClaim": {"claimName": "audio", "readOnly": True}}
    assert production.get("PersistentVolumeClaim", "audio")["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert not [
        volume for pod in all_pods(production) for volume in pod.spec["volumes"] if "hostPath" in volume
    ]


# --- Dialplan -----------------------------------------------------------------------------------------------------------


def test_the_dialplan_is_valid_and_plays_prompts_that_are_there(manifests: Manifests) -> None:
    text = manifests.get("ConfigMap", "switchboard-dialplan")["data"]["dialplan.json"]
    assert text == (dockerfile.DOCKER / "dialplan.json").read_text()
    document = parse_document_json(text.encode())
    assert [route.pattern for route in document.routes] == ["500", "600", "1???"]
    actions = [action for route in json.loads(text)["routes"] for action in route["actions"]]
    files = [action["params"]["file"] for action in actions if action["type"] == "play_audio"]
    assert files
    assert all((ROOT / "media" / "audio" / name).is_file() for name in files)
