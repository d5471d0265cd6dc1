# SPDX-License-Identifier: Apache-2.0
"""A live API without a SIP process: a mirror filled by the test, and a link that remembers the commands it is given.

Each account has a row of every kind with its mark in it, so that a leak shows in any answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from accounts.tests.people import People
from signaling.api.runtime import Runtime
from signaling.live.commands import CommandRefused
from signaling.live.mirror import Mirror
from signaling.live.tables import CALLS, DIALOGS, REGISTRATIONS, RTPMANAGERS, SESSIONS, VERSION, Kind
from switchboard.events.catalogue import values_of
from switchboard.events.tests.samples import sample
from switchboard.tests.world import MARKS

T = TypeVar("T")

NOW = 1_700_000_000.0


@dataclass
class FakeLink:
    """Answers commands as the test wishes."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, CommandRefused] = field(default_factory=dict)
    given: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def call(self, name: str, wait_s: float = 5.0, **arguments: Any) -> dict[str, Any]:
        self.given.append((name, arguments))
        if name in self.refusals:
            raise self.refusals[name]
        return dict(self.answers.get(name, {}))


class DirectRuntime(Runtime):
    """A runtime whose commands are answered at once, in the thread that asks."""

    def wait_for(self, answer: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(answer)


@dataclass
class LiveWorld:
    """What the views work with."""

    mirror: Mirror = field(default_factory=Mirror)
    link: FakeLink = field(default_factory=FakeLink)

    def __post_init__(self) -> None:
        self.runtime = DirectRuntime(mirror=self.mirror, link=self.link, loop=None)  # type: ignore[arg-type]
        self.link.answers = {
            "originate": {"call_uuid": "uuid-new", "call_id": "new@node", "state": "dialing", "phones": 1}
            | {"account": "alpha.example", "user": "1001", "number": "1002"},
            "drain": {"message": "m", "node_id": "rtp-1", "mode": "graceful", "total_sessions": 0},
            "cancel_drain": {"message": "m", "node_id": "rtp-1"},
            "drain_status": {"node_id": "rtp-1", "state": "active", "mode": None, "total_sessions": 0}
            | {"waiting_playback": 0, "migrated_count": 0, "failed_count": 0, "ended_count": 0}
            | {"remaining_sessions": 0, "errors": [], "started_at": None, "elapsed_seconds": 0.0},
        }

    def connect(self, **status: Any) -> None:
        """Let the mirror have a complete, empty picture."""
        self.mirror.apply((Kind.HELLO, VERSION, {"node_id": "sip-1", "boot_id": "boot"}))
        self.mirror.apply(
            (Kind.STATUS, {"uptime_seconds": 5.0, "total_calls": 9, "total_sessions": 18, **status})
        )
        self.mirror.apply((Kind.READY,))

    def fill(self, people: People) -> None:
        """Give each account a call with two legs, two sessions and a phone."""
        for name, account in (("alpha", people.alpha), ("beta", people.beta)):
            self.add_call(str(account.pk), account.domain, MARKS[name])
            row = registration(str(account.pk), account.domain, MARKS[name])
            self.mirror.apply((Kind.ROWS, REGISTRATIONS.name, [row]))
        rtp = ("127.0.0.1:9090", "rtp-1", True, "active", 4, 96)
        self.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [rtp]))

    def add_call(self, tenant_id: str, domain: str, mark: str, **fields: Any) -> None:
        """Add a call with everything that belongs to it."""
        self.mirror.apply((Kind.ROWS, CALLS.name, [call(tenant_id, domain, mark, **fields)]))
        for leg, peer in (("A", "inbound"), ("B", "outbound")):
            self.mirror.apply((Kind.ROWS, DIALOGS.name, [dialog(tenant_id, mark, leg, peer)]))
            self.mirror.apply((Kind.ROWS, SESSIONS.name, [session(tenant_id, mark, leg)]))

    def publish(self, event_type: str = "call.received", **given: Any) -> str:
        """Let an event come, and return its id."""
        event = sample(event_type, **given)
        self.mirror.apply((Kind.EVENT, event_type, list(values_of(event))))
        return event.event_id


def call(tenant_id: str, domain: str, mark: str, **fields: Any) -> tuple[Any, ...]:
    values = {
        "call_uuid": f"uuid-{mark}",
        "tenant_id": tenant_id,
        "call_id": f"{mark}@phone",
        "account": domain,
        "state": "bridged",
        "held_by": [],
        "origin": "phone",
        "caller_number": "1001",
        "caller_name": mark,
        "caller_user_id": "user-1",
        "caller_ip": "192.0.2.1",
        "callee_number": "1002",
        "callee_name": mark,
        "callee_user_id": None,
        "started_at": NOW,
        "ringing_at": NOW + 1,
        "answered_at": NOW + 2,
        "codec": "PCMU",
        "recording": "off",
        "rtp_manager": "rtp-1",
        "node_id": "sip-1",
        "route_id": "r1",
        "bridge_id": "bridge",
        **fields,
    }
    return tuple(values[name] for name in CALLS.fields)


def dialog(tenant_id: str, mark: str, leg: str, direction: str) -> tuple[Any, ...]:
    call_id = f"{mark}@phone" if leg == "A" else f"{mark}@node"
    uri = f"sip:{mark}@example"
    return (
        f"{mark}{leg}",
        tenant_id,
        f"uuid-{mark}",
        call_id,
        "local",
        "remote",
        "Confirmed",
        direction,
        leg,
        uri,
        uri,
        "192.0.2.1",
        5060,
        "udp",
        f"{mark}-{leg}",
        NOW,
    )


def session(tenant_id: str, mark: str, leg: str) -> tuple[Any, ...]:
    return (
        f"{mark}-{leg}",
        tenant_id,
        f"uuid-{mark}",
        f"{mark}@phone",
        leg,
        "192.0.2.10",
        10000,
        "192.0.2.1",
        4000,
        "PCMU",
        "AES_CM_128_HMAC_SHA1_80",
        "bridged",
        "rtp-1",
        NOW,
    )


def registration(tenant_id: str, domain: str, mark: str, expires_at: float = NOW + 4e9) -> tuple[Any, ...]:
    aor, contact = f"sip:{mark}@{domain}", f"sip:{mark}@192.0.2.1"
    key = f"{aor}\n{contact}"
    return (key, tenant_id, aor, contact, "user-1", mark, "192.0.2.1", 5060, "udp", 1.0, NOW, expires_at)
