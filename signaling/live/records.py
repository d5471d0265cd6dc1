# SPDX-License-Identifier: Apache-2.0
"""From the things that are alive in the SIP process to rows of the live tables.

Reads and never changes; called for what changed, and once for everything when somebody begins to look. Invariant: a
row is made from the thing as it is at that moment, so the last row of a thing is always right.
"""

from __future__ import annotations

from typing import Any

from signaling.binding import Binding
from signaling.calls.call import Call
from signaling.calls.sessions import MediaSession
from signaling.legs.dialog_leg import DialogLeg
from signaling.legs.states import LegState
from signaling.live.tables import Row
from signaling.mediapool import MediaNode

ACTIVE = "active"

DIALOG_STATES: dict[LegState, str] = {
    LegState.ANSWERED: "WaitingACK",
    LegState.ANSWERED_ENDING: "Terminating",
    LegState.UP: "Confirmed",
    LegState.CANCELING: "Terminating",
    LegState.HELD_BACK: "Terminating",
    LegState.ENDED: "Terminated",
}
"""How the state of a leg is shown; a leg that is being called is Initial, then Early with the first answer."""


def call_row(call: Call) -> Row:
    """Return the row of a call."""
    record, notify = call.record, call.notify
    held_by = notify.held_by
    return (
        record.id,
        record.account_id,
        record.call_id,
        call.request.account.domain,
        "held" if held_by else str(notify.stage),
        list(held_by),
        call.request.origin,
        record.caller_number,
        record.caller_name,
        record.caller_user_id,
        record.caller_ip,
        record.callee_number,
        record.callee_name,
        record.callee_user_id,
        record.invite_time,
        record.ring_time,
        record.answer_time,
        "" if call.media is None else call.media.codec,
        call.recording.state,
        record.rtp_manager,
        record.signaling_server,
        record.route_id,
        notify.bridge_id,
    )


def dialog_state(leg: DialogLeg) -> str:
    """Return the state of a leg's dialog in the words of the interface."""
    shown = DIALOG_STATES.get(leg.state)
    if shown is not None:
        return shown
    return "Early" if leg.ringing else "Initial"


def dialog_row(leg: DialogLeg) -> Row | None:
    """Return the row of a leg; None when it belongs to no call."""
    call, flow = leg.call, leg.flow
    if call is None or flow is None:
        return None
    call_id, local_tag, remote_tag, from_uri, to_uri = leg.parties
    return (
        leg.number,
        call.record.account_id,
        call.record.id,
        call_id,
        local_tag,
        remote_tag,
        dialog_state(leg),
        leg.direction,
        leg.label,
        str(from_uri),
        str(to_uri),
        flow.remote[0],
        flow.remote[1],
        flow.transport,
        leg.session_id,
        leg.created_at,
    )


def session_row(session: MediaSession) -> Row | None:
    """Return the row of a media session; None before its RTP manager has made it."""
    call = session.call
    if call is None or not session.state:
        return None
    return (
        session.session_id,
        call.record.account_id,
        call.record.id,
        call.record.call_id,
        session.leg,
        session.local_addr,
        session.local_port,
        session.remote_addr,
        session.remote_port,
        session.codec,
        session.srtp,
        session.state,
        session.rtp_manager,
        session.created_at,
    )


def binding_key(binding: Binding) -> str:
    """Return what names a binding among all."""
    return f"{binding.aor}\n{binding.contact_text}"


def binding_row(binding: Binding) -> Row:
    """Return the row of a registration."""
    return (
        binding_key(binding),
        binding.account_id,
        binding.aor,
        binding.contact_text,
        binding.user_id,
        binding.user_agent,
        binding.source[0],
        binding.source[1],
        binding.flow.transport,
        binding.q,
        binding.registered_at,
        binding.expires_at,
    )


def rtpmanager_row(node: MediaNode | Any) -> Row:
    """Return the row of an RTP manager."""
    return (
        node.address,
        node.node_id,
        node.healthy,
        str(getattr(node, "drain_state", ACTIVE)),
        node.active_sessions,
        node.available_ports,
    )
