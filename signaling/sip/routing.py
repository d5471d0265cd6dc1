# SPDX-License-Identifier: Apache-2.0
"""Where a response goes: Via on receipt and on sending (RFC 3261 18.2, RFC 3581).

It knows no socket. Invariant: a response goes to the address that its request came from, never to one that the
request merely names, so that a forged Via makes nobody else receive anything; `maddr` is therefore not followed.
"""

from __future__ import annotations

from signaling.sip.flow import Flow
from signaling.sip.message import SipRequest
from signaling.sip.values import Via

DEFAULT_PORTS = {"tls": 5061, "wss": 443, "ws": 80}
"""Port of a sent-by without one (RFC 3261 18.2.2, RFC 7118 5.2.1); 5060 for the others."""

LOWEST_PORT = 1024
"""A sent-by port below is not trusted: it may be another service on the host of the sender."""


def stamp_via(request: SipRequest, flow: Flow) -> Via:
    """Write `received`, and `rport` where the request asks for it, into the top Via; return that Via.

    What a sender wrote there itself is overwritten. Raises RemoteProtocolError(400) when there is no usable Via.
    """
    address, port = flow.remote
    via = request.top_via
    if via.rport is None:
        via = via.replace_params(received=address)
    else:
        via = via.replace_params(rport=str(port), received=address)
    request.replace_top_via(via)
    return via


def response_flow(via: Via, flow: Flow) -> Flow:
    """Return the path of a response to a request that came over `flow` with the stamped `via`."""
    if flow.reliable or via.rport is not None:
        return flow
    port = sent_by_port(via, flow.transport)
    if port == flow.remote[1] or port < LOWEST_PORT:
        return flow
    return Flow(flow.transport, (flow.remote[0], port), flow.local, flow.connection)


def sent_by_port(via: Via, transport: str) -> int:
    """Return the port of the sent-by, the default one of the transport when it names none."""
    return via.port if via.port is not None else DEFAULT_PORTS.get(transport, 5060)


def via_line(flow: Flow, sent_by: tuple[str, int], branch: str) -> str:
    """Return the Via of a request sent over `flow` (RFC 3261 18.1.1), asking for rport (RFC 3581)."""
    host, port = sent_by
    return f"SIP/2.0/{flow.transport.upper()} {bracketed(host)}:{port};branch={branch};rport"


def bracketed(host: str) -> str:
    """Return `host` in lower case as a URI or Via writes it: an IPv6 address in brackets."""
    return f"[{host}]".lower() if ":" in host and host[0] != "[" else host.lower()
