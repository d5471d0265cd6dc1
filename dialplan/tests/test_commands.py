# SPDX-License-Identifier: Apache-2.0
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, User
from accounts.tests.factories import make_account
from dialplan.demo import seed_demo
from dialplan.engine.tests.samples import document, route
from dialplan.management.commands.seed_demo import demo_tables
from dialplan.models import Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dialplan.json"
    path.write_text(json.dumps(document(route("a", "500"), route("b", "600"))))
    return path


def run(*args: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*map(str, args), stdout=out, **options)
    return out.getvalue()


def test_it_loads_a_file_for_every_account(file: Path) -> None:
    assert run("loaddialplan", file) == "Routes: 2 created, 0 updated, 0 unchanged, 0 deleted\n"
    assert [one.id for one in Route.objects.filter(account=None)] == ["a", "b"]


def test_it_loads_a_file_for_one_account(file: Path) -> None:
    account = make_account("alpha.example")
    run("loaddialplan", file, "--account", "Alpha.Example")
    assert account.routes.count() == 2


def test_it_prints_json(file: Path) -> None:
    assert json.loads(run("loaddialplan", file, "--json")) == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
    }


def test_it_replaces_when_it_is_told_to(file: Path) -> None:
    Route.objects.create(id="old", name="n", pattern="1", actions=[{"type": "echo"}])
    run("loaddialplan", file)
    assert Route.objects.count() == 3
    run("loaddialplan", file, "--replace")
    assert not Route.objects.filter(id="old").exists()


def test_it_checks_without_writing(file: Path) -> None:
    assert run("loaddialplan", file, "--check") == "2 routes, all valid\n"
    assert not Route.objects.exists()


def test_a_dry_run_tells_what_would_be_done(file: Path) -> None:
    Route.objects.create(id="old", name="n", pattern="1", actions=[{"type": "echo"}])
    said = run("dialplan", "load", file, "--replace", "--dry-run")
    assert said == ("Routes: 2 created, 0 updated, 0 unchanged, 1 deleted (a dry run: nothing was stored)\n")
    assert [one.id for one in Route.objects.all()] == ["old"]


def test_it_reads_standard_input(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    run("loaddialplan", "-")
    assert Route.objects.count() == 2


def test_it_prints_a_line_for_each_problem_and_imports_nothing(file: Path) -> None:
    file.write_text(json.dumps(document(route("a"), route("b", pattern="["), route("c", name=3))))
    err = io.StringIO()
    with pytest.raises(CommandError, match=r"^2 problems; nothing was imported$") as caught:
        run("loaddialplan", file, stderr=err)
    assert caught.value.returncode == 1
    assert err.getvalue().splitlines() == [
        "route b: routes[1].pattern: the [ at character 1 is never closed",
        "route c: routes[2].name: must be text",
    ]
    assert not Route.objects.exists()


def test_a_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(CommandError, match=r"^/nowhere\.json cannot be read: No such file or directory$"):
        run("loaddialplan", "/nowhere.json")


def test_an_unknown_account_is_one_line(file: Path) -> None:
    with pytest.raises(CommandError, match=r"^No account has the domain nobody\.example$"):
        run("loaddialplan", file, "--account", "nobody.example")


def test_a_dump_can_be_loaded_again(file: Path) -> None:
    run("loaddialplan", file)
    dumped = run("dumpdialplan")
    assert json.loads(dumped) == json.loads(file.read_text()) | {
        "routes": [one | {"priority": 100, "enabled": True} for one in json.loads(file.read_text())["routes"]]
    }
    file.write_text(dumped)
    assert "2 unchanged" in run("loaddialplan", file, "--replace")


def test_a_dump_of_an_account_holds_nobody_elses_routes(file: Path) -> None:
    make_account("alpha.example")
    run("loaddialplan", file, "--account", "alpha.example")
    assert json.loads(run("dumpdialplan"))["routes"] == []
    assert len(json.loads(run("dumpdialplan", "--account", "alpha.example"))["routes"]) == 2


def test_a_dump_of_the_shared_routes_tells_on_the_side_where_more_are(file: Path) -> None:
    make_account("alpha.example")
    err = io.StringIO()
    run("loaddialplan", file)
    run("dumpdialplan", stderr=err)
    assert err.getvalue() == ""
    Route.objects.update(account=Account.objects.get(domain="alpha.example"))
    assert json.loads(run("dumpdialplan", stderr=err))["routes"] == []
    hint = "These are the routes of every account. Accounts with more: alpha.example (--account).\n"
    assert err.getvalue() == hint
    err.truncate(0)
    run("dumpdialplan", "--account", "alpha.example", stderr=err)
    assert hint not in err.getvalue()


def test_a_dump_of_broken_rows_is_refused() -> None:
    Route.objects.create(id="bad", name="n", pattern="[", actions=[])
    err = io.StringIO()
    with pytest.raises(CommandError, match="nothing was exported"):
        run("dumpdialplan", stderr=err)
    assert "route bad: pattern: " in err.getvalue()


def test_the_schema_can_be_printed() -> None:
    assert json.loads(run("dumpdialplan", "--schema"))["title"] == "DialplanDocument"


def test_the_demo_prints_passwords_that_fit(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    printed = json.loads(run("seed_demo", "--json"))
    assert printed["domain"] == "switchboard.local"
    assert [one["pattern"] for one in printed["dial"]] == ["500", "600", "1???"]
    for one in printed["users"]:
        assert User.objects.get(username=one["username"]).check_password(one["password"])


def test_the_demo_prints_tables(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    printed = run("seed_demo")
    kept = json.loads((tmp_path / "demo-credentials.json").read_text())
    for text in ("1004@switchboard.local", "600", *kept["users"].values(), *kept["logins"].values()):
        assert text in printed


def test_the_demo_leaves_routes_that_are_there(tmp_path: Path) -> None:
    seed_demo("switchboard.local", tmp_path)
    Route.objects.filter(id="demo-echo").update(pattern="601", enabled=False)
    demo = seed_demo("switchboard.local", tmp_path)
    assert [one.id for one in demo.routes] == ["demo-greeting", "demo-users"]
    assert Route.objects.get(id="demo-echo").pattern == "601"
    assert Route.objects.filter(account=Account.objects.get()).count() == 3


def test_the_demo_says_when_the_login_was_changed_by_hand(tmp_path: Path, admin_user: Any) -> None:
    (tmp_path / "demo-credentials.json").write_text('{"logins": {"admin": "another one"}}')
    logins, _ = demo_tables(seed_demo("switchboard.local", tmp_path))
    assert "as you set it" in list(logins.columns[2].cells)


def test_the_demo_routes_are_valid(tmp_path: Path) -> None:
    for one in seed_demo("switchboard.local", tmp_path).routes:
        one.full_clean()
