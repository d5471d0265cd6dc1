# SPDX-License-Identifier: Apache-2.0
"""Runs what docs/rest-live.md and docs/events.md tell to type, against a running node."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.live_api import LiveApi
from tests.sipp import SippRunner
from tests.stack import DOMAIN, ROOT, Stack

pytestmark = pytest.mark.e2e

MAKE_TOKEN = """
import sys, django; django.setup()
from django.contrib.auth.models import User
from accounts.models import Account
from accounts.tokens import issue
user, _ = User.objects.get_or_create(username="examples", is_superuser=True)
account = Account.objects.get(domain=sys.argv[1])
print(issue(user, name="examples", scopes=["read", "calls"], account=account)[1])
"""


def blocks(page: str, language: str) -> list[str]:
    """Return the examples of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def run(command: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def environ(stack: Stack, sipp: SippRunner) -> dict[str, str]:
    """Variables of the examples: two answering phones, and a fresh token for their account."""
    api = LiveApi(stack).ready()
    caller, callee = sipp.answering(), sipp.answering()
    for phone in (caller, callee):
        registered = partial(api.get, "registrations", aor=phone.aor)
        stack.wait_until(lambda: registered()["total"] == 1, 5, "the phone")  # noqa: B023 - called at once
    made = subprocess.run(
        [sys.executable, "-c", MAKE_TOKEN, DOMAIN],
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    given = {"TOKEN": made.stdout.strip(), "URL": f"{api.url}/api/v1"}
    return {**os.environ, **given, "CALLER": caller.username, "CALLEE": callee.username}


def test_the_curl_examples_work(environ: dict[str, str], stack: Stack, sipp: SippRunner) -> None:
    lists, originate, hang_up, health = blocks("rest-live.md", "sh")
    assert "registrations" in run(["bash", "-ec", lists], environ)
    made = json.loads(run(["bash", "-ec", originate], environ))
    LiveApi(stack).call_of(environ["CALLER"])
    ended = run(["bash", "-ec", hang_up], {**environ, "CALL": made["call_uuid"]})
    assert json.loads(ended)["call_id"] == made["call_id"]
    sipp.wait_all()
    assert json.loads(run(["bash", "-ec", health], environ))["status"] == "ok"


def test_the_python_examples_work(environ: dict[str, str], stack: Stack, sipp: SippRunner) -> None:
    first, originate, hang_up = blocks("rest-live.md", "python")
    wait = "import time; time.sleep(1)\n"
    said = run([sys.executable, "-c", f"{first}\n{originate}\n{wait}\n{hang_up}"], environ)
    assert "1 phones ring" in said
    sipp.wait_all()


def test_the_examples_of_the_event_stream_work(environ: dict[str, str], stack: Stack, tmp_path: Path) -> None:
    listen, _nats = blocks("events.md", "sh")
    (script,) = blocks("events.md", "python")
    base = environ["URL"].removesuffix("/api/v1")
    commands = [["bash", "-ec", f"exec {listen}"], [sys.executable, "-uc", script]]
    here = [[part.replace("http://HOST:8080", base) for part in command] for command in commands]
    outputs = [tmp_path / str(number) for number in range(len(here))]
    readers = []
    for command, output in zip(here, outputs, strict=True):
        with output.open("w") as file:
            readers.append(subprocess.Popen(command, env=environ, stdout=file))
    api = LiveApi(stack)
    try:
        wanted = {"user": environ["CALLER"], "number": environ["CALLEE"], "account": DOMAIN}

        def told() -> bool:
            return all("call.received" in output.read_text() for output in outputs)

        stack.wait_until(lambda: outputs[0].read_text().startswith("retry:"), 10, "the first reader")
        stack.wait_until(
            lambda: api.request("POST", "calls", json=wanted).is_success and told(), 10, "events"
        )
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
        for call in api.calls(number=environ["CALLER"]):
            api.request("DELETE", f"calls/{call['call_uuid']}")
