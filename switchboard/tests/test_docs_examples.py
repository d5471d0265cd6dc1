# SPDX-License-Identifier: Apache-2.0
"""Runs what the guide tells to type: every curl and Python example of docs/users-and-routes.md, rest.md and tenancy.md."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from accounts.models import Account, User
from accounts.tests.factories import make_user
from accounts.tests.people import People, make_people
from dialplan.models import Route

DOCS = Path(settings.BASE_DIR) / "docs"
GUIDE = "users-and-routes.md"
TIMEOUT_S = 60


def blocks(language: str, page: str = GUIDE) -> list[str]:
    """Return the examples of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.fixture
def people(live_server: Any) -> People:
    return make_people()


@pytest.fixture
def environ(live_server: Any, people: People, tmp_path: Path) -> dict[str, str]:
    token = people.token("alice")
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
    assert Route.objects.get(id="reception").priority == 10
    assert set(User.objects.values_list("extension", flat=True)) == {"1101", "1102"}


@pytest.mark.django_db(transaction=True)
def test_the_python_examples_work(environ: dict[str, str], tmp_path: Path) -> None:
    script = "\n".join(blocks("python"))
    run([sys.executable, "-c", script], environ, tmp_path)
    assert Route.objects.get(id="users").priority == 200
    assert set(User.objects.values_list("extension", flat=True)) == {"1103", "1104"}


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.django_db(transaction=True)
def test_the_first_request_works(environ: dict[str, str], tmp_path: Path) -> None:
    make_user(Account.objects.get(domain="alpha.example"), "1001", display_name="Grace")
    (requests,), (script,) = blocks("sh", "rest.md"), blocks("python", "rest.md")
    said = run(["bash", "-ec", requests], environ, tmp_path)
    assert '"login":"alice"' in said and "Grace" in said
    assert run([sys.executable, "-c", script], environ, tmp_path) == "1001 Grace\n"


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
@pytest.mark.django_db(transaction=True)
def test_a_new_account_works(environ: dict[str, str], people: People, tmp_path: Path) -> None:
    environ["TOKEN"] = people.token("root")
    (requests, _), (script,) = blocks("sh", "tenancy.md"), blocks("python", "tenancy.md")
    run(["bash", "-ec", requests], environ, tmp_path)
    run([sys.executable, "-c", f"{blocks('python')[0]}\n{script}"], environ, tmp_path)
    for domain in ("pbx.example.com", "other.example.com"):
        account = Account.objects.get(domain=domain)
        assert [user.extension for user in account.users.all()] == ["100"]
        assert [route.pattern for route in account.routes.all()] == ["1??"]


@pytest.mark.django_db
def test_a_new_account_is_made_by_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    route = {
        "id": "own-users",
        "name": "Users",
        "pattern": "1??",
        "actions": [{"type": "echo", "params": {}}],
    }
    Path("example.json").write_text(json.dumps({"version": "1.0", "routes": [route]}))
    for line in blocks("sh", "tenancy.md")[1].splitlines():
        program, *words = shlex.split(line)
        assert program == "manage.py"
        call_command(*words)
    account = Account.objects.get(domain="pbx.example.com")
    assert (account.users.get().extension, account.routes.get().pattern) == ("100", "1??")
    assert [str(membership.user) for membership in account.memberships.all()] == ["erin"]
