# SPDX-License-Identifier: Apache-2.0
"""docs/deployment.md: the tests that it names exist, and its figures are those of the files."""

from __future__ import annotations

import ast
import re

import pytest

from tests.deploy.manifests import K8S
from tests.deploy.test_make_targets import TARGETS
from tests.stack import ROOT

PAGE = (ROOT / "docs" / "deployment.md").read_text()
ROWS = PAGE.partition("## What of the guide holds")[2].splitlines()
HEADINGS = """Prerequisites; Quick Deployment; Docker Images; Building Images; Image Details; Running with Docker;
Environment Variables; Kubernetes Deployment; Architecture; Manifests Overview; Infrastructure Components; PostgreSQL;
Redis; NATS; Infrastructure Resource Limits; Deploying to k3s; Verifying Deployment; Accessing Services;
Updating Deployment; Deleting Deployment; Resource Limits; Health Checks; Scaling RTP Managers; Audio Files;
Dialplan Configuration; Production Considerations; Not Covered Yet; Network Requirements; Troubleshooting;
Makefile Reference"""
"""Every heading of the original guide."""
VARIABLES = """LOGLEVEL PORT BIND DIALPLAN_PATH RTPMANAGER_ADDRS DATABASE_URL REDIS_ADDR NATS_URL GRPC_PORT GRPC_BIND
RTP_PORT_MIN RTP_PORT_MAX AUDIO_PATH UI_LOGLEVEL UI_PORT UI_BIND UI_BACKENDS"""
"""Every variable of it."""
COMMANDS = (
    "make docker-build docker-save k8s-deploy",
    "make docker-build",
    "docker network create switchboard",
    "docker run -d --name rtpmanager",
    "docker run -d --name signaling",
    "docker run -d --name ui",
    "make docker-save",
    "make k8s-load",
    "kubectl apply -k deploy/k8s/",
    "make k8s-deploy",
    "make k8s-status",
    "make k8s-logs",
    "make docker-build docker-save k8s-load",
    "make k8s-restart",
    "make k8s-delete",
    "kubectl rollout restart deployment signaling -n",
    "kubectl describe pod -n switchboard <pod",
    "kubectl logs -n switchboard <pod",
    "sudo k3s ctr images list",
    "kubectl delete deployment <name> -n switchboard",
)
"""Every command of it; netstat alone is not in the images, which the table says."""
NAMES = """reg:{aor} call:{call_id} ratelimit:{type}:{id} switchboard.cdr.raw imagePullPolicy rtpmanager-0 rtpmanager-1
rtpmanager-2 allkeys-lru pg_isready redis-cli /healthz /api/v1/health /health /opt/switchboard/audio /app/audio
/app/config/dialplan.json ca-certificates tzdata"""
"""What else an operator looks for by its name."""
CONTAINERS = {
    "rtpmanager": """--network switchboard -p 9090:9090 -p 10000-10100:10000-10100/udp -v /path/to/audio:/app/audio
        switchboard-rtpmanager:latest""",
    "signaling": """--network switchboard -p 5060:5060/udp -p 5060:5060/tcp -p 8080:8080
        -v /path/to/dialplan.json:/app/config/dialplan.json -e RTPMANAGER_ADDRS=rtpmanager:9090
        switchboard-signaling:latest""",
    "ui": """--network switchboard -p 3000:3000 -e UI_BACKENDS=local=http://signaling:8080
        switchboard-ui:latest""",
}
"""How the guide runs each container."""
ADDED = "-v switchboard-data:/app/var "
"""What the page adds to each, and says so: the volume of the SQLite file."""


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_run_as_the_guide_runs_it(name: str) -> None:
    commands = " ".join(PAGE.replace("\\\n", " ").split())
    found = re.findall(rf"docker run -d --name {name} (.+? switchboard-{name}:latest)", commands)
    assert [command.replace(ADDED, "") for command in found] == [" ".join(CONTAINERS[name].split())]
    assert ADDED in found[0]


@pytest.mark.parametrize("key", ["reg:{aor}", "call:{call_id}", "ratelimit:{type}:{id}"])
def test_what_redis_holds_is_told_on_the_page(key: str) -> None:
    before = PAGE.partition("## What of the guide holds")[0]
    assert f"\n| `{key}` | " in before


def functions(path: str) -> set[str]:
    """Return the names of a test module's functions."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_names_a_test_that_exists_or_says_that_it_does_not_hold_yet() -> None:
    rows = [line for line in ROWS if line.startswith("| ") and not line.startswith(("| guide", "| ---"))]
    assert len(rows) > 50
    for row in rows:
        found = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
        assert found or "**not yet**" in row or row.endswith("| - |"), row
        for path, name in found:
            assert name in functions(path), row


def test_every_heading_of_the_guide_begins_a_row() -> None:
    begun = {
        name
        for line in ROWS
        if line.startswith("| ")
        for name in re.split(r"[,:] ", line.split("|")[1].replace("*", "").strip())
    }
    assert [heading for heading in re.split(r";\s+", HEADINGS) if heading not in begun] == []


def test_every_variable_of_the_guide_is_in_a_row() -> None:
    rows = "\n".join(ROWS)
    assert [name for name in VARIABLES.split() if f"`{name}`" not in rows] == []


def test_every_command_and_name_of_the_guide_is_on_the_page() -> None:
    text = " ".join(PAGE.split())
    assert [command for command in (*COMMANDS, *NAMES.split()) if command not in text] == []


def test_every_make_target_and_manifest_is_mentioned() -> None:
    for target in TARGETS:
        assert target in PAGE
    for path in K8S.glob("*.yaml"):
        assert path.name in PAGE
