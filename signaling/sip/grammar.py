# SPDX-License-Identifier: Apache-2.0
"""Lexical pieces shared by the header and URI parsers (RFC 3261 section 25.1).

Knows characters, not headers. Invariant: each expression is a single character class or uses possessive
quantifiers only, so that matching is linear in the input; nothing here backtracks.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote, unquote

from signaling.sip.errors import RemoteProtocolError

Params = tuple[tuple[str, str | None], ...]

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
HOST_NAME = re.compile(r"[A-Za-z0-9\-._]{1,255}")
# A generic-param value is a token or a host; IPv6 adds brackets and colons. Real devices also send "/", "@", "$" and "&" bare.
PARAM_VALUE = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\[\]:/@$&|?#{}()]+")
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
FORBIDDEN_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f][0-9A-Fa-f])")
SIMPLE_PARAMS = re.compile(r"(?:;[A-Za-z0-9\-.!%*_+`'~]++(?:=[A-Za-z0-9\-.!%*_+`'~\[\]:/@$&|?#{}()]++)?+)++")
SIMPLE_PARAM = re.compile(r";([^;=]++)(?:=([^;]++))?+")
QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

MAX_PORT = 65535


def bad_request(reason: str) -> RemoteProtocolError:
    """Return the error for a malformed piece of a message: 400 with `reason`."""
    return RemoteProtocolError(400, reason)


def parse_uint(text: str, maximum: int, what: str) -> int:
    """Parse ASCII digits of 0 up to `maximum`; raise RemoteProtocolError(400) naming `what` otherwise.

    The length is checked before int(), whose cost is quadratic and which refuses 4300 digits in its own way.
    """
    if not (text.isascii() and text.isdigit()):
        raise bad_request(f"{what} is not a number")
    if len(text) > 10:
        text = text.lstrip("0") or "0"
        if len(text) > len(str(maximum)):
            raise bad_request(f"{what} is too large")
    value = int(text)
    if value > maximum:
        raise bad_request(f"{what} is too large")
    return value


def clamp_uint(text: str, maximum: int, what: str) -> int:
    """Parse ASCII digits, answering `maximum` for anything larger; raise RemoteProtocolError(400) if no digits."""
    if not (text.isascii() and text.isdigit()):
        raise bad_request(f"{what} is not a number")
    digits = text.lstrip("0")
    if len(digits) > len(str(maximum)):
        return maximum
    return min(int(digits or "0"), maximum)


def _parse_port(text: str) -> int:
    port = parse_uint(text, MAX_PORT, "port")
    if port == 0:
        raise bad_request("port is zero")
    return port


_remembered_port = lru_cache(maxsize=1024)(_parse_port)


def parse_port(text: str) -> int:
    """Parse a port of 1 to 65535; raise RemoteProtocolError(400) otherwise."""
    # What has more digits begins with zeros, any number of them: nothing to keep.
    return _remembered_port(text) if len(text) <= 5 else _parse_port(text)


def is_ipv6_reference(host: str) -> bool:
    """Whether `host` is an IPv6 address in brackets, without a zone (RFC 3261 section 25.1)."""
    if host[:1] != "[" or host[-1:] != "]" or len(host) > 47 or "%" in host:
        return False
    try:
        IPv6Address(host[1:-1])
    except AddressValueError:
        return False
    return True


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Split "host[:port]" into a lower-case host and a port; raise RemoteProtocolError(400) when malformed."""
    if text[:1] == "[":
        host, bracket, tail = text.partition("]")
        host += bracket
        colon, port = tail[:1], tail[1:]
        if (tail and colon != ":") or not is_ipv6_reference(host):
            raise bad_request("bad IPv6 reference")
    else:
        host, colon, port = text.partition(":")
        if HOST_NAME.fullmatch(host) is None:
            raise bad_request("bad host")
    return host.lower(), parse_port(port) if colon else None


def unescape(text: str) -> str:
    """Decode %HH escapes as UTF-8 (RFC 3261 section 19.1.2); raise RemoteProtocolError(400) on a bad escape."""
    if "%" not in text:
        return text
    if BAD_ESCAPE.search(text):
        raise bad_request("bad escape")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise bad_request("escapes are not UTF-8") from None


def escape(text: str, safe: str) -> str:
    """Encode each character outside letters, digits, "_.-~" and `safe` as %HH of its UTF-8 bytes."""
    return quote(text, safe=safe, errors="replace")


def unquote_string(text: str) -> str:
    """Return the content of a quoted-string with its quoted pairs resolved, or `text` when it is not quoted."""
    if text[:1] != '"':
        return text
    content = text[1:-1]
    return QUOTED_PAIR.sub(r"\1", content) if "\\" in content else content


def quote_string(text: str) -> str:
    """Write `text` as a quoted-string; control characters, which could end the line, become spaces."""
    text = CONTROLS.sub(" ", text)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def end_of_quoted(text: str, start: int) -> int:
    """Return the index after the quoted-string that opens at `start`; raise RemoteProtocolError(400) if open."""
    position = start + 1
    while True:
        close = text.find('"', position)
        if close < 0:
            raise bad_request("unbalanced quotes")
        escape_at = text.find("\\", position, close)
        if escape_at < 0:
            return close + 1
        position = escape_at + 2


def split_outside(text: str, separator: str) -> list[str]:
    """Split at `separator` where it stands outside quoted-strings and angle brackets; parts are stripped.

    Raises RemoteProtocolError(400) when a quote or an angle bracket stays open.
    """
    if '"' not in text and "<" not in text:
        return [part.strip(" \t") for part in text.split(separator)]
    piece = _PIECES[separator]
    parts: list[str] = []
    start = 0
    while (match := piece.match(text, start)) is not None:
        end = match.end()
        parts.append(text[start:end].strip(" \t"))
        if end == len(text):
            break
        if text[end] != separator:
            raise bad_request("unbalanced quotes or angle brackets")
        start = end + 1
    return parts


_PIECES = {
    separator: re.compile(rf"""(?:[^"<{separator}]++|"(?:[^"\\]++|\\.)*+"|<[^>]*+>)*+""", re.DOTALL)
    for separator in (",", ";")
}


def parse_params(text: str) -> Params:
    """Parse ";name=value;flag" into pairs of lower-case name and value as written (quotes kept) or None.

    `text` is empty or starts with the semicolon. Raises RemoteProtocolError(400) on an empty or repeated
    name (RFC 3261 7.3.1) and on a value that is neither a token, a host nor a quoted-string.
    """
    if SIMPLE_PARAMS.fullmatch(text) is not None:
        return unique_params([(name.lower(), value or None) for name, value in SIMPLE_PARAM.findall(text)])
    text = text.strip(" \t")
    if not text:
        return ()
    if text[0] != ";":
        raise bad_request("text after the value")
    pieces = text[1:].split(";") if '"' not in text else split_outside(text[1:], ";")
    params: list[tuple[str, str | None]] = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.strip(" \t")
        if TOKEN.fullmatch(name) is None:
            raise bad_request("bad parameter name")
        name = name.lower()
        if not equals:
            params.append((name, None))
            continue
        value = value.strip(" \t")
        if not value:
            raise bad_request("empty parameter value")
        if value[:1] == '"':
            if end_of_quoted(value, 0) != len(value):
                raise bad_request("text after a quoted parameter")
        elif PARAM_VALUE.fullmatch(value) is None:
            raise bad_request("bad parameter value")
        params.append((name, value))
    return unique_params(params)


def unique_params(params: list[tuple[str, str | None]]) -> Params:
    """Return `params` as a tuple; raise RemoteProtocolError(400) when a name is repeated (RFC 3261 7.3.1)."""
    if len(params) > 1 and len(dict(params)) != len(params):
        raise bad_request("repeated parameter")
    return tuple(params)


def format_params(params: Params) -> str:
    """Write parameters as ";name=value;flag", quoting a value that is neither a token nor already quoted."""
    if not params:
        return ""
    return "".join(
        [f";{name}" if value is None else f";{name}={_param_value(value)}" for name, value in params]
    )


def _param_value(value: str) -> str:
    if PARAM_VALUE.fullmatch(value) is not None:
        return value
    if value[:1] == '"' and len(value) > 1 and FORBIDDEN_CONTROLS.search(value) is None:
        try:
            if end_of_quoted(value, 0) == len(value):
                return value
        except RemoteProtocolError:
            return quote_string(value)
    return quote_string(value)


def find_param(params: Params, name: str) -> str | None:
    """Return the value of `name` with quotes removed, "" when it is a flag, None when it is absent."""
    for key, value in params:
        if key == name:
            return "" if value is None else unquote_string(value)
    return None
