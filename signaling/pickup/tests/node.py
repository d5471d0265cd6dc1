# SPDX-License-Identifier: Apache-2.0
"""A node that has calls of an earlier process to go on with: real calls, legs and dialogs, scripted media."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from cdrs.record import CallRecord
from cdrs.recovery import OpenCall
from dialplan.engine import Dialplan, compile_routes, parse_route
from signaling.calls.call import Call
from signaling.calls.manager import CallCaps, CallManager
from signaling.calls.ports import CallServices
from signaling.calls.tests.world import ACCOUNT, ALICE, World
from signaling.configuration import AccountInfo, UserInfo
from signaling.legs.resumed import ResumedLeg
from signaling.legs.tests.line import NODE, PHONE, Line
from signaling.pickup.reconnect import Reconnect
from signaling.pickup.restore import PickUp, Surroundings

NOW = 1_700_000_000.0


def leg(label: str, **fields: Any) -> dict[str, Any]:
    """Return what was kept of the leg of a phone on a `Line`."""
    return {
        "direction": "inbound" if label == "A" else "outbound",
        "id": [f"call-{label}", f"ours-{label}", "phone"],
        "local": f"<sip:us@acme.test>;tag=ours-{label}",
        "remote": '"Phone" <sip:phone@acme.test>;tag=phone',
        "contact": f"<sip:{NODE[0]}:{NODE[1]}>",
        "target": f"sip:{PHONE[0]}:{PHONE[1]}",
        "routes": [],
        "cseq": [3, 8],
        "flow": ["udp", list(PHONE), list(NODE), 0],
        "trusted": [PHONE[0]],
        "behind_node": "",
        "created_at": NOW - 60,
        **fields,
    }


def session(session_id: str, label: str) -> list[Any]:
    """Return what was kept of a media session."""
    local = ["192.0.2.10", 10000]
    return [
        session_id,
        label,
        NOW - 60,
        local,
        ["192.0.2.20", 4000],
        "PCMA",
        "bridged",
        False,
        ["ours", "theirs"],
        "AES_CM_128_HMAC_SHA1_80",
    ]


def state(**fields: Any) -> dict[str, Any]:
    """Return what was kept of a call of two parties."""
    return {
        "v": 1,
        "position": 0,
        "origin": "phone",
        "hops": 69,
        "destination": "1002",
        "bridge": "bridge-1",
        "held_by": [],
        "legs": [leg("A"), leg("B")],
        "media": {
            "node": "rtp-1",
            "address": "127.0.0.1:9090",
            "codec": "PCMA",
            "echoes": False,
            "encryption": 1,
            "sessions": [session("session-a", "A"), session("session-b", "B")],
            "counted": {},
        },
        **fields,
    }


def record(**fields: Any) -> CallRecord:
    """Return the record of an answered call that began a minute ago."""
    values: dict[str, Any] = {
        "id": "018bcfe5-6800-7000-8000-000000000001",
        "call_id": "call-A",
        "invite_time": NOW - 60,
        "answer_time": NOW - 55,
        "account_id": ACCOUNT.id,
        "caller_user_id": ALICE.id,
        "caller_number": "1001",
        "callee_number": "1002",
        "callee_user_id": "bob-id",
        "caller_ip": PHONE[0],
        "route_id": "r1",
        "rtp_manager": "rtp-1",
    }
    return CallRecord(**{**values, **fields})


def left_open(kept: dict[str, Any] | None = None, **fields: Any) -> OpenCall:
    """Return a call that an earlier process left open five seconds ago."""
    return OpenCall(record(**fields), json.dumps(state() if kept is None else kept), NOW - 5)


class OneAccount:
    """A directory with one account, one user and one route."""

    def __init__(self, actions: list[dict[str, Any]]) -> None:
        route = parse_route({"id": "r1", "name": "r1", "pattern": "*", "actions": actions})
        self._dialplan = compile_routes([route])
        self.has_user = True

    def account(self, account_id: str) -> AccountInfo | None:
        return ACCOUNT if account_id == ACCOUNT.id else None

    def user_by_id(self, user_id: str) -> UserInfo | None:
        return ALICE if user_id == ALICE.id and self.has_user else None

    def dialplan(self, account_id: str) -> Dialplan:
        return self._dialplan


class OneNode:
    """A pool with the RTP manager of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.pick = world.pick

    def find(self, name: str) -> Any:
        return self._world.node if name == self._world.node.node_id else None


@dataclass
class Node:
    """Everything around `PickUp`."""

    actions: list[dict[str, Any]] = field(
        default_factory=lambda: [{"type": "dial", "params": {"target": "user/1002", "timeout": 5}}]
    )
    world: World = field(default_factory=World)
    line: Line = field(default_factory=lambda: Line(t1=0.02))

    def __post_init__(self) -> None:
        self.world.node.address = "127.0.0.1:9090"  # type: ignore[attr-defined]
        self.services: CallServices = self.world.services()
        self.calls = CallManager(self.services, CallCaps(node=10, per_user=1))
        self.directory = OneAccount(self.actions)
        self.reconnect = Reconnect()
        around: Any = {
            "node": self.line.node,
            "services": self.services,
            "calls": self.calls,
            "directory": self.directory,
            "pool": OneNode(self.world),
            "reauthenticate": lambda event, user: None,
            "reconnect": self.reconnect,
        }
        self.pick_up = PickUp(Surroundings(**around))

    @property
    def call(self) -> Call:
        """The one call."""
        (call,) = self.calls.calls.values()
        return call

    def leg(self, label: str) -> Any:
        """Return one of its legs."""
        legs = {leg.label: leg for leg in self.line.node.legs if isinstance(leg, ResumedLeg)}
        return legs[label]

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(3):
            await self.world.settle()
            await self.line.settle()

    async def a_while(self) -> None:
        """Let pass the short waits of a call, such as that for its media counters."""
        await self.settle()
        await asyncio.sleep(0.05)
        await self.settle()
