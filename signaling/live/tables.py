# SPDX-License-Identifier: Apache-2.0
"""The tables of the live state: names and order of their fields, as they travel and as REST shows them.

Both ends of the feed read this one definition. Times travel as seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = 3
"""Of the feed; both ends come from one installation, so another version means that one of them is stale."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One kind of thing that is alive."""

    name: str
    fields: tuple[str, ...]
    """The first one is the key."""
    times: frozenset[str] = frozenset()
    """Fields that are times; shown as RFC 3339."""
    moment: str = ""
    """The time from which, or to which, seconds are counted when a row is shown."""
    hidden: frozenset[str] = frozenset()
    """Fields that mean nothing outside."""
    private: frozenset[str] = frozenset()
    """Fields that not everybody is told who sees the row."""


CALLS: Final = Table(
    name="calls",
    fields=(
        "call_uuid",
        "tenant_id",
        "call_id",
        "account",
        "state",
        "held_by",
        "origin",
        "caller_number",
        "caller_name",
        "caller_user_id",
        "caller_ip",
        "callee_number",
        "callee_name",
        "callee_user_id",
        "started_at",
        "ringing_at",
        "answered_at",
        "codec",
        "recording",
        "rtp_manager",
        "node_id",
        "route_id",
        "bridge_id",
    ),
    times=frozenset({"started_at", "ringing_at", "answered_at"}),
    moment="answered_at",
    private=frozenset({"recording"}),
)
DIALOGS: Final = Table(
    name="dialogs",
    fields=(
        "key",
        "tenant_id",
        "call_uuid",
        "call_id",
        "local_tag",
        "remote_tag",
        "state",
        "direction",
        "leg",
        "from_uri",
        "to_uri",
        "remote_addr",
        "remote_port",
        "transport",
        "session_id",
        "created_at",
    ),
    times=frozenset({"created_at"}),
    moment="created_at",
    hidden=frozenset({"key"}),
)
SESSIONS: Final = Table(
    name="sessions",
    fields=(
        "session_id",
        "tenant_id",
        "call_uuid",
        "call_id",
        "leg",
        "local_addr",
        "local_port",
        "remote_addr",
        "remote_port",
        "codec",
        "srtp",
        "state",
        "rtp_manager",
        "created_at",
    ),
    times=frozenset({"created_at"}),
    moment="created_at",
)
REGISTRATIONS: Final = Table(
    name="registrations",
    fields=(
        "key",
        "tenant_id",
        "aor",
        "contact",
        "user_id",
        "user_agent",
        "source_ip",
        "source_port",
        "transport",
        "q",
        "registered_at",
        "expires_at",
    ),
    times=frozenset({"registered_at", "expires_at"}),
    moment="expires_at",
    hidden=frozenset({"key"}),
)
RTPMANAGERS: Final = Table(
    name="rtpmanagers",
    fields=(
        "address",
        "node_id",
        "healthy",
        "drain_state",
        "active_sessions",
        "available_ports",
    ),
)
TABLES: Final = {table.name: table for table in (CALLS, DIALOGS, SESSIONS, REGISTRATIONS, RTPMANAGERS)}


class Kind:
    """What a message of the feed is: its first element."""

    HELLO = 0
    """version, about (dict): opens the feed; what was known before is void once READY comes."""
    ROWS = 1
    """table, rows: new or changed."""
    GONE = 2
    """table, keys: no more there."""
    EVENT = 3
    """event type, values in the order of `switchboard.events.catalogue.FIELDS`."""
    READY = 4
    """Everything that is has been told."""
    STATUS = 5
    """status (dict): once a second."""
    ANSWER = 6
    """command id, whether it succeeded, result (dict)."""
    AGAIN = 7
    """A new picture follows and takes the place of what is known once READY comes."""


SLEEP: Final = "sleep"
"""Command to the feed itself: tell this reader no more but the status and the RTP managers."""
WAKE: Final = "wake"
"""Command to the feed itself: tell this reader everything again; answered when that is done."""
