# SPDX-License-Identifier: Apache-2.0
"""Typed header values: NameAddr, Via and CSeq, each parsed from and written to one text.

They know no message. Invariants: values are immutable; `parse(str(value)) == value`; nothing written holds
a line end. `params` keep values as written, quotes included; `param()` answers them without quotes.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache
from typing import NamedTuple

from signaling.sip.errors import LocalProtocolError
from signaling.sip.grammar import (
    CONTROLS,
    HOST_NAME,
    TOKEN,
    Params,
    bad_request,
    clamp_uint,
    end_of_quoted,
    find_param,
    format_params,
    is_ipv6_reference,
    parse_host_port,
    parse_params,
    parse_port,
    parse_uint,
    quote_string,
    unquote_string,
)
from signaling.sip.immutable import value_class
from signaling.sip.uri import MAX_REMEMBERED_CHARS, SipUri

MAX_CSEQ = 2**31 - 1
"""RFC 3261 8.1.1.5."""
MAX_EXPIRES_S = 2**32 - 1
"""RFC 3261 20.19; larger values are read as this one."""

# Unquoted display names are tokens and spaces (RFC 3261 25.1); devices also send UTF-8 letters unquoted.
_DISPLAY_TOKENS = re.compile(r"[A-Za-z0-9\-.!%*_+`'~ \t\u0080-\U0010ffff]*")
# The shapes of nearly every value; anything else takes the general path.
_SIMPLE_NAME_ADDR = re.compile(r"""(?:"([^"\\\x00-\x1f\x7f]*+)" ?+)?<([^<>]++)>(;[^"]*+)?""")
_SIMPLE_VIA = re.compile(r"SIP/2\.0/([A-Z]++) ([A-Za-z0-9\-._]{1,255}+)(?::([0-9]{1,5}+))?(;[^\"]*+)?")
_SIMPLE_CSEQ = re.compile(r"([0-9]{1,10}+) ([A-Za-z0-9\-.!%*_+`'~]++)")
_USUAL_TRANSPORTS = frozenset({"UDP", "TCP", "TLS", "WS", "WSS"})


@value_class
class NameAddr:
    """The value of From, To, Contact, Route and their kin: a URI with a display name and parameters."""

    uri: SipUri
    display_name: str = ""
    """Without quotes; never holds a control character after parsing."""
    params: Params = ()
    """(lower-case name, value as written or None for a flag), in order."""
    _text: str = field(default="", init=False, repr=False, compare=False)
    """What `str` wrote, empty before it did."""

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Parse a name-addr or addr-spec with parameters; raise RemoteProtocolError(400) when malformed."""
        return _remembered_name_addr(text) if len(text) <= MAX_REMEMBERED_CHARS else _parse_address(text)

    @classmethod
    def _parse_general(cls, text: str) -> NameAddr:
        text = text.strip(" \t")
        display_name = ""
        if text[:1] == '"':
            end = end_of_quoted(text, 0)
            display_name = CONTROLS.sub(" ", unquote_string(text[:end]))
            text = text[end:].lstrip(" \t")
            if text[:1] != "<":
                raise bad_request("display name without <address>")
        open_at = text.find("<")
        if open_at < 0:
            return cls._parse_addr_spec(text)
        if open_at > 0:
            if _DISPLAY_TOKENS.fullmatch(text, 0, open_at) is None:
                raise bad_request("bad display name")
            display_name = text[:open_at].rstrip(" \t").replace("\t", " ")
        close_at = text.find(">", open_at)
        if close_at < 0:
            raise bad_request("unbalanced angle brackets")
        uri = SipUri.parse(text[open_at + 1 : close_at])
        rest = text[close_at + 1 :]
        return cls(uri=uri, display_name=display_name, params=parse_params(rest) if rest else ())

    @classmethod
    def _parse_addr_spec(cls, text: str) -> NameAddr:
        # Without brackets every parameter is the header's, and "?" and "," are refused (RFC 3261 20.10).
        address, semicolon, params = text.partition(";")
        if "?" in address or "," in address:
            raise bad_request("address needs angle brackets")
        return cls(uri=SipUri.parse(address.rstrip(" \t")), params=parse_params(semicolon + params))

    def __str__(self) -> str:
        if not self._text:
            address = f"<{self.uri}>{format_params(self.params)}"
            name = f"{quote_string(self.display_name)} " if self.display_name else ""
            self._text = name + address  # type: ignore[misc]
        return self._text

    @property
    def tag(self) -> str | None:
        """The tag parameter, None when absent or empty."""
        return find_param(self.params, "tag") or None

    @property
    def expires(self) -> int | None:
        """The expires parameter in seconds, at most MAX_EXPIRES_S; None when absent, 400 when no number."""
        value = find_param(self.params, "expires")
        return None if value is None else clamp_uint(value, MAX_EXPIRES_S, "expires")

    def param(self, name: str, default: str | None = None) -> str | None:
        """Return the unquoted value of parameter `name` (lower case), "" for a flag, `default` when absent."""
        value = find_param(self.params, name)
        return default if value is None else value

    def with_tag(self, tag: str) -> NameAddr:
        """Return a copy whose tag is `tag`."""
        others = [pair for pair in self.params if pair[0] != "tag"] if self.params else ()
        return NameAddr(uri=self.uri, display_name=self.display_name, params=(*others, ("tag", tag)))


@value_class
class Via:
    """One hop of the path of a request (RFC 3261 20.42, RFC 3581 for rport)."""

    transport: str
    """Upper case: UDP, TCP, TLS, WS, WSS, or any other token."""
    host: str
    """Lower case sent-by host; an IPv6 address keeps its brackets."""
    port: int | None = None
    """1 to 65535, None when not written."""
    params: Params = ()
    """(lower-case name, value as written or None for a flag), in order."""

    def __post_init__(self) -> None:
        if self.transport not in _USUAL_TRANSPORTS and TOKEN.fullmatch(self.transport) is None:
            raise LocalProtocolError("not a transport token")
        if HOST_NAME.fullmatch(self.host) is None and not is_ipv6_reference(self.host):
            raise LocalProtocolError("a Via needs a host name or address")

    @classmethod
    def parse(cls, text: str) -> Via:
        """Parse one Via value; raise RemoteProtocolError(400) when malformed or not SIP/2.0."""
        match = _SIMPLE_VIA.fullmatch(text)
        if match is None:
            return cls._parse_general(text)
        transport, host, port, params = match.groups()
        return _unchecked_via(
            transport,
            host.lower(),
            parse_port(port) if port else None,
            parse_params(params) if params else (),
        )

    @classmethod
    def _parse_general(cls, text: str) -> Via:
        head, semicolon, params = text.partition(";")
        words = head.split()
        if len(words) != 2 or words[0].count("/") != 2:
            words = _split_sent_by(head)
        name, version, transport = words[0].split("/")
        if version != "2.0" or (name != "SIP" and name.lower() != "sip"):
            raise bad_request("Via is not SIP/2.0")
        if TOKEN.fullmatch(transport) is None:
            raise bad_request("bad Via transport")
        host, port = parse_host_port(words[1])
        return cls(transport=transport.upper(), host=host, port=port, params=parse_params(semicolon + params))

    def __str__(self) -> str:
        sent_by = self.host if self.port is None else f"{self.host}:{self.port}"
        return f"SIP/2.0/{self.transport} {sent_by}{format_params(self.params)}"

    @property
    def branch(self) -> str | None:
        """The branch parameter, None when absent or empty (an RFC 2543 peer)."""
        return find_param(self.params, "branch") or None

    @property
    def received(self) -> str | None:
        """The received parameter: the source address as the next hop saw it; IPv6 possibly without brackets."""
        return find_param(self.params, "received") or None

    @property
    def rport(self) -> str | None:
        """None when absent, "" for the request to fill it in, else the source port as text (RFC 3581)."""
        return find_param(self.params, "rport")

    def param(self, name: str, default: str | None = None) -> str | None:
        """Return the unquoted value of parameter `name` (lower case), "" for a flag, `default` when absent."""
        value = find_param(self.params, name)
        return default if value is None else value

    def replace_params(self, **changes: str | None) -> Via:
        """Return a copy with parameters set: a text sets the value, "" a flag, None removes the parameter."""
        params: list[tuple[str, str | None]] = []
        for pair in self.params:
            name = pair[0]
            if name not in changes:
                params.append(pair)
            elif (value := changes.pop(name)) is not None:
                params.append((name, value or None))
        params += [(name, value or None) for name, value in changes.items() if value is not None]
        return _unchecked_via(self.transport, self.host, self.port, tuple(params))


def _unchecked_via(transport: str, host: str, port: int | None, params: Params) -> Via:
    """Return a Via of parts that have been checked, as those of another one or of a text that matched."""
    via = object.__new__(Via)
    via.transport = transport  # type: ignore[misc]
    via.host = host  # type: ignore[misc]
    via.port = port  # type: ignore[misc]
    via.params = params  # type: ignore[misc]
    return via


def _split_sent_by(head: str) -> list[str]:
    """Return [protocol, sent-by] of a Via with spaces around its slashes or colon (RFC 3261 25.1)."""
    pieces = [piece.strip(" \t") for piece in head.split("/")]
    if len(pieces) != 3:
        raise bad_request("bad Via")
    last = pieces[2].split(None, 1)
    if len(last) != 2:
        raise bad_request("Via without sent-by")
    host, colon, port = last[1].strip(" \t").rpartition(":")
    sent_by = f"{host.rstrip()}:{port.lstrip()}" if colon and host[:1] != "[" else last[1].strip(" \t")
    return [f"{pieces[0]}/{pieces[1]}/{last[0]}", sent_by]


class CSeq(NamedTuple):
    """The command sequence: a number below 2**31 and the method (RFC 3261 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Parse "number METHOD"; raise RemoteProtocolError(400) when malformed or out of range."""
        return _remembered_cseq(text) if len(text) <= MAX_REMEMBERED_CHARS else _parse_cseq(text)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def _parse_cseq(text: str) -> CSeq:
    match = _SIMPLE_CSEQ.fullmatch(text)
    if match is not None:
        number, method = match.groups()
    else:
        words = text.split()
        if len(words) != 2 or TOKEN.fullmatch(words[1]) is None:
            raise bad_request("bad CSeq")
        number, method = words
    return CSeq(parse_uint(number, MAX_CSEQ, "CSeq"), method)


def _parse_name_addr(text: str) -> NameAddr:
    """Parse From and To by halves: a tag is another one in each call, the address before it is not."""
    address, mark, tag = text.rpartition(">;tag=")
    if not mark or TOKEN.fullmatch(tag) is None:
        return _parse_address(text)
    known = _remembered_address(address + ">")
    return NameAddr(uri=known.uri, display_name=known.display_name, params=(("tag", tag),))


def _parse_address(text: str) -> NameAddr:
    match = _SIMPLE_NAME_ADDR.fullmatch(text)
    if match is None:
        return NameAddr._parse_general(text)
    name, uri, params = match.groups()
    return NameAddr(
        uri=SipUri.parse(uri), display_name=name or "", params=parse_params(params) if params else ()
    )


# The dozen messages of a call repeat its From and To; the values are immutable, so they are shared. Few are remembered:
# those of a set-up follow each other at once, and what strangers send fills the rest.
_remembered_name_addr = lru_cache(maxsize=512)(_parse_name_addr)
_remembered_address = lru_cache(maxsize=512)(_parse_address)
_remembered_cseq = lru_cache(maxsize=256)(_parse_cseq)
