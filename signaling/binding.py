# SPDX-License-Identifier: Apache-2.0
"""A binding, and the path by which requests reach it (RFC 3261 section 10, RFC 3581, RFC 5626).

Values and pure functions; knows no table and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from signaling.sip import Flow, SipUri, Via
from signaling.transport.addresses import LOWEST_TARGET_PORT, parse_ip

DEFAULT_SIP_PORT = 5060
SECURE = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One phone of a user: where it said it is, and how it is really reached."""

    user_id: str
    account_id: str
    aor: str
    """"sip:user@domain", the same for every spelling that the phone uses."""
    contact: SipUri
    """What the phone registered; the Request-URI of requests to it."""
    contact_text: str
    """`contact` as text: the key of the binding within its AOR."""
    flow: Flow
    """The path of requests to it."""
    source: tuple[str, int]
    """Where its REGISTER came from."""
    q: float = 1.0
    """Preference, 0 to 1."""
    deadline: float
    """When it expires, on the monotonic clock of the node."""
    expires_at: float
    """When it expires, in seconds since the epoch."""
    registered_at: float
    """When it was registered first, in seconds since the epoch."""
    refreshed_at: float = 0.0
    """When it was registered last, in seconds since the epoch; 0: before the start of this node."""
    user_agent: str = ""
    call_id: str
    cseq: int


def flow_to_contact(contact: SipUri, flow: Flow, via: Via) -> Flow:
    """Return the path of requests to a contact that was registered over `flow`.

    The source of the REGISTER wins: it leads back through any NAT, and a contact elsewhere would make this server
    send to a third party. Only a phone that is at its contact's address is reached at another port or transport of
    that same address, unless it asks for symmetric signalling by rport from behind a NAT: there its topmost `via`
    names another address than its packets come from.
    """
    behind_nat = via.rport is not None and not _is_sent_by(via, flow.remote)
    if flow.reliable or behind_nat or not _is_at(contact, flow.remote[0]):
        return flow
    return _direct(contact, flow) or flow


def flow_without_connection(contact: SipUri, flow: Flow) -> Flow | None:
    """Return the path to a contact whose connection was lost; None when a NAT or a third address is in between."""
    return _direct(contact, flow) if _is_at(contact, flow.remote[0]) else None


def _is_sent_by(via: Via, source: tuple[str, int]) -> bool:
    address = parse_ip(via.host)
    return address is not None and (str(address), via.port or DEFAULT_SIP_PORT) == source


def _is_at(contact: SipUri, ip: str) -> bool:
    address = parse_ip(contact.host)
    return address is not None and str(address) == ip


def _direct(contact: SipUri, flow: Flow) -> Flow | None:
    port = contact.port or DEFAULT_SIP_PORT
    transport = contact.transport or "udp"
    if SECURE in (flow.transport, transport) or contact.scheme == "sips":
        # No phone shows a certificate, so a new connection would lead to whoever is there; nothing goes there in clear.
        return None
    if transport not in ("udp", "tcp") or port < LOWEST_TARGET_PORT or port == flow.local[1]:
        return None
    return Flow(transport, (flow.remote[0], port), flow.local, 0)
