# SPDX-License-Identifier: Apache-2.0
"""One event of every kind in the catalogue."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from switchboard.events import CATALOGUE, Event, EventBus

OWN: dict[str, Any] = {
    "origin": "phone",
    "hangup_by": "caller",
    "disposition": "ANSWERED",
    "reason": "normal",
    "transport": "udp",
    "aor": "sip:1001@acme.test",
    "state": "complete",
}
BY_TYPE: dict[str, Any] = {
    "str": "text",
    "bool": True,
    "int": 7,
    "Count": 7,
    "Seconds": 1.5,
    "Time": 1_700_000_000.25,
}


def sample(event_type: str, **given: Any) -> Event:
    """Return an event with a value in every field; ``given`` replaces some."""
    cls = CATALOGUE[event_type]
    values: dict[str, Any] = {"tenant_id": "account", "sip_call_id": "call-1", **EventBus("sip-1").stamp()}
    for field in fields(cls):
        kind = str(field.type).removesuffix(" | None")
        if field.name not in values and (field.name in OWN or kind in BY_TYPE):
            values[field.name] = OWN.get(field.name, BY_TYPE.get(kind))
    return cls(**{**values, **given})
