# SPDX-License-Identifier: Apache-2.0
"""Session timers of both kinds of leg (RFC 4028), against a phone on a wire; the time that passes is pretended."""

from __future__ import annotations

from typing import Any

import pytest

from cdrs.record import EndReason
from signaling.calls.events import (
    Answer,
    Fail,
    Gone,
    HangUp,
    Refreshed,
    Update,
    UpdateAccepted,
    UpdateRefused,
)
from signaling.legs.caller import CallerLeg
from signaling.legs.states import LegState
from signaling.legs.tests.line import SDP, TO_NODE, Line, invite, phone_dialog
from signaling.legs.tests.test_callee import Callee
from signaling.legs.tests.test_caller import Caller
from signaling.sip import SipResponse
from signaling.sip.session_headers import SessionPolicy
from signaling.sip.session_timer_tables import TimerState

ALLOWS_UPDATE = {"Supported": "timer", "Allow": "INVITE, ACK, BYE, UPDATE"}


@pytest.fixture
async def line() -> Line:
    return Line(t1=0.02)


async def caller_that_talks(line: Line, **headers: str) -> Caller:
    request = invite()
    for name, value in headers.items():
        request.headers.set(name.replace("_", "-"), value)
    caller = Caller(line, request)
    await line.settle()
    caller.leg.send(Answer("answer"))
    await line.settle()
    caller.dialog = phone_dialog(line, request)
    line.phone.acknowledge(caller.transaction, caller.dialog.make_ack(7), TO_NODE, line.now())
    await line.settle()
    caller.events.clear()
    return caller


async def callee_that_talks(line: Line, **headers: str) -> Callee:
    callee = Callee(line)
    await line.settle()
    answer(line, "INVITE", 200, sdp="their answer", **headers)
    await line.settle()
    callee.events.clear()
    return callee


def answer(line: Line, method: str, status: int = 200, *, sdp: str = "", **headers: str) -> None:
    """Have the phone answer the last request of a method, with headers of the test's choice."""
    event = line.request(method)
    response: SipResponse = event.request.response(status, to_tag="phone")
    response.headers.set("Contact", "<sip:192.0.2.20:5060>")
    for name, value in headers.items():
        response.headers.set(name.replace("_", "-"), value)
    if sdp:
        response.headers.set("Content-Type", "application/sdp")
        response.body = sdp.encode()
    line.phone.respond(event.transaction, response, line.now())


async def later(line: Line, leg: Any, seconds: float) -> None:
    """Let the session of a leg be older."""
    leg.timer.refreshed_at -= seconds
    leg.timer._refresh_at -= seconds
    leg._watch()
    await line.settle()


def accepted(line: Line, method: str = "INVITE") -> Any:
    """Return the last 2xx that the phone got to a method."""
    return [
        event.response
        for event in line.responses
        if event.transaction.method == method and event.response.status == 200
    ][-1]


# --- Who is called, and who calls -----------------------------------------------------------------------------------------


async def test_a_phone_that_knows_no_timers_meets_none(line: Line):
    caller = await caller_that_talks(line)
    assert caller.leg.timer is None
    assert accepted(line).headers.get("Session-Expires") is None
    assert accepted(line).headers.get("Supported") == "timer"


async def test_an_invite_asks_for_a_timer_and_silence_about_it_is_fine(line: Line):
    callee = await callee_that_talks(line)
    assert line.request("INVITE").request.headers.get("Session-Expires") == "1800"
    assert callee.leg.timer is None


async def test_nothing_is_said_of_timers_when_they_are_off(line: Line):
    line.node.sessions = SessionPolicy(expires_s=0)
    line.node.session_headers = line.node.sessions.headers()
    callee = await callee_that_talks(line, Session_Expires="90;refresher=uac")
    assert "Session-Expires" not in line.request("INVITE").request.headers
    assert "Supported" not in line.request("INVITE").request.headers
    assert callee.leg.timer is None


async def test_the_answer_says_who_refreshes(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="600;refresher=uac")
    response = accepted(line)
    assert response.headers.get("Session-Expires") == "600;refresher=uac"
    assert response.headers.get("Require") == "timer"
    assert caller.leg.timer.state is TimerState.WAITING


async def test_a_silent_caller_is_hung_up_before_its_session_expires(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90;refresher=uac")
    await later(line, caller.leg, 59)
    assert caller.events == []
    await later(line, caller.leg, 1)
    assert caller.events == [HangUp(EndReason.TIMEOUT, Gone.NOT_REFRESHED)]
    assert line.methods() == ["BYE"]
    assert caller.leg._wakeup is None


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
async def test_a_refresh_of_the_peer_begins_the_interval_anew(line: Line, method: str):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90;refresher=uac")
    await later(line, caller.leg, 50)
    body = b"" if method == "UPDATE" else SDP.encode()
    refresh = caller.dialog.make_request(
        method,
        body=body,
        content_type="application/sdp" if body else None,
        extra_headers=[("Supported", "timer"), ("Session-Expires", "90;refresher=uac")],
    )
    line.phone.send_request(refresh, TO_NODE, line.now())
    await line.settle()
    if method == "INVITE":
        assert caller.events == [Update(SDP)]
        caller.events.clear()
        caller.leg.send(UpdateAccepted("same"))
        await line.settle()
    assert accepted(line, method).headers.get("Session-Expires") == "90;refresher=uac"
    await later(line, caller.leg, 50)
    assert caller.events == []
    await later(line, caller.leg, 10)
    assert caller.events == [HangUp(EndReason.TIMEOUT, Gone.NOT_REFRESHED)]


async def test_a_refresh_with_too_short_an_interval_gets_422(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90;refresher=uac")
    refresh = caller.dialog.make_request(
        "UPDATE", extra_headers=[("Supported", "timer"), ("Session-Expires", "60;refresher=uac")]
    )
    line.phone.send_request(refresh, TO_NODE, line.now())
    await line.settle()
    assert line.statuses("UPDATE") == [422]
    assert line.responses[-1].response.headers.get("Min-SE") == "90"


# --- Refreshes of ours ------------------------------------------------------------------------------------------------


async def test_it_refreshes_by_update_where_that_is_allowed(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90")
    await later(line, caller.leg, 45)
    refresh = line.request("UPDATE").request
    assert refresh.headers.get("Session-Expires") == "90;refresher=uac"
    assert refresh.body == b""
    answer(line, "UPDATE", Session_Expires="90;refresher=uac", Require="timer")
    await line.settle()
    await later(line, caller.leg, 44)
    assert (caller.events, line.methods()) == ([], ["UPDATE"])


async def test_it_refreshes_by_a_re_invite_that_changes_nothing_where_update_is_not_allowed(line: Line):
    callee = await callee_that_talks(line, Session_Expires="90;refresher=uac", Allow="INVITE, ACK, BYE")
    await later(line, callee.leg, 45)
    refresh = line.request("INVITE").request
    assert refresh.cseq.number == 2
    assert refresh.body == b"our offer"
    answer(line, "INVITE", sdp="their answer", Session_Expires="90;refresher=uac")
    await line.settle()
    assert callee.events == [Refreshed("their answer")]
    assert callee.leg.timer.state is TimerState.KEEPING
    assert [type(other).__name__ for other in line.others] == ["AckReceived", "AckReceived"]


async def test_a_phone_that_does_not_answer_the_refresh_is_hung_up(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90")
    await later(line, caller.leg, 45)
    await later(line, caller.leg, 15)
    assert caller.events == [HangUp(EndReason.TIMEOUT, Gone.NOT_REFRESHED)]
    assert line.methods() == ["UPDATE", "BYE"]


async def test_a_phone_that_does_not_know_the_call_any_more_is_hung_up_at_once(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90")
    await later(line, caller.leg, 45)
    answer(line, "UPDATE", 481)
    await line.settle()
    assert caller.events == [HangUp(EndReason.TIMEOUT, Gone.UNKNOWN_CALL)]
    assert caller.leg.state is LegState.ENDED


async def test_a_phone_that_allowed_update_and_refuses_it_gets_a_re_invite(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90")
    await later(line, caller.leg, 45)
    answer(line, "UPDATE", 501)
    await line.settle()
    await line.settle()
    assert line.methods() == ["UPDATE", "INVITE"]
    assert line.request("INVITE").request.body == b"answer"


async def test_a_refresh_that_meets_422_goes_out_again_with_a_longer_interval(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90")
    await later(line, caller.leg, 45)
    answer(line, "UPDATE", 422, Min_SE="120")
    await line.settle()
    await line.settle()
    again = line.request("UPDATE").request
    assert again.headers.get("Session-Expires") == "120;refresher=uac"
    assert again.headers.get("Min-SE") == "120"


async def test_a_refresh_that_meets_491_is_tried_again_after_a_while(line: Line):
    callee = await callee_that_talks(line, Session_Expires="90;refresher=uac")
    await later(line, callee.leg, 45)
    answer(line, "INVITE", 491)
    await line.settle()
    assert 2.1 <= callee.leg.timer.deadline - line.now() <= 4.0
    await later(line, callee.leg, 4)
    assert line.request("INVITE").request.cseq.number == 3


async def test_a_refresh_waits_for_the_offer_of_the_peer_to_be_answered(line: Line):
    caller = await caller_that_talks(line, Supported="timer", Session_Expires="90;refresher=uas")
    offer = caller.dialog.make_request("INVITE", body=b"offer", content_type="application/sdp")
    line.phone.send_request(offer, TO_NODE, line.now())
    await line.settle()
    await later(line, caller.leg, 45)
    assert line.methods() == []
    assert caller.leg.timer.deadline - line.now() < 2.1


async def test_an_offer_of_the_peer_that_crosses_a_refresh_gets_491_and_one_of_ours_waits(line: Line):
    caller = await caller_that_talks(line, Supported="timer", Session_Expires="90;refresher=uas")
    await later(line, caller.leg, 45)
    offer = caller.dialog.make_request("INVITE", body=b"offer", content_type="application/sdp")
    line.phone.send_request(offer, TO_NODE, line.now())
    caller.leg.send(Update("moved"))
    await line.settle()
    assert line.statuses("INVITE")[-1] == 491
    (refused,) = caller.events
    assert isinstance(refused, UpdateRefused)


async def test_an_offer_of_ours_refreshes_too(line: Line):
    callee = await callee_that_talks(line, Session_Expires="90;refresher=uas", Allow="UPDATE")
    await later(line, callee.leg, 50)
    callee.leg.send(Update("moved"))
    await line.settle()
    assert line.request("INVITE").request.headers.get("Session-Expires") == "90;refresher=uas"
    answer(line, "INVITE", sdp="theirs", Session_Expires="90;refresher=uas")
    await line.settle()
    await later(line, callee.leg, 50)
    assert callee.events == [UpdateAccepted("theirs")]
    assert callee.leg.described == "moved"


async def test_an_offer_of_ours_that_meets_422_is_made_again(line: Line):
    callee = await callee_that_talks(line, Session_Expires="90;refresher=uas")
    callee.leg.send(Update("moved"))
    await line.settle()
    answer(line, "INVITE", 422, Min_SE="200")
    await line.settle()
    again = line.request("INVITE").request
    assert (again.body, again.headers.get("Session-Expires")) == (b"moved", "200;refresher=uas")


async def test_phones_that_know_no_timers_are_refreshed_when_all_are_to_be(line: Line):
    line.node.sessions = SessionPolicy(refreshes_all=True)
    callee = await callee_that_talks(line)
    await later(line, callee.leg, 900)
    answer(line, "INVITE", 488)
    await line.settle()
    assert callee.events == []
    assert callee.leg.timer.deadline - line.now() > 890


# --- The first INVITE ---------------------------------------------------------------------------------------------------


async def test_a_first_invite_that_meets_422_is_sent_again_and_its_dialog_is_the_new_one(line: Line):
    callee = Callee(line)
    await line.settle()
    answer(line, "INVITE", 180)
    answer(line, "INVITE", 422, Min_SE="3600")
    await line.settle()
    again = line.request("INVITE").request
    assert again.cseq.number == 2
    assert again.headers.get("Session-Expires") == "3600"
    assert again.headers.get("Min-SE") == "3600"
    answer(line, "INVITE", sdp="their answer", Session_Expires="3600;refresher=uas")
    await line.settle()
    assert callee.events[-1] == Answer("their answer")
    assert callee.leg.timer.interval_s == 3600
    (ack,) = [other.request for other in line.others if type(other).__name__ == "AckReceived"]  # type: ignore[attr-defined]
    assert ack.cseq.number == 2


async def test_a_second_422_that_asks_for_no_more_ends_the_attempt(line: Line):
    callee = Callee(line)
    await line.settle()
    for _ in range(2):
        answer(line, "INVITE", 422, Min_SE="3600")
        await line.settle()
    (failed,) = callee.events
    assert isinstance(failed, Fail)
    assert failed.failure.status == 422


async def test_the_clock_is_not_watched_for_a_leg_that_has_ended(line: Line):
    caller = await caller_that_talks(line, **ALLOWS_UPDATE, Session_Expires="90")
    caller.leg.send(HangUp(EndReason.NORMAL))
    assert caller.leg._wakeup is None
    assert isinstance(caller.leg, CallerLeg)
