# SPDX-License-Identifier: Apache-2.0
"""What the endpoint does with a response that came in (RFC 3261 17.1.3, 18.1.2, 8.1.3.3).

Invariant: a response that this endpoint did not ask for changes nothing.
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
        core.note(now, flow, "dropped: response to no request")
    elif (via.host, via.port) != transaction.sent_by:
        core.note(now, flow, "dropped: response with the sent-by of another element")
    elif _has_more_vias(response):
        core.note(now, flow, "dropped: response meant for an element further on")
    else:
        transaction.receive(response, flow, now)


def _has_more_vias(response: SipResponse) -> bool:
    lines = response.headers.fields["Via"]
    return len(lines) > 1 or ("," in lines[0] and len(response.vias) > 1)
