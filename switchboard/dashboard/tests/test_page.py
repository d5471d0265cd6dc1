# SPDX-License-Identifier: Apache-2.0
import pytest
from django.urls import reverse

from switchboard.dashboard.tests.fake_node import call

INDEX = "/admin/"
HANG_UP = "/admin/hang-up"


@pytest.fixture
def calls(node, people):
    node.tables["calls"] = [call(people.alpha.pk, "1001"), call(people.beta.pk, "7007")]
    node.tables["registrations"] = [
        {"aor": f"sip:{name}@{name}.example", "contact": f"sip:{name}@phone", "tenant_id": str(account.pk)}
        for name, account in (("alpha", people.alpha), ("beta", people.beta))
    ]
    return node


def test_the_home_of_the_admin_shows_live_calls(client, calls, people):
    client.force_login(people["root"])
    page = client.get(INDEX).content.decode()
    assert "1001" in page
    assert "7007" in page
    assert 'data-card="calls">2<' in page


@pytest.mark.parametrize(
    ("name", "own", "foreign"),
    [
        ("alice", "1001", "7007"),
        ("bob", "1001", "7007"),
        ("vera", "1001", "7007"),
        ("charlie", "7007", "1001"),
    ],
)
def test_nobody_sees_or_counts_what_is_alive_in_another_account(client, calls, people, name, own, foreign):
    client.force_login(people[name])
    page = client.get(INDEX).content.decode()
    assert own in page
    assert foreign not in page
    assert 'data-card="calls">1<' in page
    assert 'data-card="registrations">1<' in page
    assert ("beta.example" if own == "1001" else "alpha.example") not in page


def test_a_phone_on_tls_has_a_lock(client, node, people):
    tenant = str(people.alpha.pk)
    node.tables["registrations"] = [
        {"aor": f"sip:{kind}@alpha.example", "contact": "sip:x@y", "transport": kind, "tenant_id": tenant}
        for kind in ("udp", "tls")
    ]
    client.force_login(people["root"])
    page = client.get(INDEX).content.decode()
    assert page.count("board-lock") == 1
    assert 'tls <span class="material-symbols-outlined board-lock" title="Encrypted"' in page


def test_who_belongs_to_no_account_sees_nothing_live(client, calls, people):
    client.force_login(people["nobody"])
    page = client.get(INDEX).content.decode()
    assert "1001" not in page
    assert "data-live" not in page


def test_without_a_login_there_is_no_dashboard(client, calls, people):
    assert client.get(INDEX).status_code == 302


def test_an_unreachable_node_is_shown_and_breaks_nothing(client, settings, people):
    settings.UI_BACKENDS = (("away", "http://127.0.0.1:9"),)
    client.force_login(people["root"])
    answer = client.get(INDEX)
    assert answer.status_code == 200
    assert "cannot be reached" in answer.content.decode()
    assert 'data-card="calls">–<' in answer.content.decode()
    for untrue in ("No RTP manager", "No dialog.", "No media session.", "No phone", "Nobody is talking"):
        assert untrue not in answer.content.decode()


def test_what_phones_say_is_escaped(client, node, people):
    node.tables["calls"] = [call(people.alpha.pk, caller_name='<script>alert("x")</script>')]
    client.force_login(people["root"])
    assert "<script>alert" not in client.get(INDEX).content.decode()


@pytest.mark.parametrize(("name", "shown"), [("root", 2), ("alice", 1), ("bob", 1), ("vera", 0)])
def test_the_button_is_shown_to_who_may_use_it(client, calls, people, name, shown):
    client.force_login(people[name])
    assert client.get(INDEX).content.decode().count('form="hang-up"') == shown


@pytest.mark.parametrize("name", ["root", "alice", "bob"])
def test_who_may_hangs_up_a_call(client, calls, people, name):
    client.force_login(people[name])
    answer = client.post(HANG_UP, {"call": "local uuid-1001"})
    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:index"))
    assert calls.hung_up == ["uuid-1001"]


@pytest.mark.parametrize(("name", "status"), [("vera", 403), ("nobody", 403), ("charlie", 404)])
def test_nobody_else_hangs_up_a_call(client, calls, people, name, status):
    client.force_login(people[name])
    answer = client.post(HANG_UP, {"call": "local uuid-1001"}, headers={"Accept": "application/json"})
    assert answer.status_code == status
    assert calls.hung_up == []


@pytest.mark.parametrize("wanted", ["", "local", "local ", "elsewhere uuid-1001", "local uuid-9"])
def test_a_call_that_is_not_there_is_over(client, calls, people, wanted):
    client.force_login(people["root"])
    answer = client.post(HANG_UP, {"call": wanted}, headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert calls.hung_up == []


def test_a_call_is_not_hung_up_by_a_link_or_without_the_token_of_the_form(calls, people):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people["root"])
    assert strict.get(HANG_UP).status_code == 405
    assert strict.post(HANG_UP, {"call": "local uuid-1001"}).status_code == 403
    assert calls.hung_up == []


RECORD = "/admin/record"


@pytest.mark.parametrize(("name", "shown"), [("root", 2), ("alice", 1), ("bob", 1), ("vera", 0)])
def test_the_button_that_records_is_shown_to_who_may_use_it(client, calls, people, name, shown):
    client.force_login(people[name])
    page = client.get(INDEX).content.decode()
    assert page.count('form="record" name="start"') == shown
    assert page.count('form="record" name="stop"') == 0


@pytest.mark.parametrize(
    ("fields", "button"),
    [
        ({}, "start"),
        ({"codec": "PCMA"}, "start"),
        ({"codec": "opus"}, ""),
        ({"answered_at": None, "state": "ringing", "codec": ""}, ""),
        ({"recording": "on"}, "stop"),
        ({"recording": "waiting", "answered_at": None}, ""),
        ({"recording": None}, ""),
    ],
)
def test_a_call_has_the_button_that_makes_sense(client, node, people, fields, button):
    node.tables["calls"] = [call(people.alpha.pk, **fields)]
    client.force_login(people["alice"])
    page = client.get(INDEX).content.decode()
    assert [name for name in ("start", "stop") if f'form="record" name="{name}"' in page] == [
        *([button] if button else [])
    ]
    assert ("data-recorded" in page) == (fields.get("recording") == "on")


def test_who_may_not_record_does_not_see_that_a_call_is_recorded(client, node, people):
    node.tables["calls"] = [call(people.alpha.pk, recording="on")]
    client.force_login(people["vera"])
    page = client.get(INDEX).content.decode()
    assert "1001" in page
    assert "data-recorded" not in page
    assert 'form="record"' not in page


@pytest.mark.parametrize("name", ["root", "alice", "bob"])
@pytest.mark.parametrize("is_wanted", [True, False])
def test_who_may_records_a_call_and_stops_it(client, calls, people, name, is_wanted):
    client.force_login(people[name])
    data = {"start" if is_wanted else "stop": "local uuid-1001"}
    answer = client.post(RECORD, data, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["message"]
    assert (calls.recorded, calls.persons) == ([("uuid-1001", is_wanted)], [name])


@pytest.mark.parametrize(("name", "status"), [("vera", 403), ("nobody", 403), ("charlie", 404)])
def test_nobody_else_records_a_call(client, calls, people, name, status):
    client.force_login(people[name])
    for verb in ("start", "stop"):
        answer = client.post(RECORD, {verb: "local uuid-1001"}, headers={"Accept": "application/json"})
        assert answer.status_code == status
    assert calls.recorded == []


@pytest.mark.parametrize("data", [{}, {"start": "local uuid-9"}, {"stop": ""}, {"call": "local uuid-1001"}])
def test_no_call_that_is_not_there_is_recorded(client, calls, people, data):
    client.force_login(people["root"])
    assert client.post(RECORD, data, headers={"Accept": "application/json"}).status_code == 404
    assert calls.recorded == []


def test_a_call_is_not_recorded_by_a_link_or_without_the_token_of_the_form(calls, people):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people["root"])
    assert strict.get(RECORD).status_code == 405
    assert strict.post(RECORD, {"start": "local uuid-1001"}).status_code == 403
    assert calls.recorded == []
