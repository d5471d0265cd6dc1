# SPDX-License-Identifier: Apache-2.0
"""Calls of an earlier process go on."""

import asyncio
import dataclasses
import json
import time
from base64 import b64encode
from typing import Any

import pytest
from structlog.testing import capture_logs

from cdrs.record import EndReason, HangupBy
from media.control.errors import ErrorCode, Reason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.binding import Binding
from signaling.calls import failures
from signaling.calls.tests.world import ACCOUNT, ALICE
from signaling.legs import resumed as resumed_module
from signaling.legs.states import LegState
from signaling.legs.tests.line import PHONE, TO_NODE, TO_PHONE
from signaling.location import BindingEvent
from signaling.mediapool import MediaError
from signaling.pickup import restore as restore_module
from signaling.pickup.restore import goes_on, tell_cut_off
from signaling.pickup.state import describe
from signaling.pickup.tests.node import NOW, Node, left_open, leg, record, session, state
from signaling.sip import Flow, Headers, SipRequest, SipUri

NO_SUCH_SESSION = MediaError(ErrorCode.NOT_FOUND, "no such session", Reason.NO_SUCH_SESSION)


@pytest.fixture
async def node() -> Node:
    return Node()


async def going_on(node: Node, kept: dict[str, Any] | None = None, **fields: Any) -> Node:
    await node.pick_up.restore([left_open(kept, **fields)])
    node.pick_up.go_on()
    await node.settle()
    return node


def request_of_phone(label: str, method: str, cseq: int = 9) -> SipRequest:
    kept = leg(label)
    call_id, local_tag, _ = kept["id"]
    return SipRequest(
        method,
        SipUri.parse("sip:192.0.2.10:5060"),
        Headers(
            [
                ("Max-Forwards", "70"),
                ("From", kept["remote"]),
                ("To", f"<sip:us@acme.test>;tag={local_tag}"),
                ("Call-ID", call_id),
                ("CSeq", f"{cseq} {method}"),
                ("Contact", f"<sip:{PHONE[0]}:{PHONE[1]}>"),
            ]
        ),
    )


def sent_to_phone(node: Node, method: str) -> list[SipRequest]:
    return [event.request for event in node.line.requests if event.request.method == method]


async def test_what_is_described_is_what_it_was_restored_from(node):
    await going_on(node)
    await node.a_while()
    again = json.loads(describe(node.call))
    for each in again["legs"]:
        # One more for the probe.
        assert each["cseq"] == [104, 8]
        each["cseq"] = [3, 8]
    assert again == state()


async def test_it_takes_the_sessions_over_and_touches_nothing_else(node):
    await going_on(node)
    (bridge,) = node.world.node.requests
    assert isinstance(bridge, pb.BridgeMediaRequest)
    assert (bridge.session_id, bridge.peer_session_id) == ("session-a", "session-b")
    assert set(node.world.node.subscribers) == {"session-a", "session-b"}
    assert node.world.journal.started == []
    assert node.world.journal.answered == [node.call.record.id]


@pytest.mark.parametrize("now", ["off", "required"])
@pytest.mark.parametrize("began", [pb.ENCRYPTION_OPTIONAL, None])
async def test_it_asks_for_encryption_as_the_call_began_whatever_the_account_says_now(node, now, began):
    node.directory.account = lambda _: dataclasses.replace(ACCOUNT, media_encryption=now)
    kept = state()
    del kept["media"]["encryption"]
    if began is not None:
        kept["media"]["encryption"] = began
    await going_on(node, kept)
    by_account = {"off": pb.ENCRYPTION_AS_OFFERED, "required": pb.ENCRYPTION_REQUIRED}[now]
    assert node.call.media.encryption == (by_account if began is None else began)


async def test_nothing_is_sent_before_sip_is_served(node):
    await node.pick_up.restore([left_open()])
    await node.settle()
    assert node.line.requests == [] and node.world.node.requests == []
    assert node.leg("A").state is LegState.UP and len(node.line.node.dialogs) == 2


async def test_many_calls_go_on_a_few_at_a_time_and_none_is_forgotten(node, monkeypatch):
    monkeypatch.setattr(restore_module, "BATCH", 2)
    monkeypatch.setattr(restore_module, "PAUSE_S", 0.01)
    many = []
    for number in range(5):
        kept = state(legs=[leg("A", id=[f"call-{number}", "ours", "phone"])])
        kept["media"]["sessions"] = [session(f"session-{number}", "A")]
        many.append(left_open(kept, id=f"record-{number}", call_id=f"call-{number}"))
    await node.pick_up.restore(many)
    node.pick_up.go_on()
    await node.settle()
    assert len(node.world.journal.answered) == 2
    await asyncio.sleep(0.1)
    await node.settle()
    assert sorted(node.world.journal.answered) == [f"record-{number}" for number in range(5)]


async def test_a_stop_that_comes_before_a_call_went_on_leaves_it_to_the_next_process(node):
    await node.pick_up.restore([left_open()])
    await node.calls.shut_down(0.1)
    assert node.world.journal.ended == []


async def test_a_stop_leaves_the_calls_that_the_next_process_is_to_have_and_ends_the_others(node):
    await going_on(node)
    await node.calls.shut_down(0.5, lambda call: True)
    assert node.world.journal.ended == [] and node.calls.calls == {}
    assert sent_to_phone(node, "BYE") == []
    other = await going_on(Node())
    await other.calls.shut_down(0.5, lambda call: False)
    assert len(other.world.journal.ended) == 1


async def test_a_bye_of_one_phone_is_answered_and_reaches_the_other(node):
    await going_on(node)
    node.line.phone.send_request(request_of_phone("A", "BYE"), TO_NODE, node.line.now())
    await node.a_while()
    (bye,) = sent_to_phone(node, "BYE")
    assert (bye.call_id, bye.cseq.number > 103) == ("call-B", True)
    assert node.line.statuses("BYE") == [200]
    (ended,) = node.world.journal.ended
    assert (ended.hangup_by, ended.hangup_cause, ended.sip_status) == (HangupBy.CALLER, EndReason.NORMAL, 200)
    assert (ended.id, ended.answer_time) == (record().id, NOW - 55)
    assert len(ended.metadata["picked_up"]) == 1
    assert ended.rtp_packets_recv == 50
    assert node.calls.calls == {}


async def test_a_call_counts_against_the_limits(node):
    await going_on(node)
    assert node.calls.refusal(ACCOUNT, ALICE) is failures.USER_LIMIT
    node.line.phone.send_request(request_of_phone("B", "BYE"), TO_NODE, node.line.now())
    await node.a_while()
    assert node.calls.refusal(ACCOUNT, ALICE) is None


async def test_both_phones_are_asked_whether_they_are_there(node):
    await going_on(node)
    await node.a_while()
    assert {request.call_id for request in sent_to_phone(node, "OPTIONS")} == {"call-A", "call-B"}


@pytest.mark.parametrize(("status", "ends"), [(481, True), (200, False), (501, False)])
async def test_a_phone_that_does_not_know_the_dialog_ends_the_call(node, status, ends):
    await going_on(node)
    for event in node.line.requests[:]:
        node.line.answer(event, status)
    await node.a_while()
    assert [each.hangup_cause for each in node.world.journal.ended] == ([EndReason.TIMEOUT] if ends else [])


@pytest.mark.parametrize("held", [True, False])
async def test_silence_ends_a_call_on_hold_alone(held):
    node = Node()
    await going_on(node, state(held_by=["A"] if held else []))
    await asyncio.sleep(64 * 0.02 + 0.3)
    await node.settle()
    assert bool(node.world.journal.ended) is held


async def test_without_its_sessions_a_call_is_hung_up_and_cut_off_at_the_last_sign_of_life(node):
    node.world.node.errors[pb.BridgeMediaRequest] = NO_SUCH_SESSION
    await going_on(node)
    await node.a_while()
    (ended,) = node.world.journal.ended
    assert (ended.hangup_cause, ended.hangup_by, ended.end_time) == (
        EndReason.ERROR,
        HangupBy.SYSTEM,
        NOW - 5,
    )
    assert ended.metadata.pop("srtp").keys() == {"A", "B"}
    assert ended.metadata == {"cut_off": True}
    assert {request.call_id for request in sent_to_phone(node, "BYE")} == {"call-A", "call-B"}


async def test_an_echo_goes_on(node):
    kept = state(legs=[leg("A")], bridge=None)
    kept["media"] |= {"sessions": [session("session-a", "A")], "echoes": True}
    node = Node(actions=[{"type": "echo", "params": {}}])
    await going_on(node, kept)
    assert {(each.session_id, each.peer_session_id) for each in node.world.node.requests} == {
        ("session-a", "session-a")
    }
    assert node.world.node.asked(pb.DestroySessionRequest) == []


async def test_a_route_goes_on_with_the_action_that_ran():
    node = Node(actions=[{"type": "play_audio", "params": {"file": "a.wav"}}, {"type": "echo", "params": {}}])
    kept = state(legs=[leg("A")], bridge=None, position=1)
    kept["media"] |= {"sessions": [session("session-a", "A")]}
    await going_on(node, kept)
    assert node.world.node.asked(pb.PlayAudioRequest) == []
    assert node.world.node.asked(pb.BridgeMediaRequest) != []


@pytest.mark.parametrize(
    "kept",
    [
        {"v": 2},
        state(v=0),
        state(position="first"),
        state(held_by=None),
        state(media={**state()["media"], "counted": {"A": "/w=="}}),
        state(legs=[]),
        state(legs=[leg("A", flow=None), leg("B")]),
        state(legs=[leg("A"), leg("B", target="no uri")]),
        state(media={"node": "rtp-9", "address": "", "sessions": [], "counted": {}}),
        {key: value for key, value in state().items() if key != "media"},
    ],
)
async def test_what_cannot_be_restored_is_cut_off_and_leaves_nothing_behind(node, kept):
    with capture_logs() as lines:
        await going_on(node, kept)
    told = [line for line in lines if line["event"] == "call.not_picked_up"]
    assert told and all(
        line["call_id"] and line["account"] == "acme.test" and line["leg"] == "A" for line in told
    )
    (ended,) = node.world.journal.ended
    assert (ended.hangup_cause, ended.end_time) == (EndReason.ERROR, NOW - 5)
    assert ended.metadata == {"cut_off": True}
    assert node.line.node.dialogs == {} and node.line.node.legs == {} and node.calls.calls == {}


async def test_a_record_that_says_nonsense_about_earlier_times_keeps_no_node_from_starting(node):
    await going_on(node, metadata={"picked_up": True})
    assert len(node.world.journal.ended) == 1 and node.line.node.dialogs == {}


async def test_a_prompt_begins_again():
    node = Node(actions=[{"type": "play_audio", "params": {"file": "a.wav"}}])
    kept = state(legs=[leg("A")], bridge=None)
    kept["media"] |= {"sessions": [session("session-a", "A")]}
    await going_on(node, kept)
    (play,) = node.world.node.asked(pb.PlayAudioRequest)
    assert (play.session_id, play.file) == ("session-a", "a.wav")
    assert node.world.node.requests[0] == pb.StopAudioRequest(session_id="session-a")


async def test_what_earlier_sessions_counted_is_counted_still(node):
    kept = state()
    earlier = pb.SessionStats(packets_received=1000, packets_sent=900)
    kept["media"]["counted"] = {"A": b64encode(earlier.SerializeToString()).decode()}
    await going_on(node, kept)
    assert json.loads(describe(node.call))["media"]["counted"] == kept["media"]["counted"]
    node.line.phone.send_request(request_of_phone("A", "BYE"), TO_NODE, node.line.now())
    await node.a_while()
    (ended,) = node.world.journal.ended
    assert (ended.rtp_packets_recv, ended.rtp_packets_sent) == (1050, 950)


async def test_a_call_of_a_deleted_user_is_cut_off(node):
    node.directory.has_user = False
    await going_on(node)
    assert len(node.world.journal.ended) == 1


async def test_it_goes_on_unless_it_was_away_for_long_or_comes_back_again_and_again():
    assert goes_on(left_open(), now=NOW, max_away_s=10)
    assert not goes_on(left_open(), now=NOW, max_away_s=4)
    assert not goes_on(dataclasses.replace(left_open(), state=""), now=NOW, max_away_s=10)
    twice, often = [NOW - 30, NOW - 20], [NOW - 40, NOW - 30, NOW - 20]
    assert goes_on(left_open(metadata={"picked_up": twice}), now=NOW, max_away_s=10)
    assert not goes_on(left_open(metadata={"picked_up": often}), now=NOW, max_away_s=10)
    long_ago = [NOW - 3000, NOW - 2000, NOW - 1000]
    assert goes_on(left_open(metadata={"picked_up": long_ago}), now=NOW, max_away_s=10)


# --- Phones whose connection is gone ------------------------------------------------------------------------------------


def tcp_state() -> dict[str, Any]:
    flow = ["tcp", list(PHONE), ["192.0.2.10", 5060], 7]
    return state(legs=[leg("A"), leg("B", flow=flow, target="sip:phone@10.0.0.5:5099;transport=tcp")])


def registered(user_id: str, connection: int = 3) -> Binding:
    contact = SipUri.parse("sip:phone@10.0.0.5:5100;transport=tcp")
    return Binding(
        user_id=user_id,
        account_id=ACCOUNT.id,
        aor="sip:bob@acme.test",
        contact=contact,
        contact_text=str(contact),
        flow=Flow("tcp", PHONE, TO_PHONE.local, connection),
        source=PHONE,
        deadline=1e9,
        expires_at=1e9,
        registered_at=0.0,
        call_id="r",
        cseq=1,
    )


async def test_a_phone_that_connects_again_is_reached_over_its_new_connection(node):
    await going_on(node, tcp_state())
    assert [request.call_id for request in sent_to_phone(node, "OPTIONS")] == ["call-A"]
    node.reconnect.binding_changed(BindingEvent.REGISTERED, registered("somebody-else"))
    assert node.leg("B").flow.connection == -1
    node.reconnect.binding_changed(BindingEvent.REGISTERED, registered("bob-id"))
    await node.settle()
    assert node.leg("B").flow.connection == 3
    assert {request.call_id for request in sent_to_phone(node, "OPTIONS")} == {"call-A", "call-B"}


async def test_a_phone_that_was_on_tls_is_not_reached_in_the_clear(node):
    flow = ["tls", list(PHONE), ["192.0.2.10", 5061], 7]
    await going_on(node, state(legs=[leg("A"), leg("B", flow=flow, target="sip:phone@10.0.0.5:5099")]))
    in_the_clear = registered("bob-id")
    node.reconnect.binding_changed(BindingEvent.REGISTERED, in_the_clear)
    assert node.leg("B").flow.connection == -1
    encrypted = dataclasses.replace(in_the_clear, flow=in_the_clear.flow._replace(transport="tls"))
    node.reconnect.binding_changed(BindingEvent.REGISTERED, encrypted)
    assert node.leg("B").flow == encrypted.flow


async def test_a_bye_that_did_not_reach_a_phone_is_sent_when_it_connects_again(node):
    await going_on(node, tcp_state())
    node.line.phone.send_request(request_of_phone("A", "BYE"), TO_NODE, node.line.now())
    await asyncio.sleep(0.05)
    leg_b_flow = Flow("tcp", PHONE, ("192.0.2.10", 5060), -1)
    await node.world.settle()
    node.line.node.on_lost(leg_b_flow)
    node.line.requests.clear()
    node.reconnect.binding_changed(BindingEvent.REGISTERED, registered("bob-id"))
    await node.settle()
    assert [request.call_id for request in sent_to_phone(node, "BYE")] == ["call-B"]


def test_calls_that_do_not_go_on_are_told_with_call_account_and_leg(node):
    with capture_logs() as lines:
        tell_cut_off([left_open().record, left_open(account_id=None).record], node.directory)
    assert [(line["event"], line["account"], line["leg"]) for line in lines] == [
        ("call.cut_off", "acme.test", "A"),
        ("call.cut_off", "", "A"),
    ]


def timed(label: str, *, is_ours: bool, ago_s: float) -> dict[str, Any]:
    """Return what was kept of a leg whose session of 600 s was refreshed a while ago."""
    return leg(label, session=[600, is_ours, True, 90, time.time() - ago_s], takes_update=True)


async def test_a_session_timer_goes_on_and_is_described_again(node):
    kept = state(legs=[timed("A", is_ours=False, ago_s=100), timed("B", is_ours=True, ago_s=100)])
    await going_on(node, kept)
    again = json.loads(describe(node.call))["legs"]
    for before, after in zip(kept["legs"], again, strict=True):
        assert after["session"][:4] == before["session"][:4]
        assert after["session"][4] == pytest.approx(before["session"][4], abs=0.5)
        assert after["takes_update"]
    assert [each.described for each in (node.leg("A"), node.leg("B"))] == ["ours", "ours"]
    assert "UPDATE" not in node.line.methods()


async def test_a_refresh_that_nobody_was_there_for_is_made_up_for(node, monkeypatch):
    monkeypatch.setattr(resumed_module, "CATCH_UP_S", 0.0)
    kept = state(legs=[timed("A", is_ours=False, ago_s=590), timed("B", is_ours=True, ago_s=400)])
    await going_on(node, kept)
    assert node.line.methods().count("UPDATE") == 2
    assert (node.leg("A").state, node.leg("B").state) == (LegState.UP, LegState.UP)


async def test_a_timer_that_cannot_be_read_ends_the_call_and_leaves_no_leg(node):
    await going_on(node, state(legs=[leg("A", session=["soon"]), leg("B")]))
    assert not node.line.node.legs
    assert not node.line.node.dialogs
