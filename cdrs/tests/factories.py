# SPDX-License-Identifier: Apache-2.0
"""Calls as rows, for tests of pages."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from cdrs.models import CDR

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def make_call(using: str = "default", **values: Any) -> CDR:
    """Store a call from Alice to Bob that she gave up."""
    defaults = {
        "call_id": uuid.uuid4().hex,
        "caller_number": "1001",
        "caller_name": "Alice",
        "callee_number": "1002",
        "callee_name": "Bob",
        "invite_time": NOON,
        "disposition": "CANCELED",
        "hangup_cause": "canceled",
        "hangup_by": "caller",
        **values,
    }
    return CDR.objects.using(using).create(
        **{"end_time": defaults["invite_time"] + timedelta(seconds=67), **defaults}
    )


def make_answered(using: str = "default", **values: Any) -> CDR:
    """Store a call that was answered after 4.2 s and lasted 63 s."""
    started = values.get("invite_time", NOON)
    answered = {
        "ring_time": started + timedelta(seconds=1),
        "answer_time": started + timedelta(seconds=4.2),
        "duration_seconds": 63,
        "disposition": "ANSWERED",
        "hangup_cause": "normal",
        "mos_score": 4.31,
    }
    return make_call(using, **{**answered, **values})
