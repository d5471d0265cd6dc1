# SPDX-License-Identifier: Apache-2.0
"""Every event that a signaling node publishes, one class each.

The classes are the one definition: JSON form, schemas and documentation are made from them. Times are seconds since
the epoch here and RFC 3339 text in JSON. Adding a field is free; changing or removing one needs a higher version.
Nobody changes an event, but the classes are not frozen: those take half as long again to make, ten times a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, WithJsonSchema

EVENT_VERSION: Final = 1

Time = Annotated[float, WithJsonSchema({"type": "string", "format": "date-time"})]
"""Seconds since the epoch; in JSON an RFC 3339 date-time with microseconds, in UTC."""
EventId = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
LegName = Literal["A", "B"]
Transport = Literal["udp", "tcp", "tls", "ws", "wss"]
Reason = Literal[
    "normal",
    "busy",
    "no_answer",
    "canceled",
    "rejected",
    "unavailable",
    "error",
    "timeout",
    "transfer",
    "media_error",
]
Disposition = Literal["ANSWERED", "NO_ANSWER", "BUSY", "FAILED", "CANCELED"]


@dataclass(slots=True, kw_only=True)
class Event:
    """What every event says."""

    event_type: ClassVar[str] = ""

    event_id: EventId
    """Unique; also the de-duplication id of JetStream. Ids of one node rise with time."""
    event_time: Time
    """When it happened."""
    node_id: str
    """The signaling node that reports it."""
    tenant_id: str | None = None
    """Account that it belongs to; null: it concerns the node, and only platform administrators see it."""
    call_uuid: str | None = None
    """The call, as its record will be named."""
    sip_call_id: str | None = None
    """SIP Call-ID, as the phone logged it."""
    bridge_id: str | None = None
    """Names the connection of two legs; null while there is none."""
    leg: LegName | None = None
    """The leg that it is about: A called, B was called."""


@dataclass(slots=True, kw_only=True)
class CallEvent(Event):
    """What every event of a call says."""

    caller_number: str
    """Extension of who calls."""
    caller_name: str
    """Display name of who calls."""
    callee_number: str
    """The dialled number."""


@dataclass(slots=True, kw_only=True)
class CallReceived(CallEvent):
    """A call begins: a phone sent an INVITE, or an operator asked for the call."""

    event_type: ClassVar[str] = "call.received"

    origin: Literal["phone", "api"]
    """Who began it."""
    caller_ip: str | None
    """Where the caller's signalling comes from; null when its phones are yet to be rung."""
    route_id: str
    """Route of the dialplan that matched; empty: none."""


@dataclass(slots=True, kw_only=True)
class CallDialing(CallEvent):
    """Phones are being called: the callee's (leg B), or first the caller's own in a call made by the API (leg A)."""

    event_type: ClassVar[str] = "call.dialing"

    target: str
    """What is dialled: user/1001, or a SIP URI."""
    phones: Count
    """How many phones are called at once."""


@dataclass(slots=True, kw_only=True)
class CallRinging(CallEvent):
    """The first phone of a leg rings."""

    event_type: ClassVar[str] = "call.ringing"


@dataclass(slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """A leg was answered: by the callee (B), or by the caller's own phone in a call made by the API (A).

    A call that the dialplan answers itself, as for a prompt, reports no leg.
    """

    event_type: ClassVar[str] = "call.answered"

    callee_name: str
    """Display name of who answered; empty when it is no user."""
    setup_seconds: Seconds
    """From the beginning of the call to this answer."""


@dataclass(slots=True, kw_only=True)
class CallBridged(CallEvent):
    """Both legs hear each other."""

    event_type: ClassVar[str] = "call.bridged"

    codec: str
    """Codec of the answer."""
    rtp_manager: str
    """RTP manager that has the media."""


@dataclass(slots=True, kw_only=True)
class CallHold(CallEvent):
    """A party put the other one on hold."""

    event_type: ClassVar[str] = "call.hold"


@dataclass(slots=True, kw_only=True)
class CallResumed(CallEvent):
    """A party took the other one back from hold."""

    event_type: ClassVar[str] = "call.resumed"


@dataclass(slots=True, kw_only=True)
class CallRecordingStarted(CallEvent):
    """The call is being recorded, or is recorded on in another file after its media moved."""

    event_type: ClassVar[str] = "call.recording_started"

    recording_id: str
    """Names the recording in REST."""
    rtp_manager: str
    """RTP manager that writes it."""


@dataclass(slots=True, kw_only=True)
class CallRecordingStopped(CallEvent):
    """A recording ended: with the call, because somebody stopped it, or because it could not go on."""

    event_type: ClassVar[str] = "call.recording_stopped"

    recording_id: str
    """Names the recording in REST."""
    rtp_manager: str
    """RTP manager that wrote it."""
    state: Literal["complete", "interrupted", "failed"]
    """Interrupted: its RTP manager was lost. Failed: it could not be written."""
    detail: str
    """Why it was interrupted or failed."""
    duration_seconds: Seconds | None
    """How long it is; null when that is not known."""
    size_bytes: Count | None
    """Size of its file; null when that is not known."""


@dataclass(slots=True, kw_only=True)
class CallEnded(CallEvent):
    """The call is over; its record follows by way of the CDR journal."""

    event_type: ClassVar[str] = "call.ended"

    reason: Reason
    """Why."""
    disposition: Disposition
    """What became of the call."""
    hangup_by: Literal["caller", "callee", "system"]
    """Who ended it."""
    sip_status: int | None
    """Final SIP status of the caller's leg."""
    duration_seconds: Seconds
    """From answer to end."""
    ring_duration_seconds: Seconds
    """From the first ringing to answer or end."""


@dataclass(slots=True, kw_only=True)
class RegistrationEvent(Event):
    """What every event of a registration says; `sip_call_id` is that of its REGISTER requests."""

    aor: str
    """Address of record: sip:user@domain."""
    contact: str
    """The phone's contact URI."""
    user_id: str
    """The SIP user."""
    user_agent: str
    """What the phone says it is."""
    source_ip: str
    """Where its REGISTER came from."""
    source_port: int
    """Port that its REGISTER came from."""
    transport: Transport
    """How it is reached."""
    expires_at: Time
    """When it expires, or would have."""


@dataclass(slots=True, kw_only=True)
class RegistrationRegistered(RegistrationEvent):
    """A phone registered that was not registered before."""

    event_type: ClassVar[str] = "registration.registered"


@dataclass(slots=True, kw_only=True)
class RegistrationRefreshed(RegistrationEvent):
    """A phone registered again in time."""

    event_type: ClassVar[str] = "registration.refreshed"


@dataclass(slots=True, kw_only=True)
class RegistrationUnregistered(RegistrationEvent):
    """A phone took its registration back, was replaced, lost its connection, or its user may not register any more."""

    event_type: ClassVar[str] = "registration.unregistered"


@dataclass(slots=True, kw_only=True)
class RegistrationExpired(RegistrationEvent):
    """A phone did not register again in time."""

    event_type: ClassVar[str] = "registration.expired"


@dataclass(slots=True, kw_only=True)
class SessionEvent(Event):
    """What every event of a media session says."""

    session_id: str
    """The session."""
    rtp_manager: str
    """RTP manager that has it."""


@dataclass(slots=True, kw_only=True)
class SessionCreated(SessionEvent):
    """An RTP manager made a session for a leg."""

    event_type: ClassVar[str] = "session.created"

    local_addr: str
    """Address where it takes RTP."""
    local_port: int
    """Port where it takes RTP."""


@dataclass(slots=True, kw_only=True)
class SessionStarted(SessionEvent):
    """The first RTP packet of the phone came."""

    event_type: ClassVar[str] = "session.started"


@dataclass(slots=True, kw_only=True)
class SessionInactive(SessionEvent):
    """No RTP came from the phone for the configured time."""

    event_type: ClassVar[str] = "session.inactive"


@dataclass(slots=True, kw_only=True)
class SessionDestroyed(SessionEvent):
    """The session was given back; the counters are zero when the RTP manager could not tell them."""

    event_type: ClassVar[str] = "session.destroyed"

    packets_received: Count
    """RTP packets from the phone."""
    packets_sent: Count
    """RTP packets to the phone."""
    packets_lost: Count
    """Gaps in what came from the phone (RFC 3550 A.3)."""
    jitter_ms: Seconds
    """Jitter of what came from the phone, in milliseconds (RFC 3550 A.8)."""


@dataclass(slots=True, kw_only=True)
class RtpManagerEvent(Event):
    """What every event of an RTP manager says."""

    rtp_manager: str
    """Its name."""
    address: str
    """host:port of its control interface."""


@dataclass(slots=True, kw_only=True)
class RtpManagerUp(RtpManagerEvent):
    """An RTP manager can take sessions."""

    event_type: ClassVar[str] = "rtpmanager.up"


@dataclass(slots=True, kw_only=True)
class RtpManagerDown(RtpManagerEvent):
    """An RTP manager can take no sessions: it is away, or says so itself."""

    event_type: ClassVar[str] = "rtpmanager.down"


@dataclass(slots=True, kw_only=True)
class RtpManagerDraining(RtpManagerEvent):
    """An RTP manager is given no new calls, and its calls are moved to others."""

    event_type: ClassVar[str] = "rtpmanager.draining"


@dataclass(slots=True, kw_only=True)
class RtpManagerDisabled(RtpManagerEvent):
    """A drained RTP manager has no session of this node any more and may be stopped."""

    event_type: ClassVar[str] = "rtpmanager.disabled"


@dataclass(slots=True, kw_only=True)
class RtpManagerEnabled(RtpManagerEvent):
    """An RTP manager that was drained, or was being drained, is given calls again."""

    event_type: ClassVar[str] = "rtpmanager.enabled"


@dataclass(slots=True, kw_only=True)
class BanEvent(Event):
    """What every event of a ban says."""

    source: str
    """Address or network that is banned."""
    reason: str
    """Why, in words."""
    automatic: bool
    """Whether a node decided it by itself."""
    banned_by: str
    """A login, manage.py, or the name of the node that decided it."""
    expires_at: Time | None
    """When it ends; null: when somebody lifts it."""


@dataclass(slots=True, kw_only=True)
class BanBegun(BanEvent):
    """This node reads nothing from a source any more; every node says so for itself."""

    event_type: ClassVar[str] = "ban.begun"


@dataclass(slots=True, kw_only=True)
class BanEnded(BanEvent):
    """This node hears a source again."""

    event_type: ClassVar[str] = "ban.ended"

    expired: bool
    """Whether its time was over; else somebody lifted it."""


EVENTS: Final[tuple[type[Event], ...]] = (
    CallReceived,
    CallDialing,
    CallRinging,
    CallAnswered,
    CallBridged,
    CallHold,
    CallResumed,
    CallRecordingStarted,
    CallRecordingStopped,
    CallEnded,
    RegistrationRegistered,
    RegistrationRefreshed,
    RegistrationUnregistered,
    RegistrationExpired,
    SessionCreated,
    SessionStarted,
    SessionInactive,
    SessionDestroyed,
    RtpManagerUp,
    RtpManagerDown,
    RtpManagerDraining,
    RtpManagerDisabled,
    RtpManagerEnabled,
    BanBegun,
    BanEnded,
)
CATALOGUE: Final[dict[str, type[Event]]] = {event.event_type: event for event in EVENTS}
"""Event type → class."""
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    event.event_type: tuple(field.name for field in fields(event)) for event in EVENTS
}
"""Event type → names of its fields, in the order of `values_of`."""
_VALUES: Final[dict[type[Event], Callable[[Any], tuple[Any, ...]]]] = {
    event: attrgetter(*FIELDS[event.event_type]) for event in EVENTS
}
_TIMES: Final = ("event_time", "expires_at")


def values_of(event: Event) -> tuple[Any, ...]:
    """Return the values of an event in the order of `FIELDS`: the short form that travels between processes."""
    return _VALUES[type(event)](event)


def json_of(event_type: str, values: tuple[Any, ...] | list[Any]) -> dict[str, Any]:
    """Return the JSON form of the event whose `values_of` these are."""
    content: dict[str, Any] = {"event_type": event_type, "event_version": EVENT_VERSION}
    content.update(zip(FIELDS[event_type], values, strict=True))
    for name in _TIMES:
        if content.get(name) is not None:
            content[name] = rfc3339(content[name])
    return content


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as the object that subscribers get."""
    return json_of(event.event_type, values_of(event))


def rfc3339(seconds: float) -> str:
    """Return a time since the epoch as RFC 3339 text with microseconds, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"
