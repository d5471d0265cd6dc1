# SPDX-License-Identifier: Apache-2.0
"""Secrets from the documentation: refused, unless trying out was asked for."""

import os
import subprocess
import sys

import pytest

from switchboard.env import BadVariable, Registry
from switchboard.published_secrets import published, refuse
from switchboard.tests.test_settings import ROOT, run

GUIDE_URL = "postgres://switchboard:switchboard-dev-password@127.0.0.1:1/switchboard"


def test_a_published_secret_is_refused_by_name_and_not_shown():
    with pytest.raises(BadVariable, match="DATABASE_URL") as refused:
        refuse({"SECRET_KEY": "own", "DATABASE_URL": GUIDE_URL})
    assert "switchboard-dev-password" not in str(refused.value)


def test_a_published_secret_is_known_however_a_url_writes_it():
    assert published({"DATABASE_URL": GUIDE_URL.replace("-", "%2D")}) == ["DATABASE_URL"]


def test_secrets_of_ones_own_pass():
    own = {"DATABASE_URL": "postgres://switchboard:own@postgres/switchboard", "SECRET_KEY": ""}
    refuse(own)
    assert published(own) == []


def test_the_registry_knows_the_value_of_each_secret(tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    registry = Registry({"A": "given", "B_FILE": str(tmp_path / "token")})
    for name in "ABC":
        registry.secret(name, help="")
    assert registry.secrets == {"A": "given", "B": "from-a-file", "C": ""}


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "GRPC_TOKEN"])
def test_no_command_starts_with_a_published_secret(name):
    value = GUIDE_URL if name == "DATABASE_URL" else "switchboard-dev-secret"
    ended = run("check", **{name: value})
    assert (ended.returncode, name in ended.stderr) == (2, True)
    assert len(ended.stderr.strip().splitlines()) == 1


def test_no_worker_starts_with_one_either():
    """Celery's own command line is no command of manage.py, and manifests and units use it."""
    worker = [sys.executable, "-m", "celery", "-A", "switchboard", "worker", "-B"]
    variables = {**os.environ, "SECRET_KEY": "switchboard-dev-secret"}
    ended = subprocess.run(worker, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, "SECRET_KEY" in ended.stderr) == (2, True)
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("switch", ["ALLOW_DEV_SECRETS", "DEBUG"])
def test_trying_out_is_possible_and_warned_of(switch):
    ended = run("check", "--tag", "security", SECRET_KEY="switchboard-dev-secret", **{switch: "true"})
    assert ended.returncode == 0
    assert "switchboard.W001" in ended.stderr
    assert "SECRET_KEY" in ended.stderr


@pytest.mark.parametrize("command", ["runsip", "runrtp"])
def test_roles_that_start_without_checks_warn_too(command, tmp_path):
    nowhere = {
        "GRPC_BIND": "192.0.2.1",
        "METRICS_BIND": "192.0.2.1",
        "SIP_METRICS_PORT": "9",
        "VAR_DIR": str(tmp_path),
    }
    ended = run(command, GRPC_TOKEN="switchboard-dev-token", ALLOW_DEV_SECRETS="true", **nowhere)
    assert ended.returncode == 1, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "published secrets in use" in line]
    assert "GRPC_TOKEN" in line and "switchboard-dev-token" not in ended.stderr
