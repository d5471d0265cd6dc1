# SPDX-License-Identifier: Apache-2.0
"""The containers of the guide's "Running with Docker": described by the compose file, and run from it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import audio
from tests.deploy import compose, dockerfile
from tests.deploy.dockerfile import DOCKER, ROLES
from tests.deploy.manifests import Manifests, render
from tests.deploy.netns import own_network
from tests.deploy.node import Node
from tests.deploy.sandbox import Container, Running
from tests.phones.process import PhoneProcess
from tests.stack import ROOT, Phone

PORTS = {
    "signaling": {"5060:5060/udp", "5060:5060/tcp", "8080:8080"},
    "rtpmanager": {"127.0.0.1:9090:9090", "10000-10100:10000-10100/udp"},
    "ui": {"3000:3000"},
}
GUIDE = {
    "signaling": ("RTPMANAGER_ADDRS", "rtpmanager:9090"),
    "ui": ("UI_BACKENDS", "local=http://signaling:8080"),
}


@pytest.mark.parametrize("name", ROLES)
def test_a_service_is_the_guides_container_with_less_rights(name: str) -> None:
    service = compose.read()["services"][name]
    assert service["image"] == f"switchboard-{name}:latest"
    assert (DOCKER / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    assert set(service["ports"]) == PORTS[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name in GUIDE:
        variable, value = GUIDE[name]
        assert service["environment"][variable] == value


class Containers:
    """The three containers in one network, where each service's name is the loopback address."""

    def __init__(self) -> None:
        self.node = Node(Manifests(render()), names=ROLES)
        self.described: dict[str, Container] = {}
        self.running: dict[str, Running] = {}
        for name, service in compose.read()["services"].items():
            layers = self.node.layers(service["image"])
            self.described[name] = compose.container_of(
                name, service, dockerfile.read(name), layers, self.node.directory / "disks"
            )

    def start(self) -> None:
        """Start all three at once and wait until each one's HEALTHCHECK passes."""
        for name, container in self.described.items():
            self.running[name] = Running(container, self.node.directory / f"{name}.log")
        for name in self.running:
            self.node.wait_until(lambda name=name: self.healthy(name), 60, f"{name} is healthy")  # type: ignore[misc]

    def healthy(self, name: str) -> bool:
        """Run the image's health check in a container like the running one."""
        assert self.running[name].ended_with is None, self.node.logs()
        command = json.loads(dockerfile.read(name).healthcheck.partition("CMD ")[2])
        return self.described[name].run(command, timeout_s=10).returncode == 0

    def stop(self) -> None:
        """End them."""
        for running in self.running.values():
            running.kill()
        self.node.stop()


@pytest.fixture
def containers() -> Iterator[Containers]:
    assert shutil.which("bwrap"), "install bubblewrap"
    with own_network(f"switchboard-docker-{os.getpid()}"):
        made = Containers()
        try:
            yield made
        finally:
            made.stop()


@pytest.mark.e2e
@pytest.mark.timeout(120)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network for the containers")
def test_the_containers_serve_a_call_with_an_sqlite_file_that_they_migrate_themselves(
    containers: Containers, tmp_path: Path
) -> None:
    containers.start()
    seeded = containers.described["ui"].run(["python", "manage.py", "seed_demo", "--json"], timeout_s=30)
    assert seeded.returncode == 0, seeded.stderr
    user = json.loads(seeded.stdout)["users"][0]
    server: Any = SimpleNamespace(address=("127.0.0.1", 5060))
    phone = Phone(username=user["username"], password=user["password"], port=20000)
    with PhoneProcess(server, phone, 440.0, tmp_path) as caller:
        caller.order("call", number="500")
        caller.wait_for("call_established")
        time.sleep(1.0)
        assert audio.level_dbfs(caller.heard()) > -40
    for name in ROLES:
        assert containers.running[name].stop() == 0
