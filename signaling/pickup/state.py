# SPDX-License-Identifier: Apache-2.0
"""What is kept of a call, as one line of ASCII JSON: written by `describe`, read by `read`.

The record of the call is kept beside it and not in it. Knows no store. Invariant: `read` takes what `describe` of the
same version wrote, and raises `StateError` for everything else.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.call import Call
from signaling.calls.media import CallMedia
from signaling.calls.sessions import MediaSession
from signaling.calls.tally import CALLEE, CALLER
from signaling.legs.dialog_leg import DialogLeg
from signaling.legs.states import LegState
from signaling.sip.session_timer import SessionFacts

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
"""Longest state that is kept: session descriptions are as long as phones make them."""

State = Mapping[str, Any]

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class StateError(ValueError):
    """A text is no state that this version can go on with."""


def describe(call: Call) -> str | None:
    """Return what a later process needs to go on with a call; None while there is nothing to go on with.

    That is so before the caller's leg is up, while parties move to another RTP manager, and once anybody hung up.
    """
    media, caller, callee = call.media, call.caller, call.callee
    if (
        media is None
        or not call.answered
        or not media.is_settled
        or call.mover.is_moving
        or call.mover.is_lost
    ):
        return None
    legs = [caller] if callee is None else [caller, callee]
    if not all(isinstance(leg, DialogLeg) and leg.state is LegState.UP for leg in legs):
        return None
    request, notify = call.request, call.notify
    text = _encode(
        {
            "v": VERSION,
            "position": call.position,
            "origin": request.origin,
            "hops": request.max_forwards,
            **({"secure": True} if request.secure else {}),
            "destination": request.destination,
            "bridge": notify.bridge_id,
            "held_by": notify.held_by,
            "legs": [_leg(leg) for leg in legs],
            "media": _media(media, len(legs)),
        }
    )
    return text if len(text) <= MAX_BYTES else None


def read(text: str) -> State:
    """Return the state that `describe` wrote.

    Raises:
        StateError: it is something else, or of another version.
    """
    try:
        state = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StateError("not JSON") from error
    if not isinstance(state, dict) or state.get("v") != VERSION:
        raise StateError("not a state of this version")
    return state


def sessions_of(media: State) -> list[tuple[MediaSession, tuple[str, str] | None]]:
    """Return the sessions in the media part of a state, the caller's first, each with what was agreed on in it."""
    found: list[tuple[MediaSession, tuple[str, str] | None]] = []
    for session_id, leg, created_at, local, remote, codec, stage, offers_hold, agreed, *more in media[
        "sessions"
    ]:
        session = MediaSession(
            session_id,
            leg,
            media["node"],
            created_at=created_at,
            local_addr=local[0],
            local_port=local[1],
            remote_addr=remote[0],
            remote_port=remote[1],
            codec=codec,
            state=stage,
            offers_hold=offers_hold,
            # What was kept before there was SRTP does not tell.
            srtp=more[0] if more else "",
        )
        found.append((session, (agreed[0], agreed[1]) if agreed else None))
    return found


def session_facts(kept: State, now: float) -> SessionFacts | None:
    """Return how the session of a leg expires, None when it does not; ``now`` is that of the node's loop."""
    facts = kept.get("session")
    if facts is None:
        return None
    interval_s, is_ours, is_agreed, min_se_s, refreshed_at = facts
    return SessionFacts(
        int(interval_s), bool(is_ours), bool(is_agreed), int(min_se_s), now - (time.time() - refreshed_at)
    )


def counted_of(media: State) -> dict[str, pb.SessionStats]:
    """Return what earlier sessions of each party counted."""
    return {party: pb.SessionStats.FromString(b64decode(text)) for party, text in media["counted"].items()}


# --- Inside -----------------------------------------------------------------------------------------------------------


def _leg(leg: Any) -> dict[str, Any]:
    dialog = leg.dialog
    session = {} if leg.timer is None else {"session": _session_timer(leg), "takes_update": leg.takes_update}
    return {
        "direction": leg.direction,
        "id": dialog.id,
        "local": dialog.local_line,
        "remote": dialog.remote_line,
        "contact": None if dialog.local_contact is None else str(dialog.local_contact),
        "target": str(dialog.remote_target),
        "routes": [str(route) for route in dialog.route_set],
        "cseq": (dialog.local_cseq, dialog.remote_cseq),
        "flow": leg.flow if leg.flow.host else leg.flow[:4],
        "trusted": list(leg.trusted_hosts),
        "behind_node": leg.remote_ip if leg.through_node else "",
        "created_at": int(leg.created_at),
        **session,
    }


def _session_timer(leg: Any) -> tuple[int | float | bool, ...]:
    """Return how the session of a leg expires, as `session_facts` reads it; its last refresh since the epoch."""
    facts: SessionFacts = leg.timer.facts()
    refreshed_at = time.time() - (leg.node.loop.time() - facts.refreshed_at)
    return facts._replace(refreshed_at=round(refreshed_at, 3))


def _media(media: CallMedia, parties: int) -> dict[str, Any]:
    tally = media.tally
    counted = {CALLER: tally.caller, CALLEE: tally.callee}
    return {
        "node": media.node_id,
        "address": media.node.address,
        "codec": media.codec,
        "echoes": media.echoes,
        "encryption": int(media.encryption),
        "sessions": [
            _session(media.sessions[each], media.descriptions.agreed(each))
            for each in (media.caller_session, media.callee_session)[:parties]
        ],
        "counted": {
            party: b64encode(stats.SerializeToString()).decode()
            for party, stats in counted.items()
            if stats is not None
        },
    }


def _session(session: MediaSession, agreed: tuple[str, str] | None) -> tuple[Any, ...]:
    return (
        session.session_id,
        session.leg,
        int(session.created_at),
        (session.local_addr, session.local_port),
        (session.remote_addr, session.remote_port),
        session.codec,
        session.state,
        session.offers_hold,
        agreed,
        session.srtp,
    )
