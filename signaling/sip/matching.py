# SPDX-License-Identifier: Apache-2.0
"""The keys by which messages find their transactions (RFC 3261 17.1.3, 17.2.3, 13.3.1.4, 8.2.2.2).

It knows messages and no table. Invariant: a key is made of header values alone, never of the path a message came by,
because retransmissions may take another one.
"""

from __future__ import annotations

from signaling.sip.grammar import TOKEN
from signaling.sip.message import SipRequest
from signaling.sip.tokens import MAGIC_COOKIE
from signaling.sip.values import NameAddr

Key = tuple[str | int | None, ...]
"""Equal keys, same transaction. The kinds of keys live in tables of their own and never meet."""


def server_key(request: SipRequest, method: str) -> Key:
    """Return the key of the server transaction of `method` that `request` belongs to (RFC 3261 17.2.3).

    `method` is INVITE for an ACK and for the INVITE that a CANCEL means, else the method of the request.
    Raises RemoteProtocolError when a header that matching needs is missing or malformed.
    """
    via = request.top_via
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE):
        return (branch, via.host, via.port, method)
    # An RFC 2543 peer. The To tag, which its ACK has and its INVITE has not, is compared by the transaction.
    return (
        request.call_id,
        request.cseq.number,
        tag_of(request.headers.fields.get("From")),
        str(request.uri),
        str(via),
        method,
    )


def ack_key(request: SipRequest) -> Key:
    """Return the key of the 2xx that an ACK acknowledges: the dialog as this end sees it, and the CSeq number."""
    fields = request.headers.fields
    return (request.call_id, tag_of(fields.get("To")), tag_of(fields.get("From")), request.cseq.number)


def merge_key(call_id: str, from_tag: str | None, cseq: int, method: str) -> Key:
    """Return what two copies share of one request outside a dialog that came by two paths (RFC 3261 8.2.2.2)."""
    return (call_id, from_tag, cseq, method)


def tag_of(lines: list[str] | None) -> str | None:
    """Return the tag of the From or To in `lines`, None when there is none; 400 when the header is malformed.

    The plain form is read without parsing the URI before it, which costs ten times as much.
    """
    if not lines:
        return None
    line = lines[0]
    tail = line.rpartition(">")[2]
    if tail.startswith(";tag=") and TOKEN.fullmatch(tail, 5):
        return tail[5:]
    if not tail:
        return None
    return NameAddr.parse(line).tag
