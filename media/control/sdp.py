# SPDX-License-Identifier: Apache-2.0
"""Session descriptions as values, and how they are written (RFC 8866).

The model keeps what negotiation needs and what a description must have; lines that no SIP phone relies on (times
other than zero, keys, bandwidth of the session) are read and not kept. It must not know codecs, offers or sockets.
Named tuples, because several are made for every call.

Invariant: `parse_sdp(str(description)) == description` for every description that can be built from valid parts.
"""

from __future__ import annotations

from typing import NamedTuple

Attribute = tuple[str, str | None]
"""Name and value; the value is None for a flag such as ``a=sendonly``."""


class SdpError(ValueError):
    """A description that RFC 8866 or a limit of ours forbids; the text says which line and why."""


class Origin(NamedTuple):
    """The ``o=`` line, RFC 8866 5.2; the numbers stay text, because phones do not all write numbers."""

    username: str
    session_id: str
    version: str
    address_type: str
    address: str

    def __str__(self) -> str:
        return f"o={self.username} {self.session_id} {self.version} IN {self.address_type} {self.address}"


class Connection(NamedTuple):
    """A ``c=`` line without multicast suffixes, RFC 8866 5.7; `address_type` is ``IP4`` or ``IP6``."""

    address_type: str
    address: str

    def __str__(self) -> str:
        return f"c=IN {self.address_type} {self.address}"


class MediaDescription(NamedTuple):
    """One media section, RFC 8866 5.14."""

    media: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()

    def attribute(self, name: str) -> str | None:
        """Return the value of the first attribute of that name; None when absent or a flag."""
        for key, value in self.attributes:
            if key == name:
                return value
        return None

    def write_to(self, lines: list[str]) -> None:
        """Append the lines of this section."""
        lines.append(f"m={self.media} {self.port} {self.protocol} {' '.join(self.formats)}")
        if self.connection is not None:
            lines.append(str(self.connection))
        write_attributes(self.attributes, lines)


class SessionDescription(NamedTuple):
    """A whole description."""

    origin: Origin
    session_name: str = "-"
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()
    media: tuple[MediaDescription, ...] = ()

    def __str__(self) -> str:
        lines = ["v=0", str(self.origin), f"s={self.session_name}"]
        if self.connection is not None:
            lines.append(str(self.connection))
        lines.append("t=0 0")
        write_attributes(self.attributes, lines)
        for section in self.media:
            section.write_to(lines)
        lines.append("")
        return "\r\n".join(lines)


def write_attributes(attributes: tuple[Attribute, ...], lines: list[str]) -> None:
    """Append one ``a=`` line for each attribute."""
    for name, value in attributes:
        lines.append(f"a={name}" if value is None else f"a={name}:{value}")
