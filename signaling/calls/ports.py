# SPDX-License-Identifier: Apache-2.0
"""What calls need of the rest of the node, as values and small interfaces.

The signaling node fills them in; tests fill them in with their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from cdrs.record import CallRecord
from dialplan.engine import CallFacts, Route, SipTarget, UserTarget
from signaling.calls.failures import CallFailure
from signaling.calls.leg import Leg, LegCallback
from signaling.calls.pace import Pace
from signaling.changes import Changes
from signaling.directory import AccountInfo, UserInfo
from switchboard.events import EventBus

if TYPE_CHECKING:
    from media.control.gen import rtpmanager_pb2 as pb
    from signaling.calls.call import Call
    from signaling.calls.media import CallMedia


RECOVERIES_PER_SECOND = 200
"""Two re-INVITEs each: more at once would fill the peers' receive buffers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """Who calls whom, as the caller's leg and the dialplan understood it."""

    sip_call_id: str
    """Call-ID of the caller's leg, as the phone logged it."""
    account: AccountInfo
    caller: UserInfo
    caller_ip: str
    destination: str
    """The dialled number."""
    route: Route | None
    """What the dialplan picked; None: nothing matched."""
    sdp: str
    """The caller's offer; empty when it wants ours."""
    refusal: CallFailure | None
    """Why the call must not go further than its record, such as a limit that is reached; None lets it go on."""
    max_forwards: int
    """Hops left for legs made by this call."""
    origin: Literal["phone", "api"] = "phone"
    """Who began it: a phone by its INVITE, or a program through the API."""
    secure: bool = False
    """Whether the signalling to the callee must be encrypted: the caller dialled a sips URI."""

    @property
    def facts(self) -> CallFacts:
        """The variables of the dialplan."""
        return CallFacts(
            destination=self.destination,
            caller_id=self.caller.extension,
            caller_name=self.caller.display_name,
            call_id=self.sip_call_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One phone to ring: opaque to calls but for who it belongs to."""

    address: Any
    """What the leg maker needs to reach it."""
    remote_ip: str
    """Where its signalling goes; media may be learned from there."""
    user: UserInfo | None
    """The user it belongs to; None for a plain URI."""


class CallJournal(Protocol):
    """Where records become durable; see `cdrs.journal.Journal`."""

    def call_started(self, record: CallRecord) -> None: ...

    def call_answered(self, record: CallRecord) -> None: ...

    def call_ended(self, record: CallRecord) -> Awaitable[bool]:
        """Return an awaitable that is done when the record is on disk; False: the disk did not take it in time."""
        ...


class CallKeeper(Protocol):
    """Keeps what a later process needs to go on with the calls of this one; see `signaling.pickup`."""

    def changed(self, call: Call) -> None:
        """Note that a call is to be kept as it is soon; never waits."""

    def ended(self, call: Call) -> None:
        """Note that there is nothing to go on with any more."""


class NoKeeper:
    """Keeps nothing."""

    def changed(self, call: Call) -> None:
        """Take no note."""

    def ended(self, call: Call) -> None:
        """Take no note."""


class Targets(Protocol):
    """Finds the phones behind a dial target."""

    async def resolve(self, target: UserTarget | SipTarget, request: CallRequest) -> Sequence[Destination]:
        """Return the phones to ring in parallel.

        Raises:
            TargetFailed: there is no such user, it has no phone, or the address may not be called.
        """
        ...


class LegMaker(Protocol):
    """Makes the leg to a callee."""

    def __call__(
        self, destination: Destination, request: CallRequest, sdp: str, on_event: LegCallback
    ) -> Leg:
        """Start ringing ``destination`` with the offer ``sdp``."""
        ...


class CallCounter(Protocol):
    """Counts calls and their media sessions; see `signaling.metering.calls.CallMeter`."""

    def call_received(self, call_id: str, origin: str, at: float) -> None: ...

    def call_dialing(self, call_id: str, target: str) -> None: ...

    def call_ringing(self, call_id: str, leg: str, at: float) -> None: ...

    def call_answered(self, call_id: str, leg: str | None, at: float) -> None: ...

    def call_bridged(self, call_id: str) -> None: ...

    def call_picked_up(self, call_id: str, state: str, target: str, at: float) -> None: ...

    def call_ended(self, call_id: str, disposition: str, reason: str, duration_s: float) -> None: ...

    def session_created(self) -> None: ...

    def session_started(self, call_id: str, at: float) -> None: ...

    def session_silent(self) -> None: ...

    def session_ended(self, stats: pb.SessionStats | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Bounds in time, in seconds."""

    max_ringing_s: float
    max_call_s: float
    media_recovery_s: float = 10.0
    """How long a call whose RTP manager is gone waits for another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallServices:
    """Everything that a call uses of its node."""

    loop: asyncio.AbstractEventLoop
    wall: Callable[[], float]
    """Seconds since the epoch."""
    random_bytes: Callable[[int], bytes]
    node_id: str
    limits: CallLimits
    journal: CallJournal
    media: Callable[[Call], CallMedia]
    """Picks an RTP manager for a call; raises `signaling.calls.media.MediaRefused` when none can take it."""
    targets: Targets
    make_leg: LegMaker
    make_caller_leg: LegMaker
    """Makes the leg to a phone of the caller, for a call that the API asked for."""
    verbs: Mapping[type, Callable[[Call, Any], Awaitable[None]]]
    counter: CallCounter
    prompt: Callable[[str, str], str] = lambda account_id, name: name
    """Returns what RTP managers know a prompt by that a route of an account names."""
    bus: EventBus = field(default_factory=EventBus)
    """Gets the events of calls and sessions."""
    changes: Changes = field(default_factory=Changes)
    """Gets a note of what is to be shown anew."""
    keeper: CallKeeper = field(default_factory=NoKeeper)
    """Keeps the calls for a later process."""
    recovery_pace: Pace = field(default_factory=lambda: Pace(RECOVERIES_PER_SECOND))
    """Spreads out the calls of an RTP manager that is gone."""
