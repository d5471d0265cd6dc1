# SPDX-License-Identifier: Apache-2.0
"""Reads session descriptions from strangers (RFC 8866): bounded in every dimension, no regular expressions.

Accepts bare line feeds and a missing ``t=`` or ``s=`` line, which phones in the field get wrong; refuses what would
make two readers disagree (control characters, a second ``v=`` or ``o=``, unknown type letters).

Invariants: the only exception that leaves this module is `SdpError`, and it quotes nothing that may be a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.control.sdp import Attribute, Connection, MediaDescription, Origin, SdpError, SessionDescription

MAX_SDP_BYTES = 16384
"""A WebRTC offer with video is about 8 KB; SIP phones write less than 1 KB."""

MEDIA_LETTERS = "icbka"
SESSION_LETTERS = "iuepcbtrzka"
MAX_PORT_DIGITS = 5
KNOWN_ATTRIBUTES = frozenset(
    ("rtpmap", "fmtp", "ptime", "maxptime", "rtcp", "sendrecv", "sendonly", "recvonly", "inactive")
)
"""Names that need no look at their characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdpLimits:
    """Upper bounds; reaching one is an `SdpError`."""

    characters: int = MAX_SDP_BYTES
    lines: int = 512
    line_characters: int = 1024
    media: int = 16
    formats: int = 64
    attributes: int = 128
    """Of the session, and of each media section."""


DEFAULT_LIMITS = SdpLimits()


class _Section:
    """What is gathered of the session or of one media section while its lines are read."""

    __slots__ = ("attributes", "connection", "head")

    def __init__(self, head: tuple[str, int, str, tuple[str, ...]]) -> None:
        self.head = head
        self.connection: Connection | None = None
        self.attributes: list[Attribute] = []

    def finish(self) -> MediaDescription:
        return MediaDescription(*self.head, self.connection, tuple(self.attributes))


def parse_sdp(text: str, limits: SdpLimits = DEFAULT_LIMITS) -> SessionDescription:
    """Return the description in `text`.

    Raises:
        SdpError: it is malformed or exceeds a limit.
    """
    lines = _split(text, limits)
    if len(lines) < 2 or lines[0] != "v=0":
        raise SdpError("the first line is not v=0")
    if lines[1][:2] != "o=":
        raise SdpError("the second line is not o=")
    origin = _parse_origin(lines[1][2:])
    name = "-"
    position = 2
    if len(lines) > 2 and lines[2][:2] == "s=":
        name, position = lines[2][2:] or "-", 3
    sections = _parse_sections(lines, position, limits)
    session = sections[0]
    media = tuple([section.finish() for section in sections[1:]])
    return SessionDescription(origin, name, session.connection, tuple(session.attributes), media)


def _split(text: str, limits: SdpLimits) -> list[str]:
    if len(text) > limits.characters:
        raise SdpError(f"longer than {limits.characters} characters")
    text = text.replace("\r\n", "\n").rstrip("\n")
    lines = text.split("\n")
    if len(lines) > limits.lines:
        raise SdpError(f"more than {limits.lines} lines")
    # Most descriptions are clean and short as a whole, which is found out faster than line by line.
    if len(text) > limits.line_characters or not text.replace("\n", "").isprintable():
        for index, line in enumerate(lines):
            if len(line) > limits.line_characters:
                raise SdpError(f"line {index + 1} is too long")
            if not line.isprintable() and _has_controls(line):
                raise SdpError(f"line {index + 1} has control characters")
    return lines


def _parse_sections(lines: list[str], position: int, limits: SdpLimits) -> list[_Section]:
    section = _Section(("", 0, "", ()))
    sections = [section]
    attributes = section.attributes
    letters = SESSION_LETTERS
    for number, line in enumerate(lines[position:], start=position + 1):
        kind = line[:2]
        if kind == "a=":
            name, colon, value = line[2:].partition(":")
            if name not in KNOWN_ATTRIBUTES and not _is_token(name):
                raise SdpError(f"line {number} has no attribute name")
            attributes.append((name, value if colon else None))
            if len(attributes) > limits.attributes:
                raise SdpError(f"more than {limits.attributes} attributes in a section")
        elif kind == "m=":
            if len(sections) > limits.media:
                raise SdpError(f"more than {limits.media} media sections")
            section = _Section(_parse_media(line[2:], limits))
            attributes = section.attributes
            sections.append(section)
            letters = MEDIA_LETTERS
        elif kind[1:] != "=" or kind[0] not in letters:
            raise SdpError(f"line {number} is no type=value, unknown or out of place")
        elif kind == "c=" and section.connection is None:
            section.connection = _parse_connection(line[2:])
    return sections


def _parse_origin(value: str) -> Origin:
    parts = value.rsplit(" ", 5)
    if len(parts) != 6 or not all(parts):
        raise SdpError("o= has not six parts")
    username, session_id, version, network, address_type, address = parts
    if network != "IN" or address_type not in ("IP4", "IP6"):
        raise SdpError("o= is not of network type IN with IP4 or IP6")
    return Origin(username, session_id, version, address_type, address)


def _parse_connection(value: str) -> Connection:
    parts = value.split(" ")
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6") or not parts[2]:
        raise SdpError("c= is not IN IP4 or IN IP6 with an address")
    return Connection(parts[1], parts[2])


def _parse_media(value: str, limits: SdpLimits) -> tuple[str, int, str, tuple[str, ...]]:
    parts = value.split()
    if len(parts) < 4:
        raise SdpError("m= has fewer than four parts")
    if len(parts) > limits.formats + 3:
        raise SdpError(f"more than {limits.formats} formats in a media section")
    media, port_text, protocol = parts[:3]
    port_text = port_text.partition("/")[0]
    if not value.isascii() or not port_text.isdigit() or len(port_text) > MAX_PORT_DIGITS:
        raise SdpError("m= has no port number or is not plain ASCII")
    port = int(port_text)
    if port > 65535:
        raise SdpError("m= has a port above 65535")
    return media, port, protocol, tuple(parts[3:])


def _is_token(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isascii() and " " not in text


def _has_controls(line: str) -> bool:
    return any((character < " " and character != "\t") or character == "\x7f" for character in line)
