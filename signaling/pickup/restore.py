# SPDX-License-Identifier: Apache-2.0
"""Makes calls, legs and dialogs again from what was kept of them, and lets them go on.

Two steps: before SIP is served every dialog is in its place, so that no request of a phone meets a stranger; once it
is served the calls run, and their phones are asked whether they are still there. Invariant: a call that was left open
goes on or has a finished record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from cdrs.record import CallRecord
from cdrs.recovery import OpenCall, cut_off
from signaling.calls.call import Call
from signaling.calls.manager import CallManager
from signaling.calls.media import CallMedia
from signaling.calls.notifier import CallStage
from signaling.calls.ports import CallRequest, CallServices
from signaling.calls.resumed import PICKED_UP, ResumedCall
from signaling.calls.sessions import SessionBook
from signaling.directory import Directory, UserInfo
from signaling.legs.resumed import ResumedLeg
from signaling.mediapool import MediaPool
from signaling.node import SipNode
from signaling.pickup.reconnect import Reconnect, flow_after_restart
from signaling.pickup.state import State, StateError, counted_of, read, session_facts, sessions_of
from signaling.sip import Flow, NameAddr, SipResponse, SipUri
from signaling.sip.dialog import Dialog, DialogId
from signaling.sip.events import RequestReceived

log = structlog.get_logger("switchboard.calls")

CSEQ_GAP: Final = 100
"""More requests than an earlier process can have sent in a dialog since it was kept last."""
CRASH_LOOP_S: Final = 120.0
CRASH_LOOP_TIMES: Final = 3
"""A call that was picked up this often in that time is one too many: it may be what ends the process."""
BATCH: Final = 20
"""Calls that go on at once, each with two probes: more would fill the receive buffers of peers that have many."""
PAUSE_S: Final = 0.05

Reauthenticate = Callable[[RequestReceived, UserInfo], SipResponse | None]


def goes_on(call: OpenCall, *, now: float, max_away_s: float) -> bool:
    """Tell whether a call that was left open may be picked up at all.

    Args:
        call: see above.
        now: seconds since the epoch.
        max_away_s: how long ago the last sign of life of its process may be.
    """
    times = call.record.metadata.get(PICKED_UP, [])
    lately = sum(now - CRASH_LOOP_S < time <= now for time in times) if isinstance(times, list) else 0
    return bool(call.state) and now - call.ended_at <= max_away_s and lately < CRASH_LOOP_TIMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What calls that go on are put into."""

    node: SipNode
    services: CallServices
    calls: CallManager
    directory: Directory
    pool: MediaPool
    reauthenticate: Reauthenticate
    reconnect: Reconnect


def tell_cut_off(records: Iterable[CallRecord], directory: Directory) -> None:
    """Log the calls that an earlier process left and that do not go on."""
    for record in records:
        log.warning("call.cut_off", **_facts(record, directory), caller=record.caller_number)


def _facts(record: CallRecord, directory: Directory) -> dict[str, str]:
    """Return what each line about a call says; whatever a record says, nothing is raised."""
    account_id = str(record.account_id or "")
    account = directory.account(account_id)
    return {
        "call_id": str(record.call_id),
        "account": account_id if account is None else account.domain,
        "leg": "A",
    }


class PickUp:
    """The calls that this process has from an earlier one.

    Args:
        around: where they go on.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._restored: list[tuple[ResumedCall, list[ResumedLeg]]] = []
        """With the legs whose phones can be asked at once."""

    async def restore(self, left_open: Iterable[OpenCall]) -> None:
        """Put the dialogs of calls in their place; SIP is not served yet."""
        for number, left in enumerate(left_open):
            if number % BATCH == 0:
                await asyncio.sleep(0)
            try:
                self._restored.append(self._restore(left))
            except Exception as error:  # noqa: BLE001 - whatever was kept of one call, the node must start
                facts = _facts(left.record, self._around.directory)
                log.warning("call.not_picked_up", **facts, error=repr(error))
                _unwatched(self._around.services.journal.call_ended(cut_off(left)))

    def go_on(self) -> None:
        """Run the calls, a few at a time; SIP is served now. What their phones send meanwhile waits for them."""
        if self._restored:
            log.info("calls picked up", calls=len(self._restored))
            self._go_on_some()

    def _go_on_some(self) -> None:
        loop = self._around.services.loop
        some, self._restored = self._restored[:BATCH], self._restored[BATCH:]
        delay_s = 0.0
        for call, legs in some:
            self._around.calls.go_on(call)
            for leg in legs:
                loop.call_later(delay_s, leg.probe, holds(call))
                delay_s += PAUSE_S / (2 * BATCH)
        if self._restored:
            loop.call_later(PAUSE_S, self._go_on_some)

    # --- Inside -----------------------------------------------------------------------------------------------------

    def _restore(self, left: OpenCall) -> tuple[ResumedCall, list[ResumedLeg]]:
        around, record, state = self._around, left.record, read(left.state)
        request = self._request(left, state)
        media = self._media_maker(state["media"], request)
        position, bridge_id, held_by = int(state["position"]), state["bridge"], tuple(state["held_by"])
        legs: list[ResumedLeg] = []
        try:
            for label, kept in zip("AB", state["legs"], strict=False):
                legs.append(_leg(around.node, label, kept))
            call = ResumedCall(
                around.services,
                legs[0],
                request,
                record=record,
                media=media,
                callee=legs[1] if len(legs) > 1 else None,
                last_sign=left.ended_at,
            )
        except Exception:
            for leg in legs:
                leg.forget()
            raise
        call.position = position
        stage = CallStage.BRIDGED if len(legs) > 1 else CallStage.ANSWERED
        call.notify.restore(stage, bridge_id, held_by)
        reachable = []
        for leg, kept in zip(legs, state["media"]["sessions"], strict=False):
            leg.described = (kept[8] or [""])[0]
        for leg, user_id in zip(legs, (record.caller_user_id, record.callee_user_id), strict=False):
            leg.listen(call.on_leg_event)
            if not around.reconnect.expect(leg, user_id or "", holds(call)):
                reachable.append(leg)
        if legs[0].direction == "inbound":
            legs[0].reauthenticate = lambda later: around.reauthenticate(later, request.caller)
        around.calls.adopt(call)
        return call, reachable

    def _request(self, left: OpenCall, state: State) -> CallRequest:
        directory, record = self._around.directory, left.record
        account = directory.account(record.account_id or "")
        caller = directory.user_by_id(record.caller_user_id or "")
        if account is None or caller is None:
            raise StateError("its account or its caller was deleted")
        routes = {route.id: route for route in directory.dialplan(account.id).routes}
        return CallRequest(
            sip_call_id=record.call_id,
            account=account,
            caller=caller,
            caller_ip=record.caller_ip or "",
            destination=state["destination"],
            route=routes.get(record.route_id),
            sdp="",
            refusal=None,
            max_forwards=int(state["hops"]),
            origin=state["origin"],
            secure=bool(state.get("secure")),
        )

    def _media_maker(self, kept: State, request: CallRequest) -> Callable[[Call], CallMedia]:
        pool = self._around.pool
        node = pool.find(kept["node"]) or pool.find(kept["address"])
        if node is None:
            raise StateError(f"RTP manager {kept['node']} is no more in the settings")
        sessions, counted = sessions_of(kept), counted_of(kept)

        def make(call: Call) -> CallMedia:
            media = CallMedia(
                node,
                sip_call_id=request.sip_call_id,
                caller_sdp="",
                caller_ip=request.caller_ip,
                report=call.post,
                pick=pool.pick,
                book=SessionBook(call),
                encryption=request.account.media_encryption,
            )
            media.go_on(
                [session for session, _ in sessions], sessions[1][0].session_id if len(sessions) > 1 else ""
            )
            for session, agreed in sessions:
                if agreed is not None:
                    media.descriptions.restore(session.session_id, agreed)
            media.codec, media.echoes = kept["codec"], bool(kept["echoes"])
            # As the call began; what was kept before that was told goes by the account.
            media.encryption = kept.get("encryption", media.encryption)
            media.tally.parties |= {party: party for party in counted}
            media.tally.add(counted)
            return media

        return make


def holds(call: Call) -> Callable[[], bool]:
    """Return what tells whether a party of a call is on hold: media that do not flow show nothing then."""
    return lambda: bool(call.notify.held_by)


def _leg(node: SipNode, label: str, kept: Any) -> ResumedLeg:
    transport, remote, local, connection, *host = kept["flow"]
    target = SipUri.parse(kept["target"])
    flow = flow_after_restart(Flow(transport, tuple(remote), tuple(local), connection, *host), target)
    call_id, local_tag, remote_tag = kept["id"]
    dialog = Dialog(
        DialogId(call_id, local_tag, remote_tag),
        local=NameAddr.parse(kept["local"]),
        remote=NameAddr.parse(kept["remote"]),
        local_contact=NameAddr.parse(kept["contact"]) if kept["contact"] else None,
        remote_target=target,
        route_set=tuple(NameAddr.parse(route) for route in kept["routes"]),
        flow=flow,
    )
    local_cseq, remote_cseq = kept["cseq"]
    facts = session_facts(kept, node.loop.time())
    dialog.restore(local_cseq + CSEQ_GAP, remote_cseq)
    leg = ResumedLeg(
        node,
        _ignore,
        dialog=dialog,
        flow=flow,
        label=label,
        direction=kept["direction"],
        trusted_hosts=kept["trusted"],
        behind_node=kept.get("behind_node", ""),
        created_at=kept["created_at"],
    )
    leg.takes_update = bool(kept.get("takes_update"))
    leg.resume_session(facts)
    return leg


def _ignore(leg: object, event: object) -> None:
    """Take the events of a leg before its call is there: none is due."""


def _unwatched(ended: Any) -> None:
    task = asyncio.ensure_future(ended)
    _UNWATCHED.add(task)
    task.add_done_callback(_UNWATCHED.discard)


_UNWATCHED: set[asyncio.Future[Any]] = set()
