# SPDX-License-Identifier: Apache-2.0
"""The callee's leg, played by another SIP endpoint."""

import asyncio
from typing import Any

import pytest

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import Answer, EarlyMedia, Fail, HangUp, Ring
from signaling.legs.callee import CalleeLeg
from signaling.legs.tests.line import NODE, PHONE, TO_NODE, TO_PHONE, Line, name
from signaling.sip import Flow, NameAddr, SipUri
from signaling.sip.dialog import Dialog
from signaling.sip.events import AckReceived, CancelReceived


class Callee:
    """A leg that calls the phone of a line."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.events: list[object] = []
        self.leg: Any = CalleeLeg(
            line.node,
            lambda _, event: self.events.append(event),
            uri=SipUri(user="1002", host=PHONE[0], port=PHONE[1]),
            flow=TO_PHONE,
            from_=name("1001"),
            to=name("1002"),
            offer="our offer",
            max_forwards=69,
        )


@pytest.fixture
async def line() -> Line:
    return Line(t1=0.02)


@pytest.fixture
async def callee(line: Line) -> Callee:
    made = Callee(line)
    await line.settle()
    return made


async def test_it_sends_an_invite_with_the_offer_and_who_calls(line: Line, callee: Callee):
    request = line.request("INVITE").request
    assert request.body == b"our offer"
    assert (request.from_.uri.user, request.to.uri.user, request.max_forwards) == ("1001", "1002", 69)
    assert request.name_addrs("Contact")[0].uri.host == "192.0.2.10"


async def test_it_reports_ringing_once(line: Line, callee: Callee):
    line.answer(line.request("INVITE"), 100)
    line.answer(line.request("INVITE"), 180)
    line.answer(line.request("INVITE"), 180)
    await line.settle()
    assert callee.events == [Ring()]


async def test_it_reports_early_media_and_the_answer(line: Line, callee: Callee):
    line.answer(line.request("INVITE"), 183, sdp="early")
    line.answer(line.request("INVITE"), 200, sdp="answer")
    await line.settle()
    assert callee.events == [EarlyMedia("early"), Answer("answer")]
    assert [type(event) for event in line.others] == [AckReceived]


@pytest.mark.parametrize(("status", "expected"), [(486, 486), (603, 603), (401, 502), (302, 480), (503, 480)])
async def test_it_reports_a_failure_as_the_caller_may_see_it(line: Line, callee: Callee, status, expected):
    line.answer(line.request("INVITE"), status)
    await line.settle()
    (fail,) = callee.events
    assert isinstance(fail, Fail)
    assert fail.failure.status == expected


async def test_silence_is_reported_as_unreachable(line: Line, callee: Callee):
    await asyncio.sleep(64 * 0.02 + 0.1)
    await line.settle()
    assert callee.events == [Fail(failures.UNREACHABLE)]


async def test_a_hang_up_while_it_rings_is_a_cancel(line: Line, callee: Callee):
    line.answer(line.request("INVITE"), 180)
    await line.settle()
    callee.leg.send(HangUp(EndReason.CANCELED))
    await line.settle()
    assert isinstance(line.others[0], CancelReceived)
    line.answer(line.request("INVITE"), 487)
    await line.settle()
    assert callee.events == [Ring()]
    assert line.node.dialogs == {}


async def test_an_answer_that_crosses_the_cancel_is_confirmed_and_hung_up(line: Line, callee: Callee):
    line.answer(line.request("INVITE"), 180)
    await line.settle()
    callee.leg.send(HangUp(EndReason.CANCELED))
    line.answer(line.request("INVITE"), 200, sdp="answer")
    await line.settle()
    assert line.methods() == ["INVITE", "BYE"]
    assert Answer("answer") not in callee.events


async def test_an_answer_without_a_description_means_the_one_of_its_early_media(line: Line, callee: Callee):
    line.answer(line.request("INVITE"), 183, sdp="early")
    line.answer(line.request("INVITE"), 200)
    await line.settle()
    assert callee.events == [EarlyMedia("early"), Answer("early")]


@pytest.mark.parametrize("early", ["", "of another branch"])
async def test_an_answer_without_a_description_is_hung_up(line: Line, callee: Callee, early: str):
    if early:
        line.answer(line.request("INVITE"), 183, sdp=early, tag="another")
    line.answer(line.request("INVITE"), 200)
    await line.settle()
    assert line.methods() == ["INVITE", "BYE"]
    assert isinstance(callee.events[-1], Fail)


async def test_an_answer_of_another_branch_of_a_fork_is_confirmed_and_hung_up(line: Line, callee: Callee):
    event = line.request("INVITE")
    line.answer(event, 200, sdp="first", tag="one")
    await line.settle()
    second = event.request.response(200, to_tag="two")
    second.headers.set("Contact", f"<sip:{PHONE[0]}:{PHONE[1]}>")
    line.node.on_message(second.to_bytes(), TO_PHONE)
    await line.settle()
    bye = line.request("BYE").request
    assert bye.to.tag == "two"
    assert callee.events == [Answer("first")]


async def test_the_callee_hangs_up_and_gets_its_answer_when_the_record_is_safe(line: Line, callee: Callee):
    invite = line.request("INVITE").request
    line.answer(line.request("INVITE"), 200, sdp="answer")
    await line.settle()
    bye = callee.leg.dialog.make_request("BYE")
    bye.headers.set("From", str(invite.to.with_tag("phone")))
    bye.headers.set("To", str(invite.from_))
    line.phone.send_request(bye, TO_NODE, line.now())
    await line.settle()
    assert callee.events[-1] == HangUp(EndReason.NORMAL)
    assert line.statuses("BYE") == []
    callee.leg.confirm_hang_up()
    await line.settle()
    assert line.statuses("BYE") == [200]


async def test_a_callee_that_was_called_directly_gets_its_ack_at_its_contact(line: Line):
    line.wire.check_target = lambda target, *, peer_ip: None
    line.wire.flow_to = lambda target: TO_PHONE._replace(remote=(target.ip, target.port))
    leg: Any = CalleeLeg(
        line.node,
        lambda _, event: None,
        uri=SipUri(user="1002", host=PHONE[0], port=PHONE[1]),
        flow=TO_PHONE,
        from_=name("1001"),
        to=name("1002"),
        offer="our offer",
        max_forwards=69,
        behind_nat=False,
    )
    await line.settle()
    response = line.answer(line.request("INVITE"), 200, sdp="answer")
    response.headers.set("Contact", "<sip:elsewhere@203.0.113.7:5070>")
    line.phone.datagrams_to_send(line.now())
    line.node.on_message(response.to_bytes(), TO_PHONE)
    await asyncio.sleep(0)
    acks = [flow.remote for data, flow in line.wire.sent if data.startswith(b"ACK sip:elsewhere@203.0.113.7")]
    assert acks[-1] == ("203.0.113.7", 5070)
    assert leg.flow.remote == ("203.0.113.7", 5070)


TLS_SERVER = Flow("tls", PHONE, NODE, 0, "sip.acme.test")
TCP_SERVER = Flow("tcp", PHONE, NODE)


@pytest.mark.parametrize("record_route", ["", "<sip:192.0.2.20;lr>"], ids=["direct", "proxy"])
@pytest.mark.parametrize(
    ("server", "way"),
    [
        (TLS_SERVER, TLS_SERVER._replace(connection=7)),
        (TLS_SERVER, Flow("tls", (PHONE[0], 40000), NODE, 12)),
        (TCP_SERVER, TCP_SERVER._replace(connection=7)),
        (TCP_SERVER, Flow("tcp", (PHONE[0], 40000), NODE, 12)),
    ],
    ids=["tls, the same", "tls, its own", "tcp, the same", "tcp, its own"],
)
async def test_a_server_is_hung_up_by_a_connection_that_can_be_opened_again(
    line: Line, server, way, record_route
):
    leg: Any = CalleeLeg(
        line.node,
        lambda _, event: None,
        uri=SipUri(user="1002", host=PHONE[0], port=PHONE[1]),
        flow=server,
        from_=name("1001"),
        to=name("1002"),
        offer="our offer",
        max_forwards=69,
        behind_nat=False,
    )
    await line.settle()
    event = line.request("INVITE")
    response = line.answer(event, 200, sdp="answer")
    if record_route:
        response.headers.set("Record-Route", record_route)
        event.request.headers.set("Record-Route", record_route)
    line.phone.datagrams_to_send(line.now())
    line.node.on_message(response.to_bytes(), server._replace(connection=7))
    contact = NameAddr(uri=SipUri(host=PHONE[0], port=PHONE[1]))
    dialog = Dialog.from_uas(event.request, "phone", contact, TO_NODE)
    line.phone.send_request(dialog.make_request("INFO"), TO_NODE, line.now())
    for data, _ in line.phone.datagrams_to_send(line.now()):
        line.node.on_message(data, way)
    await asyncio.sleep(0)
    leg.send(HangUp(EndReason.NORMAL))
    await asyncio.sleep(0)
    sent = {data.split(b" ", 1)[0]: flow for data, flow in line.wire.sent}
    assert sent[b"SIP/2.0"] == way
    assert sent[b"BYE"] == server
