# SPDX-License-Identifier: Apache-2.0
"""What the endpoint tells the transaction user (RFC 3261 section 5, "TU").

Events are immutable values: named tuples, because one is made per message. They know nothing of the endpoint.
Every event but StrayReceived and MalformedReceived names its transaction, by which a transaction user finds its own
context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from signaling.sip.errors import RemoteProtocolError
from signaling.sip.flow import Flow
from signaling.sip.message import SipRequest, SipResponse

if TYPE_CHECKING:
    from signaling.sip.transaction_client import ClientTransaction
    from signaling.sip.transaction_server import ServerTransaction


class StrayReceived(NamedTuple):
    """A message that belongs to nothing was dropped, or refused without a trace: a flood of such is nobody's call."""

    flow: Flow


class RequestReceived(NamedTuple):
    """A new, well-formed request other than ACK and CANCEL.

    The transaction is fresh: it is kept nowhere until it is accepted or answered with Endpoint.accept or .respond.
    A transaction user that cannot decide at once must accept, or each retransmission arrives as another event.
    """

    transaction: ServerTransaction
    request: SipRequest
    flow: Flow


class CancelReceived(NamedTuple):
    """The peer cancels the INVITE of `transaction`, which waits for its 487. The CANCEL itself was answered."""

    transaction: ServerTransaction
    request: SipRequest
    flow: Flow


class AckReceived(NamedTuple):
    """The first ACK to the 2xx of `transaction` (RFC 3261 13.3.1.4); `request` may carry an answer."""

    transaction: ServerTransaction
    request: SipRequest


class AckMissing(NamedTuple):
    """No ACK to the 2xx in 64*T1: the dialog is to be ended with a BYE (RFC 3261 13.3.1.4)."""

    transaction: ServerTransaction


class ResponseReceived(NamedTuple):
    """A response that is new to the transaction user.

    Every provisional response, one final response, and for INVITE the first 2xx of each dialog (by To tag).
    """

    transaction: ClientTransaction
    response: SipResponse
    flow: Flow


class TransactionTimedOut(NamedTuple):
    """The transaction ended without what it waited for.

    Client: no final response, to be treated as a 408 (RFC 3261 8.1.3.1). Server: no ACK to a failure response,
    or no answer by the transaction user in 64*T1; nothing is left to do.
    """

    transaction: ClientTransaction | ServerTransaction


class TransportFailed(NamedTuple):
    """What the transaction sent could not be delivered. Client: to be treated as a 503 (RFC 3261 8.1.3.1)."""

    transaction: ClientTransaction | ServerTransaction


class MalformedReceived(NamedTuple):
    """A message that broke the protocol. `answered` tells whether a response with the error's status went back."""

    flow: Flow
    error: RemoteProtocolError
    answered: bool


Event = (
    StrayReceived
    | RequestReceived
    | CancelReceived
    | AckReceived
    | AckMissing
    | ResponseReceived
    | TransactionTimedOut
    | TransportFailed
    | MalformedReceived
)
