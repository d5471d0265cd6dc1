# SPDX-License-Identifier: Apache-2.0
"""The shapes of requests and answers. Requests are checked by them; for answers they are the description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from switchboard.api_serializers import Strict

RECORDING_STATES = ("off", "waiting", "on")
CALL_STATES = ("received", "dialing", "ringing", "answered", "bridged", "held")
DIALOG_STATES = ("Initial", "Early", "WaitingACK", "Confirmed", "Terminating", "Terminated")
SESSION_STATES = ("created", "pending_remote", "active", "bridged", "terminated", "error")
DRAIN_STATES = ("active", "draining", "disabled")
DRAIN_MODES = ("graceful", "aggressive")
LEGS = ("A", "B")


class Described(serializers.Serializer[Any]):
    """Describes an answer; nothing is read or stored by it."""


class CallSerializer(Described):
    """A call that goes on."""

    call_uuid = serializers.CharField(help_text="Names the call here and its record later.")
    tenant_id = serializers.CharField(help_text="Id of the account.")
    call_id = serializers.CharField(help_text="SIP Call-ID of the caller's leg.")
    account = serializers.CharField(help_text="Domain of the account.")
    state = serializers.ChoiceField(choices=CALL_STATES)
    held_by = serializers.ListField(
        child=serializers.ChoiceField(choices=LEGS), help_text="Legs that put the other one on hold."
    )
    origin = serializers.ChoiceField(choices=("phone", "api"), help_text="Who began it.")
    caller_number = serializers.CharField()
    caller_name = serializers.CharField()
    caller_user_id = serializers.CharField(allow_null=True)
    caller_ip = serializers.CharField(allow_null=True)
    callee_number = serializers.CharField(help_text="The dialled number.")
    callee_name = serializers.CharField()
    callee_user_id = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    ringing_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    codec = serializers.CharField()
    recording = serializers.ChoiceField(
        choices=RECORDING_STATES,
        allow_null=True,
        help_text="Whether it is being recorded; waiting: from its answer on; null: not for you to know.",
    )
    rtp_manager = serializers.CharField()
    node_id = serializers.CharField(help_text="The signaling node.")
    route_id = serializers.CharField()
    bridge_id = serializers.CharField(allow_null=True)
    duration_seconds = serializers.FloatField(help_text="Since the answer; 0 before.")


class DialogSerializer(Described):
    """A leg of a call as a SIP dialog."""

    tenant_id = serializers.CharField(help_text="Id of the account.")
    call_uuid = serializers.CharField()
    call_id = serializers.CharField(help_text="SIP Call-ID of this leg.")
    local_tag = serializers.CharField()
    remote_tag = serializers.CharField(help_text="Empty until the called phone has answered anything.")
    state = serializers.ChoiceField(choices=DIALOG_STATES)
    direction = serializers.ChoiceField(
        choices=("inbound", "outbound"), help_text="Whether the phone sent the INVITE or this node did."
    )
    leg = serializers.ChoiceField(choices=LEGS)
    from_uri = serializers.CharField()
    to_uri = serializers.CharField()
    remote_addr = serializers.CharField()
    remote_port = serializers.IntegerField()
    transport = serializers.CharField()
    session_id = serializers.CharField(help_text="Its media session; empty: none yet.")
    created_at = serializers.DateTimeField()
    duration_seconds = serializers.FloatField(help_text="Since its beginning.")


class SessionSerializer(Described):
    """A media session of a leg."""

    session_id = serializers.CharField()
    tenant_id = serializers.CharField(help_text="Id of the account.")
    call_uuid = serializers.CharField()
    call_id = serializers.CharField(help_text="SIP Call-ID of the caller's leg.")
    leg = serializers.ChoiceField(choices=LEGS)
    local_addr = serializers.CharField()
    local_port = serializers.IntegerField()
    remote_addr = serializers.CharField(help_text="Empty until the phone has said where it takes media.")
    remote_port = serializers.IntegerField()
    codec = serializers.CharField()
    srtp = serializers.CharField(
        help_text="The crypto suite that its media is encrypted with, of RFC 4568; empty for plain RTP."
    )
    state = serializers.ChoiceField(choices=SESSION_STATES)
    rtp_manager = serializers.CharField()
    created_at = serializers.DateTimeField()


class RegistrationSerializer(Described):
    """A registered phone."""

    tenant_id = serializers.CharField(help_text="Id of the account.")
    aor = serializers.CharField(help_text="Address of record: sip:user@domain.")
    contact = serializers.CharField()
    user_id = serializers.CharField(help_text="Id of the SIP user.")
    user_agent = serializers.CharField()
    source_ip = serializers.CharField(help_text="Where its REGISTER came from.")
    source_port = serializers.IntegerField()
    transport = serializers.CharField()
    q = serializers.FloatField(help_text="Preference, 0 to 1.")
    registered_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    expires = serializers.IntegerField(help_text="Seconds left.")


class RtpManagerSerializer(Described):
    """An RTP manager of the pool."""

    node_id = serializers.CharField()
    address = serializers.CharField()
    healthy = serializers.BooleanField()
    drain_state = serializers.ChoiceField(choices=DRAIN_STATES)
    session_count = serializers.IntegerField(help_text="Sessions that this signaling node has there.")
    active_sessions = serializers.IntegerField(help_text="All of its sessions, as it last said.")
    available_ports = serializers.IntegerField(
        allow_null=True, help_text="Sessions that it has ports left for."
    )


class CallListSerializer(Described):
    """Calls."""

    calls = CallSerializer(many=True)
    total = serializers.IntegerField(help_text="How many there are, whatever `limit` shows.")


class DialogListSerializer(Described):
    """Dialogs."""

    dialogs = DialogSerializer(many=True)
    total = serializers.IntegerField(help_text="How many there are, whatever `limit` shows.")


class SessionListSerializer(Described):
    """Media sessions."""

    sessions = SessionSerializer(many=True)
    total = serializers.IntegerField(help_text="How many there are, whatever `limit` shows.")


class RegistrationListSerializer(Described):
    """Registrations."""

    registrations = RegistrationSerializer(many=True)
    total = serializers.IntegerField(help_text="How many there are, whatever `limit` shows.")


class RtpManagerListSerializer(Described):
    """The pool."""

    total_members = serializers.IntegerField()
    healthy_members = serializers.IntegerField()
    active_sessions = serializers.IntegerField()
    members = RtpManagerSerializer(many=True)


class StatsSerializer(Described):
    """Counts; who sees some accounts alone gets the counts of those."""

    total_sessions = serializers.IntegerField(
        allow_null=True, help_text="Media sessions since the start; null for who does not see every account."
    )
    active_sessions = serializers.IntegerField()
    total_registrations = serializers.IntegerField()
    active_dialogs = serializers.IntegerField()
    active_calls = serializers.IntegerField()
    total_calls = serializers.IntegerField(allow_null=True, help_text="As total_sessions, of calls.")
    uptime_seconds = serializers.FloatField(help_text="Of the signaling process.")
    node_id = serializers.CharField()


class HealthProblemSerializer(Described):
    """Something that keeps the node from taking calls."""

    code = serializers.ChoiceField(
        choices=("SIP_AWAY", "SIP_SILENT", "STARTING", "STOPPING", "NO_RTP_MANAGER", "JOURNAL"),
        help_text="What is wrong, for programs.",
    )
    detail = serializers.CharField(help_text="What is wrong, in a sentence.")


class DegradationSerializer(Described):
    """A service that is away, without which the node goes on taking calls."""

    service = serializers.CharField(
        help_text="Which one: database, nats, redis, cdr_delivery, tls_certificate."
    )
    state = serializers.ChoiceField(choices=("away",))
    detail = serializers.CharField(help_text="Where it should be, and what is wrong.")


class HealthSerializer(Described):
    """Whether the node can take calls."""

    status = serializers.ChoiceField(choices=("ok", "unavailable"))
    timestamp = serializers.DateTimeField()
    problems = HealthProblemSerializer(many=True)
    degraded = DegradationSerializer(many=True)


class DrainStartedSerializer(Described):
    """A drain that began."""

    message = serializers.CharField()
    node_id = serializers.CharField()
    mode = serializers.ChoiceField(choices=DRAIN_MODES)
    total_sessions = serializers.IntegerField()


class DrainCancelledSerializer(Described):
    """A drain that was cancelled."""

    message = serializers.CharField()
    node_id = serializers.CharField()


class DrainStatusSerializer(Described):
    """How far a drain is."""

    node_id = serializers.CharField()
    state = serializers.ChoiceField(choices=DRAIN_STATES)
    mode = serializers.ChoiceField(choices=DRAIN_MODES, allow_null=True)
    total_sessions = serializers.IntegerField()
    waiting_playback = serializers.IntegerField()
    migrated_count = serializers.IntegerField()
    failed_count = serializers.IntegerField()
    ended_count = serializers.IntegerField(help_text="Sessions of calls that ended by themselves.")
    remaining_sessions = serializers.IntegerField()
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    started_at = serializers.DateTimeField(allow_null=True)
    elapsed_seconds = serializers.FloatField()


class OriginateSerializer(Strict, serializers.Serializer[Any]):
    """A call to be made: rings the phones of a user, then dials a number for it."""

    user = serializers.CharField(
        max_length=64, help_text="Extension or user name of the user whose phones ring first."
    )
    number = serializers.RegexField(
        r"^[A-Za-z0-9*#+._-]{1,64}\Z",
        help_text="What is dialled then, through the dialplan of the account.",
        error_messages={
            "invalid": "Use up to 64 letters, digits, stars, hashes, plus signs, dots and hyphens."
        },
    )
    account = serializers.CharField(
        max_length=253,
        required=False,
        default="",
        help_text="Id or domain of the account; not needed by who may call for one account alone.",
    )
    timeout = serializers.IntegerField(
        min_value=5,
        max_value=120,
        required=False,
        default=30,
        help_text="How long the user's phones ring, in seconds.",
    )


class OriginatedSerializer(Described):
    """A call that was begun."""

    call_uuid = serializers.CharField()
    call_id = serializers.CharField(help_text="SIP Call-ID of the legs to the user's phones.")
    state = serializers.ChoiceField(choices=("dialing",))
    account = serializers.CharField(help_text="Domain of the account.")
    user = serializers.CharField(help_text="Extension of the user whose phones ring.")
    number = serializers.CharField()
    phones = serializers.IntegerField(help_text="How many phones ring.")


class HungUpSerializer(Described):
    """A call that was ended."""

    message = serializers.CharField()
    call_uuid = serializers.CharField()
    call_id = serializers.CharField()


class RecordingOrderedSerializer(Described):
    """A recording that was ordered to begin or to end."""

    message = serializers.CharField()
    call_uuid = serializers.CharField()
    call_id = serializers.CharField()
