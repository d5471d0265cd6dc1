# SPDX-License-Identifier: Apache-2.0
"""The commands that ask a node, with a node that a test answers for."""

import json
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from signaling import node_command
from signaling.management.commands import calls
from signaling.node_client import DENIED, NOT_FOUND, REFUSED, NodeClient

CALL = {
    "call_id": "c1@host",
    "state": "ringing",
    "caller_number": "1001",
    "callee_number": "[red]1002",
    "codec": None,
    "bridge_id": None,
}
BINDING = {"aor": "sip:1001@acme.test", "contact": "sip:1001@192.0.2.7", "user_agent": "Phone 1"}
BINDING["expires_at"] = "2026-11-23T10:33:23.123456Z"

MANAGER = {"node_id": "rtp-1", "address": "192.0.2.9:9090", "healthy": True, "drain_state": "active"}
ROWS = {"calls": {"calls": [CALL]}, "registrations": {"registrations": [BINDING]}}
ROWS["rtpmanagers"] = {"members": [MANAGER]}
STATUS: dict[str, Any] = {
    "node_id": "rtp-1",
    "state": "disabled",
    "total_sessions": 4,
    "migrated_count": 2,
    "ended_count": 1,
    "failed_count": 1,
    "waiting_playback": 0,
    "remaining_sessions": 0,
    "errors": ["c1@host: leg A refused: 488 No"],
}


def answer_about_drain(request: httpx.Request) -> httpx.Response:
    if "rtp-1" not in request.url.path:
        return httpx.Response(404, json={"error": "There is no RTP manager rtp-9."})
    if request.method == "POST" and request.url.params["mode"] == "aggressive":
        return httpx.Response(409, json={"error": "RTP manager rtp-1 is draining already."})
    said = {"POST": "is being drained", "DELETE": "takes calls again"}.get(request.method)
    return httpx.Response(200, json=STATUS if said is None else {"message": f"RTP manager rtp-1 {said}."})


def made(wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What a node answers to a wish for a call."""
    if wanted["number"] == "777":
        fields = {"number": ["No route of the dialplan matches this number."]}
        return 400, {"error": "Not valid: number.", "fields": fields}
    return 201, {"call_uuid": "uuid-1", "phones": 1, **wanted}


@pytest.fixture
def node(monkeypatch) -> list[httpx.Request]:
    """A node with one call and one binding; the requests that it got."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.headers.get("Authorization") == "Bearer wrong":
            return httpx.Response(401, json={"error": "This token is not known."})
        path = request.url.path
        if path.endswith("/drain"):
            return answer_about_drain(request)
        if request.method == "POST":
            status, body = made(json.loads(request.content))
            return httpx.Response(status, json=body)
        if request.method == "DELETE":
            known = path.endswith("/c1@host")
            return (
                httpx.Response(202, json={})
                if known
                else httpx.Response(404, json={"error": "No such call."})
            )
        return httpx.Response(200, json=ROWS[path.rpartition("/")[2]])

    monkeypatch.setattr(
        node_command,
        "NodeClient",
        lambda server, authorization: NodeClient(server, authorization, httpx.MockTransport(answer)),
    )
    return asked


def run(*arguments: str, capsys: Any) -> str:
    call_command(*arguments)
    return str(capsys.readouterr().out)


@pytest.mark.usefixtures("node")
def test_calls_are_listed_as_a_table_in_which_nothing_is_markup(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = run("calls", "list", capsys=capsys)
    for part in ("ringing", "1001", "[red]1002", "c1@host"):
        assert part in shown
    assert "None" not in shown


@pytest.mark.usefixtures("node")
def test_a_narrow_table_shows_all_of_a_contact_and_of_a_time(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("registrations", "list", capsys=capsys)
    assert "…" not in shown
    assert "10:33:23" in shown


@pytest.mark.usefixtures("node")
def test_a_list_of_nothing_says_so(capsys, monkeypatch):
    monkeypatch.setitem(ROWS, "calls", {"calls": []})
    assert run("calls", "list", capsys=capsys) == "Calls: none\n"


@pytest.mark.usefixtures("node")
def test_whether_an_rtp_manager_is_healthy_is_told_in_words(capsys):
    assert " yes " in run("rtpmanagers", "list", capsys=capsys)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("command", "row"), [("calls", CALL), ("registrations", BINDING), ("rtpmanagers", MANAGER)]
)
def test_json_has_every_field(capsys, command, row):
    assert json.loads(run(command, "list", "--json", capsys=capsys)) == [row]


def test_a_call_is_hung_up_by_its_call_id(node, capsys):
    assert run("calls", "hangup", "c1@host", capsys=capsys) == "c1@host is being hung up\n"
    assert [request.method for request in node] == ["DELETE"]


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        (("calls", "hangup", "c2@host"), r"No such call. \(c2@host\)", NOT_FOUND),
        (("calls", "list", "--token", "wrong"), "This token is not known", DENIED),
        (("registrations", "list", "--token", "wrong"), "This token is not known", DENIED),
        (("calls", "originate", "1001", "777"), "number: No route of the dialplan", REFUSED),
        (("rtpmanagers", "drain", "rtp-9"), "There is no RTP manager rtp-9", NOT_FOUND),
        (("rtpmanagers", "enable", "rtp-9"), "There is no RTP manager rtp-9", NOT_FOUND),
        (("rtpmanagers", "drain", "rtp-1", "--mode", "aggressive"), "draining already", REFUSED),
    ],
)
def test_what_a_node_refuses_is_one_line_with_an_exit_code(arguments, text, code):
    with pytest.raises(CommandError, match=text) as caught:
        call_command(*arguments)
    assert caught.value.returncode == code
    assert "\n" not in str(caught.value)


def test_the_token_comes_from_the_flag_and_goes_to_the_server_named(node, capsys):
    run("registrations", "list", "--server", "http://192.0.2.1:8080", "--token", "mine", capsys=capsys)
    assert str(node[0].url) == "http://192.0.2.1:8080/api/v1/registrations"
    assert node[0].headers["Authorization"] == "Bearer mine"


def test_a_token_says_by_itself_for_which_account_a_call_is(node, capsys):
    run("calls", "originate", "1001", "600", "--token", "mine", capsys=capsys)
    assert "account" not in json.loads(node[0].content)


def test_a_call_is_made_in_the_default_account_unless_said(node, capsys, settings):
    assert run("calls", "originate", "1001", "600", capsys=capsys) == "1 phone rings; the call is uuid-1\n"
    shown = json.loads(
        run("calls", "originate", "1001", "600", "--account", "acme.test", "--json", capsys=capsys)
    )
    assert (shown["call_uuid"], shown["account"], shown["timeout"]) == ("uuid-1", "acme.test", 30)
    assert json.loads(node[0].content)["account"] == settings.DEFAULT_DOMAIN


@pytest.mark.parametrize(
    ("arguments", "method", "said"),
    [
        (("drain", "rtp-1"), "POST", "RTP manager rtp-1 is being drained.\n"),
        (("cancel", "rtp-1"), "DELETE", "RTP manager rtp-1 takes calls again.\n"),
        (("enable", "rtp-1"), "DELETE", "RTP manager rtp-1 takes calls again.\n"),
    ],
)
def test_an_rtp_manager_is_taken_out_of_service_and_back(node, capsys, arguments, method, said):
    assert run("rtpmanagers", *arguments, capsys=capsys) == said
    assert [request.method for request in node] == [method]
    assert "message" in json.loads(run("rtpmanagers", *arguments, "--json", capsys=capsys))


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("arguments", [("status", "rtp-1"), ("drain", "rtp-1", "--wait")])
def test_how_a_drain_went_is_told(capsys, arguments):
    told = run("rtpmanagers", *arguments, capsys=capsys)
    assert told.startswith("rtp-1 is disabled: 2 of 4 media sessions moved, 1 ended, 1 could not be moved")
    assert told.endswith("  c1@host: leg A refused: 488 No\n")
    assert json.loads(run("rtpmanagers", *arguments, "--json", capsys=capsys)) == STATUS


@pytest.mark.usefixtures("node")
def test_calls_are_watched_as_lines_of_json_when_they_change(capsys, monkeypatch):
    looks = [0]

    def sleep(_: float) -> None:
        looks[0] += 1
        if looks[0] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(calls.time, "sleep", sleep)
    assert json.loads(run("calls", "watch", "--json", capsys=capsys)) == [CALL]
