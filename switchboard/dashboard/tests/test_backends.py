# SPDX-License-Identifier: Apache-2.0
import time

import pytest

from accounts.tenancy import Access
from switchboard.dashboard.backends import Backend, hang_up, read, read_all
from switchboard.dashboard.board import board
from switchboard.dashboard.http_client import BackendProblem
from switchboard.dashboard.tests.fake_node import call, fake_node

EVERYONE = Access(platform=True, roles={})


def test_rows_of_all_nodes_are_joined_and_say_where_they_are_from():
    with fake_node() as one, fake_node() as two:
        one.tables["calls"] = [call("a", "1001")]
        two.tables["calls"] = [call("a", "1002")]
        seen = board(read_all([one.backend("east"), two.backend("west")]), EVERYONE, time.time())
    assert {(row["caller_number"], row["server"]) for row in seen.calls.rows} == {
        ("1001", "east"),
        ("1002", "west"),
    }


def test_an_unreachable_node_is_named_and_the_others_are_shown():
    with fake_node() as good:
        good.tables["calls"] = [call("a")]
        away = Backend(name="away", url="http://127.0.0.1:9")
        seen = board(read_all([away, good.backend("good")]), EVERYONE, time.time())
    assert [(row["name"], row["problem"]) for row in seen.backends] == [
        ("away", "cannot be reached"),
        ("good", ""),
    ]
    assert seen.calls.total == 1
    assert not seen.is_blind


@pytest.mark.parametrize("trouble", [{"delay_s": 3.0}, {"drip": True}])
def test_a_slow_node_costs_no_more_than_the_timeout(trouble):
    with fake_node() as slow:
        vars(slow).update(trouble)
        began = time.monotonic()
        picture = read(slow.backend(), timeout_s=0.4)
        elapsed_s = time.monotonic() - began
    assert picture.problem == "does not answer in time"
    assert elapsed_s < 1.5


@pytest.mark.parametrize(
    "raw", [b"<html>", b"[]", b'{"calls": 3}', b'{"calls": [1]}', b"\xff\xfe", b"[" * 100_000]
)
def test_nonsense_is_a_problem_and_no_error(raw):
    with fake_node() as node:
        node.raw = raw
        assert read(node.backend()).problem


@pytest.mark.parametrize(
    ("status", "raw", "words"),
    [
        (404, b"<html>", "answers 404 Not Found; is its address in UI_BACKENDS that of a signaling node?"),
        (404, b'{"error": "Not found.", "code": "NOT_FOUND"}', "answers 404 Not Found; is its address"),
        (403, b'{"error": "This token is unknown."}', "answers 403 Forbidden: This token is unknown."),
        (502, b"Bad Gateway", "answers 502 Bad Gateway"),
        (599, b"", "answers 599"),
    ],
)
def test_a_refusal_is_told_as_what_it_was(status, raw, words):
    with fake_node() as node:
        node.raw, node.status = raw, status
        assert read(node.backend()).problem.startswith(words)


def test_odd_values_in_rows_are_shown_without_an_error():
    with fake_node() as node:
        node.tables["calls"] = [call("a", started_at=7, answered_at="yesterday", state=None), {}]
        seen = board([read(node.backend())], EVERYONE, time.time())
    assert seen.calls.total == 2


def test_a_call_is_hung_up_by_its_uuid_whatever_is_in_it():
    with fake_node() as node:
        node.tables["calls"] = [call("a", call_uuid="a/b c?")]
        hang_up(node.backend(), "a/b c?")
        assert node.hung_up == ["a/b c?"]
        with pytest.raises(BackendProblem) as refused:
            hang_up(node.backend(), "a/b c?")
    assert refused.value.status == 404


def test_the_node_is_shown_the_internal_token(settings):
    settings.INTERNAL_API_TOKEN = "of-this-test"
    with fake_node() as node:
        read(node.backend())
    assert set(node.tokens) == {"Internal of-this-test"}
