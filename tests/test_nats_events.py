# SPDX-License-Identifier: Apache-2.0
"""What a subscriber of NATS sees of a real node, and what NATS being away costs: no call, no answer, no record."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.attacks.calls import raw_call
from tests.nats import NatsServer, nats_server  # noqa: F401 - a fixture
from tests.nats_listener import Heard, NatsListener
from tests.sipp import SippRunner
from tests.stack import ROOT, Phone, Stack, StackError

pytestmark = [pytest.mark.e2e, pytest.mark.nats]

LIFE = ["received", "dialing", "ringing", "answered", "bridged", "ended"]
NOTICED_S = 12.0


@cache
def schema(event_type: str) -> dict[str, Any]:
    text = (ROOT / "switchboard" / "events" / "schemas" / f"{event_type}.json").read_text()
    return dict(json.loads(text))


@pytest.fixture(scope="module")
def own_stack(
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    nats_server: NatsServer,  # noqa: F811
) -> Iterator[Stack]:
    """A node that publishes to NATS; nobody stores the records, which are the stream's."""
    stack = Stack(tmp_path_factory.mktemp("events"), template, env={"NATS_URL": nats_server.url})
    try:
        yield stack.start()
    finally:
        stack.stop()


@pytest.fixture
def own_sipp(own_stack: Stack, tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against that node."""
    runner = SippRunner(own_stack, tmp_path)
    yield runner
    runner.stop()


@pytest.fixture
def listener(nats_server: NatsServer, own_stack: Stack) -> Iterator[NatsListener]:  # noqa: F811
    with NatsListener(nats_server.port) as made:
        yield made


def kinds(messages: list[Heard]) -> list[str]:
    """Return the last words of the subjects, without repetition."""
    return list(dict.fromkeys(message.subject.rpartition(".")[2] for message in messages))


def a_call(stack: Stack, sipp: SippRunner) -> tuple[str, Phone, Phone]:
    """Place a short call and return its Call-ID and both phones."""
    callee, caller = sipp.register(stack.phone()), stack.phone()
    sipp.start("uas-answers", callee)
    call = sipp.run("uac-ringing-then-answered", caller, to=callee.username, options=("-d", "300"))
    return f"{call.call_id}-1", caller, callee


def degraded(stack: Stack) -> set[str]:
    """Return the names of what health calls degraded."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{stack.ports.api}/api/v1/health", timeout=2)
    except httpx.TransportError as error:
        raise StackError(str(error)) from error
    assert answer.status_code == 200, answer.text
    return {each["service"] for each in answer.json()["degraded"]}


def live_api_serves(stack: Stack) -> bool:
    try:
        degraded(stack)
    except StackError:
        return False
    return True


def log_lines(stack: Stack, text: str) -> int:
    return (stack.var / "runsip.log").read_text().count(text)


def test_a_subscriber_sees_the_whole_life_of_a_call_in_order(
    own_stack: Stack, own_sipp: SippRunner, listener: NatsListener
) -> None:
    call_id, caller, _ = a_call(own_stack, own_sipp)
    prefix = f"switchboard.calls.{call_id.replace('.', '%2E')}."
    own_stack.wait_until(lambda: "ended" in kinds(listener.of(prefix)), 5, "the end of the call")
    messages = listener.of(prefix)
    assert kinds(messages) == LIFE
    assert len({message.body["call_uuid"] for message in messages}) == 1
    assert {message.body["sip_call_id"] for message in messages} == {call_id}
    times = [message.body["event_time"] for message in messages]
    ids = [message.body["event_id"] for message in messages]
    assert times == sorted(times) and ids == sorted(ids)
    assert messages[0].body["caller_number"] == caller.username
    assert (messages[-1].body["disposition"], messages[-1].body["reason"]) == ("ANSWERED", "normal")


def test_registrations_and_sessions_are_told_too_and_everything_follows_its_schema(
    own_stack: Stack, own_sipp: SippRunner, listener: NatsListener
) -> None:
    call_id, _, callee = a_call(own_stack, own_sipp)
    own_sipp.register(callee, expires=0)
    aor = callee.aor.replace(".", "%2E")
    registrations = f"switchboard.registrations.{aor}."
    own_stack.wait_until(lambda: "unregistered" in kinds(listener.of(registrations)), 5, "the unregistration")
    assert kinds(listener.of(registrations)) == ["registered", "unregistered"]
    own_stack.wait_until(lambda: "destroyed" in kinds(of_call(listener, call_id)), 5, "the sessions' end")
    sessions = of_call(listener, call_id)
    by_session: dict[str, list[Heard]] = {}
    for message in sessions:
        by_session.setdefault(message.body["session_id"], []).append(message)
    assert len(by_session) == 2
    for session_id, life in by_session.items():
        found = kinds(life)
        assert (found[0], found[-1]) == ("created", "destroyed")
        assert all(message.subject.split(".")[2] == session_id for message in life)
    events = [message for message in listener.messages if message.subject != "switchboard.cdr.raw"]
    for message in events:
        jsonschema.validate(message.body, schema(message.body["event_type"]))
        assert f"Nats-Msg-Id: {message.body['event_id']}\r\n" in message.headers


def of_call(listener: NatsListener, call_id: str) -> list[Heard]:
    """Return what was told of the sessions of a call."""
    return [each for each in listener.of("switchboard.sessions.") if each.body["sip_call_id"] == call_id]


@pytest.mark.parametrize("fault", ["frozen", "killed"])
def test_calls_and_registrations_do_not_notice_that_nats_is_away(
    own_stack: Stack,
    own_sipp: SippRunner,
    listener: NatsListener,
    nats_server: NatsServer,  # noqa: F811
    fault: str,
) -> None:
    own_stack.wait_until(lambda: live_api_serves(own_stack) and not degraded(own_stack), 15, "a whole node")
    before = log_lines(own_stack, "nats.away")
    connections = listener.connections
    with raw_call(own_stack) as long_call:
        if fault == "killed":
            nats_server.kill()
            meanwhile(own_stack, own_sipp)
            nats_server.start()
            listener.wait_connected(connections + 1)
        else:
            with nats_server.frozen():
                meanwhile(own_stack, own_sipp)
        own_stack.wait_until(lambda: not degraded(own_stack), NOTICED_S, "NATS is back")
        assert long_call.flows()
        assert long_call.hang_up().status == 200
    call_id, *_ = a_call(own_stack, own_sipp)
    own_stack.wait_until(
        lambda: "ended" in kinds(listener.of(f"switchboard.calls.{call_id.replace('.', '%2E')}.")), 10, "news"
    )
    assert log_lines(own_stack, "nats.away") == before + 1


def meanwhile(stack: Stack, sipp: SippRunner) -> None:
    """A call is as quick as ever, and health tells what is away."""
    begun = time.monotonic()
    a_call(stack, sipp)
    assert time.monotonic() - begun < 6
    stack.wait_until(lambda: "nats" in degraded(stack), NOTICED_S, "health tells of it")


def test_a_node_starts_without_nats_and_finds_it_later(
    own_stack: Stack,
    own_sipp: SippRunner,
    nats_server: NatsServer,  # noqa: F811
) -> None:
    own_stack.kill("runsip")
    nats_server.stop()
    own_stack.run("runsip")
    a_call(own_stack, own_sipp)
    own_stack.wait_until(lambda: live_api_serves(own_stack) and "nats" in degraded(own_stack), 15, "health")
    nats_server.start()
    own_stack.wait_until(lambda: not degraded(own_stack), NOTICED_S, "NATS is found")
    with NatsListener(nats_server.port) as late:
        later, *_ = a_call(own_stack, own_sipp)
        prefix = f"switchboard.calls.{later.replace('.', '%2E')}."
        own_stack.wait_until(lambda: kinds(late.of(prefix)) == LIFE, 10, "the life of a later call")
