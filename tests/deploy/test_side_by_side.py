# SPDX-License-Identifier: Apache-2.0
"""The whole deployment on this machine: every pod of the manifests side by side, then calls through it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests import audio
from tests.deploy import infrastructure
from tests.deploy.manifests import Manifests, render
from tests.deploy.netns import own_network
from tests.deploy.node import Node
from tests.deploy.probes import HAS_LIVE_API, http_status
from tests.phones.process import PhoneProcess
from tests.stack import DOMAIN, ROOT, Phone, manage, password

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgres,
    pytest.mark.timeout(150),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network for the node"),
]

ROLES = ("migrate", "rtpmanager", "signaling", "ui")
TONE_HZ = 440.0
USERS = ("1001", "1002")
PHONE_PORTS = (20000, 20100)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """All services and roles, ready, with two users."""
    assert shutil.which("bwrap"), "install bubblewrap"
    manifests = Manifests(render())
    with own_network(f"switchboard-{os.getpid()}"):
        made = Node(manifests, names=("postgres", "redis", "nats"))
        try:
            for start in (infrastructure.postgres, infrastructure.redis, infrastructure.nats):
                made.services.append(start(manifests, made.directory))
            for service in made.services:
                service.wait()
            made.start(*ROLES)
            seed(made)
            yield made
        finally:
            made.stop()


def database_url(node: Node) -> str:
    """Return the database's address as the product is given it, for a client outside the containers."""
    url = node.manifests.secret("switchboard-secrets")["database-url"]
    return url.replace("@postgres:", "@127.0.0.1:")


def product_environment(node: Node) -> dict[str, str]:
    """Return the variables of a command that runs beside the pods."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        **node.manifests.get("ConfigMap", "switchboard-settings")["data"],
        "DATABASE_URL": database_url(node),
        "DJANGO_SETTINGS_MODULE": "switchboard.settings",
        "VAR_DIR": str(node.directory / "client"),
    }


def seed(node: Node) -> None:
    """Make the users of the phones."""
    users = [
        {"account": DOMAIN, "username": name, "extension": name, "password": password(name)} for name in USERS
    ]
    manage([sys.executable, "-m", "tests.seed"], product_environment(node), {"users": users})


def rows(node: Node, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """Return rows of the database, as another program sees them."""
    with psycopg.connect(database_url(node), row_factory=dict_row) as connection:
        return connection.execute(sql, parameters).fetchall()


def cdr(node: Node, call_id: str) -> dict[str, Any]:
    """Wait for the one CDR of a call."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = rows(node, "SELECT * FROM switchboard.cdrs WHERE call_id = %s", call_id)
        return bool(found)

    node.wait_until(look, 10, f"the CDR of {call_id}")
    (row,) = found
    return row


def phone(number: int, directory: Path) -> PhoneProcess:
    """Return one of the two users' phones."""
    server: Any = SimpleNamespace(address=("127.0.0.1", 5060))
    who = Phone(username=USERS[number], password=password(USERS[number]), port=PHONE_PORTS[number])
    return PhoneProcess(server, who, TONE_HZ, directory)


def test_every_probe_of_every_pod_passes(node: Node) -> None:
    asked = 0
    for name, started in node.pods.items():
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe in started.pod.container:
                assert started.probe(probe), f"{probe} of {name}\n{node.logs()}"
                asked += 1
    assert asked == 12


@pytest.mark.xfail(not HAS_LIVE_API, reason="signaling has no live API yet", strict=True)
def test_signaling_answers_the_health_path_of_the_guide(node: Node) -> None:
    assert http_status(8080, "/api/v1/health") == 200


def test_the_tables_of_the_guide_are_in_the_schema(node: Node) -> None:
    found = rows(node, "SELECT table_schema, table_name FROM information_schema.tables")
    names = {row["table_name"] for row in found if row["table_schema"] == "switchboard"}
    assert {"accounts", "users", "registrations", "dialplan_routes", "cdrs"} <= names, found


def test_a_test_call_passes_with_audio_both_ways_and_a_cdr_in_postgresql(node: Node) -> None:
    words = [word for user in USERS for word in ("--password", f"{user}={password(user)}")]
    command = [
        sys.executable,
        "manage.py",
        "testcall",
        "--from",
        USERS[0],
        "--to",
        USERS[1],
        "--json",
        *words,
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=product_environment(node), capture_output=True, text=True, timeout=80
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{node.logs()}"
    card = json.loads(done.stdout)
    row = cdr(node, card["call_id"])
    assert (row["disposition"], row["signaling_server"]) == ("ANSWERED", "node-1")


def test_calls_take_turns_between_the_rtp_managers_and_a_prompt_of_the_image_plays(
    node: Node, tmp_path: Path
) -> None:
    used = set()
    with phone(0, tmp_path) as caller:
        for _ in range(2):
            caller.order("call", number="500")
            call_id = caller.wait_for("call_established")["call_id"]
            time.sleep(1.0)
            assert audio.level_dbfs(caller.heard()) > -40
            caller.order("hangup")
            caller.wait_for("call_closed")
            used.add(cdr(node, call_id)["rtp_manager"])
    assert used == {"rtpmanager-0", "rtpmanager-1"}


def test_the_processes_fit_the_limits_and_run_as_the_user_of_the_image(node: Node) -> None:
    for started in node.pods.values():
        if started.running.ended_with is not None:
            continue
        limit = started.pod.container["resources"]["limits"]["memory"]
        assert started.running.memory_mib() < int(limit.removesuffix("Mi")), started.pod.name
        for pid in started.running.processes():
            status = dict(
                line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            )
            assert status["Uid"].split() == ["1000"] * 4
            assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0


def test_pods_are_replaced_one_after_the_other(node: Node, tmp_path: Path) -> None:
    with phone(0, tmp_path) as caller:
        for name in ("ui-0", "rtpmanager-0", "rtpmanager-1", "signaling-0"):
            node.replace(name)
        caller.order("call", number="600")
        caller.wait_for("call_established")
        time.sleep(1.5)
        assert audio.strongest_tone(caller.heard()[-audio.RATE_HZ :]).frequency_hz == pytest.approx(
            TONE_HZ, abs=2
        )
