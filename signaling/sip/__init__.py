# SPDX-License-Identifier: Apache-2.0
"""The SIP core: messages, parsing, authentication, transactions and dialogs, without any I/O.

It must not know Django, asyncio, sockets, a clock or a source of randomness: bytes, time and tokens come in as
arguments and bytes and events go out. Invariant: no input from the network raises anything but a
RemoteProtocolError.
"""

from __future__ import annotations

from signaling.sip.digest import Challenge, Credentials, compute_ha1, compute_response
from signaling.sip.errors import LocalProtocolError, ParseError, RemoteProtocolError, SipError
from signaling.sip.flow import Flow
from signaling.sip.headers import Headers, canonical_name
from signaling.sip.message import STAR, SipMessage, SipRequest, SipResponse
from signaling.sip.nonce import NonceCounter, NonceFactory, NonceState
from signaling.sip.parser import ParseLimits, check_request, check_response, parse_message
from signaling.sip.phrases import REASON_PHRASES
from signaling.sip.stream import KEEP_ALIVE, PONG, StreamFramer
from signaling.sip.uri import SipUri
from signaling.sip.values import CSeq, NameAddr, Via

__all__ = [
    "KEEP_ALIVE",
    "PONG",
    "REASON_PHRASES",
    "STAR",
    "CSeq",
    "Challenge",
    "Credentials",
    "Flow",
    "Headers",
    "LocalProtocolError",
    "NameAddr",
    "NonceCounter",
    "NonceFactory",
    "NonceState",
    "ParseError",
    "ParseLimits",
    "RemoteProtocolError",
    "SipError",
    "SipMessage",
    "SipRequest",
    "SipResponse",
    "SipUri",
    "StreamFramer",
    "Via",
    "canonical_name",
    "check_request",
    "check_response",
    "compute_ha1",
    "compute_response",
    "parse_message",
]
