# SPDX-License-Identifier: Apache-2.0
"""Too much of everything: requests without credentials, connections, guesses. Who is known is served all the while."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rawsip
from tests.attacks.calls import memory_kb, raw_call
from tests.stack import Phone, Stack

pytestmark = pytest.mark.e2e

HALF_OPEN_INVITES = 10_000
PER_SOURCE = 40
FAILURES_PER_MINUTE = 10


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with small limits."""
    env = {
        "SIP_TCP_MAX_PER_SOURCE": str(PER_SOURCE),
        "SIP_TCP_FIRST_MESSAGE_S": "2",
        "AUTH_FAILURES_PER_MINUTE": str(FAILURES_PER_MINUTE),
        "PASSWORD_GUESSES_PER_DAY": "20",
    }
    stack = Stack(tmp_path_factory.mktemp("flooded"), template, env=env)
    try:
        yield stack.start()
    finally:
        stack.stop()


def test_invites_without_credentials_leave_nothing_behind(stack: Stack) -> None:
    """FreeSWITCH CVE-2021-41145, Asterisk ES2020-02: memory grew until the end."""
    phone = stack.phone()
    with rawsip.Peer(stack.address, ip="127.0.0.9") as peer:
        grown: list[int] = []
        for number in range(HALF_OPEN_INVITES):
            peer.send(peer.invite_request(phone, "600").replace(peer.call_id, f"{number}-{peer.call_id}"))
            if number % 50 == 0:
                peer.receive(0.05)
            if number % 1000 == 999:
                grown.append(memory_kb(stack.pid("runsip")))
        while peer.receive(0.2):
            continue
    started = time.monotonic()
    with raw_call(stack) as call:
        assert time.monotonic() - started < 1.5
        assert call.flows()
    assert grown[-1] - grown[1] < 6_000, grown


def test_a_source_with_too_many_connections_harms_no_other(own_stack: Stack) -> None:
    """AST-2016: sixty connections were enough to lock everybody out."""
    held = []
    try:
        for _ in range(PER_SOURCE * 5):
            connection = socket.socket()
            connection.bind(("127.0.0.2", 0))
            connection.settimeout(1)
            connection.connect(own_stack.address)
            held.append(connection)
        with rawsip.Peer(own_stack.address, tcp=True) as peer:
            assert peer.register(own_stack.phone()).status == 200
        own_stack.wait_until(lambda: all(closed(c) for c in held), 6, "the silent connections' end")
    finally:
        for connection in held:
            connection.close()
    with rawsip.Peer(own_stack.address, ip="127.0.0.2", tcp=True) as peer:
        assert peer.register(own_stack.phone()).status == 200


def closed(connection: socket.socket) -> bool:
    """Tell whether the server ended a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_slow_message_is_not_waited_for(own_stack: Stack) -> None:
    with rawsip.Peer(own_stack.address, tcp=True) as peer:
        started = time.monotonic()
        for byte in b"OPTIONS sip:switchboard.local SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n":
            try:
                peer.send(bytes([byte]))
            except OSError:
                break
            time.sleep(0.1)
        assert peer.receive(1.0) is None
        assert time.monotonic() - started < 5


def test_guessing_is_stopped_and_the_owner_is_not(own_stack: Stack) -> None:
    owner = own_stack.phone()
    guess = Phone(username=owner.username, password="guess", port=0)
    with rawsip.Peer(own_stack.address, ip="127.0.0.2") as attacker:
        statuses = [attacker.register(guess).status for _ in range(FAILURES_PER_MINUTE + 5)]
        assert statuses[0] == 401 and 403 in statuses
        assert statuses[-1] == 403
    with rawsip.Peer(own_stack.address) as peer:
        assert peer.register(owner).status == 200


def test_many_addresses_guess_no_more_than_one(own_stack: Stack) -> None:
    owner = own_stack.phone()
    with rawsip.Peer(own_stack.address) as peer:
        assert peer.register(owner).status == 200
    guess = Phone(username=owner.username, password="guess", port=0)
    tried = 0
    for host in range(10, 40):
        with rawsip.Peer(own_stack.address, ip=f"127.0.1.{host}") as attacker:
            tried += attacker.register(guess).status == 401
    with rawsip.Peer(own_stack.address, ip="127.0.1.99") as attacker:
        assert (
            attacker.register(Phone(username=owner.username, password=owner.password, port=0)).status != 200
        )
    assert tried <= 30
    with rawsip.Peer(own_stack.address) as peer:
        assert peer.register(owner).status == 200


def test_the_time_of_an_answer_does_not_tell_who_exists(stack: Stack) -> None:
    known = stack.phone().username
    times: dict[str, list[float]] = {known: [], "9999": []}
    for host in range(20):
        with rawsip.Peer(stack.address, ip=f"127.0.3.{host + 1}") as peer:
            for _ in range(8):
                for name, measured in times.items():
                    measured.append(time_of_refusal(peer, Phone(username=name, password="wrong", port=0)))
    medians = [statistics.median(measured) for measured in times.values()]
    assert abs(medians[0] - medians[1]) < 0.25 * max(medians)


def time_of_refusal(peer: rawsip.Peer, phone: Phone) -> float:
    """Return how long the answer to wrong credentials took, in seconds."""
    peer.send(peer.register_request(phone))
    credentials = rawsip.authorization(peer.answer(), phone, "REGISTER", f"sip:{phone.domain}")
    peer.send(peer.register_request(phone, credentials))
    started = time.perf_counter()
    assert peer.answer().status == 401
    return time.perf_counter() - started
