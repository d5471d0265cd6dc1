# SPDX-License-Identifier: Apache-2.0
"""A node for calls to run in: legs that record what they are sent, media that answers at once, a journal in a list."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdrs.record import CallRecord
from dialplan.engine import SipTarget, UserTarget, compile_routes, parse_route
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.call import Call
from signaling.calls.events import LegEvent
from signaling.calls.failures import CallFailure
from signaling.calls.leg import LegCallback
from signaling.calls.media import CallMedia
from signaling.calls.originate import OriginatedCall
from signaling.calls.ports import CallLimits, CallRequest, CallServices, Destination
from signaling.calls.sessions import SessionBook
from signaling.calls.targets import TargetFailed
from signaling.calls.verbs import VERBS
from signaling.changes import Changes
from signaling.configuration import AccountInfo, UserInfo
from signaling.mediapool import MediaError, NodeLost, NoMediaNode
from signaling.metering.calls import CallMeter
from switchboard.events import EventBus

ACCOUNT = AccountInfo(
    id="account", name="Acme", domain="acme.test", realm="acme.test", enabled=True, max_concurrent_calls=0
)
ALICE = UserInfo("alice-id", "account", "alice", "1001", "Alice", True, "", "", None)
BOB = UserInfo("bob-id", "account", "bob", "1002", "Bob", True, "", "", None)


class RecordedLeg:
    """A leg whose party is the test."""

    def __init__(self, label: str, on_event: LegCallback | None = None) -> None:
        self.label = label
        self.remote_ip = "192.0.2.1"
        self.sent: list[LegEvent] = []
        self.call: Any = None
        self.session_id = ""
        self.confirmed = False
        self.on_event = on_event

    def send(self, event: LegEvent) -> None:
        self.sent.append(event)

    def confirm_hang_up(self) -> None:
        self.confirmed = True

    def release(self) -> None:
        self.released = True

    def reports(self, event: LegEvent) -> None:
        assert self.on_event is not None
        self.on_event(self, event)

    def got(self, kind: type) -> list[LegEvent]:
        return [event for event in self.sent if isinstance(event, kind)]


class ScriptedNode:
    """An RTP manager that answers every request at once; `errors` names request types that it refuses."""

    def __init__(self, node_id: str = "rtp-1") -> None:
        self.node_id = node_id
        self.is_up = True
        self.requests: list[object] = []
        self.errors: dict[type, MediaError] = {}
        self.subscribers: dict[str, object] = {}
        self.offers_hold = False
        self.stats = pb.SessionStats(packets_received=50, packets_sent=50)
        self._ports = itertools.count(10000, 2)

    def subscribe(self, session_id: str, callback: object) -> None:
        self.subscribers[session_id] = callback

    def unsubscribe(self, session_id: str) -> None:
        self.subscribers.pop(session_id, None)

    async def open(self, *requests: object) -> list[object]:
        return await self.execute(*requests)

    def execute(self, *requests: object, **_options: object) -> asyncio.Future[list[object]]:
        self.requests += requests
        future = asyncio.get_running_loop().create_future()
        future.set_result([self._reply(request) for request in requests])
        return future

    def _reply(self, request: object) -> object:
        if type(request) in self.errors:
            return self.errors[type(request)]
        if isinstance(request, pb.CreateSessionRequest) and request.HasField("continues"):
            sdp = f"{self.node_id} goes on after: {request.continues.local_sdp}"
            return pb.CreateSessionReply(session_id=request.session_id, local_sdp=sdp, codec="PCMA")
        if isinstance(request, pb.CreateSessionRequest):
            sdp = "" if request.remote_sdp else f"offer of {request.leg}"
            return pb.CreateSessionReply(session_id=request.session_id, local_sdp=sdp, codec="PCMU")
        if isinstance(request, pb.CreateAnswerRequest):
            return pb.CreateAnswerReply(local_sdp="our answer", codec="PCMU")
        if isinstance(request, pb.CreateOfferRequest):
            return pb.CreateOfferReply(local_sdp="our offer")
        if isinstance(request, pb.UpdateSessionRemoteRequest):
            return pb.UpdateSessionRemoteReply(codec="PCMA", on_hold=self.offers_hold)
        if isinstance(request, pb.BridgeMediaRequest):
            return pb.BridgeMediaReply()
        if isinstance(request, pb.DestroySessionRequest):
            return pb.DestroySessionReply(stats=self.stats)
        if isinstance(request, pb.StopRecordingRequest):
            return pb.StopRecordingReply(duration_ms=1500, bytes=48_044)
        return object()

    def lose(self) -> None:
        """Be gone with all sessions."""
        self.is_up = False
        lost, self.subscribers = self.subscribers, {}
        for session_id, callback in lost.items():
            callback(NodeLost(session_id, "gone"))  # type: ignore[operator]

    def asked(self, kind: type) -> list[object]:
        return [request for request in self.requests if isinstance(request, kind)]


class ListJournal:
    """Keeps what it is told; `on_disk` is what it says of the last record."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.answered: list[str] = []
        self.ended: list[CallRecord] = []
        self.on_disk = True
        self.delay_s = 0.0

    def call_started(self, record: CallRecord) -> None:
        self.started.append(record.id)

    def call_answered(self, record: CallRecord) -> None:
        self.answered.append(record.id)

    async def call_ended(self, record: CallRecord) -> bool:
        await asyncio.sleep(self.delay_s)
        self.ended.append(record)
        return self.on_disk


@dataclass
class World:
    """One call and everything around it."""

    node: ScriptedNode = field(default_factory=ScriptedNode)
    other_nodes: list[ScriptedNode] = field(default_factory=list)
    journal: ListJournal = field(default_factory=ListJournal)
    phones: int = 1
    target_failure: CallFailure | None = None
    target_user: UserInfo | None = None
    max_ringing_s: float = 60.0
    max_call_s: float = 60.0
    media_recovery_s: float = 0.3
    legs: list[RecordedLeg] = field(default_factory=list)
    own_phones: list[RecordedLeg] = field(default_factory=list)
    """Legs to phones of the caller, in a call that the API asked for."""
    bus: EventBus = field(default_factory=lambda: EventBus("sip-1"))
    changes: Changes = field(default_factory=Changes)
    counter: CallMeter = field(default_factory=CallMeter)
    random_bytes: Callable[[int], bytes] = lambda count: bytes(range(count))
    wall: Callable[[], float] = field(default_factory=lambda: itertools.count(1_700_000_000.0, 1.0).__next__)

    async def resolve(self, target: UserTarget | SipTarget, request: CallRequest) -> Sequence[Destination]:
        if self.target_failure is not None:
            raise TargetFailed(self.target_failure, self.target_user)
        return [Destination(address=number, remote_ip="192.0.2.2", user=BOB) for number in range(self.phones)]

    def make_leg(
        self, destination: Destination, request: CallRequest, sdp: str, on_event: LegCallback
    ) -> RecordedLeg:
        leg = RecordedLeg("B", on_event)
        self.legs.append(leg)
        return leg

    def make_caller_leg(
        self, destination: Destination, request: CallRequest, sdp: str, on_event: LegCallback
    ) -> RecordedLeg:
        leg = RecordedLeg("A", on_event)
        leg.remote_ip = destination.remote_ip
        self.own_phones.append(leg)
        return leg

    def make_caller(self) -> RecordedLeg:
        return RecordedLeg("A")

    def media(self, call: Call) -> CallMedia:
        return CallMedia(
            self.node,  # type: ignore[arg-type]
            sip_call_id=call.request.sip_call_id,
            caller_sdp=call.request.sdp,
            caller_ip=call.request.caller_ip,
            report=call.post,
            pick=self.pick,
            book=SessionBook(call),
            encryption=call.request.account.media_encryption,
        )

    def pick(self, but_not: Container[Any]) -> Any:
        for node in (self.node, *self.other_nodes):
            if node.is_up and node not in but_not:
                return node
        raise NoMediaNode

    def start(
        self,
        actions: list[dict],
        *,
        sdp: str = "caller's offer",
        refusal: CallFailure | None = None,
        account: AccountInfo = ACCOUNT,
    ) -> None:
        """Begin a call whose route has these actions."""
        self.caller = self.make_caller()
        request = self.request(actions, sdp=sdp, refusal=refusal, caller_ip="192.0.2.1", account=account)
        self.call = Call(self.services(), self.caller, request)
        self.caller.on_event = self.call.on_leg_event
        self.task = asyncio.get_running_loop().create_task(self.call.run())

    def originate(self, actions: list[dict], *, phones: int = 1, timeout_s: float = 30.0) -> None:
        """Begin a call that rings the caller's own phones first."""
        found = [Destination(address=n, remote_ip=f"192.0.2.{50 + n}", user=ALICE) for n in range(phones)]
        request = self.request(actions, sdp="", caller_ip=found[0].remote_ip, origin="api")
        self.call = OriginatedCall(self.services(), request, found, timeout_s)
        self.task = asyncio.get_running_loop().create_task(self.call.run())

    def request(self, actions: list[dict], *, sdp: str, caller_ip: str, **more: Any) -> CallRequest:
        """Return what alice asks for when she dials 1002."""
        route = parse_route({"id": "r1", "name": "r1", "pattern": "*", "actions": actions})
        return CallRequest(
            **{
                "sip_call_id": "call-1",
                "account": ACCOUNT,
                "caller": ALICE,
                "caller_ip": caller_ip,
                "destination": "1002",
                "route": compile_routes([route]).match("1002"),
                "sdp": sdp,
                "refusal": None,
                "max_forwards": 69,
                **more,
            }
        )

    def services(self) -> CallServices:
        """Return the node of the call."""
        return CallServices(
            loop=asyncio.get_running_loop(),
            wall=self.wall,
            random_bytes=self.random_bytes,
            node_id="sip-1",
            limits=CallLimits(
                max_ringing_s=self.max_ringing_s,
                max_call_s=self.max_call_s,
                media_recovery_s=self.media_recovery_s,
            ),
            journal=self.journal,
            media=self.media,
            targets=self,
            make_leg=self.make_leg,
            make_caller_leg=self.make_caller_leg,
            verbs=VERBS,
            counter=self.counter,
            bus=self.bus,
            changes=self.changes,
        )

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def ended(self) -> CallRecord:
        """Wait for the end of the call and return its record."""
        await asyncio.wait_for(self.task, 5)
        (record,) = self.journal.ended
        return record


DIAL = [{"type": "dial", "params": {"target": "user/${destination}", "timeout": 30}}]
