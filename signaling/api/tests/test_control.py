# SPDX-License-Identifier: Apache-2.0
"""Calling, hanging up, draining: what is checked here and what is asked of the SIP process."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.choices import Scope
from accounts.models import Account
from accounts.tests.rest import Rest
from signaling.live.commands import CommandRefused

WANTED = {"user": "1001", "number": "1002"}


@pytest.fixture
def alice(people):
    return Rest(people.token("alice"))


@pytest.fixture
def root(people):
    return Rest(people.token("root"))


def test_a_call_is_asked_for_in_the_callers_own_account(live, people, alice):
    answer = alice.post("calls", WANTED)
    assert (answer.status, answer.body["call_uuid"]) == (201, "uuid-new")
    assert answer.headers["Location"] == "/api/v1/calls/uuid-new"
    assert live.link.given == [
        (
            "originate",
            {
                "account_id": str(people.alpha.pk),
                "user": "1001",
                "number": "1002",
                "timeout_s": 30,
                "asked_by": "alice",
                "key": "",
            },
        )
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user": ""}, "user"),
        ({"user": None}, "user"),
        ({"user": 1001}, "user"),
        ({"timeout": True}, "timeout"),
        ({"timout": 30}, "timout"),
        ({"user": "x" * 65}, "user"),
        ({"number": "10 02"}, "number"),
        ({"number": "x" * 65}, "number"),
        ({"timeout": 4}, "timeout"),
        ({"timeout": 121}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"account": "beta.example"}, "account"),
        ({"account": "nowhere.example"}, "account"),
        ({"account": "11111111-1111-1111-1111-111111111111"}, "account"),
    ],
)
def test_a_value_that_does_not_fit_is_pointed_at_and_nobody_is_called(live, alice, change, field):
    answer = alice.post("calls", {**WANTED, **change})
    assert (answer.status, answer.body["code"]) == (400, "INVALID")
    assert list(answer.body["fields"]) == [field]
    assert live.link.given == []


def test_who_may_call_for_several_accounts_says_for_which(live, people, root):
    assert list(root.post("calls", WANTED).body["fields"]) == ["account"]
    for account in ("beta.example", str(people.beta.pk)):
        assert root.post("calls", {**WANTED, "account": account}).status == 201
    assert {given["account_id"] for _, given in live.link.given} == {str(people.beta.pk)}


def test_who_may_call_for_every_account_names_none_when_there_is_one_alone(live, people, root):
    Account.objects.exclude(pk=people.alpha.pk).delete()
    assert root.post("calls", WANTED).status == 201
    assert live.link.given[0][1]["account_id"] == str(people.alpha.pk)


def test_a_token_of_one_account_calls_for_that_one(live, people):
    rest = Rest(people.token("root", account=people.beta))
    assert rest.post("calls", WANTED).status == 201
    assert live.link.given[0][1]["account_id"] == str(people.beta.pk)
    assert rest.post("calls", {**WANTED, "account": "alpha.example"}).status == 400


def test_what_the_signaling_process_refuses_is_told(live, alice):
    live.link.refusals["originate"] = CommandRefused(409, "User 1001 has no registered phone.")
    answer = alice.post("calls", WANTED)
    assert (answer.status, answer.body) == (
        409,
        {"error": "User 1001 has no registered phone.", "code": "CONFLICT"},
    )
    live.link.refusals["originate"] = CommandRefused(400, "Not valid: number.", {"number": ["No route."]})
    assert alice.post("calls", WANTED).body["fields"] == {"number": ["No route."]}


def test_the_key_of_a_request_belongs_to_its_token(live, people, alice):
    other = Rest(people.token("alice"))
    for rest in (alice, other):
        rest._headers["idempotency-key"] = "order 66"
        assert rest.post("calls", WANTED).status == 201
    keys = [given["key"] for _, given in live.link.given]
    assert all(key.endswith(":order 66") for key in keys)
    assert len(set(keys)) == 2


def test_the_key_of_the_user_interface_belongs_to_the_person(live, people, settings):
    settings.INTERNAL_API_TOKEN = "of-this-test"
    wanted = {**WANTED, "account": "alpha.example"}
    for person in ("alice", "bob"):
        headers = {"Authorization": "Internal of-this-test", "On-Behalf-Of": person, "Idempotency-Key": "1"}
        Client().post("/api/v1/calls", wanted, content_type="application/json", headers=headers)
    assert [given["key"] for _, given in live.link.given] == ["ui alice:1", "ui bob:1"]


def test_too_many_calls_a_second_say_when_to_come_again(live, alice):
    live.link.refusals["originate"] = CommandRefused(429, "The user makes as many calls a second as it may.")
    answer = alice.post("calls", WANTED)
    assert (answer.status, answer.body["code"]) == (429, "RATE_LIMITED")
    assert answer.headers["Retry-After"] == "1"


def test_a_token_over_its_rate_is_told_when_to_come_again(live, people):
    row, text = people.token_row("alice")
    row.rate_per_minute = 2
    row.save()
    rest = Rest(text)
    # A new minute may begin in between.
    refused = [answer for answer in (rest.get("stats") for _ in range(5)) if answer.status == 429]
    assert refused
    assert all(answer.body["code"] == "RATE_LIMITED" for answer in refused)
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)


@pytest.mark.parametrize("key", ["k" * 129, "a\tb", "é"])
def test_a_key_that_cannot_be_kept_is_refused(live, alice, key):
    alice._headers["idempotency-key"] = key
    answer = alice.post("calls", WANTED)
    assert (answer.status, list(answer.body["fields"])) == (400, ["Idempotency-Key"])


def test_a_repeated_request_is_marked(live, alice):
    live.link.answers["originate"] |= {"replayed": True}
    answer = alice.post("calls", WANTED)
    assert (answer.status, answer.headers["Idempotent-Replayed"]) == (201, "true")
    assert "replayed" not in answer.body


@pytest.mark.parametrize("name", ["uuid-mark-of-alpha", "mark-of-alpha@phone", "mark-of-alpha@node"])
def test_a_call_is_hung_up_by_each_of_its_names(filled, alice, name):
    answer = alice.delete(f"calls/{name}")
    assert (answer.status, answer.body["call_id"]) == (200, "mark-of-alpha@phone")
    assert filled.link.given == [("hang_up", {"call_uuid": "uuid-mark-of-alpha", "asked_by": "alice"})]


def test_a_call_that_is_not_there_is_not_found(filled, alice):
    answer = alice.delete("calls/gone")
    assert (answer.status, answer.body["error"]) == (404, "There is no such call, or not for you.")
    assert filled.link.given == []


def test_a_call_that_ended_a_moment_ago_is_not_found(filled, alice):
    filled.link.refusals["hang_up"] = CommandRefused(404, "There is no such call.")
    assert alice.delete("calls/uuid-mark-of-alpha").status == 404


def test_the_scope_of_a_token_bounds_what_it_does(filled, people):
    reader = Rest(people.token("alice", Scope.READ))
    assert reader.get("calls").status == 200
    assert reader.post("calls", WANTED).status == 403
    assert reader.delete("calls/uuid-mark-of-alpha").status == 403
    caller = Rest(people.token("alice", Scope.CALLS))
    assert caller.delete("calls/uuid-mark-of-alpha").status == 200


def test_a_drain_is_asked_for_and_told(live, root):
    assert root.post("rtpmanagers/rtp-1/drain").status == 202
    assert root("post", "rtpmanagers/a%2Fb/drain", mode="aggressive").status == 202
    assert root.get("rtpmanagers/rtp-1/drain").body["state"] == "active"
    assert root.delete("rtpmanagers/rtp-1/drain").status == 200
    assert live.link.given == [
        ("drain", {"node_id": "rtp-1", "mode": "graceful", "asked_by": "root"}),
        ("drain", {"node_id": "a/b", "mode": "aggressive", "asked_by": "root"}),
        ("drain_status", {"node_id": "rtp-1"}),
        ("cancel_drain", {"node_id": "rtp-1", "asked_by": "root"}),
    ]


def test_a_mode_that_is_none_is_refused(live, root):
    answer = root("post", "rtpmanagers/rtp-1/drain", mode="gently")
    assert (answer.status, list(answer.body["fields"])) == (400, ["mode"])


@pytest.mark.parametrize(
    ("status", "code"), [(404, "NOT_FOUND"), (409, "CONFLICT"), (501, "NOT_IMPLEMENTED")]
)
def test_a_drain_that_cannot_be_is_told(live, root, status, code):
    live.link.refusals["drain"] = CommandRefused(status, "No.")
    answer = root.post("rtpmanagers/rtp-1/drain")
    assert (answer.status, answer.body) == (status, {"error": "No.", "code": code})


def test_a_status_that_no_client_knows_becomes_500(live, root):
    live.link.refusals["drain"] = CommandRefused(418, "Teapot.")
    assert root.post("rtpmanagers/rtp-1/drain").status == 500


@pytest.mark.parametrize(
    ("told", "known"), [({}, "the user interface"), ({"On-Behalf-Of": "alice"}, "alice")]
)
def test_what_the_user_interface_asks_for_is_known_by_the_person(live, settings, told, known):
    settings.INTERNAL_API_TOKEN = "of-this-test"
    headers = {"Authorization": "Internal of-this-test", **told}
    assert Client().delete("/api/v1/rtpmanagers/rtp-1/drain", headers=headers).status_code == 200
    assert live.link.given == [("cancel_drain", {"node_id": "rtp-1", "asked_by": known})]


def test_nobody_else_speaks_for_others(live, people):
    headers = {"Authorization": f"Bearer {people.token('root')}", "On-Behalf-Of": "alice"}
    assert Client().delete("/api/v1/rtpmanagers/rtp-1/drain", headers=headers).status_code == 200
    assert live.link.given[0][1]["asked_by"] == "root"
