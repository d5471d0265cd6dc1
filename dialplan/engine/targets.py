# SPDX-License-Identifier: Apache-2.0
"""Dial targets: ``user/1001`` and ``sip:user@host[:port][;transport=udp|tcp|tls]``.

Only the user's name may hold variables. A caller chooses the number and so the value of ``${destination}``; if that
could reach the host part, every caller could send requests to any address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from dialplan.engine.errors import TargetError
from dialplan.engine.variables import CallFacts, Template

MAX_USER_LENGTH = 128
MAX_HOST_LENGTH = 253
TRANSPORTS = ("udp", "tcp", "tls")
ACCEPTED = "a target is user/NAME or sip:USER@HOST[:PORT]"

_HOST = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
)
_USER_CHARACTERS = frozenset("-_.!~*'()&=+$,;?/#{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTarget:
    """A user of the caller's account: all phones that are registered for it ring."""

    name: str
    """User name or extension."""

    def __str__(self) -> str:
        return f"user/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SipTarget:
    """An address that is called directly."""

    user: str
    """User part, not escaped."""
    host: str
    """Host name or IP address in lower case; an IPv6 address stands in brackets."""
    port: int | None
    """None when the target names none: the port then comes from DNS (RFC 3263) or is 5060."""
    transport: str | None
    """``udp``, ``tcp``, ``tls`` or None."""

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        transport = "" if self.transport is None else f";transport={self.transport}"
        return f"sip:{self.user}@{self.host}{port}{transport}"


Target = UserTarget | SipTarget
TargetBuilder = Callable[[CallFacts], Target]


def parse_target(text: str) -> Target:
    """Read a target without variables.

    Raises:
        TargetError: it is none of the accepted forms.
        TemplateError: it holds an undefined variable.
    """
    return compile_target(text)(CallFacts(destination=""))


def compile_target(text: str) -> TargetBuilder:
    """Read a target that may hold variables and return what makes the target of one call from its facts.

    The returned function raises `TargetError` when a variable is empty, too long or holds control characters.

    Raises:
        TargetError: it is none of the accepted forms, or a variable stands outside the user's name.
        TemplateError: it holds an undefined variable.
    """
    kind, separator, rest = text.partition("/")
    if separator and kind == "user":
        user = _user_template(rest)
        return lambda facts: UserTarget(name=_fill(user, facts))
    scheme, separator, rest = text.partition(":")
    if separator and scheme.lower() == "sip":
        return _compile_sip(rest)
    raise TargetError(f"{ACCEPTED}, not {text!r}")


def _compile_sip(rest: str) -> TargetBuilder:
    userinfo, at, address = rest.rpartition("@")
    if not at:
        raise TargetError(f"{ACCEPTED}; the user is missing")
    if "${" in address:
        raise TargetError("a variable may stand in the user part alone, never in host or port")
    user = _user_template(userinfo)
    hostport, semicolon, parameters = address.partition(";")
    transport = _parse_parameters(parameters) if semicolon else None
    host, port = _parse_hostport(hostport)
    return lambda facts: SipTarget(user=_fill(user, facts), host=host, port=port, transport=transport)


def _user_template(text: str) -> Template:
    if not text:
        raise TargetError(f"{ACCEPTED}; the name is empty")
    template = Template(text)
    for char in text:
        if not (char.isalnum() or char in _USER_CHARACTERS):
            raise TargetError(f"{char!r} cannot stand in the name of a target")
    return template


def _fill(template: Template, facts: CallFacts) -> str:
    name = template.fill(facts)
    if template.constant:
        return name
    if not all(template.values(facts)):
        raise TargetError(f"a variable in {template.text} is empty in this call")
    if len(name) > MAX_USER_LENGTH or not name.isprintable():
        raise TargetError(f"{template.text} has become a name that cannot be dialled")
    return name


def _parse_parameters(text: str) -> str:
    name, separator, value = text.partition("=")
    if name.lower() != "transport" or not separator or value.lower() not in TRANSPORTS:
        raise TargetError(f"the only parameter of a target is ;transport={'|'.join(TRANSPORTS)}")
    return value.lower()


def _parse_hostport(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        if not bracket or not _is_ipv6(host[1:]) or (rest and not rest.startswith(":")):
            raise TargetError(f"{text!r} is no IPv6 address in brackets with an optional port")
        return f"{host}]".lower(), _parse_port(rest[1:]) if rest else None
    host, colon, port = text.partition(":")
    if len(host) > MAX_HOST_LENGTH or not _HOST.fullmatch(host):
        raise TargetError(f"{host!r} is no host name and no IP address")
    return host.lower(), _parse_port(port) if colon else None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise TargetError(f"{text!r} is no port from 1 to 65535")
    return int(text)
