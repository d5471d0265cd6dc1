# SPDX-License-Identifier: Apache-2.0
"""Bindings as they stand in Redis: JSON, one object in each field of `reg:{aor}`.

Pure. What is read was written by another node, perhaps of another version: anything that is not as expected is left
out, never an error.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from signaling.binding import Binding
from signaling.sip import RemoteProtocolError, SipUri
from signaling.transport.addresses import parse_ip


class Elsewhere(NamedTuple):
    """A phone that is registered at another node."""

    contact: SipUri
    node: str
    source_ip: str
    """Where the phone's REGISTER came from."""
    q: float
    at: float


class Notice(NamedTuple):
    """A binding of this node that another node has replaced or removed."""

    aor: str
    contact_text: str
    call_id: str
    cseq: int
    at: float

    def concerns(self, binding: Binding) -> bool:
        """Whether ``binding`` is that one, and not one that was registered here again since."""
        if binding.contact_text != self.contact_text:
            return False
        if binding.call_id == self.call_id:
            return binding.cseq <= self.cseq
        return binding.refreshed_at <= self.at


def to_text(binding: Binding, node: str) -> str:
    """Return a binding of ``node`` as the value of its field."""
    return json.dumps(
        {
            "node": node,
            "user_id": binding.user_id,
            "account_id": binding.account_id,
            "source": binding.source[0],
            "source_port": binding.source[1],
            "transport": binding.flow.transport,
            "q": binding.q,
            "call_id": binding.call_id,
            "cseq": binding.cseq,
            "at": binding.refreshed_at,
            "registered_at": binding.registered_at,
            "expires_at": binding.expires_at,
            "user_agent": binding.user_agent,
        },
        separators=(",", ":"),
    )


def from_reply(reply: object, *, user_id: str, wall: float, not_node: str) -> list[Elsewhere]:
    """Return the live bindings of a user at other nodes from the reply to HGETALL, the preferred first."""
    if not isinstance(reply, list):
        return []
    found = []
    for contact, value in zip(reply[::2], reply[1::2], strict=False):
        entry = _entry(contact, value, user_id, wall)
        if entry is not None and entry.node != not_node:
            found.append(entry)
    found.sort(key=lambda entry: (-entry.q, -entry.at))
    return found


def notice_of(text: bytes) -> Notice | None:
    """Return what a message in the inbox tells."""
    fields = _object(text)
    try:
        return Notice(
            aor=str(fields["aor"]),
            contact_text=str(fields["contact"]),
            call_id=str(fields["call_id"]),
            cseq=int(fields["cseq"]),
            at=float(fields["at"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _entry(contact: bytes, value: bytes, user_id: str, wall: float) -> Elsewhere | None:
    fields = _object(value)
    try:
        if fields["user_id"] != user_id or float(fields["expires_at"]) <= wall:
            return None
        source = str(fields["source"])
        if parse_ip(source) is None:
            return None
        uri = SipUri.parse(contact.decode())
        return Elsewhere(uri, str(fields["node"]), source, float(fields["q"]), float(fields["at"]))
    except (KeyError, TypeError, ValueError, RemoteProtocolError):
        return None


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
