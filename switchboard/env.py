# SPDX-License-Identifier: Apache-2.0
"""Typed, strict readers of environment variables, and the registry of all of them.

Every variable that the product reads is declared once, in ``switchboard.settings``, through a ``Registry``. From the
declarations come the typed value, the command-line flag of the same name (``RTP_PORT_MIN`` → ``--rtp-port-min``)
and the page ``docs/configuration.md``. A bad value raises `BadVariable`, whose text is one line that names the
variable, the value and what is accepted.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

from switchboard.addresses import domain

if TYPE_CHECKING:
    import argparse

T = TypeVar("T")

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
ALL_ROLES = "all"
MAX_PORT = 65535
_NOT_IN_A_HOST = frozenset("/@[]?#, \t")
LOG_LEVELS = ("debug", "info", "warn", "error")


class BadVariable(ValueError):
    """A variable holds a value that cannot be used; ``str()`` is the line to show the operator."""

    def __init__(self, name: str, value: str, accepted: str) -> None:
        super().__init__(f"{name}={value!r} is not accepted: expected {accepted}")
        self.name = name
        self.value = value
        self.accepted = accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One declared variable, as the documentation and the command line show it."""

    name: str
    default: str
    help: str
    roles: tuple[str, ...]
    accepted: str
    secret: bool = False
    address: bool = False
    """Whether a secret is an address, which need not hold a password and may stand on a command line."""

    @property
    def flag(self) -> str:
        """The command-line flag of the variable: ``--rtp-port-min`` for ``RTP_PORT_MIN``."""
        return "--" + self.name.lower().replace("_", "-")

    @property
    def flags(self) -> dict[str, str]:
        """All its flags, each with the variable that it sets: a secret's names its file, since command lines are seen."""
        from_file = {f"{self.flag}-file": f"{self.name}_FILE"} if self.secret else {}
        return from_file if self.secret and not self.address else {self.flag: self.name, **from_file}


class Registry:
    """Reads and records variables.

    Args:
        environ: the environment to read; tests pass their own.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self.variables: dict[str, Variable] = {}
        self.secrets: dict[str, str] = {}
        """The values of the secrets that were read: for checks, never to be shown."""

    def text(self, name: str, default: str = "", *, help: str, roles: Iterable[str] = ()) -> str:
        """Return the variable as text; an empty one counts as unset."""
        return self._read(name, default, str, "any text", help=help, roles=roles)

    def secret(
        self, name: str, default: str = "", *, help: str, roles: Iterable[str] = (), address: bool = False
    ) -> str:
        """Return a secret from ``NAME`` or from the file that ``NAME_FILE`` names (its trailing newline is cut).

        Raises:
            BadVariable: both are set, or the file cannot be read or holds nothing: an empty token would admit everybody.
        """
        accepted = f"any text, or {name}_FILE naming a file"
        self._declare(name, default, help, roles, accepted, secret=True, address=address)
        self.secrets[name] = self._read_secret(name) or default
        return self.secrets[name]

    def _read_secret(self, name: str) -> str:
        path = self._environ.get(f"{name}_FILE", "")
        if not path:
            return self._environ.get(name, "")
        if self._environ.get(name):
            raise BadVariable(f"{name}_FILE", path, f"{name} unset when {name}_FILE is set")
        try:
            value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadVariable(f"{name}_FILE", path, f"a readable text file ({error})") from error
        if not value.strip():
            raise BadVariable(f"{name}_FILE", path, "a file that is not empty")
        return value

    def integer(
        self,
        name: str,
        default: int,
        *,
        help: str,
        roles: Iterable[str] = (),
        minimum: int = 0,
        maximum: int = 2**31 - 1,
    ) -> int:
        """Return a whole number within ``minimum`` and ``maximum``, both included."""

        def convert(raw: str) -> int:
            number = int(raw)
            if not minimum <= number <= maximum:
                raise ValueError(raw)
            return number

        accepted = f"a whole number from {minimum} to {maximum}"
        return self._read(name, str(default), convert, accepted, help=help, roles=roles)

    def port(self, name: str, default: int, *, help: str, roles: Iterable[str] = ()) -> int:
        """Return a port number from 1 to 65535."""
        return self.integer(name, default, help=help, roles=roles, minimum=1, maximum=MAX_PORT)

    def host_port(
        self, name: str, *, numeric: bool = False, help: str, roles: Iterable[str] = ()
    ) -> tuple[str, int] | None:
        """Return ``host:port`` as a pair, an IPv6 address without its brackets; None when it is unset.

        With ``numeric`` the host must be an IP address.
        """

        def convert(raw: str) -> tuple[str, int] | None:
            if not raw:
                return None
            host, separator, port = raw.rpartition(":")
            bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
            if not separator or not bare or (":" in bare) != (bare != host) or set(bare) & _NOT_IN_A_HOST:
                raise ValueError(raw)
            if numeric:
                bare = str(ipaddress.ip_address(bare))
            if not (port.isascii() and port.isdigit() and 1 <= int(port) <= MAX_PORT):
                raise ValueError(raw)
            return bare, int(port)

        accepted = f"{'address' if numeric else 'host'}:port, the port from 1 to {MAX_PORT}"
        return self._read(name, "", convert, accepted, help=help, roles=roles)

    def seconds(
        self,
        name: str,
        default: float,
        *,
        help: str,
        roles: Iterable[str] = (),
        minimum: float = 0.0,
        maximum: float = 86400.0 * 366,
    ) -> float:
        """Return a duration in seconds; fractions are allowed."""

        def convert(raw: str) -> float:
            number = float(raw)
            if not minimum <= number <= maximum:
                raise ValueError(raw)
            return number

        accepted = f"seconds from {plain(minimum)} to {plain(maximum)}"
        return self._read(name, plain(default), convert, accepted, help=help, roles=roles)

    def boolean(self, name: str, default: bool, *, help: str, roles: Iterable[str] = ()) -> bool:
        """Return true or false; any word outside `TRUE_WORDS` and `FALSE_WORDS` is refused."""

        def convert(raw: str) -> bool:
            word = raw.lower()
            if word in TRUE_WORDS:
                return True
            if word in FALSE_WORDS:
                return False
            raise ValueError(raw)

        return self._read(name, str(default).lower(), convert, "true or false", help=help, roles=roles)

    def choice(
        self, name: str, default: str, choices: Iterable[str], *, help: str, roles: Iterable[str] = ()
    ) -> str:
        """Return one of ``choices``, compared without regard to case."""
        allowed = tuple(choices)

        def convert(raw: str) -> str:
            word = raw.lower()
            if word not in allowed:
                raise ValueError(raw)
            return word

        return self._read(name, default, convert, "one of " + ", ".join(allowed), help=help, roles=roles)

    def address(self, name: str, default: str, *, help: str, roles: Iterable[str] = ()) -> str:
        """Return an IP address in text, or the default (which may be empty)."""

        def convert(raw: str) -> str:
            return str(ipaddress.ip_address(raw)) if raw else raw

        return self._read(name, default, convert, "an IP address", help=help, roles=roles)

    def networks(
        self, name: str, default: str, *, help: str, roles: Iterable[str] = ()
    ) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Return addresses and networks in CIDR notation, separated by commas."""

        def convert(raw: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
            return tuple(ipaddress.ip_network(part.strip()) for part in raw.split(",") if part.strip())

        accepted = "addresses and networks, such as 192.0.2.7,198.51.100.0/24,2001:db8::/32"
        return self._read(name, default, convert, accepted, help=help, roles=roles)

    def domain(self, name: str, default: str, *, help: str, roles: Iterable[str] = ()) -> str:
        """Return a domain in lower case."""
        return self._read(name, default, domain, "a domain, such as pbx.example.com", help=help, roles=roles)

    @overload
    def path(self, name: str, default: Path, *, help: str, roles: Iterable[str] = ()) -> Path: ...

    @overload
    def path(self, name: str, default: None, *, help: str, roles: Iterable[str] = ()) -> Path | None: ...

    def path(self, name: str, default: Path | None, *, help: str, roles: Iterable[str] = ()) -> Path | None:
        """Return a file system path, or None when it is unset and has no default."""
        shown = "" if default is None else str(default)
        return self._read(
            name, shown, lambda raw: Path(raw) if raw else None, "a path", help=help, roles=roles
        )

    def pairs(
        self, name: str, default: str, *, help: str, roles: Iterable[str] = ()
    ) -> tuple[tuple[str, str], ...]:
        """Return ``name=value,name=value`` as pairs; an entry without ``=`` gets its value as its name.

        Raises:
            BadVariable: an entry is empty, a name stands twice, or there are only commas.
        """

        def convert(raw: str) -> tuple[tuple[str, str], ...]:
            found: dict[str, str] = {}
            for entry in filter(None, (part.strip() for part in raw.split(","))):
                key, separator, value = entry.partition("=")
                key, value = (key.strip(), value.strip()) if separator else (entry, entry)
                if not key or not value or key in found:
                    raise ValueError(raw)
                found[key] = value
            if raw and not found:
                raise ValueError(raw)
            return tuple(found.items())

        accepted = "a comma-separated list of value or name=value, no name twice"
        return self._read(name, default, convert, accepted, help=help, roles=roles)

    def _read(
        self,
        name: str,
        default: str,
        convert: Callable[[str], T],
        accepted: str,
        *,
        help: str,
        roles: Iterable[str],
    ) -> T:
        self._declare(name, default, help, roles, accepted)
        raw = self._environ.get(name, "").strip() or default
        try:
            return convert(raw)
        except ValueError as error:
            raise BadVariable(name, raw, accepted) from error

    def _declare(
        self, name: str, default: str, help: str, roles: Iterable[str], accepted: str, **kind: bool
    ) -> None:
        self.variables[name] = Variable(
            name=name, default=default, help=help, roles=tuple(roles), accepted=accepted, **kind
        )


def plain(number: float) -> str:
    """Return a number as people write it, without an exponent: ``31622400``, ``0.1``."""
    return f"{number:f}".rstrip("0").rstrip(".")


def flags_to_environ(argv: list[str], environ: MutableMapping[str, str], roles: Mapping[str, str]) -> None:
    """Copy ``--some-flag VALUE`` and ``--some-flag=VALUE`` of ``argv`` to ``SOME_FLAG`` in the environment.

    Runs before the settings are read, so that a flag wins over the variable of the same name.

    Args:
        argv: the whole command line, ``manage.py`` first.
        environ: changed in place.
        roles: command name → role; commands that are not in it take no such flags.
    """
    if len(argv) < 2 or argv[1] not in roles:
        return
    arguments = iter(argv[2:])
    for argument in arguments:
        if not argument.startswith("--"):
            continue
        flag, separator, value = argument.partition("=")
        name = flag[2:].upper().replace("-", "_")
        if flag in DJANGO_FLAGS:
            continue
        if not separator:
            value = next(arguments, "")
        environ[name] = value


DJANGO_FLAGS = frozenset(
    {"--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color"}
    | {"--force-color", "--skip-checks", "--json", "--no-demo", "--exit-with-parent", "--until-empty"}
)
"""Flags that are Django's or a command's own and set no variable."""


def add_flags(parser: argparse.ArgumentParser, registry: Registry, role: str) -> None:
    """Declare on ``parser`` the flag of every variable of ``role`` (their values were read before, see above)."""
    group = parser.add_argument_group("settings (each is also an environment variable)")
    for variable in registry.variables.values():
        if role in variable.roles or role == ALL_ROLES:
            shown = f" (default: {variable.default})" if variable.default else ""
            for flag, name in variable.flags.items():
                group.add_argument(flag, metavar=name, help=(variable.help + shown).replace("%", "%%"))
