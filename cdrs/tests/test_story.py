# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdrs.models import CDR, Disposition, HangupBy
from cdrs.record import EndReason
from cdrs.story import clock, tell

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ANSWERED = {"answer_time": NOON + timedelta(seconds=4.2), "duration_seconds": 63.4, "disposition": "ANSWERED"}
RANG = {"ring_time": NOON, "ring_duration_seconds": 30.04}


def call(**values: Any) -> CDR:
    defaults = {
        "caller_name": "Alice",
        "caller_number": "1001",
        "callee_name": "Bob",
        "callee_number": "1002",
    }
    return CDR(**{**defaults, "invite_time": NOON, "end_time": NOON, **values})


@pytest.mark.parametrize(
    ("values", "ending"),
    [
        ({**ANSWERED, "hangup_by": "caller"}, "answered after 4.2 s, talked 1:03, Alice hung up"),
        ({**ANSWERED, "hangup_by": "callee"}, "answered after 4.2 s, talked 1:03, Bob hung up"),
        (
            {**ANSWERED, "hangup_by": "system", "hangup_cause": "media_error"},
            "answered after 4.2 s, talked 1:03, ended because no audio came any more",
        ),
        (
            {**ANSWERED, "hangup_by": "system", "metadata": {"cut_off": True}},
            "answered after 4.2 s, talked 1:03, cut off when the server failed",
        ),
        (
            {**ANSWERED, "hangup_by": "system", "hangup_cause": "normal", "metadata": {"ended_by": "bob"}},
            "answered after 4.2 s, talked 1:03, hung up by bob",
        ),
        (
            {**RANG, "disposition": "CANCELED", "hangup_by": "system", "metadata": {"ended_by": "bob"}},
            "it rang for 30.0 s, hung up by bob",
        ),
        (
            {
                **ANSWERED,
                "hangup_by": "system",
                "hangup_cause": "timeout",
                "metadata": {"peer_gone": {"leg": "B", "why": "not_refreshed"}},
            },
            "answered after 4.2 s, talked 1:03, ended because the phone of Bob was gone",
        ),
        ({**RANG, "disposition": "NO_ANSWER"}, "it rang for 30.0 s, Bob did not answer"),
        ({**RANG, "disposition": "CANCELED"}, "it rang for 30.0 s, Alice gave up"),
        ({"disposition": "BUSY"}, "Bob was busy"),
        ({"disposition": "FAILED", "hangup_cause": "rejected", "hangup_by": "callee"}, "Bob declined"),
        (
            {"disposition": "FAILED", "hangup_cause": "unavailable", "sip_status": 480},
            "Bob could not be reached (SIP 480)",
        ),
        (
            {"disposition": "FAILED", "hangup_cause": "unavailable", "sip_status": 404},
            "the number is not known (SIP 404)",
        ),
        ({"disposition": "FAILED", "hangup_cause": "error"}, "the call failed"),
    ],
)
def test_it_tells_the_call(values: dict[str, Any], ending: str) -> None:
    assert tell(call(**values)) == f"Alice 1001 called Bob 1002, {ending}"


def test_it_manages_without_names() -> None:
    nameless = call(caller_name="", callee_name="1002", disposition="CANCELED")
    assert tell(nameless) == "1001 called 1002, 1001 gave up"
    assert tell(call(caller_name="", caller_number="", disposition="BUSY")).startswith(
        "an unknown party called"
    )


@pytest.mark.parametrize("disposition", Disposition.values)
@pytest.mark.parametrize("cause", [*EndReason, "of a later version"])
@pytest.mark.parametrize("by", HangupBy.values)
def test_it_has_words_for_every_combination(disposition: str, cause: str, by: str) -> None:
    for times in ({}, ANSWERED):
        told = tell(call(**{**times, "disposition": disposition, "hangup_cause": cause, "hangup_by": by}))
        assert "{" not in told and "_" not in told and not told.endswith(", ")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01")]
)
def test_it_writes_durations_as_a_clock_does(seconds: float, text: str) -> None:
    assert clock(seconds) == text
