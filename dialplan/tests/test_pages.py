# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import Account
from accounts.tests.factories import make_account, make_user, revision
from dialplan.models import Route
from dialplan.pages.simulator import example_number
from switchboard.dashboard.tests.fake_node import fake_node

pytestmark = pytest.mark.django_db
ECHO = [{"type": "echo", "params": {}}]
RING = [{"type": "dial", "params": {"target": "user/${destination}", "timeout": 20}}]
SIMULATE = "admin:dialplan_route_simulate"
TRANSFER = "admin:dialplan_route_transfer"


@pytest.fixture
def account():
    return make_account("alpha.example")


@pytest.fixture
def node(settings):
    with fake_node() as served:
        settings.UI_BACKENDS = (("local", served.url),)
        yield served


def make_route(route_id="r1", **fields):
    given = {
        "uid": f"uid-{route_id}",
        "id": route_id,
        "name": f"Route {route_id}",
        "pattern": "1???",
        "actions": RING,
    }
    return Route.objects.create(**{**given, **fields})


def simulate(client, **query):
    response = client.get(reverse(SIMULATE), query)
    assert response.status_code == 200
    return response, response.content.decode()


# --- Simulator


def test_the_simulator_tells_each_route_why_and_what_is_done(admin_client, account, node):
    make_user(account, "1001", display_name="Alice")
    bob = make_user(account, "1002", display_name="Bob")
    make_route("r1", account=account)
    make_route("off", account=account, pattern="1*", enabled=False, priority=1)
    make_route("no", pattern="600", actions=ECHO)
    node.tables["registrations"] = [
        {
            "user_id": str(bob.pk),
            "user_agent": "Desk",
            "source_ip": "192.0.2.7",
            "source_port": 5060,
            "transport": "udp",
        }
    ]
    response, text = simulate(admin_client, account=str(account.pk), number="1002", caller="1001")
    assert "Alice (1001) dials 1002: the route Route r1 is taken." in text
    assert "Ring the phones of Bob (1002) for 20 s" in text
    assert "Desk at 192.0.2.7:5060 (UDP) rings" in text
    reasons = {one.id: one.reason for one in response.context["outcome"].considered}
    assert reasons["off"] == "the route is disabled"
    assert "the number ends" in reasons["no"] or "character" in reasons["no"]
    assert "The route is disabled" in text


def test_a_user_without_a_phone_is_told(admin_client, account, node):
    make_user(account, "1002")
    make_route(account=account)
    _, text = simulate(admin_client, account=str(account.pk), number="1002")
    assert "No phone is registered now" in text


def test_a_number_that_no_route_matches_is_told(admin_client, account, node):
    _, text = simulate(admin_client, account=str(account.pk), number="1002")
    assert "Somebody dials 1002: no route matches." in text
    assert "404 Not Found" in text


def test_an_unknown_caller_is_refused_at_its_field(admin_client, account):
    response, text = simulate(admin_client, account=str(account.pk), number="1", caller="<b>")
    assert list(response.context["form"].errors) == ["caller"]
    assert "<b>" not in text.split("</head>")[1]


def test_a_route_is_tried_with_a_user_that_it_matches_or_a_number_that_is_made_up(
    admin_client, account, node
):
    make_user(account, "1005")
    make_route("r1", account=account)
    make_route("r2", account=account, pattern="00[2-4]*")
    response, _ = simulate(admin_client, route="uid-r1")
    assert response.context["outcome"].number == "1005"
    response, _ = simulate(admin_client, route="uid-r2")
    assert response.context["outcome"].number == "002"
    assert response.context["outcome"].route == "r2"


@pytest.mark.parametrize(
    ("pattern", "number"),
    [("600", "600"), ("1???", "1000"), ("[!0]*", "1"), ("*", ""), ("[*]97", "*97"), ("[", "")],
)
def test_a_number_is_made_up_for_a_pattern(pattern, number):
    assert example_number(pattern) == number


def test_a_broken_route_breaks_no_simulation(admin_client, account, node):
    make_route("r1", account=account, actions=[{"type": "dance"}], pattern="[")
    _, text = simulate(admin_client, account=str(account.pk), number="1")
    assert "The route is not valid" in text
    assert simulate(admin_client, route="uid-r1")[0].context["form"].errors


# --- Import and export


def document(*routes):
    return {"version": "1.0", "routes": list(routes)}


def row(route_id="r1", **fields):
    return {"id": route_id, "name": "N", "pattern": "5", "actions": ECHO, **fields}


def test_what_is_exported_is_imported_again_without_a_change(admin_client, account):
    make_route("r1", account=account)
    response = admin_client.get(reverse("admin:dialplan_route_export"), {"scope": str(account.pk)})
    assert response["Content-Disposition"] == 'attachment; filename="dialplan-alpha.example.json"'
    assert [route["id"] for route in json.loads(response.content)["routes"]] == ["r1"]
    upload = SimpleUploadedFile("plan.json", response.content)
    data = {"scope": str(account.pk), "file": upload, "import": "1"}
    page = admin_client.post(reverse(TRANSFER), data, follow=True)
    assert "Imported: 0 created, 0 updated, 1 unchanged, 0 deleted." in page.content.decode()


def test_a_check_tells_what_an_import_would_do_and_does_nothing(admin_client, account):
    make_route("old", account=account)
    before = revision("routes")
    data = {"scope": str(account.pk), "text": json.dumps(document(row())), "replace": "on", "check": "1"}
    page = admin_client.post(reverse(TRANSFER), data).content.decode()
    assert "1 created, 0 updated, 0 unchanged, 1 deleted" in page
    assert [route.id for route in Route.objects.all()] == ["old"]
    assert revision("routes") == before


def test_routes_of_every_account_are_imported_by_the_platform(admin_client):
    data = {"scope": "shared", "text": json.dumps(document(row())), "import": "1"}
    assert admin_client.post(reverse(TRANSFER), data).status_code == 302
    assert Route.objects.get().account is None


def test_every_mistake_is_told_with_its_place_and_nothing_is_imported(admin_client, account):
    wrong = document(row(), row("r2", pattern="["), row("r3", actions=[{"type": "dance"}]))
    data = {"scope": str(account.pk), "text": json.dumps(wrong), "import": "1"}
    page = admin_client.post(reverse(TRANSFER), data).content.decode()
    for place in ("routes[1].pattern", "routes[2].actions[0].type"):
        assert place in page
    assert not Route.objects.exists()


@pytest.mark.parametrize("fields", [{}, {"text": "{}", "file": SimpleUploadedFile("x.json", b"{}")}])
def test_a_file_or_a_text_is_asked_for(admin_client, account, fields):
    response = admin_client.post(reverse(TRANSFER), {"scope": str(account.pk), "import": "1", **fields})
    assert list(response.context["form"].errors) == ["file"]


def test_an_export_with_a_broken_route_names_it(admin_client, account):
    make_route("r1", account=account, actions=[{"type": "dance"}])
    response = admin_client.get(reverse("admin:dialplan_route_export"), {"scope": str(account.pk)})
    assert response.status_code == 200
    assert "actions[0].type" in response.content.decode()


# --- One route as JSON


def json_url(route):
    return reverse("admin:dialplan_route_json", args=[route.pk])


def test_a_route_is_shown_and_changed_as_json(admin_client, account):
    route = make_route("r:1.a_b", account=account)
    page = admin_client.get(json_url(route))
    given = json.loads(page.context["text"])
    assert given["pattern"] == "1???"
    changed = json.dumps({**given, "name": "Other", "priority": 7})
    assert admin_client.post(json_url(route), {"text": changed}).status_code == 302
    route.refresh_from_db()
    assert (route.name, route.priority, route.account) == ("Other", 7, account)
    assert route.history.count() == 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "this is no JSON"),
        ("[" * 100_000, "nested too deep"),
        ("[]", ""),
        (json.dumps(row("other")), "the id of a stored route is fixed"),
        (json.dumps(row(actions=[{"type": "dial", "params": {"target": "x"}}])), "actions[0].params.target"),
        (json.dumps(row(extra=1)), "extra"),
    ],
)
def test_a_mistake_in_the_json_is_told_and_what_was_typed_stays(admin_client, account, text, place):
    route = make_route("r1", account=account)
    response = admin_client.post(json_url(route), {"text": text})
    assert response.status_code == 200
    page = response.content.decode()
    assert "Nothing was saved" in page
    assert place in page
    assert response.context["text"] == text
    assert route.history.count() == 1


def test_the_platforms_accounts_are_all_offered(admin_client):
    make_account("beta.example")
    page = admin_client.get(reverse(SIMULATE)).content.decode()
    assert all(account.domain in page for account in Account.objects.all())
