# SPDX-License-Identifier: Apache-2.0
"""Under which subject an event is published: ``switchboard.calls.{call_id}.answered``.

Invariant: whatever a phone puts into a Call-ID, the subject has exactly four tokens and no wildcard.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from switchboard.events.catalogue import BanEvent, Event, RegistrationEvent, RtpManagerEvent, SessionEvent

MAX_TOKEN_CHARS = 255
"""NATS bounds a whole protocol line; a longer token is cut and made unique by a digest."""

_SAFE = "@:+-_~!$&'()=,;"


def subject_of(event: Event) -> str:
    """Return the subject of an event."""
    kind = event.event_type.partition(".")[2]
    if isinstance(event, RegistrationEvent):
        return f"switchboard.registrations.{token(event.aor)}.{kind}"
    if isinstance(event, SessionEvent):
        return f"switchboard.sessions.{token(event.session_id)}.{kind}"
    if isinstance(event, RtpManagerEvent):
        return f"switchboard.rtpmanagers.{token(event.rtp_manager)}.{kind}"
    if isinstance(event, BanEvent):
        return f"switchboard.bans.{token(event.source)}.{kind}"
    return f"switchboard.calls.{token(event.sip_call_id or '')}.{kind}"


def token(text: str) -> str:
    """Return ``text`` as one token of a subject: percent-encoded where NATS forbids or reserves a character."""
    escaped = quote(text, safe=_SAFE).replace(".", "%2E")
    if len(escaped) > MAX_TOKEN_CHARS:
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        escaped = f"{escaped[: MAX_TOKEN_CHARS - 33].rstrip('%')}~{digest}"
    return escaped or "%00"
