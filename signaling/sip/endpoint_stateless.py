# SPDX-License-Identifier: Apache-2.0
"""Answers that leave nothing behind (RFC 3261 8.2.7).

They know the core's output and its secret, no transaction. Invariant: a request and each of its retransmissions get
the same answer, down to the To tag, because nothing but the request goes into it.
"""

from __future__ import annotations

from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.flow import Flow
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.routing import response_flow, stamp_via
from signaling.sip.transaction_core import TransactionCore


def send_stateless(
    core: TransactionCore, request: SipRequest, response: SipResponse, flow: Flow, now: float
) -> None:
    """Send `response` to a request with a stamped Via that came over `flow`, and forget it."""
    core.send(response.to_bytes(), response_flow(request.top_via, flow), now)


def stateless_tag(core: TransactionCore, request: SipRequest) -> str:
    """Return the To tag of every stateless answer to `request`."""
    fields = request.headers.fields
    return core.tokens.derived(*fields.get("Call-ID", ()), *fields.get("From", ()), *fields.get("CSeq", ()))


def refuse(
    core: TransactionCore,
    request: SipRequest,
    status: int,
    flow: Flow,
    now: float,
    *,
    retry_after_s: int | None = None,
) -> None:
    """Answer a request that has a stamped Via with a status and no more."""
    response = request.response(status, to_tag=stateless_tag(core, request))
    if retry_after_s is not None:
        response.headers.set("Retry-After", str(retry_after_s))
    send_stateless(core, request, response, flow, now)


def refuse_malformed(
    core: TransactionCore, request: SipRequest, error: RemoteProtocolError, flow: Flow, now: float
) -> bool:
    """Answer a broken request with the status of `error`, if its Via allows; return whether it was answered."""
    if request.method == "ACK":
        return False
    try:
        stamp_via(request, flow)
        refuse(core, request, error.status_hint, flow, now)
    except (RemoteProtocolError, LocalProtocolError):
        # A header that would have to be echoed cannot be read, or not be written again: nothing legal can be said.
        core.note(now, flow, f"dropped: {error}")
        return False
    return True
