# SPDX-License-Identifier: Apache-2.0
"""The make targets of the guide, run against programs that write down how they are called."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stack import ROOT

TARGETS = (
    "docker-build",
    "docker-build-signaling",
    "docker-build-rtpmanager",
    "docker-build-ui",
    "docker-save",
    "k8s-load",
    "k8s-deploy",
    "k8s-delete",
    "k8s-status",
    "k8s-logs",
    "k8s-restart",
)
BUILDS = [
    f"docker build -f deploy/docker/Dockerfile.{role} -t switchboard-{role}:latest ."
    for role in ("signaling", "rtpmanager", "ui")
]
NEW_JOB = "kubectl delete job migrate -n switchboard --ignore-not-found"
Make = Callable[..., list[str]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that runs a target and returns the commands that it ran."""
    log, programs = tmp_path / "log", tmp_path / "bin"
    programs.mkdir()
    for name in ("docker", "kubectl", "sudo", "k3s"):
        path = programs / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n')
        path.chmod(0o755)

    def run(*arguments: str) -> list[str]:
        log.unlink(missing_ok=True)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "MAKEFLAGS": ""}
        command = ["make", "--no-print-directory", f"IMAGES={tmp_path}/images", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return log.read_text().replace(f"{tmp_path}/", "").splitlines()

    return run


def test_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    listed = set(re.findall(r"^  make (\S+) ", done.stdout, flags=re.MULTILINE))
    assert set(TARGETS) <= listed
    phony = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(TARGETS) <= set(" ".join(phony).split())


def test_images_are_built_together_or_one_by_one(make: Make) -> None:
    assert make("docker-build") == BUILDS
    assert make("docker-build-ui") == BUILDS[2:]


def test_images_are_saved_and_loaded_as_tar_files(make: Make) -> None:
    names = [f"switchboard-{role}" for role in ("signaling", "rtpmanager", "ui")]
    assert make("docker-save") == [f"docker save -o images/{name}.tar {name}:latest" for name in names]
    assert make("k8s-load") == [f"sudo k3s ctr images import images/{name}.tar" for name in names]


def test_a_deployment_loads_migrates_anew_and_applies(make: Make) -> None:
    *loads, job, apply = make("k8s-deploy")
    assert len(loads) == 3
    assert (job, apply) == (NEW_JOB, "kubectl apply -k deploy/k8s/")
    assert make("k8s-deploy", "K8S=deploy/k8s-production")[-1] == "kubectl apply -k deploy/k8s-production/"


def test_the_quick_deployment_of_the_guide_goes_in_order(make: Make) -> None:
    ran = make("docker-build", "docker-save", "k8s-deploy")
    assert [line.split()[:2] for line in ran] == [
        *[["docker", "build"]] * 3,
        *[["docker", "save"]] * 3,
        *[["sudo", "k3s"]] * 3,
        ["kubectl", "delete"],
        ["kubectl", "apply"],
    ]


def test_restart_migrates_and_restarts_all_roles(make: Make) -> None:
    roles = "deployment/signaling deployment/ui deployment/cdrs deployment/worker statefulset/rtpmanager"
    restart = f"kubectl rollout restart -n switchboard {roles}"
    assert make("k8s-restart") == [NEW_JOB, "kubectl apply -k deploy/k8s/", restart]


def test_the_rest_asks_kubectl(make: Make) -> None:
    assert make("k8s-delete") == ["kubectl delete -k deploy/k8s/ --ignore-not-found"]
    assert make("k8s-status")[0] == "kubectl get pods -n switchboard"
    (logs,) = make("k8s-logs")
    assert logs.startswith("kubectl logs -n switchboard -l app.kubernetes.io/part-of=switchboard")
