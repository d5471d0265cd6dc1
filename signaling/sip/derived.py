# SPDX-License-Identifier: Apache-2.0
"""The two requests that are derived from an INVITE: the ACK to a failure, and the CANCEL.

Pure functions over messages. Invariant: what they return is matched by the peer to the INVITE, because it carries
the INVITE's only Via unchanged.
"""

from __future__ import annotations

from signaling.sip.headers import Headers
from signaling.sip.message import SipRequest, SipResponse

MAX_FORWARDS = "70"


def build_ack(invite: SipRequest, response: SipResponse) -> SipRequest:
    """Return the ACK to a 300-699 response (RFC 3261 17.1.1.3): the To is that of the response."""
    return _derive(invite, "ACK", response.headers.fields.get("To", []))


def build_cancel(invite: SipRequest) -> SipRequest:
    """Return the CANCEL of an INVITE that was sent (RFC 3261 9.1)."""
    return _derive(invite, "CANCEL", invite.headers.fields["To"])


def _derive(invite: SipRequest, method: str, to: list[str]) -> SipRequest:
    source = invite.headers.fields
    fields = {
        "Via": source["Via"][:1],
        "Max-Forwards": [MAX_FORWARDS],
        "From": source["From"][:],
        "To": to[:],
        "Call-ID": source["Call-ID"][:],
        "CSeq": [f"{invite.cseq.number} {method}"],
    }
    if "Route" in source:
        fields["Route"] = source["Route"][:]
    return SipRequest(method, invite.uri, Headers.from_fields(fields))
