# SPDX-License-Identifier: Apache-2.0
"""Two signaling nodes with one database and one Redis: phones of one are reached from the other."""

from __future__ import annotations

import dataclasses
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import audio, rawsip
from tests.certificates import Certificate, certificate
from tests.live_api import LiveApi
from tests.nodes import Node, running_nodes
from tests.phones.process import PhoneProcess
from tests.redis_server import RedisServer, running_redis
from tests.sipp import SippRunner
from tests.stack import FIRST_POOL_USER, POOL_USERS, Phone
from tests.test_tls import invite

pytestmark = [pytest.mark.e2e, pytest.mark.redis]

SHORT = ("-d", "300")
TONES_HZ = (440.0, 620.0)
KEPT_S = 1.5
"""After this long, what is needed to go on with a call has been written."""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def nodes(
    server: RedisServer, shown: Certificate, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Node]]:
    tls = {"SIP_TLS_CERT": str(shown.path), "SIP_TLS_KEY": str(shown.key)}
    with running_nodes(tmp_path_factory.mktemp("nodes"), template, server, 2, **tls) as nodes:
        for node in nodes:
            LiveApi(node).ready()
        yield nodes


@pytest.fixture
def one(nodes: list[Node], tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against the first node."""
    runner = SippRunner(nodes[0], tmp_path / "one")
    yield runner
    runner.stop()


@pytest.fixture
def two(nodes: list[Node], tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against the second."""
    runner = SippRunner(nodes[1], tmp_path / "two")
    yield runner
    runner.stop()


def test_a_phone_of_one_node_is_called_from_the_other(one: SippRunner, two: SippRunner) -> None:
    callee, caller = one.answering(), one.stack.phone()
    call = two.run("uac-ringing-then-answered", caller, to=callee.username, options=SHORT)
    one.wait_all()
    row = two.stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_by"], row["signaling_server"]) == ("ANSWERED", "caller", "node-2")
    assert row["callee_user_id"]


def test_it_may_hang_up(one: SippRunner, two: SippRunner) -> None:
    callee = one.answering("uas-hangs-up")
    call = two.run("uac-call-ended-by-callee", one.stack.phone(), to=callee.username)
    one.wait_all()
    row = two.stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_by"]) == ("ANSWERED", "callee")


def test_it_may_be_cancelled_and_may_refuse(one: SippRunner, two: SippRunner) -> None:
    callee = one.answering("uas-rings-until-cancelled")
    two.run("uac-cancels", one.stack.phone(), to=callee.username, options=SHORT)
    one.wait_all()
    busy = one.answering("uas-refuses", STATUS="486")
    two.run("uac-refused", one.stack.phone(), to=busy.username, STATUS="486")
    one.wait_all()


def test_both_may_change_the_session(one: SippRunner, two: SippRunner) -> None:
    """An INVITE within the dialog goes through the node that has the phone, either way."""
    follower = one.answering()
    two.run("uac-reinvites", one.stack.phone(), to=follower.username, options=SHORT)
    one.wait_all()
    holder = one.answering("uas-reinvites")
    two.run("uac-is-held", one.stack.phone(), to=holder.username, options=SHORT)
    one.wait_all()


@pytest.mark.parametrize("tcp", [False, True])
def test_a_phone_behind_nat_is_reached_where_it_registered_from(nodes: list[Node], tcp: bool) -> None:
    transport = ";transport=tcp" if tcp else ""
    with rawsip.Peer(nodes[0].address, tcp=tcp) as phone, rawsip.Peer(nodes[1].address) as caller:
        callee = nodes[0].phone()
        contact = f"sip:{callee.username}@10.9.8.7:5060{transport}"
        phone.register(callee, contact=f"Contact: <{contact}>")
        wait_shared(nodes[0], callee)
        with calling(nodes[1], caller, callee):
            rung = phone.receive(5)
            assert rung is not None and rung.first.startswith(f"INVITE {contact} ")
            assert not rung.get_all("route")
            phone.reply(rung, "603 Decline", tag="no")
            assert phone.receive(5).method == "ACK"  # type: ignore[union-attr]


def test_all_phones_of_a_user_ring_wherever_they_are_registered(
    nodes: list[Node], one: SippRunner, two: SippRunner
) -> None:
    here = nodes[0].phone()
    there = nodes[1].phone(here.username)
    one.register(here)
    two.register(there)
    one.start("uas-rings-until-cancelled", here)
    two.start("uas-answers", there, options=SHORT)
    one.run("uac-ringing-then-answered", nodes[0].phone(), to=here.username, options=SHORT)
    one.wait_all()
    two.wait_all()
    one.start("uas-answers", here, options=SHORT)
    two.start("uas-rings-until-cancelled", there)
    one.run("uac-ringing-then-answered", nodes[0].phone(), to=here.username, options=SHORT)
    one.wait_all()
    two.wait_all()


def test_a_phone_that_unregistered_is_not_reached(nodes: list[Node], one: SippRunner) -> None:
    callee = nodes[0].phone()
    one.register(callee)
    wait_shared(nodes[0], callee)
    assert call_status(nodes[1], callee) == RINGS
    one.register(callee, expires=0)
    assert call_status(nodes[1], callee) == 480


@pytest.mark.parametrize("contact", ["", "*"])
def test_it_may_unregister_at_another_node(nodes: list[Node], contact: str) -> None:
    callee = nodes[0].phone()
    with rawsip.Peer(nodes[0].address) as phone, rawsip.Peer(nodes[1].address) as later:
        phone.register(callee)
        wait_shared(nodes[0], callee)
        line = "Contact: *" if contact else phone.contact(callee.username)
        assert later.register(callee, "Expires: 0", contact=line).status == 200
    assert call_status(nodes[1], callee) == 480
    nodes[0].wait_until(lambda: not bindings(nodes[0], callee), 5, "the first node to hear of it")
    assert call_status(nodes[0], callee) == 480


def test_a_phone_that_moved_to_another_node_is_known_there_alone(nodes: list[Node]) -> None:
    callee = nodes[0].phone()
    with rawsip.Peer(nodes[0].address) as phone, rawsip.Peer(nodes[1].address) as moved:
        line = f"Contact: <sip:{callee.username}@10.9.8.7:5060>"
        phone.register(callee, contact=line)
        wait_shared(nodes[0], callee)
        moved.register(callee, contact=line)
        wait_shared(nodes[1], callee)
        nodes[0].wait_until(lambda: not bindings(nodes[0], callee), 5, "the first node to hear of it")
        assert len(bindings(nodes[1], callee)) == 1
        with rawsip.Peer(nodes[0].address) as caller, calling(nodes[0], caller, callee):
            rung = moved.receive(5)
            assert rung is not None and rung.method == "INVITE"
            moved.reply(rung, "603 Decline", tag="no")


def test_no_outsider_is_let_through_to_a_phone(nodes: list[Node]) -> None:
    callee = nodes[0].phone()
    with rawsip.Peer(nodes[0].address) as phone, rawsip.Peer(nodes[1].address) as caller:
        phone.register(callee)
        wait_shared(nodes[0], callee)
        with calling(nodes[1], caller, callee):
            rung = phone.receive(5)
            assert rung is not None
            routes = rung.get_all("record-route")
            phone.reply(rung, "603 Decline", tag="no")
            phone.receive(2)
        with rawsip.Peer(nodes[0].address, ip="127.0.0.2") as stranger:
            for route in routes:
                for call_id in (rung.get("call-id"), "another"):
                    for method in ("INVITE", "OPTIONS", "MESSAGE"):
                        stranger.send(
                            stranger.request(
                                method,
                                rawsip.target_of(rung),
                                from_="<sip:x@y>;tag=1",
                                to=f"<{callee.aor}>",
                                headers=(f"Route: {route}",),
                                call_id=call_id,
                            )
                        )
            assert stranger.receive(0.5) is None
        assert phone.receive(0.5) is None


def test_click_to_call_rings_a_phone_of_another_node(nodes: list[Node], one: SippRunner) -> None:
    caller = one.answering("uas-refuses", STATUS="486")
    wait_shared(nodes[0], caller)
    wanted = {"user": caller.username, "number": "600", "account": caller.domain}
    answer = LiveApi(nodes[1]).ready().request("POST", "calls", json=wanted)
    assert answer.status_code == 201, answer.text
    record = nodes[1].cdr(answer.json()["call_id"])
    assert (record["disposition"], record["hangup_by"]) == ("BUSY", "caller")
    one.wait_all()


def test_each_node_shows_its_own_registrations(nodes: list[Node], one: SippRunner) -> None:
    callee = one.register(nodes[0].phone())
    apis = [LiveApi(node).ready() for node in nodes]
    nodes[0].wait_until(
        lambda: len(apis[0].get("registrations", aor=callee.aor)["registrations"]) == 1, 5, "its row"
    )
    assert apis[1].get("registrations", aor=callee.aor)["registrations"] == []


def test_what_is_in_redis_is_as_documented(server: RedisServer, nodes: list[Node], one: SippRunner) -> None:
    callee = one.register(nodes[0].phone())
    key = f"reg:{callee.aor}"
    wait_shared(nodes[0], callee)
    fields = server.client().hgetall(key)
    assert list(fields) == [f"sip:{callee.username}@127.0.0.1:{callee.port}"]
    assert json.loads(next(iter(fields.values())))["node"] == "node-1"
    assert 290 < server.client().ttl(key) <= 302


def test_a_sips_call_does_not_go_to_another_node_in_the_clear(nodes: list[Node], shown: Certificate) -> None:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(shown.authority)
    first, second = (("127.0.0.1", node.ports.tls) for node in nodes)
    with rawsip.Peer(first, tls=trust) as phone, rawsip.Peer(second, tls=trust) as caller:
        callee = nodes[0].phone()
        assert phone.register(callee).status == 200
        wait_shared(nodes[0], callee)
        refused = invite(caller, nodes[0].phone(), f"sips:{callee.username}@{callee.domain}")
        assert (refused.status, refused.get("warning")) == (480, '380 switchboard "SIPS Not Allowed"')
        assert phone.receive(0.3) is None


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_phones_of_two_nodes_hear_each_other_though_either_node_is_killed(
    nodes: list[Node], tmp_path: Path, transport: str
) -> None:
    with (
        PhoneProcess(nodes[0], nodes[0].phone(), TONES_HZ[0], tmp_path, transport=transport) as callee,
        PhoneProcess(nodes[1], nodes[0].phone(), TONES_HZ[1], tmp_path) as caller,
    ):
        wait_shared(nodes[0], callee.phone)
        caller.order("call", number=callee.phone.username)
        callee.wait_for("incoming")
        callee.order("answer")
        call_id = caller.wait_for("call_established")["call_id"]
        for killed in (nodes[1], nodes[0]) if transport == "udp" else (nodes[1],):
            time.sleep(KEPT_S)
            killed.kill("runsip")
            killed.run("runsip")
            assert_hears(callee, TONES_HZ[1])
            assert_hears(caller, TONES_HZ[0])
        callee.order("hangup")
        caller.wait_for("call_closed")
    row = nodes[1].cdr(call_id)
    assert (row["disposition"], row["hangup_by"]) == ("ANSWERED", "callee")


def assert_hears(phone: PhoneProcess, frequency_hz: float) -> None:
    """The last half second that a phone heard holds the tone."""
    heard = audio.strongest_tone(phone.heard()[-audio.RATE_HZ // 2 :])
    assert heard.frequency_hz == pytest.approx(frequency_hz, abs=15)


@pytest.fixture(scope="module")
def strict(
    server: RedisServer, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Node]]:
    """Two nodes with low limits; the second knows the first's in well under a second."""
    limits = {"AUTH_FAILURES_PER_MINUTE": "8", "CALLS_PER_SECOND_PER_ACCOUNT": "3"}
    with running_nodes(tmp_path_factory.mktemp("strict"), template, server, 2, **limits) as nodes:
        yield nodes


def test_failed_logins_at_one_node_count_at_the_other(strict: list[Node]) -> None:
    victim = strict[0].phone()
    thief = dataclasses.replace(victim, password="guess")
    with rawsip.Peer(strict[0].address, ip="127.0.0.9") as peer:
        assert [peer.register(thief).status for _ in range(6)] == [401] * 6
    strict[0].wait_until(
        lambda: bool(strict[0].redis.client().exists("ratelimit:failures:127.0.0.9")), 3, "the count"
    )
    with rawsip.Peer(strict[1].address, ip="127.0.0.9") as peer:
        assert peer.register(thief).status == 401
        strict[1].wait_until(lambda: peer.register(thief).status == 403, 3, "the second node to refuse")
        assert peer.register(victim).status == 403
    with rawsip.Peer(strict[1].address) as owner:
        assert owner.register(victim).status == 200


def test_who_was_at_home_at_one_node_is_let_in_at_the_other_though_strangers_guess(
    strict: list[Node],
) -> None:
    owner = strict[0].phone()
    thief = dataclasses.replace(owner, password="guess")
    with rawsip.Peer(strict[0].address, ip="127.0.0.21") as home:
        assert home.register(owner).status == 200
        wait_shared(strict[0], owner)
    with rawsip.Peer(strict[1].address, ip="127.0.0.22") as stranger:
        strict[1].wait_until(lambda: stranger.register(thief).status == 403, 5, "the stranger to be refused")
    with rawsip.Peer(strict[1].address, ip="127.0.0.21") as neighbour:
        for _ in range(12):
            neighbour.register(dataclasses.replace(strict[0].phone(), password="guess"))
    with rawsip.Peer(strict[1].address, ip="127.0.0.21") as home:
        strict[1].wait_until(lambda: home.register(owner).status == 200, 5, "the owner to be let in")


def test_calls_a_second_of_an_account_are_bounded(strict: list[Node]) -> None:
    answers = []
    for _ in range(8):
        with rawsip.Peer(strict[0].address) as caller:
            answers.append(caller.invite(a_caller(strict[0]), "9011"))
    assert [answer.status for answer in answers[:3]] == [486] * 3
    refused = [answer for answer in answers if answer.status == 503]
    assert refused and refused[0].get("retry-after") == "1"
    strict[0].wait_until(
        lambda: bool(strict[0].redis.client().keys("ratelimit:account-calls:*")), 3, "the count"
    )


RINGS = 603


def call_status(node: Node, callee: Phone) -> int:
    """Call a phone that declines whatever reaches it, and return the status: 603 when it rang."""
    with declining(callee), rawsip.Peer(node.address) as caller:
        return caller.invite(a_caller(node), callee.username).status


@contextmanager
def declining(callee: Phone) -> Iterator[None]:
    """Decline calls on the port of a phone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", callee.port))
        phone.settimeout(0.05)
        done = threading.Event()

        def run() -> None:
            while not done.is_set():
                with suppress(TimeoutError):
                    data, source = phone.recvfrom(65535)
                    if data.startswith(b"INVITE"):
                        phone.sendto(decline(rawsip.Message.parse(data)), source)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def decline(invite: rawsip.Message) -> bytes:
    lines = ["SIP/2.0 603 Decline", *(f"Via: {via}" for via in invite.get_all("via"))]
    lines += [f"From: {invite.get('from')}", f"To: {invite.get('to')};tag=no"]
    lines += [f"Call-ID: {invite.get('call-id')}", f"CSeq: {invite.get('cseq')}", "Content-Length: 0"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextmanager
def calling(node: Node, caller: rawsip.Peer, callee: Phone) -> Iterator[None]:
    """Call a phone in the background, and be declined."""
    found: list[int] = []
    thread = threading.Thread(
        target=lambda: found.append(caller.invite(a_caller(node), callee.username).status)
    )
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert found == [603]


def wait_shared(node: Node, phone: Phone) -> None:
    """Wait until Redis knows a phone that has registered at a node."""

    def known() -> bool:
        with node.redis.client() as client:
            values = client.hvals(f"reg:{phone.aor}")
        return any(json.loads(value)["node"] == node.name for value in values)

    node.wait_until(known, 2, "the phone in Redis")


def a_caller(node: Node) -> Phone:
    """Return a phone of a user that no test calls; it need not be registered."""
    return node.phone(str(FIRST_POOL_USER + POOL_USERS - 1))


def bindings(node: Node, phone: Phone) -> list[dict[str, object]]:
    """Return the bindings that a node shows as its own."""
    return list(LiveApi(node).ready().get("registrations", aor=phone.aor)["registrations"])
