# SPDX-License-Identifier: Apache-2.0
"""The client of a node's REST API, over a transport that a test answers."""

from collections.abc import Callable

import httpx
import pytest

from signaling.node_client import (
    DENIED,
    NOT_FOUND,
    REFUSED,
    UNREACHABLE,
    NodeClient,
    NodeProblem,
    authorization_for,
)

SERVER = "http://127.0.0.1:8080"


def client(answer: Callable[[httpx.Request], httpx.Response]) -> NodeClient:
    return NodeClient(SERVER, "Bearer secret", httpx.MockTransport(answer))


def test_it_asks_with_its_token_and_returns_the_rows():
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("GET", f"{SERVER}/api/v1/calls")
        assert request.headers["Authorization"] == "Bearer secret"
        return httpx.Response(200, json={"calls": [{"call_id": "1"}]})

    assert client(answer).rows("calls") == [{"call_id": "1"}]


def test_a_call_id_is_one_part_of_the_address():
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(202, json={})

    client(answer).hang_up("a/b?c@host")
    assert asked == [b"/api/v1/calls/a%2Fb%3Fc%40host"]


@pytest.mark.parametrize(
    ("status", "exit_code"), [(401, DENIED), (403, DENIED), (404, NOT_FOUND), (409, REFUSED), (503, REFUSED)]
)
def test_a_refusal_is_one_sentence_and_an_exit_code(status, exit_code):
    refusal = {"error": "That call is over.", "code": "NOT_FOUND"}
    with pytest.raises(NodeProblem, match="That call is over") as caught:
        client(lambda request: httpx.Response(status, json=refusal)).hang_up("1")
    assert caught.value.exit_code == exit_code


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"[]"), (200, b'{"calls": 7}'), (200, b""), (404, b"{}")]
)
def test_another_server_than_a_node_is_told_as_such(status, body):
    with pytest.raises(NodeProblem, match="answers, but is no signaling node") as caught:
        client(lambda request: httpx.Response(status, content=body)).rows("calls")
    assert caught.value.exit_code == UNREACHABLE


def test_a_node_that_is_away_is_told():
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    with pytest.raises(NodeProblem, match="cannot be reached: Connection refused") as caught:
        client(answer).rows("calls")
    assert caught.value.exit_code == UNREACHABLE


def test_who_shows_no_token_is_told_how_to():
    transport = httpx.MockTransport(lambda request: httpx.Response(401, json={"error": "No."}))
    with pytest.raises(NodeProblem, match=r"--token, or \$SWITCHBOARD_TOKEN") as caught:
        NodeClient(SERVER, "", transport).rows("calls")
    assert caught.value.exit_code == DENIED


@pytest.mark.parametrize(
    ("server", "token", "shown"),
    [
        (SERVER, "mine", "Bearer mine"),
        ("http://elsewhere.test:8080", "mine", "Bearer mine"),
        (SERVER, "", "Internal key"),
        ("http://localhost:8080", "", "Internal key"),
        ("http://[::1]:8080", "", "Internal key"),
        ("http://elsewhere.test:8080", "", ""),
        ("http://127.0.0.1.elsewhere.test:8080", "", ""),
    ],
)
def test_the_key_of_the_installation_never_leaves_the_machine(server, token, shown):
    assert authorization_for(server, token, "key") == shown
