# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from django.test import Client

from accounts.models import User
from cdrs.models import CDR
from switchboard.tests.world import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def root(client: Client, world: World) -> Client:
    client.force_login(world.people["root"])
    return client


def read(client: Client, url: str) -> tuple[list[str], str]:
    """Return the steps at the head of a page, and its title."""
    text = client.get(url).content.decode()
    found = re.search(r'<span class="trail">(.*?)</h1>', text, re.DOTALL)
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
    assert found and title
    steps = re.findall(r'<span class="trail-step">(.*?)</span>', found[1])
    return [re.sub("<[^>]+>", "", step) for step in steps], " ".join(title[1].split())


@pytest.mark.parametrize(
    ("path", "steps", "title"),
    [
        ("", ["Dashboard"], "Dashboard"),
        ("cdrs/cdr/", ["Live", "Calls"], "Calls"),
        ("cdrs/cdr/report/", ["Live", "Calls", "Report"], "Report"),
        ("cdrs/cdr/export/", ["Live", "Calls", "Export"], "Export"),
        ("accounts/user/", ["Phones", "SIP users"], "SIP users"),
        ("accounts/user/add/", ["Phones", "SIP users", "Add"], "Add SIP user"),
        ("auth/user/", ["Administration", "People who log in"], "People who log in"),
        ("accounts/failedlogin/", ["Administration", "Failed logins"], "Failed logins"),
        ("accounts/recordedlogin/", ["Administration", "Log of logins"], "Log of logins"),
        ("dialplan/route/simulate/", ["Dialplan", "Routes", "Simulator"], "Simulator"),
        (
            "dialplan/route/transfer/",
            ["Dialplan", "Routes", "Import and export"],
            "Import and export of routes",
        ),
        (
            "dialplan/route/uid-alpha/json/",
            ["Dialplan", "Routes", "mark-of-alpha (1)", "JSON"],
            "mark-of-alpha (1) as JSON",
        ),
        (
            "dialplan/route/uid-alpha/delete/",
            ["Dialplan", "Routes", "mark-of-alpha (1)", "Delete"],
            "Delete",
        ),
    ],
)
def test_each_page_says_where_it_stands(root: Client, path: str, steps: list[str], title: str) -> None:
    assert read(root, f"/admin/{path}") == (steps, f"{title} | Switchboard")


def test_the_history_is_a_step_to_its_versions(root: Client, world: World) -> None:
    user = world.row("alpha", User)
    at = f"/admin/accounts/user/{user.pk}/history/"
    assert read(root, at)[0] == ["Phones", "SIP users", "mark-of-alpha (1001)", "History"]
    version = f"{at}{user.history.latest().pk}/"
    assert read(root, version)[0] == ["Phones", "SIP users", "mark-of-alpha (1001)", "History", "Version"]
    assert f'href="{at}"' in root.get(version).content.decode()


def test_a_call_is_called_after_its_numbers(root: Client, world: World) -> None:
    call = world.row("alpha", CDR)
    steps, title = read(root, f"/admin/cdrs/cdr/{call.pk}/change/")
    assert steps[:2] == ["Live", "Calls"]
    assert title == "1001 → 1002 | Switchboard"


def test_rows_are_counted_at_the_head_where_something_was_searched(root: Client) -> None:
    for path, told in (("", False), ("?q=alpha", True)):
        text = root.get(f"/admin/signaling/registration/{path}").content.decode()
        assert ("found (" in text) == told
