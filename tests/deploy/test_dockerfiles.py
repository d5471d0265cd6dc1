# SPDX-License-Identifier: Apache-2.0
"""The Dockerfiles: linted, alike where they must be, and made from the right files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.context import assemble, is_sent, sent_files
from tests.deploy.dockerfile import DOCKER, ROLES, read
from tests.stack import ROOT

BASE = "python:3.11-slim-bookworm"
APPS = ("accounts", "cdrs", "dialplan", "media", "signaling", "switchboard", "templates")


@pytest.mark.parametrize("role", ROLES)
def test_hadolint_has_nothing_to_say(role: str) -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [program, f"deploy/docker/Dockerfile.{role}"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_images_share_all_stages_but_the_last() -> None:
    shared = {str(read(role).stages[:-1]) for role in ROLES}
    assert len(shared) == 1


@pytest.mark.parametrize("role", ROLES)
def test_an_image_is_lean_and_runs_as_the_user_1000(role: str) -> None:
    image = read(role)
    assert image.user == "1000:1000"
    assert [stage.base for stage in image.lineage] == [BASE, "product"]
    installed = [run.arguments for stage in image.lineage for run in stage.all("RUN")]
    assert len(installed) == 1
    assert "--no-install-recommends ca-certificates tzdata " in installed[0]
    assert "useradd --uid 1000 --gid 1000" in installed[0]
    assert installed[0].endswith("/app/audio")


@pytest.mark.parametrize(
    ("role", "command"), [("signaling", "runsip"), ("rtpmanager", "runrtp"), ("ui", "runui")]
)
def test_an_image_starts_and_checks_its_role(role: str, command: str) -> None:
    image = read(role)
    assert (image.entrypoint, image.command) == (["switchboard-start"], [command])
    assert f'CMD ["switchboard-probe", "{role}"]' in image.healthcheck
    assert (image.env["VAR_DIR"], image.volumes) == ("/app/var", ["/app/var"])
    assert image.env["PATH"].startswith("/app/.venv/bin:/usr/local/bin:")


def test_only_what_runs_is_sent_to_the_builder() -> None:
    # The ui serves the description of its REST API.
    assert [name for name in sent_files() if name.startswith("docs/")] == ["docs/openapi-ui.json"]
    assert not [name for name in sent_files() if "/tests/" in name or name.startswith(("tests/", "bench/"))]
    assert not any(
        is_sent(name) for name in (".git/config", "var/secret-key", "deploy/k8s-production/secrets/x")
    )
    assert not is_sent("media/engine/target/release/x") and not is_sent("signaling/__pycache__/app.pyc")
    for name in ("requirements.txt", "manage.py", "media/engine/Cargo.lock", "media/audio/welcome.wav"):
        assert is_sent(name)


def test_an_image_holds_the_product_and_not_the_means_to_build_it(tmp_path: Path) -> None:
    assemble(read("signaling"), tmp_path)
    app = tmp_path / "app"
    assert {path.name for path in app.iterdir()} == {"manage.py", "config", "docs", *APPS}
    assert (app / "config" / "dialplan.json").is_file()
    assert not (app / "media" / "engine").exists()
    programs = {path.name for path in (tmp_path / "bin").iterdir()}
    assert programs == {"switchboard-start", "switchboard-probe", "switchboard-drain"}


@pytest.mark.parametrize("name", ["switchboard-start", "switchboard-probe"])
def test_scripts_are_well_formed_and_executable(name: str) -> None:
    path = DOCKER / "bin" / name
    assert path.stat().st_mode & 0o111 == 0o111
    shell = "bash" if path.read_text().startswith("#!/bin/bash") else "sh"
    assert subprocess.run([shell, "-n", str(path)], timeout=10).returncode == 0
