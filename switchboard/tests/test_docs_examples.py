# SPDX-License-Identifier: Apache-2.0
"""Runs what the guide tells to type: every curl and Python example of docs/users-and-routes.md, in order."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts.models import User
from accounts.tests.people import make_people
from dialplan.models import Route

GUIDE = Path(settings.BASE_DIR) / "docs" / "users-and-routes.md"
TIMEOUT_S = 60


def blocks(language: str) -> list[str]:
    """Return the examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.fixture
def environ(live_server: Any, tmp_path: Path) -> dict[str, str]:
    token = make_people().token("alice")
    return {**os.environ, "URL": f"{live_server.url}/api/v1", "TOKEN": token, "HOME": str(tmp_path)}


def run(command: list[str], environ: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
@pytest.mark.django_db(transaction=True)
def test_the_curl_examples_work(environ: dict[str, str], tmp_path: Path) -> None:
    outputs = [run(["bash", "-ec", block], environ, tmp_path) for block in blocks("sh")]
    assert json.loads(outputs[0])["login"] == "alice"
    assert Route.objects.get(pk="reception").priority == 10
    assert set(User.objects.values_list("extension", flat=True)) == {"1101", "1102"}


@pytest.mark.django_db(transaction=True)
def test_the_python_examples_work(environ: dict[str, str], tmp_path: Path) -> None:
    script = "\n".join(blocks("python"))
    run([sys.executable, "-c", script], environ, tmp_path)
    assert Route.objects.get(pk="users").priority == 200
    assert set(User.objects.values_list("extension", flat=True)) == {"1103", "1104"}
