# SPDX-License-Identifier: Apache-2.0
"""The tables of the deployment guide, row by row, against manifests, images and settings."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from tests.deploy import dockerfile
from tests.deploy.manifests import Manifests, render

RESOURCES = {
    "signaling": ("100m", "500m", "64Mi", "256Mi"),
    "rtpmanager": ("100m", "500m", "64Mi", "256Mi"),
    "ui": ("50m", "200m", "32Mi", "128Mi"),
    "postgres": ("100m", "500m", "256Mi", "512Mi"),
    "redis": ("50m", "200m", "64Mi", "256Mi"),
    "nats": ("50m", "500m", "64Mi", "512Mi"),
}
PROBES: dict[str, dict[str, Any]] = {
    "signaling": {"httpGet": {"path": "/api/v1/health", "port": 8080}},
    "rtpmanager": {"exec": {"command": ["switchboard-probe", "rtpmanager"]}},
    "ui": {"httpGet": {"path": "/health", "port": 3000}},
    "postgres": {"exec": {"command": ["pg_isready", "-U", "switchboard"]}},
    "redis": {"exec": {"command": ["redis-cli", "ping"]}},
    "nats": {"httpGet": {"path": "/healthz", "port": 8222}},
}
EXPOSED = {
    # 5061, SIP over TLS, is more than the guide has.
    "signaling": {"5060/udp", "5060/tcp", "5061/tcp", "8080/tcp"},
    "rtpmanager": {"9090/tcp", "10000-10100/udp"},
    "ui": {"3000/tcp"},
}
DEFAULTS = {
    "LOGLEVEL": "info",
    "PORT": "5060",
    "BIND": "0.0.0.0",
    "RTPMANAGER_ADDRS": "localhost:9090",
    "DATABASE_URL": "",
    "GRPC_PORT": "9090",
    "GRPC_BIND": "0.0.0.0",
    "RTP_PORT_MIN": "10000",
    "RTP_PORT_MAX": "10100",
    "UI_LOGLEVEL": "info",
    "UI_PORT": "3000",
    "UI_BIND": "0.0.0.0",
    "UI_BACKENDS": "local=http://127.0.0.1:8080",
}


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return Manifests(render())


@pytest.mark.parametrize("name", RESOURCES)
def test_resources(manifests: Manifests, name: str) -> None:
    found = manifests.pods(name)[0].container["resources"]
    row = [found[kind][what] for what in ("cpu", "memory") for kind in ("requests", "limits")]
    assert tuple(row) == RESOURCES[name]


@pytest.mark.parametrize("name", PROBES)
def test_liveness_and_readiness_probes(manifests: Manifests, name: str) -> None:
    container = manifests.pods(name)[0].container
    for probe in ("livenessProbe", "readinessProbe"):
        ((kind, wanted),) = PROBES[name].items()
        found = {key: value for key, value in container[probe][kind].items() if key != "httpHeaders"}
        if "path" in found:
            found["path"] = found["path"].partition("?")[0]
        assert found == wanted


@pytest.mark.parametrize("role", EXPOSED)
def test_exposed_ports(role: str) -> None:
    assert dockerfile.read(role).ports == EXPOSED[role]


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_of_variables(name: str) -> None:
    assert settings.ENV.variables[name].default == DEFAULTS[name]


def test_the_images_set_the_paths_of_the_guide() -> None:
    assert dockerfile.read("signaling").env["DIALPLAN_PATH"] == "/app/config/dialplan.json"
    assert dockerfile.read("rtpmanager").env["AUDIO_PATH"] == "/app/audio"


def test_postgresql(manifests: Manifests) -> None:
    document = manifests.get("StatefulSet", "postgres")
    container = manifests.pods("postgres")[0].container
    assert container["image"] == "postgres:16-alpine"
    (claim,) = document["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert claim["spec"]["storageClassName"] == "local-path"
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert (env["POSTGRES_DB"], env["POSTGRES_USER"]) == ("switchboard", "switchboard")
    assert manifests.get("Service", "postgres")["spec"]["ports"][0]["port"] == 5432
    assert settings.DATABASE_SCHEMA == "switchboard"


def test_redis(manifests: Manifests) -> None:
    container = manifests.pods("redis")[0].container
    assert container["image"] == "redis:7-alpine"
    arguments = dict(zip(container["args"][1::2], container["args"][2::2], strict=True))
    assert arguments == {
        "--port": "6379",
        "--maxmemory": "128mb",
        "--maxmemory-policy": "allkeys-lru",
        "--save": "",
        "--appendonly": "no",
    }


def test_nats(manifests: Manifests) -> None:
    assert manifests.pods("nats")[0].container["image"] == "nats:2.10-alpine"
    text = manifests.get("ConfigMap", "nats-config")["data"]["nats.conf"]
    for line in ("port: 4222", "http_port: 8222", "max_memory_store: 256MB", "max_file_store: 1GB"):
        assert f"{line}\n" in text
    ports = {port["port"] for port in manifests.get("Service", "nats")["spec"]["ports"]}
    assert ports == {4222, 8222}


def test_audio_comes_from_the_node(manifests: Manifests) -> None:
    pod = manifests.pods("rtpmanager")[0]
    (volume,) = [volume for volume in pod.spec["volumes"] if volume["name"] == "audio"]
    assert volume["hostPath"] == {"path": "/opt/switchboard/audio", "type": "DirectoryOrCreate"}
    (mount,) = [mount for mount in pod.container["volumeMounts"] if mount["name"] == "audio"]
    assert mount["mountPath"] == "/app/audio"


def test_roles_use_the_host_network_and_the_dialplan_is_a_config_map(manifests: Manifests) -> None:
    for name in ("signaling", "rtpmanager", "ui"):
        pod = manifests.pods(name)[0]
        assert pod.on_host_network
        assert pod.spec["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert "dialplan.json" in manifests.get("ConfigMap", "switchboard-dialplan")["data"]


def test_the_commands_of_the_guide_find_what_they_name(manifests: Manifests) -> None:
    # kubectl rollout restart deployment signaling -n switchboard
    assert manifests.get("Deployment", "signaling")["metadata"]["namespace"] == "switchboard"
    assert manifests.get("StatefulSet", "rtpmanager")["spec"]["replicas"] == 2
    assert manifests.get("Namespace", "switchboard")
