# SPDX-License-Identifier: Apache-2.0
"""The commands that ask a node, with a node that a test answers for."""

import json
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from signaling import node_command
from signaling.node_client import DENIED, NOT_FOUND, NodeClient

CALL = {
    "call_id": "c1@host",
    "state": "ringing",
    "caller_number": "1001",
    "callee_number": "[red]1002",
    "codec": None,
    "bridge_id": None,
}
BINDING = {"aor": "sip:1001@acme.test", "contact": "sip:1001@192.0.2.7", "user_agent": "Phone 1"}


@pytest.fixture
def node(monkeypatch) -> list[httpx.Request]:
    """A node with one call and one binding; the requests that it got."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.headers.get("Authorization") == "Bearer wrong":
            return httpx.Response(401, json={"error": "This token is not known."})
        if request.method == "DELETE":
            known = request.url.path.endswith("/c1@host")
            return (
                httpx.Response(202, json={})
                if known
                else httpx.Response(404, json={"error": "No such call."})
            )
        rows = {"calls": [CALL]} if request.url.path.endswith("/calls") else {"registrations": [BINDING]}
        return httpx.Response(200, json=rows)

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
@pytest.mark.parametrize(("command", "row"), [("calls", CALL), ("registrations", BINDING)])
def test_json_has_every_field(capsys, command, row):
    assert json.loads(run(command, "list", "--json", capsys=capsys)) == [row]


def test_a_call_is_hung_up_by_its_call_id(node, capsys):
    assert run("calls", "hangup", "c1@host", capsys=capsys) == "c1@host is being hung up\n"
    assert [request.method for request in node] == ["DELETE"]


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        (("calls", "hangup", "c2@host"), "No such call", NOT_FOUND),
        (("calls", "list", "--token", "wrong"), "This token is not known", DENIED),
        (("registrations", "list", "--token", "wrong"), "This token is not known", DENIED),
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
