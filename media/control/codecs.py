# SPDX-License-Identifier: Apache-2.0
"""RTP payload formats: the static table of RFC 3551, rtpmap and fmtp, and which formats are which.

It must not know offers and answers. A format that is not known here still passes from one leg to the other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from media.control.sdp import MediaDescription, SdpError

LAST_PAYLOAD_TYPE = 127
FIRST_DYNAMIC = 96
MAX_CLOCK_RATE_HZ = 1_000_000
MAX_CHANNELS = 32
MAX_FMTP_CHARACTERS = 256

Key = tuple[str, int, int]
"""What makes two formats the same: encoding name in lower case, clock rate in Hz, channels."""


class Format(NamedTuple):
    """One payload format of a stream."""

    payload_type: int
    encoding: str
    clock_rate_hz: int
    channels: int = 1
    fmtp: str | None = None

    @property
    def key(self) -> Key:
        """The format without its number and parameters."""
        return key_of(self.encoding, self.clock_rate_hz, self.channels)

    @property
    def rtpmap(self) -> str:
        """The value of its ``a=rtpmap``, RFC 8866 6.6."""
        suffix = f"/{self.channels}" if self.channels != 1 else ""
        return f"{self.payload_type} {self.encoding}/{self.clock_rate_hz}{suffix}"


@lru_cache(maxsize=512)
def key_of(encoding: str, clock_rate_hz: int, channels: int) -> Key:
    """Return what makes two formats the same; encoding names know no case (RFC 4855 3)."""
    return (encoding.lower(), clock_rate_hz, channels)


STATIC_FORMATS: dict[int, Format] = {
    number: Format(number, encoding, rate, channels)
    for number, encoding, rate, channels in (
        (0, "PCMU", 8000, 1),
        (3, "GSM", 8000, 1),
        (4, "G723", 8000, 1),
        (5, "DVI4", 8000, 1),
        (6, "DVI4", 16000, 1),
        (7, "LPC", 8000, 1),
        (8, "PCMA", 8000, 1),
        (9, "G722", 8000, 1),
        (10, "L16", 44100, 2),
        (11, "L16", 44100, 1),
        (12, "QCELP", 8000, 1),
        (13, "CN", 8000, 1),
        (15, "G728", 8000, 1),
        (16, "DVI4", 11025, 1),
        (17, "DVI4", 22050, 1),
        (18, "G729", 8000, 1),
    )
}
"""RFC 3551 table 4, audio only."""

PLAYABLE: dict[Key, str] = {("pcmu", 8000, 1): "PCMU", ("pcma", 8000, 1): "PCMA"}
"""Formats that the engine can play prompts in, by the engine's name for them."""

TELEPHONE_EVENT: Key = ("telephone-event", 8000, 1)
AUXILIARY = frozenset({"telephone-event", "cn", "red"})
"""Encodings that carry no speech of their own: a stream with only these is no call."""

DEFAULT_FORMATS: tuple[Format, ...] = (
    STATIC_FORMATS[0],
    STATIC_FORMATS[8],
    Format(101, "telephone-event", 8000, 1, "0-16"),
)
"""Offered when no other leg decides."""


def is_speech(entry: Format) -> bool:
    """Tell whether the format can carry a call by itself."""
    return entry.key[0] not in AUXILIARY


def read_formats(section: MediaDescription) -> tuple[Format, ...]:
    """Return the formats of an RTP media section in its order; numbers without a meaning are left out.

    Raises:
        SdpError: a payload type or an rtpmap is malformed.
    """
    rtpmaps: dict[str, Format] = {}
    fmtps: dict[str, str] = {}
    for name, value in section.attributes:
        if value is None:
            continue
        if name == "rtpmap":
            entry = parse_rtpmap(value)
            rtpmaps.setdefault(str(entry.payload_type), entry)
        elif name == "fmtp":
            number, _, parameters = value.partition(" ")
            if parameters and len(parameters) <= MAX_FMTP_CHARACTERS and parameters.isascii():
                fmtps.setdefault(number, parameters)
    formats = []
    for number in dict.fromkeys(section.formats):
        known = rtpmaps.get(number) or STATIC_FORMATS.get(payload_number(number))
        if known is not None:
            fmtp = fmtps.get(number)
            formats.append(known if fmtp is None else known._replace(fmtp=fmtp))
    return tuple(formats)


def payload_number(text: str) -> int:
    """Return a payload type from 0 to 127.

    Raises:
        SdpError: it is none.
    """
    if len(text) <= 3 and text.isascii() and text.isdigit():
        number = int(text)
        if number <= LAST_PAYLOAD_TYPE and str(number) == text:
            return number
    raise SdpError(f"{text[:16]!r} is no payload type")


@lru_cache(maxsize=512)
def parse_rtpmap(value: str) -> Format:
    """Return the format in the value of an ``a=rtpmap`` line.

    Raises:
        SdpError: it is malformed or a number is out of range.
    """
    number, _, description = value.strip().partition(" ")
    parts = description.strip().split("/")
    if len(parts) not in (2, 3) or not _is_encoding_name(parts[0]):
        raise SdpError("a=rtpmap is not number name/rate[/channels]")
    rate = _bounded(parts[1], MAX_CLOCK_RATE_HZ)
    channels = _bounded(parts[2], MAX_CHANNELS) if len(parts) == 3 else 1
    return Format(payload_number(number), parts[0], rate, channels)


def _is_encoding_name(text: str) -> bool:
    return 0 < len(text) <= 32 and text.isascii() and text.isprintable() and " " not in text


def _bounded(text: str, maximum: int) -> int:
    if len(text) <= 7 and text.isascii() and text.isdigit():
        number = int(text)
        if 1 <= number <= maximum:
            return number
    raise SdpError("a=rtpmap has a rate or channel count out of range")
