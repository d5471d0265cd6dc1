# SPDX-License-Identifier: Apache-2.0
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import make_account, revision
from dialplan.models import Route

pytestmark = pytest.mark.django_db
ECHO = [{"type": "echo", "params": {}}]
ADD = "admin:dialplan_route_add"
LIST = "admin:dialplan_route_changelist"
QUERIES = 6
"""Queries of the list page, whatever its number of rows; to be changed on purpose alone."""


def form(**fields: str) -> dict[str, str]:
    return {
        "id": "r1",
        "account": "",
        "name": "A route",
        "pattern": "1*",
        "priority": "100",
        "enabled": "on",
        "actions": json.dumps(ECHO),
    } | fields


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def make_route(route_id: str = "r1", **fields: Any) -> Route:
    defaults = {"uid": f"uid-{route_id}", "id": route_id, "name": "n", "pattern": "1", "actions": ECHO}
    return Route.objects.create(**(defaults | fields))


def test_a_route_is_added(admin_client: Client) -> None:
    before = revision("routes")
    assert admin_client.post(reverse(ADD), form()).status_code == 302
    assert Route.objects.get().actions == ECHO
    assert revision("routes") > before


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"pattern": "[1"}, {"pattern": ["the [ at character 1 is never closed"]}),
        (
            {"actions": '[{"type": "dial", "params": {"target": "user/1", "timeout": "5"}}]'},
            {"actions": ["actions[0].params.timeout: must be a whole number"]},
        ),
        (
            {"actions": '[{"type": "dial",}]'},
            {
                "actions": [
                    "This is no JSON: Expecting property name enclosed in double quotes at line 1 column 18."
                ]
            },
        ),
        ({"actions": "[" * 100_000}, {"actions": ["This is nested too deep."]}),
        ({"actions": ""}, {"actions": ["This field is required."]}),
        ({"actions": "[]"}, {"actions": ["This field is required."]}),
        ({"actions": "7"}, {"actions": ["must be a list"]}),
        (
            {"id": "a b"},
            {"id": ["must be up to 64 letters, digits and . _ : - and start with a letter or digit"]},
        ),
    ],
)
def test_a_mistake_is_told_at_its_field(
    admin_client: Client, fields: dict[str, str], errors: dict[str, list[str]]
) -> None:
    assert errors_of(admin_client.post(reverse(ADD), form(**fields))) == errors
    assert not Route.objects.exists()


def test_the_page_shows_the_mistake_and_what_was_typed(admin_client: Client) -> None:
    page = admin_client.post(reverse(ADD), form(actions='[{"type": "dance"}]')).content.decode()
    assert "actions[0].type: &#x27;dance&#x27; is no action" in page
    assert "&quot;type&quot;: &quot;dance&quot;" in page


def test_a_new_route_begins_with_an_example_that_can_be_saved(admin_client: Client) -> None:
    shown = admin_client.get(reverse(ADD)).context["adminform"].form["actions"].value()
    assert admin_client.post(reverse(ADD), form(actions=shown)).status_code == 302
    assert Route.objects.get().document().actions[0].type == "dial"


def test_a_name_with_markup_is_shown_as_text(admin_client: Client) -> None:
    make_route(name="<script>alert(1)</script>")
    assert b"<script>alert(1)" not in admin_client.get(reverse(LIST)).content


def test_the_id_of_a_stored_route_is_fixed(admin_client: Client) -> None:
    make_route("r1")
    url = reverse("admin:dialplan_route_change", args=["uid-r1"])
    admin_client.post(url, form(id="r2", name="Other"))
    assert list(Route.objects.values_list("id", "name")) == [("r1", "Other")]


def rows(*given: tuple[str, str, str]) -> dict[str, str]:
    """Return the form of a route with actions as rows: type, text, seconds."""
    data = form()
    del data["actions"]
    for number, row in enumerate(given):
        for part, value in zip(("type", "text", "timeout"), row, strict=True):
            data[f"actions-{number}-{part}"] = value
    return data


def test_actions_are_filled_in_as_rows_and_blank_rows_are_left_out(admin_client: Client) -> None:
    given = rows(
        ("dial", "user/${destination}", "20"),
        ("", "", ""),
        ("play_audio", " welcome.wav ", ""),
        ("json", '{"type": "hangup", "params": {"reason": "busy"}}', ""),
        ("echo", "", "30"),
    )
    assert admin_client.post(reverse(ADD), given).status_code == 302
    assert Route.objects.get().actions == [
        {"type": "dial", "params": {"target": "user/${destination}", "timeout": 20}},
        {"type": "play_audio", "params": {"file": "welcome.wav"}},
        {"type": "hangup", "params": {"reason": "busy"}},
        {"type": "echo", "params": {}},
    ]


def test_what_is_shown_as_rows_is_saved_as_it_was(admin_client: Client) -> None:
    actions = [
        {"type": "dial", "params": {"target": "user/1001"}},
        {"type": "play_audio", "params": {"file": "sub/welcome.wav"}},
        {"type": "hangup", "params": {"reason": "busy"}},
    ]
    make_route("r1", actions=actions)
    url = reverse("admin:dialplan_route_change", args=["uid-r1"])
    page = admin_client.get(url).content.decode()
    for shown in ('value="user/1001"', 'value="sub/welcome.wav"', 'value="busy"'):
        assert shown in page
    names = re.findall(r'name="(actions-\d+-(?:text|timeout))" value="([^"]*)"', page)
    types = re.findall(r'name="(actions-\d+-type)".*?<option value="([^"]*)" selected', page, re.DOTALL)
    data = form() | dict(names) | dict(types)
    del data["actions"]
    response = admin_client.post(url, data)
    assert response.status_code == 302, errors_of(response)
    assert Route.objects.get().actions == actions


def test_a_mistake_in_a_row_is_told_at_the_row_and_what_was_typed_stays(admin_client: Client) -> None:
    given = rows(("echo", "", ""), ("dial", "usr/1", "long"), ("json", "{", ""))
    response = admin_client.post(reverse(ADD), given)
    widget = response.context["adminform"].form.fields["actions"].widget
    assert set(widget.problems) == {1, 2}
    page = response.content.decode()
    assert "target: a target is user/NAME" in page
    assert "&quot;timeout&quot;: &quot;long&quot;" in page
    assert not Route.objects.exists()


def test_no_row_is_told_as_such(admin_client: Client) -> None:
    response = admin_client.post(reverse(ADD), rows(("", "", "")))
    assert errors_of(response) == {"actions": ["This field is required."]}


@pytest.mark.parametrize("text", ["5_0", "５", "1e3", "12345678901234567890"])
def test_a_time_that_is_no_plain_number_is_refused(admin_client: Client, text: str) -> None:
    response = admin_client.post(reverse(ADD), rows(("dial", "user/1", text)))
    assert list(errors_of(response)) == ["actions"]


def press(client: Client, verb: str, route_id: str, **fields: str) -> Any:
    """Press a button in the list."""
    return client.post(reverse("admin:dialplan_route_order"), {verb: f"uid-{route_id}", **fields})


@pytest.mark.parametrize("actions", [ECHO, [{"type": "dance"}]])
def test_a_route_is_disabled_and_enabled_in_the_list_also_a_broken_one(
    admin_client: Client, actions: Any
) -> None:
    row = make_route("r1", actions=actions)
    for verb, enabled in (("disable", False), ("enable", True)):
        before = revision("routes")
        assert press(admin_client, verb, "r1").status_code == 302
        row.refresh_from_db()
        assert row.enabled == enabled
        assert revision("routes") > before
    assert row.history.count() == 3


def test_a_route_goes_up_and_down_in_the_list_and_its_history_says_so(admin_client: Client) -> None:
    for name in "abc":
        make_route(name)
    before = revision("routes")
    press(admin_client, "up", "c")
    assert revision("routes") > before
    tried = [row.id for row in admin_client.get(reverse(LIST)).context["cl"].result_list]
    assert tried == ["a", "c", "b"]
    press(admin_client, "down", "a")
    tried = [row.id for row in admin_client.get(reverse(LIST)).context["cl"].result_list]
    assert tried == ["c", "a", "b"]
    assert "up" in Route.objects.get(id="b").history.latest().history_change_reason


def test_the_first_route_stays_where_it_is(admin_client: Client) -> None:
    make_route("a")
    response = admin_client.post(reverse("admin:dialplan_route_order"), {"up": "uid-a"}, follow=True)
    assert "is the first one already" in response.content.decode()


def test_a_button_leads_back_to_the_same_search(admin_client: Client) -> None:
    make_route("a")
    assert press(admin_client, "disable", "a", query="q=n&p=1").url == f"{reverse(LIST)}?q=n&p=1#route-uid-a"


def test_the_list_shows_the_order_in_which_routes_are_tried(admin_client: Client) -> None:
    account = make_account("alpha.example")
    make_route("a")
    make_route("z", account=account)
    make_route("first", priority=1)
    shown = admin_client.get(reverse(LIST)).context["cl"].result_list
    assert [row.id for row in shown] == ["first", "z", "a"]


def test_a_list_in_another_order_has_no_arrows(admin_client: Client) -> None:
    make_route("a")
    assert b'name="up"' in admin_client.get(reverse(LIST)).content
    assert b'name="up"' not in admin_client.get(reverse(LIST), {"o": "2"}).content


@pytest.mark.parametrize("actions", [None, 7, [3], [{"x": 1}], "text", [{"type": ["a"]}]])
def test_a_broken_route_breaks_no_page(admin_client: Client, actions: Any) -> None:
    make_route("r1", actions=7 if actions is None else actions)
    assert admin_client.get(reverse(LIST)).status_code == 200
    assert admin_client.get(reverse("admin:dialplan_route_change", args=["uid-r1"])).status_code == 200


def test_an_edit_of_a_route_from_a_file_is_warned_of(admin_client: Client) -> None:
    make_route("r1", metadata={"source": "DIALPLAN_PATH", "path": "/etc/plan.json"})
    url = reverse("admin:dialplan_route_change", args=["uid-r1"])
    response = admin_client.post(url, form(), follow=True)
    assert "comes from /etc/plan.json" in response.content.decode()


def test_deleting_in_the_list_raises_the_counter(admin_client: Client) -> None:
    make_route("r1")
    before = revision("routes")
    data = {"action": "delete_selected", "_selected_action": "uid-r1", "post": "yes"}
    admin_client.post(reverse(LIST), data)
    assert not Route.objects.exists()
    assert revision("routes") > before


def test_the_list_takes_the_same_few_queries_for_many_rows(
    admin_client: Client, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        make_route(f"r{number}", account=make_account(f"a{number}.example"))
    admin_client.get(reverse(LIST))
    with django_assert_num_queries(QUERIES):
        assert admin_client.get(reverse(LIST)).status_code == 200
