# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL, Redis and NATS as the manifests configure them, run from Debian's packages on the manifests' ports."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.deploy.manifests import Manifests, Pod
from tests.deploy.probes import http_status
from tests.postgres import find_binaries

START_TIMEOUT_S = 20.0
SECRETS = "/run/secrets/switchboard/"


class MissingProgram(RuntimeError):
    """A server is not installed."""


def program(name: str, package: str) -> str:
    """Return the path of a server's program.

    Raises:
        MissingProgram: it is not installed.
    """
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if found is None:
        raise MissingProgram(f"{name} is not installed (Debian: {package})")
    return found


class Service:
    """One server process; `probe()` is the manifest's readiness probe."""

    def __init__(
        self, pod: Pod, command: list[str], directory: Path, account: dict[str, Any] | None = None
    ) -> None:
        self.pod = pod
        # Where the image's client finds the server's socket, and Debian's is told.
        self._probe_env = {**os.environ, "PGHOST": str(directory)}
        with (directory / f"{pod.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=directory, stdout=log, stderr=log, **(account or {})
            )

    def probe(self) -> bool:
        """Run the readiness probe."""
        probe = self.pod.container["readinessProbe"]
        if "exec" in probe:
            return not subprocess.run(
                probe["exec"]["command"], env=self._probe_env, capture_output=True, timeout=5
            ).returncode
        return http_status(probe["httpGet"]["port"], probe["httpGet"]["path"]) == 200

    def wait(self) -> None:
        """Wait until the probe passes.

        Raises:
            AssertionError: it does not in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.probe():
            assert time.monotonic() < deadline, f"{self.pod.name} is not ready"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it without waiting for its clients, which are gone."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def postgres(manifests: Manifests, directory: Path) -> Service:
    """Start PostgreSQL with the database, user and password of the manifest, as the image's entry point would."""
    (pod,) = manifests.pods("postgres")
    env = {variable["name"]: variable["value"] for variable in pod.container["env"]}
    secret = manifests.secret("switchboard-secrets")
    password = secret[env["POSTGRES_PASSWORD_FILE"].removeprefix(SECRETS)]
    binaries = find_binaries()
    if binaries is None:
        raise MissingProgram("PostgreSQL is not installed (Debian: postgresql)")
    entry = pwd.getpwnam("postgres")
    account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    home = directory / "postgres"
    home.mkdir()
    (home / "password").write_text(password)
    for path in (home, home / "password"):
        os.chown(path, entry.pw_uid, entry.pw_gid)
    data = str(home / "data")
    options = [
        "-U",
        env["POSTGRES_USER"],
        "--pwfile",
        str(home / "password"),
        "-A",
        "scram-sha-256",
        "--no-sync",
    ]
    _run([str(binaries / "initdb"), "-D", data, "-E", "UTF8", *options], home, account)
    single = [str(binaries / "postgres"), "--single", "-D", data, "postgres"]
    _run(single, home, account, text=f"CREATE DATABASE {env['POSTGRES_DB']};\n")
    (port,) = [port["containerPort"] for port in pod.container["ports"]]
    command = [str(binaries / "postgres"), "-D", data, "-p", str(port), "-c", "fsync=off"]
    command += ["-c", "listen_addresses=*", "-c", f"unix_socket_directories={home}"]
    return Service(pod, command, home, account)


def redis(manifests: Manifests, directory: Path) -> Service:
    """Start Redis with the manifest's arguments."""
    (pod,) = manifests.pods("redis")
    _, *arguments = pod.container["args"]
    home = directory / "redis"
    home.mkdir()
    return Service(pod, [program("redis-server", "redis-server"), *arguments], home)


def nats(manifests: Manifests, directory: Path) -> Service:
    """Start NATS with the manifest's configuration; its store lies in the test's folder."""
    (pod,) = manifests.pods("nats")
    home = directory / "nats"
    home.mkdir()
    text = manifests.get("ConfigMap", "nats-config")["data"]["nats.conf"]
    (store,) = [mount["mountPath"] for mount in pod.container["volumeMounts"] if mount["name"] == "data"]
    assert f"store_dir: {store}" in text
    (home / "nats.conf").write_text(text.replace(f"store_dir: {store}", f'store_dir: "{home}/store"'))
    return Service(pod, [program("nats-server", "nats-server"), "--config", str(home / "nats.conf")], home)


def _run(command: list[str], home: Path, account: dict[str, Any], text: str = "") -> None:
    done = subprocess.run(command, cwd=home, input=text, capture_output=True, text=True, **account)
    assert done.returncode == 0, done.stderr
