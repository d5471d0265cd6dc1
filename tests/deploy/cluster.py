# SPDX-License-Identifier: Apache-2.0
"""A node with the whole deployment, its database, and what tests do with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

import psycopg
from psycopg.rows import dict_row

from tests.deploy import infrastructure
from tests.deploy.manifests import Manifests, render
from tests.deploy.netns import own_network
from tests.deploy.node import Node
from tests.phones.process import PhoneProcess
from tests.stack import DOMAIN, ROOT, Phone, manage, password

USERS = ("1001", "1002")
TONES_HZ = (440.0, 523.0)
PHONE_PORTS = (20000, 20100)
CDR_TIMEOUT_S = 10.0
NAMES = ("postgres", "redis", "nats")


class Cluster:
    """One node, what runs beside its pods, and its database as another program sees it."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def database_url(self) -> str:
        """The database's address as the product is given it, for a client outside the containers."""
        url = self.node.manifests.secret("switchboard-secrets")["database-url"]
        return url.replace("@postgres:", "@127.0.0.1:")

    def environment(self) -> dict[str, str]:
        """Return the variables of a command that runs beside the pods."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            **self.node.manifests.get("ConfigMap", "switchboard-settings")["data"],
            "DATABASE_URL": self.database_url,
            "SECRET_KEY": self.node.manifests.secret("switchboard-secrets")["secret-key"],
            "DJANGO_SETTINGS_MODULE": "switchboard.settings",
            "VAR_DIR": str(self.node.directory / "client"),
        }

    def command(self, *arguments: str, timeout_s: float = 80) -> str:
        """Run a command of ``manage.py`` and return what it printed.

        Raises:
            AssertionError: it failed.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.node.logs()}"
        return done.stdout

    def seed(self) -> None:
        """Make the users of the phones."""
        users = [
            {"account": DOMAIN, "username": name, "extension": name, "password": password(name)}
            for name in USERS
        ]
        manage([sys.executable, "-m", "tests.seed"], self.environment(), {"users": users})

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """Return rows of the database."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return connection.execute(sql, parameters).fetchall()

    def live(self, path: str) -> Any:
        """Return what the REST of signaling says."""
        token = self.node.manifests.secret("switchboard-secrets")["internal-api-token"]
        request = Request(
            f"http://127.0.0.1:8080/api/v1/{path}", headers={"Authorization": f"Internal {token}"}
        )
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def cdr(self, call_id: str) -> dict[str, Any]:
        """Wait for the one CDR of a call."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = self.rows("SELECT * FROM switchboard.cdrs WHERE call_id = %s", call_id)
            return bool(found)

        self.node.wait_until(look, CDR_TIMEOUT_S, f"the CDR of {call_id}")
        (row,) = found
        return row

    def phone(self, number: int, directory: Path) -> PhoneProcess:
        """Return one of the two users' phones; each sends a tone of its own."""
        server: Any = SimpleNamespace(address=("127.0.0.1", 5060))
        name = USERS[number]
        who = Phone(username=name, password=password(name), port=PHONE_PORTS[number])
        return PhoneProcess(server, who, TONES_HZ[number], directory)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start everything that the manifests describe, at the same time; return when all is ready."""
    assert shutil.which("bwrap"), "install bubblewrap"
    manifests = Manifests(render())
    with own_network(f"switchboard-{os.getpid()}"):
        node = Node(manifests, names=NAMES)
        cluster = Cluster(node)
        try:
            for start in (infrastructure.postgres, infrastructure.redis, infrastructure.nats):
                node.services.append(start(manifests, node.directory))
            for service in node.services:
                service.wait()
            waiting = node.begin("signaling", "ui", "cdrs", "worker")
            node.start("migrate")
            cluster.seed()
            node.start("rtpmanager")
            for pod in waiting:
                pod.result()
            yield cluster
        finally:
            node.stop()
