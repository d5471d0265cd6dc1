# SPDX-License-Identifier: Apache-2.0
"""What the endpoint does with a request that came in (RFC 3261 17.2.3, 8.2, 9.2, 13.3.1.4).

It knows the tables, not the transaction user. Invariant: a request that is new leaves no state here; its transaction
enters the tables only when the transaction user accepts or answers it.
"""

from __future__ import annotations

from dataclasses import dataclass

from signaling.sip.endpoint_stateless import refuse, send_stateless, stateless_tag
from signaling.sip.events import RequestReceived
from signaling.sip.flow import Flow
from signaling.sip.matching import ack_key, merge_key, server_key, tag_of
from signaling.sip.message import SipRequest
from signaling.sip.parser import check_request
from signaling.sip.routing import stamp_via
from signaling.sip.transaction_core import TransactionCore
from signaling.sip.transaction_server import (
    InviteServerTransaction,
    NonInviteServerTransaction,
)
from signaling.sip.transaction_tables import Input, State

ACKNOWLEDGED_BY_DIALOG = frozenset({State.ACCEPTED, State.ACKNOWLEDGED})
"""States whose ACK is found by its dialog alone, never by branch or Request-URI (RFC 3261 13.3.1.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLimits:
    """Bounds on what peers can make the endpoint keep; beyond them a new request gets a stateless 503."""

    max_server_transactions: int = 100_000
    """Over all sources. A call of SIPp's default scenario holds two for 32 s."""
    max_server_transactions_per_source: int = 50_000
    """With one address, which may be a trunk or a proxy with all the phones behind it."""
    in_dialog_reserve: int = 1_000
    """How far requests within a dialog may exceed either bound, so that a full table does not keep calls from ending."""
    retry_after_s: int = 5
    """Retry-After of the 503."""


def receive_request(
    core: TransactionCore, limits: EndpointLimits, request: SipRequest, flow: Flow, now: float
) -> None:
    """Match a request, or report it as new. Raises RemoteProtocolError with the status to answer."""
    method = request.method
    if method == "ACK":
        _receive_ack(core, request, flow, now)
        return
    if method == "CANCEL":
        _receive_cancel(core, request, flow, now)
        return
    # The key of an RFC 2543 peer holds the Via as it came, hence before the stamp.
    key = server_key(request, method)
    transaction = core.servers.get(key)
    if transaction is not None:
        transaction.step(Input.REQUEST, now, request)
        return
    stamp_via(request, flow)
    check_request(request)
    fields = request.headers.fields
    from_tag, dialog_tag = tag_of(fields["From"]), tag_of(fields["To"])
    reserve = 0
    if dialog_tag is not None:
        reserve = limits.in_dialog_reserve
    elif merge_key(request.call_id, from_tag, request.cseq.number, method) in core.merged:
        core.drop(now, flow, "refused: merged request")
        refuse(core, request, 482, flow, now)
        return
    if _is_full(core, limits, flow, reserve):
        refuse(core, request, 503, flow, now, retry_after_s=limits.retry_after_s)
        return
    kind = InviteServerTransaction if method == "INVITE" else NonInviteServerTransaction
    transaction = kind(core, request, key, flow, from_tag, dialog_tag)
    core.events.append(RequestReceived(transaction, request, flow))


def _is_full(core: TransactionCore, limits: EndpointLimits, flow: Flow, reserve: int) -> bool:
    return (
        len(core.servers) >= limits.max_server_transactions + reserve
        or core.server_peers.count(flow.remote[0]) >= limits.max_server_transactions_per_source + reserve
    )


def _receive_ack(core: TransactionCore, request: SipRequest, flow: Flow, now: float) -> None:
    accepted = core.acks.get(ack_key(request))
    if accepted is not None:
        accepted.step(Input.ACK, now, request, flow)
        return
    transaction = core.servers.get(server_key(request, "INVITE"))
    if transaction is None or transaction.state in ACKNOWLEDGED_BY_DIALOG or not transaction.belongs(request):
        core.drop(now, flow, "dropped: ACK that matches nothing")
        return
    transaction.step(Input.ACK, now, request, flow)


def _receive_cancel(core: TransactionCore, request: SipRequest, flow: Flow, now: float) -> None:
    """Answer a CANCEL statelessly: the INVITE's transaction remembers all there is to remember (RFC 3261 9.2).

    It goes hop by hop, hence comes from the host that the INVITE came from; it cannot be challenged (22.1), so that
    nothing else would stop a stranger who has seen the INVITE.
    """
    transaction = core.servers.get(server_key(request, "INVITE"))
    stamp_via(request, flow)
    check_request(request)
    if (
        transaction is None
        or not transaction.belongs(request)
        or transaction.flow.remote[0] != flow.remote[0]
    ):
        core.drop(now, flow, "refused: CANCEL that matches nothing")
        refuse(core, request, 481, flow, now)
        return
    # RFC 3261 9.2 wants the tag of the INVITE's own answers, where there were any.
    tag = transaction.to_tag or stateless_tag(core, request)
    send_stateless(core, request, request.response(200, to_tag=tag), flow, now)
    transaction.step(Input.CANCEL, now, request, flow)
