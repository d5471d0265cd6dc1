# SPDX-License-Identifier: Apache-2.0
"""Bytes to messages (RFC 3261 section 7), and the checks that every request must pass (8.2, 16.3).

Eager: start line, header names, lengths and counts. Lazy: header values. Invariant: for any bytes at all,
`parse_message` returns a message or raises ParseError; a ParseError that can be answered carries the request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from signaling.sip.errors import ParseError, RemoteProtocolError
from signaling.sip.grammar import TOKEN, bad_request, parse_uint
from signaling.sip.headers import Headers, canonical_name
from signaling.sip.lines import find_head_end, split_head, split_lines, unfold
from signaling.sip.message import SipMessage, SipRequest, SipResponse
from signaling.sip.names import CANONICAL_NAMES

SINGLE_HEADERS = (
    "Call-ID",
    "CSeq",
    "Content-Length",
    "Content-Type",
    "Expires",
    "From",
    "Max-Forwards",
    "To",
)
"""Headers of which a message may have one line; two could be read differently by two elements."""

ANSWERABLE = ("Via", "From", "To", "Call-ID", "CSeq")
"""What a request must have for an answer to reach its sender (RFC 3261 8.2.6.2)."""

MAX_SALVAGED_LINES = 64
"""Header lines of a broken message that are looked at to answer it."""

FORWARDED_METHODS = frozenset({"INVITE", "MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH"})
"""Methods that may be carried on to another user outside a dialog, where Max-Forwards 0 ends the road."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """Bounds on one message. Beyond them a message is refused, never cut."""

    max_message_bytes: int = 65535
    """Largest message; that of a UDP datagram, and of Kamailio's and Asterisk's defaults."""
    max_headers: int = 128
    """Most header lines; Kamailio's and FreeSWITCH's tables are of this order."""
    max_header_bytes: int = 8192
    """Longest unfolded header line, as in most HTTP servers."""
    max_uri_chars: int = 2048
    """Longest Request-URI; longer ones are answered with 414."""


DEFAULT_LIMITS = ParseLimits()


def parse_message(data: bytes, limits: ParseLimits = DEFAULT_LIMITS) -> SipRequest | SipResponse:
    """Parse one whole message: a datagram, a WebSocket message or what the framer returned.

    Bytes after Content-Length are dropped (RFC 3261 18.3). Raises ParseError: 400 in general, 414 for a long
    Request-URI, 505 for another version, 513 for a message over `limits`.
    """
    if len(data) > limits.max_message_bytes:
        raise ParseError(513, "message too large")
    if data[:1] in _LINE_END_BYTES:
        data = data.lstrip(b"\r\n")
    try:
        return _parse(data, limits)
    except RemoteProtocolError as error:
        raise ParseError(error.status_hint, error.reason, salvage_request(data)) from None


_LINE_END_BYTES = frozenset({b"\r", b"\n"})


def _parse(data: bytes, limits: ParseLimits) -> SipRequest | SipResponse:
    lines, body_start = split_head(data)
    fields = _parse_fields(lines, body_start, limits)
    body = data[body_start:]
    lengths = fields.get("Content-Length")
    if lengths is not None and lengths != [str(len(body))]:
        if len(lengths) > 1:
            raise bad_request("Content-Length is repeated")
        length = parse_uint(lengths[0], limits.max_message_bytes, "Content-Length")
        if length > len(body):
            raise bad_request("body is shorter than Content-Length")
        body = body[:length]
    start_line = lines[0]
    if start_line[:4] in _STATUS_LINE_STARTS:
        return _parse_response(start_line, fields, body)
    words = start_line.split(" ")
    if len(words) != 3 or TOKEN.fullmatch(words[0]) is None or not words[1]:
        raise bad_request("bad request line")
    if words[2] != "SIP/2.0" and words[2].lower() != "sip/2.0":
        raise RemoteProtocolError(505 if words[2][:4].lower() == "sip/" else 400, "not SIP/2.0")
    if len(words[1]) > limits.max_uri_chars:
        raise RemoteProtocolError(414, "Request-URI too long")
    return SipRequest.from_wire(words[0], words[1], Headers.from_fields(fields), body)


_STATUS_LINE_STARTS = frozenset({"SIP/", "sip/", "Sip/"})


def _parse_fields(lines: list[str], head_bytes: int, limits: ParseLimits) -> dict[str, list[str]]:
    """Return the lines after the start line by canonical name; raise RemoteProtocolError(400).

    No line is longer than `head_bytes`, so that those of a short head need not be measured. A fold makes a line that is no header: then `lines` is unfolded in place and read again.
    """
    if len(lines) > limits.max_headers + 1:
        raise bad_request("too many headers")
    if head_bytes > limits.max_header_bytes and max(map(len, lines)) > limits.max_header_bytes:
        raise bad_request("header too long")
    fields: dict[str, list[str]] = {}
    known = CANONICAL_NAMES
    remaining = iter(lines)
    next(remaining)
    for line in remaining:
        name, colon, value = line.partition(":")
        key = known.get(name)
        if key is None or not colon:
            if any(other[:1] in _FOLD_STARTS for other in lines[1:]):
                lines[:] = unfold(lines)
                return _parse_fields(lines, head_bytes, limits)
            key = canonical_name(name.rstrip(" \t"))
            if key is None or not colon:
                raise bad_request("bad header line")
        if key in fields:
            fields[key].append(value.strip(" \t"))
        else:
            fields[key] = [value.strip(" \t")]
    return fields


_FOLD_STARTS = frozenset({" ", "\t"})


def _parse_response(start_line: str, fields: dict[str, list[str]], body: bytes) -> SipResponse:
    version, _, rest = start_line.partition(" ")
    status, _, reason = rest.partition(" ")
    if version.lower() != "sip/2.0":
        raise RemoteProtocolError(505, "not SIP/2.0")
    if len(status) != 3 or not status.isascii() or not status.isdigit() or not "100" <= status <= "699":
        raise bad_request("bad status line")
    return SipResponse(int(status), reason, Headers.from_fields(fields), body)


# The answer to another version is 505 (RFC 4475 3.1.2.16), and goes where its Via says.
_OTHER_VERSION = re.compile(r"SIP */ *[0-9]{1,3}+\.[0-9]{1,3}+ */", re.IGNORECASE | re.ASCII)


def salvage_request(data: bytes) -> SipRequest | None:
    """Return as much of a broken request as an answer needs, None when it is none or must not be answered."""
    end, _ = find_head_end(data)
    try:
        lines = unfold(split_lines(data[:end] if end >= 0 else data))
    except RemoteProtocolError:
        return None
    method = lines[0].partition(" ")[0]
    if TOKEN.fullmatch(method) is None or method == "ACK":
        return None
    fields: dict[str, list[str]] = {}
    for line in lines[1 : MAX_SALVAGED_LINES + 1]:
        name, colon, value = line.partition(":")
        key = canonical_name(name.rstrip(" \t"))
        if key in ANSWERABLE and colon and len(line) <= DEFAULT_LIMITS.max_header_bytes:
            value = value.strip(" \t")
            if key == "Via":
                value = _OTHER_VERSION.sub("SIP/2.0/", value)
            fields.setdefault(key, []).append(value)
    if len(fields) < len(ANSWERABLE):
        return None
    return SipRequest.from_wire(method, "", Headers.from_fields(fields), b"")


def check_request(request: SipRequest) -> None:
    """Check what every request must have (RFC 3261 8.1.1, 8.2.2.1, 16.3), before anything acts on it.

    Raises RemoteProtocolError: 400 for missing, repeated or malformed headers, 414 and 416 for the
    Request-URI, 483 when a request that would be carried on has no hop left. A missing Max-Forwards passes:
    RFC 2543 clients send none.
    """
    _check_headers(request)
    if request.cseq.method != request.method:
        raise bad_request("CSeq method is another")
    uri = request.uri
    if uri.headers:
        raise bad_request("headers in the Request-URI")
    if uri.scheme not in _ROUTABLE_SCHEMES:
        raise RemoteProtocolError(416, "unsupported URI scheme")
    if request.max_forwards == 0 and request.method in FORWARDED_METHODS and request.to.tag is None:
        raise RemoteProtocolError(483, "no hop left")


def check_response(response: SipResponse) -> None:
    """Check what every response must have; raise RemoteProtocolError, upon which it is to be dropped."""
    _check_headers(response)


def _check_headers(message: SipMessage) -> None:
    fields = message.headers.fields
    for name in SINGLE_HEADERS:
        if name in fields and len(fields[name]) > 1:
            raise bad_request(f"{name} is repeated")
    _ = message.call_id, message.cseq, message.from_, message.to, message.top_via
    if len(fields["Via"]) > 1 or "," in fields["Via"][0]:
        _ = message.vias
    for name in _CHECKED_WHEN_PRESENT:
        if name in fields:
            _ = message.contacts if name == "Contact" else message.name_addrs(name)


_CHECKED_WHEN_PRESENT = ("Contact", "Route", "Record-Route")
_ROUTABLE_SCHEMES = frozenset({"sip", "sips", "tel"})
