# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdrs.explanation import CUT_OFF, explain
from cdrs.models import CDR
from cdrs.timeline import LEAST_PERCENT, bar, events, length, parts, widths

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def call(**values: Any) -> CDR:
    defaults = {"caller_number": "1001", "callee_number": "1002", "invite_time": NOON, "end_time": after(67)}
    return CDR(
        **{**defaults, "disposition": "FAILED", "hangup_cause": "error", "hangup_by": "system", **values}
    )


def answered(**values: Any) -> CDR:
    times = {
        "ring_time": after(1),
        "answer_time": after(4.2),
        "disposition": "ANSWERED",
        "hangup_cause": "normal",
    }
    return call(**{**times, "hangup_by": "caller", **values})


def test_an_answered_call_has_four_events_with_their_offsets() -> None:
    told = [
        (event.name, event.offset, event.note)
        for event in events(answered(codec="PCMA", caller_ip="192.0.2.7"))
    ]
    assert told == [
        ("Received", "+0.0 s", "from 192.0.2.7"),
        ("Ringing", "+1.0 s", "on 1002"),
        ("Answered", "+4.2 s", "PCMA"),
        ("Ended", "+1:07", "1001 hung up"),
    ]


@pytest.mark.parametrize(
    ("noted", "shown"),
    [
        ({"A": {"suite": "S80"}}, "PCMA, SRTP caller (S80)"),
        (
            {"B": {"suite": "S32", "replayed": 1}, "A": {"suite": "S80"}},
            "PCMA, SRTP caller (S80), SRTP called (S32)",
        ),
        ("nonsense", "PCMA"),
        ({"A": "nonsense"}, "PCMA"),
    ],
)
def test_an_encrypted_call_tells_how(noted: object, shown: str) -> None:
    (note,) = [
        e.note for e in events(answered(codec="PCMA", metadata={"srtp": noted})) if e.name == "Answered"
    ]
    assert note == shown


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (answered(), [("wait", 1.0), ("ring", 3.2), ("talk", 62.8)]),
        (answered(ring_time=None), [("wait", 4.2), ("talk", 62.8)]),
        (call(ring_time=after(2)), [("wait", 2.0), ("ring", 65.0)]),
        (call(), [("wait", 67.0)]),
        (call(end_time=NOON), []),
    ],
)
def test_a_call_has_the_parts_that_took_time(made: CDR, expected: list[tuple[str, float]]) -> None:
    assert [(part.kind, part.seconds) for part in parts(made)] == expected


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=3))
def test_the_parts_fill_the_bar_and_none_is_too_narrow_to_be_seen(seconds: list[float]) -> None:
    shown = widths(seconds)
    assert sum(shown) == pytest.approx(100) and min(shown) >= LEAST_PERCENT * 0.95


def test_parts_are_as_wide_as_they_are_long() -> None:
    assert widths([10, 30, 60]) == pytest.approx([10, 30, 60])


def test_the_bar_is_told_to_those_who_do_not_see_it() -> None:
    assert 'aria-label="Setting up 1.0 s, Ringing 3.2 s, Talking 1:03"' in bar(parts(answered()))
    assert "No time passed" in bar([])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (59.94, "59.9 s"), (60, "1:00"), (3661, "1:01:01")]
)
def test_a_length_is_told_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert length(seconds) == text


@pytest.mark.parametrize(
    "made",
    [
        answered(),
        call(disposition="CANCELED", hangup_cause="canceled"),
        call(disposition="NO_ANSWER", hangup_cause="no_answer", sip_status=480),
        call(hangup_cause="rejected", hangup_by="callee", sip_status=603),
    ],
)
def test_a_call_that_went_as_calls_go_is_not_explained(made: CDR) -> None:
    assert explain(made) is None


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (call(hangup_cause="unavailable", sip_status=404), "No route"),
        (call(hangup_cause="unavailable", sip_status=480), "No phone"),
        (call(hangup_cause="unavailable", sip_status=503), "limit of calls"),
        (call(hangup_cause="unavailable", sip_status=410), "could not be reached"),
        (call(hangup_cause="media_error", sip_status=488), "no codec in common"),
        (call(hangup_cause="unavailable", sip_status=408), "did not answer at all"),
        (call(hangup_cause="timeout", disposition="NO_ANSWER", sip_status=480), "MAX_RINGING_S"),
        (call(hangup_cause="timeout", disposition="NO_ANSWER", sip_status=408), "did not answer at all"),
        (call(hangup_cause="busy", disposition="BUSY", sip_status=486), "busy"),
        (answered(hangup_cause="media_error", hangup_by="system"), "No audio came"),
        (answered(hangup_cause="timeout", hangup_by="system"), "longest time"),
        (call(), "error"),
    ],
)
def test_a_call_that_went_wrong_is_explained(made: CDR, words: str) -> None:
    explanation = explain(made)
    assert explanation is not None and words in explanation.what


def test_a_call_that_a_crash_cut_off_is_explained_by_the_crash() -> None:
    assert explain(answered(hangup_cause="error", metadata={"cut_off": True})) is CUT_OFF


def test_a_call_that_a_later_process_went_on_with_says_when() -> None:
    noon = NOON.timestamp()
    told = [
        (event.name, event.offset)
        for event in events(answered(metadata={"picked_up": [noon + 10, noon + 20.5]}))
    ]
    assert told[3:] == [("Picked up", "+10.0 s"), ("Picked up", "+20.5 s"), ("Ended", "+1:07")]


@pytest.mark.parametrize("metadata", [{"picked_up": True}, {"picked_up": ["soon", None, 0, 1e99]}])
def test_metadata_of_another_form_are_no_events(metadata: Any) -> None:
    assert len(events(answered(metadata=metadata))) == 4


@pytest.mark.parametrize(("leg", "party"), [("A", "caller"), ("B", "called user")])
@pytest.mark.parametrize("why", ["not_refreshed", "no_answer", "unknown_call", "not_confirmed"])
def test_a_phone_that_was_gone_is_named(leg: str, party: str, why: str) -> None:
    explanation = explain(answered(hangup_cause="timeout", metadata={"peer_gone": {"leg": leg, "why": why}}))
    assert explanation is not None
    assert explanation.what.startswith(f"The phone of the {party} ")


@pytest.mark.parametrize("noted", ["A", {}, {"leg": "A", "why": "moonshine"}, {"leg": "A", "why": ["x"]}])
def test_a_note_that_is_not_understood_explains_nothing(noted: object) -> None:
    explanation = explain(answered(hangup_cause="timeout", metadata={"peer_gone": noted}))
    assert explanation is not None
    assert "MAX_CALL_S" in explanation.what
