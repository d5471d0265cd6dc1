# SPDX-License-Identifier: Apache-2.0
"""The lists: fields, filters, bounds."""

from __future__ import annotations

import time

import pytest

from accounts.choices import Scope
from accounts.tests.rest import Rest
from signaling.api.tests.live_world import NOW, registration
from signaling.live.commands import CommandRefused
from signaling.live.tables import REGISTRATIONS, WAKE, Kind
from signaling.live.watch import Watch

PROMISED = {
    "registrations": {"aor", "contact", "expires", "registered_at", "expires_at", "user_agent"},
    "dialogs": {"call_id", "local_tag", "remote_tag", "state", "direction", "from_uri", "to_uri"}
    | {"remote_addr", "remote_port", "session_id", "created_at", "duration_seconds"},
    "sessions": {"session_id", "call_id", "local_addr", "local_port", "remote_addr", "remote_port"}
    | {"codec", "srtp", "state", "rtp_manager", "created_at"},
    "calls": {"call_uuid", "call_id", "tenant_id", "state", "caller_number", "callee_number", "started_at"},
}
"""Fields that programs rely on."""


@pytest.fixture
def root(people):
    return Rest(people.token("root"))


@pytest.mark.parametrize(("name", "fields"), PROMISED.items())
def test_every_promised_field_is_there(filled, root, name, fields):
    answer = root.get(name)
    assert answer.status == 200
    assert answer.body["total"] == len(answer.body[name]) > 0
    assert fields <= set(answer.body[name][0])
    assert "key" not in answer.body[name][0]


def test_both_legs_of_a_call_are_dialogs(filled, root):
    rows = root.get("dialogs", call_uuid="uuid-mark-of-alpha").body["dialogs"]
    assert [(row["leg"], row["direction"], row["state"]) for row in rows] == [
        ("A", "inbound", "Confirmed"),
        ("B", "outbound", "Confirmed"),
    ]


def test_times_are_rfc_3339_and_seconds_go_on(filled, root):
    row = root.get("dialogs").body["dialogs"][0]
    assert row["created_at"] == "2023-11-14T22:13:20.000000Z"
    assert row["duration_seconds"] == pytest.approx(time.time() - NOW, abs=5)
    again = root.get("dialogs").body["dialogs"][0]
    assert again["duration_seconds"] > row["duration_seconds"]


def test_a_registration_counts_down_and_never_below_zero(live, people, root):
    row = registration(str(people.alpha.pk), "alpha.example", "late", expires_at=time.time() + 60.5)
    over = registration(str(people.alpha.pk), "alpha.example", "over", expires_at=time.time() - 5)
    live.mirror.apply((Kind.ROWS, REGISTRATIONS.name, [row, over]))
    left = [each["expires"] for each in root.get("registrations").body["registrations"]]
    assert left[1] == 0
    assert 58 <= left[0] <= 60


def test_a_call_counts_from_its_answer(live, people, root):
    live.add_call(str(people.alpha.pk), "alpha.example", "ringing", answered_at=None, state="ringing")
    assert root.get("calls").body["calls"][0]["duration_seconds"] == 0


@pytest.mark.parametrize(
    ("name", "query", "found"),
    [
        ("calls", {"state": "bridged"}, 2),
        ("calls", {"state": "ringing"}, 0),
        ("calls", {"number": "1002"}, 2),
        ("calls", {"number": "1003"}, 0),
        ("calls", {"account": "alpha.example"}, 1),
        ("calls", {"account": "alpha.example", "state": "ringing"}, 0),
        ("dialogs", {"state": "Confirmed"}, 4),
        ("dialogs", {"call_id": "mark-of-beta@node"}, 1),
        ("sessions", {"rtp_manager": "rtp-1"}, 4),
        ("sessions", {"state": "active"}, 0),
        ("sessions", {"call_id": "mark-of-beta@phone"}, 2),
        ("registrations", {"aor": "sip:mark-of-alpha@alpha.example"}, 1),
        ("registrations", {"user_id": "nobody"}, 0),
    ],
)
def test_filters_narrow(filled, root, name, query, found):
    answer = root.get(name, **query)
    assert (answer.status, answer.body["total"], len(answer.body[name])) == (200, found, found)


def test_an_account_is_also_found_by_its_id(filled, people, root):
    assert root.get("calls", account=str(people.beta.pk)).body["calls"][0]["caller_name"] == "mark-of-beta"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "flying"}, "state"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"offset": "x"}, "offset"),
        ({"account": "a" * 600}, "account"),
        ({"account": "nowhere.example"}, "account"),
        ({"account": "no domain"}, "account"),
        ({"account": "00000000-0000-0000-0000-000000000000"}, "account"),
        ({"number": "a\nb"}, "number"),
        ({"numbr": "1002"}, "numbr"),
        ({"state": ""}, "state"),
    ],
)
def test_a_query_that_makes_no_sense_is_pointed_at(filled, root, query, field):
    answer = root.get("calls", **query)
    assert (answer.status, answer.body["code"], list(answer.body["fields"])) == (400, "INVALID", [field])


def test_pages_are_cut_from_a_stable_order(live, people, root):
    rows = [registration(str(people.alpha.pk), "alpha.example", f"u{number}") for number in range(10)]
    live.mirror.apply((Kind.ROWS, REGISTRATIONS.name, rows))
    pages = [root.get("registrations", limit=4, offset=offset).body for offset in (0, 4, 8)]
    assert [page["total"] for page in pages] == [10, 10, 10]
    found = [row["user_agent"] for page in pages for row in page["registrations"]]
    assert found == [f"u{number}" for number in range(10)]


def test_ten_thousand_rows_are_listed_without_making_their_text_again(live, people, root):
    rows = [registration(str(people.alpha.pk), "alpha.example", f"u{number}") for number in range(10_000)]
    live.mirror.apply((Kind.ROWS, REGISTRATIONS.name, rows))
    root.get("registrations")
    began = time.thread_time()
    assert root.get("registrations").body["total"] == 10_000
    assert time.thread_time() - began < 1.0


def test_a_single_registration_is_found_with_and_without_its_scheme(filled, root):
    for aor in ("sip:mark-of-alpha@alpha.example", "mark-of-alpha@alpha.example"):
        answer = root.get(f"registrations/{aor}")
        assert (answer.status, answer.body["total"]) == (200, 1)
    assert root.get("registrations/sip:nobody@alpha.example").status == 404


def test_a_single_dialog_is_found_by_its_call_id(filled, root):
    answer = root.get("dialogs/mark-of-alpha@node")
    assert [row["leg"] for row in answer.body["dialogs"]] == ["B"]
    assert root.get("dialogs/unknown").status == 404


@pytest.mark.parametrize("name", ["uuid-mark-of-alpha", "mark-of-alpha@phone", "mark-of-alpha@node"])
def test_a_single_call_is_found_by_each_of_its_names(filled, root, name):
    answer = root.get(f"calls/{name}")
    assert (answer.status, answer.body["call_uuid"]) == (200, "uuid-mark-of-alpha")


def test_a_call_id_may_hold_slashes(live, people, root):
    live.add_call(str(people.alpha.pk), "alpha.example", "a/b c?")
    assert root.get("calls/a%2Fb%20c%3F@phone").body["call_uuid"] == "uuid-a/b c?"


def test_the_pool_is_counted(filled, root):
    body = root.get("rtpmanagers").body
    assert {key: body[key] for key in ("total_members", "healthy_members", "active_sessions")} == {
        "total_members": 1,
        "healthy_members": 1,
        "active_sessions": 4,
    }
    (member,) = body["members"]
    assert {"node_id", "address", "healthy", "drain_state", "session_count"} <= set(member)
    assert (member["session_count"], member["drain_state"]) == (4, "active")


def test_counts_of_everything_and_of_ones_own(filled, people, root):
    assert root.get("stats").body == {
        "total_sessions": 18,
        "active_sessions": 4,
        "total_registrations": 2,
        "active_dialogs": 4,
        "active_calls": 2,
        "total_calls": 9,
        "uptime_seconds": 5.0,
        "node_id": "sip-1",
    }
    body = Rest(people.token("vera")).get("stats").body
    assert (body["active_calls"], body["active_dialogs"], body["total_registrations"]) == (1, 2, 1)
    assert (body["total_sessions"], body["total_calls"]) == (None, None)


@pytest.mark.parametrize("name", ["calls", "dialogs", "sessions", "registrations", "rtpmanagers", "stats"])
def test_nothing_stale_is_shown_while_the_signaling_process_is_away(filled, root, name):
    filled.mirror.lost()
    answer = root.get(name)
    assert (answer.status, answer.body["code"]) == (503, "UNAVAILABLE")


def test_the_ui_role_sees_everything(filled, settings, client):
    answer = client.get("/api/v1/calls", headers={"authorization": f"Internal {settings.INTERNAL_API_TOKEN}"})
    assert answer.json()["total"] == 2
    for wrong in ("Internal nonsense", "Internal", f"Internal {settings.INTERNAL_API_TOKEN} more"):
        refused = client.get("/api/v1/calls", headers={"authorization": wrong})
        assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")


def test_an_address_that_does_not_exist_answers_in_the_one_shape(root):
    answer = root.get("nothing-here")
    assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")


def test_the_first_look_after_a_long_time_wakes_the_mirror(filled, root):
    filled.runtime.watch = Watch(filled.mirror, filled.link.call)
    filled.mirror.sleep()
    for _ in range(2):
        assert root.get("calls").body["total"] == 2
    assert filled.link.given == [(WAKE, {})]


def test_a_mirror_that_cannot_be_woken_is_not_shown(filled, root):
    filled.runtime.watch = Watch(filled.mirror, filled.link.call)
    filled.mirror.sleep()
    filled.link.refusals[WAKE] = CommandRefused(503, "The signaling process is not connected.")
    answer = root.get("calls")
    assert (answer.status, answer.body["error"]) == (503, "The signaling process is not connected.")


def test_health_wakes_nobody(filled, root):
    filled.runtime.watch = Watch(filled.mirror, filled.link.call)
    filled.mirror.sleep()
    assert root.get("health").status == 200
    assert filled.link.given == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"types": "call.flown"}, "types"),
        ({"type": "call.*"}, "type"),
        ({"last_event_id": "x" * 65}, "last_event_id"),
    ],
)
def test_a_stream_of_what_is_not_there_is_refused_before_it_begins(live, root, query, field):
    answer = root.get("events", **query)
    assert (answer.status, answer.body["code"], list(answer.body["fields"])) == (400, "INVALID", [field])
    assert live.runtime.streams == set()


def test_one_stream_too_many_is_refused_before_it_begins(live, root):
    live.runtime.max_streams = 0
    answer = root.get("events")
    assert (answer.status, answer.body["code"]) == (503, "UNAVAILABLE")


@pytest.mark.parametrize(
    ("name", "scopes", "told"),
    [
        ("alice", [Scope.READ], None),
        ("alice", [Scope.READ, Scope.CALLS], "on"),
        ("alice", [Scope.READ, Scope.CDRS], "on"),
        ("vera", list(Scope), None),
        ("bob", list(Scope), "on"),
        ("root", list(Scope), "on"),
    ],
)
def test_who_may_neither_record_nor_listen_is_not_told_of_a_recording(live, people, name, scopes, told):
    live.add_call(str(people.alpha.pk), "alpha.example", "recorded", recording="on")
    rest = Rest(people.token(name, *scopes))
    assert rest.get("calls").body["calls"][0]["recording"] == told
    assert rest.get("calls/uuid-recorded").body["recording"] == told
