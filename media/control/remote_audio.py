# SPDX-License-Identifier: Apache-2.0
"""What one remote description says of the only stream that is served: its audio, over RTP or SRTP.

It must not decide anything about addresses or codecs (see `addresses` and `negotiate`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from media.control.codecs import Format, read_formats
from media.control.crypto_line import NAME as CRYPTO
from media.control.crypto_line import CryptoLine, read_crypto
from media.control.directions import BY_NAME, WITHOUT_RECEIVING, Direction
from media.control.errors import Reason, invalid
from media.control.sdp import MediaDescription, SdpError, SessionDescription
from media.control.sdp_parser import parse_sdp

PROFILE = "RTP/AVP"
"""What offers of ours name (RFC 3551)."""
SECURE_PROFILE = "RTP/SAVP"
"""What they name where encryption is required (RFC 3711 12)."""
SECURE_PROFILES = frozenset({SECURE_PROFILE, "RTP/SAVPF"})
PROFILES = frozenset({PROFILE, "RTP/AVPF"}) | SECURE_PROFILES
"""What is served: feedback of RFC 4585 may be offered, is never agreed on, and so never comes."""
MIN_PTIME_MS = 3
MAX_PTIME_MS = 200
"""RFC 7587 has the shortest packets in use; 200 ms of G.711 already exceed an Ethernet frame."""

UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound

Address = tuple[str, int]


class MediaLine(NamedTuple):
    """A media section as far as an answer must repeat it: kind, profile and formats (RFC 3264 6)."""

    media: str
    protocol: str
    formats: tuple[str, ...]


class RemoteAudio(NamedTuple):
    """The audio stream of one remote description."""

    formats: tuple[Format, ...]
    rtp: Address | None
    """Where the remote wants RTP; None when it gave no address (``c=0.0.0.0``)."""

    rtcp: Address | None
    direction: Direction
    """As the remote sees it; never receiving when `rtp` is None."""

    ptime_ms: int | None
    maxptime_ms: int | None
    lines: tuple[MediaLine, ...]
    """All media sections, in order."""

    audio_line: int
    """Which of `lines` is the audio."""

    crypto: tuple[CryptoLine, ...] = ()
    """The keys that it brings, the preferred first; those of a plain profile are of RFC 8643."""

    names_keys: bool = False
    """Whether it brings any at all, be they of use or not."""

    @property
    def is_secure(self) -> bool:
        """Tell whether the profile allows nothing but encrypted packets."""
        return self.lines[self.audio_line].protocol in SECURE_PROFILES

    @property
    def on_hold(self) -> bool:
        """Tell whether the remote does anything less than send and receive."""
        return self.direction is not Direction.SENDRECV


@lru_cache(maxsize=256)
def read_remote_audio(text: str, index: int | None = None) -> RemoteAudio:
    """Return the audio stream of the description in `text`.

    Args:
        text: the description.
        index: which media section must be the audio (the answer to an offer of ours); None: the first that brings a
            key, else the first that fits.

    Raises:
        MediaError: INVALID_ARGUMENT, with reason malformed_sdp, no_audio or unsupported_transport.
    """
    try:
        description = parse_sdp(text)
        return _read(description, _choose(description, index))
    except SdpError as error:
        raise invalid(Reason.MALFORMED_SDP, f"malformed session description: {error}") from error


def _choose(description: SessionDescription, index: int | None) -> int:
    wrong_profile = False
    plain: int | None = None
    candidates = range(len(description.media)) if index is None else (index,)
    for candidate in candidates:
        if candidate >= len(description.media):
            break
        section = description.media[candidate]
        if section.media != "audio" or section.port == 0:
            continue
        if section.protocol in PROFILES and read_crypto(section.attributes):
            return candidate
        if section.protocol not in PROFILES or section.protocol in SECURE_PROFILES:
            wrong_profile = True
        elif plain is None:
            plain = candidate
    if plain is not None:
        return plain
    if wrong_profile:
        raise invalid(Reason.UNSUPPORTED_TRANSPORT, "unsupported transport profile, or no key for it")
    raise invalid(Reason.NO_AUDIO, "no audio stream")


def _read(description: SessionDescription, index: int) -> RemoteAudio:
    section = description.media[index]
    connection = section.connection or description.connection
    if connection is None:
        raise SdpError("no c= line for the audio")
    held = connection.address in UNSPECIFIED
    direction = _direction(section, description)
    return RemoteAudio(
        formats=read_formats(section),
        rtp=None if held else (connection.address, section.port),
        rtcp=None if held else _rtcp(section, connection.address),
        direction=WITHOUT_RECEIVING[direction] if held else direction,
        ptime_ms=_milliseconds(section.attribute("ptime")),
        maxptime_ms=_milliseconds(section.attribute("maxptime")),
        lines=tuple([MediaLine(line.media, line.protocol, line.formats) for line in description.media]),
        audio_line=index,
        crypto=read_crypto(section.attributes),
        names_keys=any(name == CRYPTO for name, _ in section.attributes),
    )


def _direction(section: MediaDescription, description: SessionDescription) -> Direction:
    for attributes in (section.attributes, description.attributes):
        for name, value in attributes:
            if value is None and name in BY_NAME:
                return BY_NAME[name]
    return Direction.SENDRECV


def _rtcp(section: MediaDescription, address: str) -> Address | None:
    """Return where RTCP goes: ``a=rtcp`` (RFC 3605) or the port above RTP's (RFC 3550 11)."""
    value = section.attribute("rtcp")
    if value is None:
        return (address, section.port + 1) if section.port < 65535 else None
    parts = value.split()
    if not parts or len(parts[0]) > 5 or not parts[0].isascii() or not parts[0].isdigit():
        raise SdpError("a=rtcp has no port")
    port = int(parts[0])
    if not 0 < port <= 65535 or len(parts) not in (1, 4):
        raise SdpError("a=rtcp is not port [IN IP4 address]")
    return (parts[3] if len(parts) == 4 else address, port)


def _milliseconds(value: str | None) -> int | None:
    """Return a packet time clamped to what is sane; None when it is absent or no number."""
    if value is None:
        return None
    whole = value.strip().partition(".")[0]
    if not whole.isascii() or not whole.isdigit():
        return None
    return min(max(int(whole[:6]), MIN_PTIME_MS), MAX_PTIME_MS)
