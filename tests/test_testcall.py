# SPDX-License-Identifier: Apache-2.0
"""`manage.py testcall` against a running server, and against what does not work."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from signaling.testcall import Credentials, Scorecard, Softphone, StepFailed
from tests.live_api import LiveApi
from tests.stack import ROOT, Stack, password

TIMEOUT_S = 90


def place_testcall(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a stack."""
    command = [sys.executable, "manage.py", "testcall", *options]
    return subprocess.run(
        command, cwd=ROOT, env=stack.environment(), capture_output=True, text=True, timeout=TIMEOUT_S
    )


def credentials(*users: str) -> list[str]:
    """Return options that give the users' passwords."""
    return [part for user in users for part in ("--password", f"{user}={password(user)}")]


def test_a_scorecard_without_checks_has_not_passed() -> None:
    card = Scorecard()
    assert not card.passed
    card.add("registered", True)
    assert card.passed
    card.add("answered", False, "486 Busy Here")
    assert not card.passed
    assert card.as_dict()["checks"][1]["detail"] == "486 Busy Here"


@pytest.mark.e2e
def test_a_good_server_passes_every_check(stack: Stack) -> None:
    caller, callee = stack.phone(), stack.phone()
    users = (caller.username, callee.username)
    done = place_testcall(stack, "--from", users[0], "--to", users[1], "--json", *credentials(*users))
    card: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, card["passed"]) == (0, True), done.stdout
    names = [check["name"] for check in card["checks"]]
    heard = [f"440 Hz heard by {users[1]}", f"523 Hz heard by {users[0]}"]
    assert names == ["registered", "post-dial delay", "answered", *heard, "hung up", "CDR written"]
    assert 0 < card["post_dial_delay_ms"] < 2000
    row = stack.cdr(card["call_id"])
    assert (row["disposition"], row["hangup_by"]) == ("ANSWERED", "caller")


@pytest.mark.e2e
def test_the_scorecard_is_printed_as_a_table(stack: Stack) -> None:
    users = [stack.phone().username for _ in range(2)]
    done = place_testcall(stack, "--from", users[0], "--to", users[1], *credentials(*users))
    assert done.returncode == 0, done.stdout
    assert "The call works." in done.stdout


@pytest.mark.e2e
def test_a_wrong_password_fails_with_the_reason(stack: Stack) -> None:
    users = [stack.phone().username for _ in range(2)]
    wrong = ["--password", f"{users[0]}=wrong", "--password", f"{users[1]}=wrong"]
    done = place_testcall(stack, "--from", users[0], "--to", users[1], "--json", *wrong)
    card = json.loads(done.stdout)
    assert (done.returncode, card["passed"]) == (1, False)
    assert card["checks"][-1]["name"] == "register"
    assert users[0] in card["checks"][-1]["detail"]


@pytest.mark.e2e
def test_an_unknown_password_is_asked_for(stack: Stack) -> None:
    done = place_testcall(stack, "--from", "2000", "--to", "2001")
    assert done.returncode != 0
    assert "--password 2000=" in done.stderr


@pytest.mark.e2e
def test_a_number_that_is_refused_shows_the_status(stack: Stack) -> None:
    caller = stack.phone()
    server = "{}:{}".format(*stack.address)
    known = Credentials(username=caller.username, password=caller.password)
    with Softphone(server, known) as phone:
        phone.register()
        phone.order("call", number="9011")
        phone.wait_for("calling")
        with pytest.raises(StepFailed, match="486"):
            phone.wait_for("answered")


@pytest.mark.e2e
def test_a_recorded_call_is_heard_on_its_recording(stack: Stack) -> None:
    LiveApi(stack).ready()
    users = [stack.phone().username for _ in range(2)]
    done = place_testcall(
        stack, "--from", users[0], "--to", users[1], "--record", "--json", *credentials(*users)
    )
    card: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, card["passed"]) == (0, True), done.stdout
    names = [check["name"] for check in card["checks"]]
    assert names[-4:] == ["hung up", "CDR written", "recording stored", "recording heard"]
    assert "recording begun" in names
