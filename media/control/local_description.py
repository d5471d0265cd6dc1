# SPDX-License-Identifier: Apache-2.0
"""The descriptions that this node writes: rebuilt from what was negotiated, never copied from a remote.

Invariant: the session id of ``o=`` is the same for the life of a session, its version rises by one with each change
of the content and only then (RFC 3264 8). A session that goes on where another node's was counts as the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from media.control.codecs import Format
from media.control.crypto_line import CryptoLine
from media.control.directions import Direction
from media.control.remote_audio import PROFILE, SECURE_PROFILE, MediaLine
from media.control.sdp import Attribute, Connection, MediaDescription, Origin, SessionDescription

AUDIO_ONLY = (MediaLine(media="audio", protocol=PROFILE, formats=("0",)),)
"""The media sections of a first offer of ours."""
SECURE_AUDIO_ONLY = (AUDIO_ONLY[0]._replace(protocol=SECURE_PROFILE),)
"""The same where encryption is required."""


class LocalDescription:
    """Writes the descriptions of one session and numbers their versions."""

    __slots__ = ("_address_type", "_origin", "_written", "address", "port", "text", "version")

    def __init__(self, *, address: str, port: int, origin_id: int, continues: Origin | None = None) -> None:
        self.address = address
        self.port = port
        self.version = 0
        self.text = ""
        self._address_type = "IP6" if ":" in address else "IP4"
        self._origin = Origin("-", str(origin_id), "0", self._address_type, address)
        self._written: object = None
        if continues is not None:
            self.go_on_after(continues)

    def go_on_after(self, origin: Origin) -> None:
        """Have the next description follow one that another node wrote for the same remote.

        All of ``o=`` stays as the remote knows it but the version, which rises (RFC 3264 8).
        """
        self._origin = origin
        self.version = max(self.version, int(origin.version))
        self._written = None

    def write(
        self,
        formats: Sequence[Format],
        *,
        direction: Direction,
        ptime_ms: int | None,
        maxptime_ms: int | None,
        lines: tuple[MediaLine, ...] = AUDIO_ONLY,
        index: int = 0,
        crypto: tuple[CryptoLine, ...] = (),
    ) -> str:
        """Return the description; the same text as before when nothing changed.

        Args:
            formats: of the audio, in order of preference.
            direction: as this node sees it.
            ptime_ms: packet time wished to receive; None: unsaid.
            maxptime_ms: longest packet time; None: unsaid.
            lines: all media sections that the session has; the others are refused with port 0. The audio keeps
                its profile: an answer must name the one that was offered (RFC 3264 6).
            index: which of them is the audio.
            crypto: the keys of the audio.
        """
        content = (tuple(formats), direction, ptime_ms, maxptime_ms, lines, index, crypto)
        if content != self._written:
            self._written = content
            self.version += 1
            media = [
                self._audio(formats, direction, ptime_ms, maxptime_ms, line.protocol, crypto)
                if position == index
                else MediaDescription(line.media, 0, line.protocol, line.formats[:1])
                for position, line in enumerate(lines)
            ]
            self.text = str(self._session(tuple(media)))
        return self.text

    def _session(self, media: tuple[MediaDescription, ...]) -> SessionDescription:
        return SessionDescription(
            self._origin._replace(version=str(self.version)),
            "Switchboard",
            Connection(self._address_type, self.address),
            (),
            media,
        )

    def _audio(
        self,
        formats: Sequence[Format],
        direction: Direction,
        ptime_ms: int | None,
        maxptime_ms: int | None,
        protocol: str,
        crypto: tuple[CryptoLine, ...],
    ) -> MediaDescription:
        numbers, attributes = _audio_attributes(tuple(formats), direction, ptime_ms, maxptime_ms)
        keys = tuple([line.attribute for line in crypto])
        return MediaDescription("audio", self.port, protocol, numbers, None, keys + attributes)


@lru_cache(maxsize=256)
def _audio_attributes(
    formats: tuple[Format, ...], direction: Direction, ptime_ms: int | None, maxptime_ms: int | None
) -> tuple[tuple[str, ...], tuple[Attribute, ...]]:
    """Return the payload types of an audio section and its attributes; the calls of a node agree on few sets."""
    attributes: list[Attribute] = []
    for entry in formats:
        attributes.append(("rtpmap", entry.rtpmap))
        if entry.fmtp is not None:
            attributes.append(("fmtp", f"{entry.payload_type} {entry.fmtp}"))
    if ptime_ms is not None:
        attributes.append(("ptime", str(ptime_ms)))
    if maxptime_ms is not None:
        attributes.append(("maxptime", str(maxptime_ms)))
    attributes.append((direction.value, None))
    return tuple([str(entry.payload_type) for entry in formats]), tuple(attributes)
