# SPDX-License-Identifier: Apache-2.0
"""SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966), and any other scheme as opaque text.

Knows nothing of headers or messages. Invariant: `SipUri.parse(str(uri)) == uri` for every legal URI, and
`str(uri)` never holds a space, a control character or an angle bracket.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.grammar import (
    HOST_NAME,
    SIMPLE_PARAM,
    Params,
    bad_request,
    escape,
    is_ipv6_reference,
    parse_host_port,
    parse_port,
    unescape,
    unique_params,
)
from signaling.sip.immutable import value_class

MAX_URI_CHARS = 4096
"""Longest URI that is looked at; longer ones are refused with 414."""

# "#" is not allowed unescaped, but phones send it for feature codes.
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]+")
_USER_PLAIN = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/]+")
_PASSWORD = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,%]*")
_PARAM = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+")
_PARAM_PLAIN = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$]+")
_HEADER = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/?:+$%]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
_OPAQUE = re.compile(r"[!#-;=?-~]+")  # printable ASCII without the space, the quote and angle brackets
# The shape of nearly every URI: no escapes, password, headers or IPv6. Anything else takes the general path.
_SIMPLE_URI = re.compile(
    r"(sips?+):(?:([A-Za-z0-9\-_.!~*'()&=+$,;?/#]++)@)?([A-Za-z0-9\-._]{1,255}+)(?::([0-9]{1,5}+))?"
    r"((?:;[A-Za-z0-9\-_.!~*'()\[\]/:&+$]++(?:=[A-Za-z0-9\-_.!~*'()\[\]/:&+$]++)?)*+)"
)
MAX_REMEMBERED_CHARS = 256
"""URIs longer than this are parsed each time, to bound the memory of the remembered ones."""
_USER_SAFE = "!*'()&=+$,;?/"
_USERINFO_SAFE = "!*'()&=+$,"
_PARAM_SAFE = "!*'()[]/:&+$"
_HEADER_SAFE = "!*'()[]/?:+$"
_OPAQUE_SAFE = "!#$%&'()*+,/:;=?@[]^`{|}\\"
_TEL_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#\-.()]+")
_VISUAL_SEPARATORS = str.maketrans("", "", "-.()")
_SIP_SCHEMES = frozenset({"sip", "sips"})
# RFC 3261 19.1.4: these are compared even when only one URI has them.
_ALWAYS_COMPARED = ("user", "ttl", "method", "maddr", "transport")


@value_class
class SipUri:
    """One URI. Text fields hold the unescaped values; `str()` escapes them again."""

    scheme: str = "sip"
    """Lower case. Anything but sip, sips and tel keeps its whole text in `user` and has no host."""
    user: str | None = None
    """Unescaped user, the number of a tel URI, or the opaque part of another scheme."""
    password: str | None = None
    """Unescaped password; its use is discouraged (RFC 3261 19.1.1)."""
    host: str = ""
    """Lower case; an IPv6 address keeps its brackets; empty unless sip or sips."""
    port: int | None = None
    """1 to 65535, None when not written."""
    params: Params = ()
    """(lower-case name, unescaped value or None for a flag), in order."""
    headers: tuple[tuple[str, str], ...] = ()
    """(name, value) after the question mark, unescaped."""
    _text: str = field(default="", init=False, repr=False, compare=False)
    """What `str` wrote, empty before it did: one URI stands in several messages of a call, and in those of many calls."""

    def __post_init__(self) -> None:
        if HOST_NAME.fullmatch(self.host) is None or self.scheme not in _SIP_SCHEMES:
            self._check_unusual()

    def _check_unusual(self) -> None:
        if self.scheme not in _SIP_SCHEMES:
            if self.host or _SCHEME.fullmatch(self.scheme) is None:
                raise LocalProtocolError("not a URI scheme, or a host with one that has none")
        elif not is_ipv6_reference(self.host):
            raise LocalProtocolError("a SIP URI needs a host name or address")

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Parse one URI; raise RemoteProtocolError 400 when malformed, 414 when too long."""
        if len(text) <= MAX_REMEMBERED_CHARS:
            return _parse_remembered(text)
        if len(text) > MAX_URI_CHARS:
            raise RemoteProtocolError(414, "URI too long")
        return _parse(text)

    def __str__(self) -> str:
        if not self._text:
            self._text = self._write()  # type: ignore[misc]
        return self._text

    def _write(self) -> str:
        if self.scheme not in _SIP_SCHEMES:
            user = escape(self.user or "", _OPAQUE_SAFE)
            return f"{self.scheme}:{user}{_format_uri_params(self.params)}"
        text = f"{self.scheme}:{_format_userinfo(self.user, self.password)}{self.host}"
        if self.port is not None:
            text = f"{text}:{self.port}"
        if self.params:
            text += _format_uri_params(self.params)
        if self.headers:
            text += "?" + "&".join(
                f"{escape(name, _HEADER_SAFE)}={escape(value, _HEADER_SAFE)}" for name, value in self.headers
            )
        return text

    @property
    def aor(self) -> str:
        """The address of record: "sip:user@host" without port, password and parameters (RFC 3261 10.3)."""
        if self.scheme not in _SIP_SCHEMES:
            return f"{self.scheme}:{escape(self.user or '', _OPAQUE_SAFE)}"
        return f"sip:{_format_userinfo(self.user, None)}{self.host}"

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case, None when absent."""
        value = self.param("transport")
        return value.lower() if value else None

    def param(self, name: str, default: str | None = None) -> str | None:
        """Return the value of parameter `name` (lower case), "" for a flag, `default` when absent."""
        for key, value in self.params:
            if key == name:
                return "" if value is None else value
        return default

    def replace(self, **changes: Any) -> SipUri:
        """Return a copy with the given fields changed."""
        return replace(self, **changes)

    def equals(self, other: SipUri) -> bool:
        """Compare by the rules of RFC 3261 19.1.4 (RFC 5954 for IPv6), which are not transitive."""
        if self.scheme not in _SIP_SCHEMES:
            return self.scheme == other.scheme and _number(self) == _number(other)
        return (
            self.scheme == other.scheme
            and (self.user or "") == (other.user or "")
            and (self.password or "") == (other.password or "")
            and self.port == other.port
            and _comparable_host(self.host) == _comparable_host(other.host)
            and _params_equal(self, other)
            and _comparable_headers(self) == _comparable_headers(other)
        )


def _parse(text: str) -> SipUri:
    match = _SIMPLE_URI.fullmatch(text)
    if match is None:
        return _parse_general(text)
    scheme, user, host, port, params = match.groups()
    return SipUri(
        scheme=scheme,
        user=user,
        host=host.lower(),
        port=parse_port(port) if port else None,
        params=_split_params(params) if params else (),
    )


# A call repeats the same few URIs in all of its messages, and a phone in all of its calls.
_parse_remembered = lru_cache(maxsize=512)(_parse)


def _parse_general(text: str) -> SipUri:
    scheme, colon, rest = text.partition(":")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        raise bad_request("bad URI scheme")
    scheme = scheme.lower()
    if scheme not in _SIP_SCHEMES:
        return _parse_other(scheme, rest)
    user = password = None
    userinfo, at, host_port = rest.partition("@")
    if at:
        user, password = _parse_userinfo(userinfo)
    else:
        host_port = rest
    host_port, question, headers = host_port.partition("?")
    host_port, semicolon, params = host_port.partition(";")
    host, port = parse_host_port(host_port)
    return SipUri(
        scheme=scheme,
        user=user,
        password=password,
        host=host,
        port=port,
        params=_parse_uri_params(params) if semicolon else (),
        headers=_parse_uri_headers(headers) if question else (),
    )


def _parse_other(scheme: str, rest: str) -> SipUri:
    if _OPAQUE.fullmatch(rest) is None:
        raise bad_request("bad URI")
    if scheme != "tel":
        return SipUri(scheme=scheme, user=rest)
    number, semicolon, params = rest.partition(";")
    if _TEL_NUMBER.fullmatch(number) is None:
        raise bad_request("bad telephone number")
    return SipUri(scheme="tel", user=number, params=_parse_uri_params(params) if semicolon else ())


def _parse_userinfo(text: str) -> tuple[str, str | None]:
    user, colon, password = text.partition(":")
    if _USER.fullmatch(user) is None:
        raise bad_request("bad user in URI")
    if colon and _PASSWORD.fullmatch(password) is None:
        raise bad_request("bad password in URI")
    return unescape(user), unescape(password) if colon else None


def _parse_uri_params(text: str) -> Params:
    params: list[tuple[str, str | None]] = []
    for piece in text.split(";"):
        name, equals, value = piece.partition("=")
        if _PARAM.fullmatch(name) is None or (equals and _PARAM.fullmatch(value) is None):
            raise bad_request("bad URI parameter")
        params.append((unescape(name).lower(), unescape(value) if equals else None))
    return unique_params(params)


def _split_params(text: str) -> Params:
    return unique_params([(name.lower(), value or None) for name, value in SIMPLE_PARAM.findall(text)])


def _parse_uri_headers(text: str) -> tuple[tuple[str, str], ...]:
    headers = []
    for piece in text.split("&"):
        name, equals, value = piece.partition("=")
        if not name or not equals or _HEADER.fullmatch(name) is None or _HEADER.fullmatch(value) is None:
            raise bad_request("bad URI header")
        headers.append((unescape(name), unescape(value)))
    return tuple(headers)


def _format_userinfo(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    text = user if _USER_PLAIN.fullmatch(user) else escape(user, _USER_SAFE)
    return f"{text}@" if password is None else f"{text}:{escape(password, _USERINFO_SAFE)}@"


def _format_uri_params(params: Params) -> str:
    return "".join(
        [
            f";{_escape_param(name)}" if value is None else f";{_escape_param(name)}={_escape_param(value)}"
            for name, value in params
        ]
    )


def _escape_param(text: str) -> str:
    return text if _PARAM_PLAIN.fullmatch(text) else escape(text, _PARAM_SAFE)


def _comparable_host(host: str) -> str:
    return IPv6Address(host[1:-1]).exploded if host[:1] == "[" else host


def _comparable_headers(uri: SipUri) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in uri.headers)


def _params_equal(one: SipUri, other: SipUri) -> bool:
    mine, theirs = dict(one.params), dict(other.params)
    for name in mine.keys() & theirs.keys():
        if (mine[name] or "").lower() != (theirs[name] or "").lower():
            return False
    return all((name in mine) == (name in theirs) for name in _ALWAYS_COMPARED)


def _number(uri: SipUri) -> str:
    number = uri.user or ""
    return number.translate(_VISUAL_SEPARATORS).lower() if uri.scheme == "tel" else number
