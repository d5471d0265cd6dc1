# SPDX-License-Identifier: Apache-2.0
"""A node that runs the pods of the manifests, at the same time and in a network of its own, as a cluster would.

Nothing is remapped: ports, paths, variables, users and secrets are those of the files. What differs from a cluster:
this machine's Debian stands in for the base image, and service names resolve through a hosts file.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.deploy import dockerfile
from tests.deploy.context import assemble
from tests.deploy.infrastructure import Service
from tests.deploy.manifests import Document, Manifests, Pod
from tests.deploy.pods import Host, container_of
from tests.deploy.probes import passes
from tests.deploy.sandbox import VENV, Container, Mount, Running, wait_until_ended

INIT_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 60.0
LOG_TAIL_LINES = 80
MOST_PODS = 8

PASSWD = "root:x:0:0::/root:/bin/sh\nswitchboard:x:1000:1000::/app:/usr/sbin/nologin\n"
GROUP = "root:x:0:\nswitchboard:x:1000:\n"


@dataclass(slots=True)
class StartedPod:
    """A pod whose container runs, or ran to its end."""

    pod: Pod
    running: Running

    def probe(self, name: str) -> bool:
        """Tell whether a probe (``readinessProbe``, …) passes."""
        probe = self.pod.container.get(name)
        return probe is None or passes(probe, self.running.container)

    def pre_stop(self) -> str:
        """Run the hook that comes before SIGTERM, when there is one; return what it wrote."""
        hook = self.pod.container.get("lifecycle", {}).get("preStop")
        if not hook:
            return ""
        grace_s = self.pod.spec["terminationGracePeriodSeconds"]
        done = self.running.container.run(hook["exec"]["command"], timeout_s=grace_s)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


class Node:
    """One machine of a cluster; `stop()` always."""

    def __init__(self, manifests: Manifests, names: tuple[str, ...]) -> None:
        self.manifests = manifests
        self.directory = Path(tempfile.mkdtemp(prefix="switchboard-node-"))
        self.directory.chmod(0o755)
        self.host = Host(self.directory / "volumes")
        self.pods: dict[str, StartedPod] = {}
        self.services: list[Service] = []
        self._started: list[Running] = []
        self._threads = ThreadPoolExecutor(MOST_PODS)
        self._images = {f"switchboard-{role}:latest": dockerfile.read(role) for role in dockerfile.ROLES}
        self._layers: dict[str, list[Mount]] = {}
        self._etc = self._write_etc(names)
        for name, image in self._images.items():
            self._layers[name] = self._unpack(name, image)

    def _write_etc(self, names: tuple[str, ...]) -> list[Mount]:
        etc = self.directory / "etc"
        etc.mkdir()
        hosts = "127.0.0.1 " + " ".join(("localhost", *names)) + "\n"
        texts = {"hosts": hosts, "passwd": PASSWD, "group": GROUP, "nsswitch.conf": "hosts: files\n"}
        for name, text in texts.items():
            (etc / name).write_text(text)
        return [Mount(etc / name, f"/etc/{name}") for name in texts]

    def _unpack(self, name: str, image: dockerfile.Image) -> list[Mount]:
        directory = self.directory / "images" / image.role
        directory.mkdir(parents=True)
        assemble(image, directory)
        app = directory / "app"
        for place in (".venv", "var", "audio", "config"):
            (app / place).mkdir(exist_ok=True)
        return [
            Mount(app, "/app"),
            Mount(VENV, "/app/.venv"),
            Mount(directory / "bin", "/usr/local/bin"),
            *self._etc,
        ]

    def layers(self, image: str) -> list[Mount]:
        """Return what an image brings, unpacked."""
        return self._layers[image]

    # --- Pods -----------------------------------------------------------------------------------------------------

    def start(self, *workloads: str) -> None:
        """Start all pods of the workloads at once; return when jobs have ended and probes pass.

        Raises:
            AssertionError: a job failed, a container ended, or a pod is not ready in time.
        """
        for done in self.begin(*workloads):
            done.result()

    def begin(self, *workloads: str) -> list[Future[None]]:
        """Begin to start all pods of the workloads; each result is there when its pod is ready."""
        pods = [pod for workload in workloads for pod in self.manifests.pods(workload)]
        assert len(pods) <= MOST_PODS
        return [self._threads.submit(self._start_pod, pod) for pod in pods]

    def _start_pod(self, pod: Pod) -> None:
        for description in pod.spec.get("initContainers", []):
            running = self._run(description, pod)
            code = wait_until_ended(running, INIT_TIMEOUT_S)
            assert code == 0, f"{running.container.name} ended with {code}\n{self.logs()}"
        running = self._run(pod.container, pod)
        self.pods[pod.name] = started = StartedPod(pod, running)
        if pod.spec.get("restartPolicy") == "OnFailure":
            assert wait_until_ended(running, INIT_TIMEOUT_S) == 0, self.logs()
            return
        self.wait_until(
            lambda: (
                self._alive(running) and started.probe("startupProbe") and started.probe("readinessProbe")
            ),
            READY_TIMEOUT_S,
            f"{pod.name} is ready",
        )

    def container(self, description: Document, pod: Pod) -> Container:
        """Return a container of a pod as this node starts it."""
        image, layers = self._images[description["image"]], self._layers[description["image"]]
        assert description["imagePullPolicy"] == "Never"
        return container_of(description, pod, image, self.manifests, self.host, mounts=layers)

    def _run(self, description: Document, pod: Pod) -> Running:
        container = self.container(description, pod)
        running = Running(container, self.directory / f"{container.name}.log")
        self._started.append(running)
        return running

    def replace(self, name: str) -> str:
        """Stop a pod and start it anew; return what its hook wrote."""
        pod = self.pods[name].pod
        said = self.stop_pod(name)
        self._threads.submit(self._start_pod, pod).result()
        return said

    def stop_pod(self, name: str) -> str:
        """Stop a pod as Kubernetes does, hook first; return what the hook wrote."""
        started = self.pods.pop(name)
        said = started.pre_stop()
        code = started.running.stop()
        assert code == 0, f"{name} ended with {code}\n{self.logs()}"
        return said

    def _alive(self, running: Running) -> bool:
        code = running.ended_with
        assert code is None, f"{running.container.name} ended with {code}\n{self.logs()}"
        return True

    # --- What can be seen, and the end ------------------------------------------------------------------------------

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Poll a condition.

        Raises:
            AssertionError: it does not hold after ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"waited {timeout_s} s for: {what}\n{self.logs()}"
            time.sleep(0.1)

    def logs(self) -> str:
        """Return the last lines that each container wrote."""
        parts = []
        for path in sorted(self.directory.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            parts.append(f"--- {path.name} ---\n" + "\n".join(lines))
        return "\n".join(parts)

    def stop(self) -> None:
        """End everything and remove its folders."""
        for running in self._started:
            running.kill()
        self._threads.shutdown()
        for service in reversed(self.services):
            service.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
