# SPDX-License-Identifier: Apache-2.0
"""The caller's leg, played by another SIP endpoint."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import (
    Acknowledged,
    Answer,
    EarlyMedia,
    Fail,
    Gone,
    HangUp,
    Info,
    Ring,
    Update,
    UpdateAccepted,
    UpdateRefused,
)
from signaling.legs.caller import CallerLeg
from signaling.legs.tests.line import SDP, TO_NODE, TO_PHONE, Line, invite, phone_dialog
from signaling.sip import SipRequest
from signaling.sip.events import RequestReceived


class Caller:
    """A phone that has called, and the leg that took its call."""

    def __init__(self, line: Line, request: SipRequest) -> None:
        self.line = line
        self.request = request
        self.events: list[object] = []
        self.legs: list[CallerLeg] = []
        self.dialog: Any = None
        line.node.handlers["INVITE"] = self.take
        self.transaction = line.phone.send_request(request, TO_NODE, line.now())

    def take(self, event: RequestReceived) -> None:
        leg = CallerLeg(self.line.node, event)
        leg.listen(lambda _, reported: self.events.append(reported))
        self.legs.append(leg)

    @property
    def leg(self) -> Any:
        return self.legs[0]


@pytest.fixture
async def line() -> Line:
    return Line(t1=0.02)


@pytest.fixture
async def caller(line: Line) -> Caller:
    made = Caller(line, invite())
    await line.settle()
    return made


@pytest.fixture
async def talking(caller: Caller) -> Caller:
    caller.leg.send(Answer("answer"))
    await caller.line.settle()
    caller.dialog = phone_dialog(caller.line, caller.request)
    caller.line.phone.acknowledge(caller.transaction, caller.dialog.make_ack(7), TO_NODE, caller.line.now())
    await caller.line.settle()
    caller.events.clear()
    return caller


async def test_it_says_trying_at_once_and_knows_the_offer(line: Line, caller: Caller):
    assert line.statuses("INVITE") == [100]
    assert caller.leg.offer == SDP


async def test_it_rings_plays_early_media_and_answers(line: Line, caller: Caller):
    for event in (Ring(), EarlyMedia("early"), Answer("answer")):
        caller.leg.send(event)
    await line.settle()
    assert line.statuses("INVITE") == [100, 180, 183, 200]
    assert [event.response.body for event in line.responses] == [b"", b"", b"early", b"answer"]
    tags = {event.response.to.tag for event in line.responses[1:]}
    assert len(tags) == 1


async def test_the_answer_repeats_until_its_ack(line: Line, caller: Caller):
    caller.leg.send(Answer("answer"))
    await line.settle()
    await asyncio.sleep(0.03)
    assert [data for data, _ in line.wire.sent if data.startswith(b"SIP/2.0 200")]


async def test_it_reports_the_ack_once_with_its_description(line: Line, caller: Caller):
    caller.leg.send(Answer("offer"))
    await line.settle()
    dialog = phone_dialog(line, caller.request)
    ack = dialog.make_ack(7, body=b"their answer", content_type="application/sdp")
    line.phone.acknowledge(caller.transaction, ack, TO_NODE, line.now())
    await line.settle()
    assert caller.events == [Acknowledged("their answer")]


async def test_a_missing_ack_ends_the_call_with_a_bye(line: Line, caller: Caller):
    caller.leg.send(Answer("answer"))
    await line.settle()
    await asyncio.sleep(64 * 0.02 + 0.1)
    await line.settle()
    assert caller.events == [HangUp(EndReason.TIMEOUT, Gone.NOT_CONFIRMED)]
    assert line.methods() == ["BYE"]


async def test_an_update_without_an_offer_is_fine_before_the_answer(line: Line, caller: Caller):
    caller.leg.send(Ring())
    await line.settle()
    dialog = phone_dialog(line, caller.request, 180)
    line.phone.send_request(dialog.make_request("UPDATE"), TO_NODE, line.now())
    line.phone.send_request(
        dialog.make_request("UPDATE", body=b"offer", content_type="application/sdp"), TO_NODE, line.now()
    )
    await line.settle()
    assert line.statuses("UPDATE") == [200, 491]
    assert caller.events == []


async def test_a_bye_before_the_answer_ends_the_invite_with_487(line: Line, caller: Caller):
    caller.leg.send(Ring())
    await line.settle()
    dialog = phone_dialog(line, caller.request, 180)
    line.phone.send_request(dialog.make_request("BYE"), TO_NODE, line.now())
    await line.settle()
    assert caller.events == [HangUp(EndReason.NORMAL)]
    assert line.statuses("INVITE") == [100, 180, 487]
    caller.leg.confirm_hang_up()
    await line.settle()
    assert line.statuses("BYE") == [200]


async def test_a_cancel_gets_487_and_is_reported_once(line: Line, caller: Caller):
    line.phone.cancel(caller.transaction, line.now())
    await line.settle()
    assert line.statuses("INVITE") == [100, 487]
    assert caller.events == [HangUp(EndReason.CANCELED)]
    caller.leg.send(Answer("too late"))
    await line.settle()
    assert line.statuses("INVITE") == [100, 487]
    assert line.node.dialogs == {}


async def test_a_failure_carries_its_cause_and_when_to_try_again(line: Line, caller: Caller):
    caller.leg.send(Fail(failures.NODE_LIMIT))
    await line.settle()
    response = line.responses[-1].response
    assert (response.status, response.reason) == (503, "Call Limit Reached")
    assert response.headers.get("Reason") == "Q.850;cause=34"
    assert response.headers.get("Retry-After") == "5"


async def test_a_bye_is_held_back_until_it_is_confirmed(line: Line, talking: Caller):
    line.phone.send_request(talking.dialog.make_request("BYE"), TO_NODE, line.now())
    await line.settle()
    assert talking.events == [HangUp(EndReason.NORMAL)]
    assert line.statuses("BYE") == []
    talking.leg.confirm_hang_up()
    await line.settle()
    assert line.statuses("BYE") == [200]
    assert line.node.dialogs == {}


async def test_a_hang_up_before_the_ack_waits_for_it(line: Line, caller: Caller):
    caller.leg.send(Answer("answer"))
    await line.settle()
    caller.leg.send(HangUp(EndReason.NORMAL))
    await line.settle()
    assert line.methods() == []
    dialog = phone_dialog(line, caller.request)
    line.phone.acknowledge(caller.transaction, dialog.make_ack(7), TO_NODE, line.now())
    await line.settle()
    assert line.methods() == ["BYE"]


async def test_a_hang_up_sends_a_bye_with_its_cause(line: Line, talking: Caller):
    talking.leg.send(HangUp(EndReason.NORMAL))
    await line.settle()
    assert line.request("BYE").request.headers.get("Reason") == "Q.850;cause=16"
    talking.leg.send(HangUp(EndReason.NORMAL))
    await line.settle()
    assert line.methods() == ["BYE"]


async def test_a_new_offer_is_reported_and_answered(line: Line, talking: Caller):
    offer = talking.dialog.make_request(
        "INVITE",
        body=b"hold",
        content_type="application/sdp",
        extra_headers=[("Contact", str(invite().name_addrs("Contact")[0]))],
    )
    sent = line.phone.send_request(offer, TO_NODE, line.now())
    await line.settle()
    assert talking.events == [Update("hold")]
    talking.leg.send(UpdateAccepted("held"))
    await line.settle()
    last = line.responses[-1]
    assert (last.transaction, last.response.status, last.response.body) == (sent, 200, b"held")


async def test_a_refused_offer_leaves_the_dialog_up(line: Line, talking: Caller):
    offer = talking.dialog.make_request("UPDATE", body=b"hold", content_type="application/sdp")
    line.phone.send_request(offer, TO_NODE, line.now())
    await line.settle()
    talking.leg.send(UpdateRefused(failures.NOT_ACCEPTABLE))
    await line.settle()
    assert line.statuses("UPDATE") == [488]
    line.phone.send_request(talking.dialog.make_request("OPTIONS"), TO_NODE, line.now())
    await line.settle()
    assert line.statuses("OPTIONS") == [200]


async def test_an_update_without_a_body_is_a_sign_of_life(line: Line, talking: Caller):
    line.phone.send_request(talking.dialog.make_request("UPDATE"), TO_NODE, line.now())
    await line.settle()
    assert line.statuses("UPDATE") == [200]
    assert talking.events == []


async def test_offers_that_cross_get_491(line: Line, talking: Caller):
    talking.leg.send(Update("ours"))
    await line.settle()
    theirs = talking.dialog.make_request("UPDATE", body=b"theirs", content_type="application/sdp")
    line.phone.send_request(theirs, TO_NODE, line.now())
    await line.settle()
    assert line.statuses("UPDATE") == [491]
    line.answer(line.request("INVITE"), 200, sdp="their answer")
    await line.settle()
    assert talking.events == [UpdateAccepted("their answer")]


async def test_our_offer_that_is_refused_is_reported(line: Line, talking: Caller):
    talking.leg.send(Update("ours"))
    await line.settle()
    line.answer(line.request("INVITE"), 488)
    await line.settle()
    (refused,) = talking.events
    assert isinstance(refused, UpdateRefused)
    assert refused.failure.status == 488


async def test_application_data_goes_both_ways(line: Line, talking: Caller):
    press = talking.dialog.make_request("INFO", body=b"Signal=1", content_type="application/dtmf-relay")
    line.phone.send_request(press, TO_NODE, line.now())
    talking.leg.send(Info("application/dtmf-relay", b"Signal=2"))
    await line.settle()
    assert talking.events == [Info("application/dtmf-relay", b"Signal=1")]
    assert line.request("INFO").request.body == b"Signal=2"


async def test_a_method_that_is_not_known_in_a_dialog_gets_405(line: Line, talking: Caller):
    line.phone.send_request(talking.dialog.make_request("SUBSCRIBE"), TO_NODE, line.now())
    await line.settle()
    assert line.statuses("SUBSCRIBE") == [405]
    assert "BYE" in (line.responses[-1].response.headers.get("Allow") or "")


async def test_an_extension_that_is_not_there_gets_420_in_a_dialog_too(line: Line, talking: Caller):
    update = talking.dialog.make_request("INVITE", body=b"offer", content_type="application/sdp")
    update.headers.set("Require", "timer, 100rel, path")
    line.phone.send_request(update, TO_NODE, line.now())
    await line.settle()
    assert line.statuses("INVITE")[-1] == 420
    assert line.responses[-1].response.headers.get("Unsupported") == "100rel, path"
    assert talking.events == []


async def test_who_asks_whether_a_dialog_is_there_learns_that_it_is_not(line: Line, talking: Caller):
    asked = talking.dialog.make_request("OPTIONS")
    asked.headers.set("To", "<sip:1002@acme.test>;tag=of-another-time")
    line.phone.send_request(asked, TO_NODE, line.now())
    await line.settle()
    assert line.statuses("OPTIONS") == [481]


async def test_a_bye_with_wrong_tags_gets_481_and_changes_nothing(line: Line, talking: Caller):
    forged = talking.dialog.make_request("BYE")
    forged.headers.set("From", "<sip:1001@acme.test>;tag=guess")
    line.phone.send_request(forged, TO_NODE, line.now())
    await line.settle()
    assert line.statuses("BYE") == [481]
    assert talking.events == []


async def test_a_bye_from_another_host_must_prove_who_it_is(line: Line, talking: Caller):
    challenged = []

    def challenge(event: RequestReceived):
        challenged.append(event.flow.remote[0])
        return event.request.response(407)

    talking.leg.reauthenticate = challenge
    line.from_stranger(talking.dialog.make_request("BYE"))
    await line.settle()
    assert challenged == ["198.51.100.9"]
    assert talking.events == []


async def test_a_phone_that_proved_itself_from_a_new_address_is_followed_there(line: Line, talking: Caller):
    talking.leg.reauthenticate = lambda event: None
    line.from_stranger(talking.dialog.make_request("OPTIONS"))
    await line.settle()
    assert talking.leg.flow.remote == ("198.51.100.9", 5060)


async def test_a_lower_cseq_within_the_dialog_gets_500(line: Line, talking: Caller):
    old = talking.dialog.make_request("OPTIONS")
    old.headers.set("CSeq", "3 OPTIONS")
    line.phone.send_request(old, TO_NODE, line.now())
    await line.settle()
    assert line.statuses("OPTIONS") == [500]


async def test_a_leg_that_is_over_is_freed_without_the_cycle_collector(line: Line, talking: Caller):
    line.phone.send_request(talking.dialog.make_request("BYE"), TO_NODE, line.now())
    await line.settle()
    over = talking.legs.pop()
    leg = weakref.ref(over)
    gc.disable()
    try:
        over.confirm_hang_up()
        over.release()
        del over
        assert leg() is None
        await asyncio.sleep(64 * 0.02 + 0.1)
        await line.settle()
        assert line.node.endpoint.server_transactions == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(("transport", "scheme"), [("udp", "sip"), ("tcp", "sip"), ("tls", "sips")])
async def test_a_sips_contact_is_answered_with_one_only_where_it_is_encrypted(line: Line, transport, scheme):
    request = invite()
    request.headers.set("Contact", "<sips:1001@192.0.2.20>")
    made = Caller(line, request)
    for data, _ in line.phone.datagrams_to_send(line.now()):
        line.node.on_message(data, TO_PHONE._replace(transport=transport))
    assert made.leg.dialog.local_contact.uri.scheme == scheme
