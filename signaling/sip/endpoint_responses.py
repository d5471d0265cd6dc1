# SPDX-License-Identifier: Apache-2.0
"""What the endpoint does with a response that came in (RFC 3261 17.1.3, 18.1.2, 8.1.3.3).

Invariants: a response that this endpoint did not ask for changes nothing; what a transaction user needs of a response
to make a dialog can be read without an error, because a response where it cannot is dropped here.
"""

from __future__ import annotations

from signaling.sip.flow import Flow
from signaling.sip.message import SipResponse
from signaling.sip.transaction_core import TransactionCore


def receive_response(core: TransactionCore, response: SipResponse, flow: Flow, now: float) -> None:
    """Give a response to its transaction or drop it. Raises RemoteProtocolError when it is malformed."""
    via = response.top_via
    transaction = core.clients.get((via.branch, response.cseq.method))
    if transaction is None:
        core.drop(now, flow, "dropped: response to no request")
    elif (via.host, via.port) != transaction.sent_by:
        core.drop(now, flow, "dropped: response with the sent-by of another element")
    elif _has_more_vias(response):
        core.drop(now, flow, "dropped: response meant for an element further on")
    elif response.call_id != transaction.call_id:
        core.drop(now, flow, "dropped: response with another Call-ID")
    else:
        if response.status > 100:
            _check_dialog_headers(response)
        transaction.receive(response, flow, now)


def _has_more_vias(response: SipResponse) -> bool:
    lines = response.headers.fields["Via"]
    return len(lines) > 1 or ("," in lines[0] and len(response.vias) > 1)


def _check_dialog_headers(response: SipResponse) -> None:
    """Parse the headers that name and route a dialog; they stay parsed. Raises RemoteProtocolError(400)."""
    _ = response.from_, response.to
    if response.status < 300:
        _ = response.contacts, response.record_routes
