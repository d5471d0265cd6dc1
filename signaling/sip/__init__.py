# SPDX-License-Identifier: Apache-2.0
"""The SIP core: messages, parsing, authentication, transactions and dialogs, without any I/O.

It must not know Django, asyncio, sockets, a clock or a source of randomness: bytes, time and tokens come in as
arguments and bytes and events go out. Invariant: no input from the network raises anything but a
RemoteProtocolError.
"""

from __future__ import annotations

from signaling.sip.errors import LocalProtocolError, ParseError, RemoteProtocolError, SipError
from signaling.sip.flow import Flow
from signaling.sip.headers import Headers, canonical_name
from signaling.sip.message import STAR, SipMessage, SipRequest, SipResponse
from signaling.sip.phrases import REASON_PHRASES
from signaling.sip.uri import SipUri
from signaling.sip.values import CSeq, NameAddr, Via

__all__ = [
    "REASON_PHRASES",
    "STAR",
    "CSeq",
    "Flow",
    "Headers",
    "LocalProtocolError",
    "NameAddr",
    "ParseError",
    "RemoteProtocolError",
    "SipError",
    "SipMessage",
    "SipRequest",
    "SipResponse",
    "SipUri",
    "Via",
    "canonical_name",
]
