# SPDX-License-Identifier: Apache-2.0
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from accounts.tests.factories import make_account, make_user
from dialplan.engine.tests.samples import document, route
from dialplan.models import Route

pytestmark = pytest.mark.django_db
DIAL = [{"type": "dial", "params": {"target": "user/${destination}"}}]


@pytest.fixture
def account() -> Account:
    return make_account("alpha.example")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dialplan.json"
    path.write_text(json.dumps(document(route("a", "500"), route("b", "600"))))
    return path


def run(*args: Any) -> str:
    out = io.StringIO()
    call_command("dialplan", *map(str, args), stdout=out)
    return out.getvalue()


def refusal(*args: Any) -> str:
    with pytest.raises(CommandError) as caught:
        run(*args)
    return str(caught.value)


def test_a_document_is_loaded_and_dumped(account: Account, file: Path) -> None:
    run("load", file, "--account", "alpha.example")
    assert account.routes.count() == 2
    dumped = json.loads(run("dump", "--account", "alpha.example"))
    assert [one["id"] for one in dumped["routes"]] == ["a", "b"]
    assert json.loads(run("load", file, "--account", "alpha.example", "--json"))["unchanged"] == 2
    assert "$defs" in json.loads(run("dump", "--schema"))


def test_a_document_is_checked_and_nothing_stored(file: Path) -> None:
    assert run("check", file) == "2 routes, all valid\n"
    assert json.loads(run("check", file, "--json")) == {"valid": True, "routes": 2, "problems": []}
    assert not Route.objects.exists()


def test_problems_of_a_document_are_listed(file: Path) -> None:
    broken = document(route("a", "[1"), route("b", "600", actions=[{"type": "dance"}]))
    file.write_text(json.dumps(broken))
    assert refusal("check", file) == "2 problems; the document is not valid"
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("dialplan", "check", str(file), "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["valid"] is False
    assert [problem["route"] for problem in report["problems"]] == ["a", "b"]
    assert refusal("check", "/nowhere.json") == "/nowhere.json cannot be read: No such file or directory"


def test_a_call_is_simulated(account: Account) -> None:
    make_user(account, "1001", display_name="Alice")
    make_user(account, "1002", display_name="Bob")
    Route.objects.create(id="users", account=account, name="Users", pattern="1???", actions=DIAL)
    Route.objects.create(id="nine", account=account, name="Nine", pattern="9", actions=DIAL)
    text = run("simulate", "1002", "--from", "1001", "--account", "alpha.example")
    assert "Ring the phones of Bob (1002) for 30 s" in text
    assert "character 1 is 1, not 9" in text
    outcome = json.loads(run("simulate", "1002", "--from", "1001", "--account", "alpha.example", "--json"))
    assert (outcome["route"], outcome["variables"]["caller_name"]) == ("users", "Alice")
    assert outcome["actions"][0]["params"] == {"target": "user/1002", "timeout": 30}


def test_a_call_that_would_fail_gives_exit_code_1(account: Account) -> None:
    assert refusal("simulate", "77", "--account", "alpha.example") == "no route matches: 404 Not Found"
    assert (
        refusal("simulate", "7", "--account", "alpha.example", "--from", "1") == "alpha.example has no user 1"
    )
