# SPDX-License-Identifier: Apache-2.0
"""The descriptions that this node writes: rebuilt from what was negotiated, never copied from a remote.

Invariant: the session id of ``o=`` is the same for the life of a session, its version rises by one with each change
of the content and only then (RFC 3264 8).
"""

from __future__ import annotations

from collections.abc import Sequence

from media.control.codecs import Format
from media.control.directions import Direction
from media.control.remote_audio import PROFILE, MediaLine
from media.control.sdp import Attribute, Connection, MediaDescription, Origin, SessionDescription

AUDIO_ONLY = (MediaLine(media="audio", protocol=PROFILE, formats=("0",)),)
"""The media sections of a first offer of ours."""


class LocalDescription:
    """Writes the descriptions of one session and numbers their versions."""

    __slots__ = ("_address_type", "_origin_id", "_written", "address", "port", "text", "version")

    def __init__(self, *, address: str, port: int, origin_id: int) -> None:
        self.address = address
        self.port = port
        self.version = 0
        self.text = ""
        self._address_type = "IP6" if ":" in address else "IP4"
        self._origin_id = str(origin_id)
        self._written: object = None

    def write(
        self,
        formats: Sequence[Format],
        *,
        direction: Direction,
        ptime_ms: int | None,
        maxptime_ms: int | None,
        lines: tuple[MediaLine, ...] = AUDIO_ONLY,
        index: int = 0,
    ) -> str:
        """Return the description; the same text as before when nothing changed.

        Args:
            formats: of the audio, in order of preference.
            direction: as this node sees it.
            ptime_ms: packet time wished to receive; None: unsaid.
            maxptime_ms: longest packet time; None: unsaid.
            lines: all media sections that the session has; the others are refused with port 0.
            index: which of them is the audio.
        """
        content = (tuple(formats), direction, ptime_ms, maxptime_ms, lines, index)
        if content != self._written:
            self._written = content
            self.version += 1
            media = [
                self._audio(formats, direction, ptime_ms, maxptime_ms)
                if position == index
                else MediaDescription(line.media, 0, line.protocol, line.formats[:1])
                for position, line in enumerate(lines)
            ]
            self.text = str(self._session(tuple(media)))
        return self.text

    def _session(self, media: tuple[MediaDescription, ...]) -> SessionDescription:
        return SessionDescription(
            Origin("-", self._origin_id, str(self.version), self._address_type, self.address),
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
    ) -> MediaDescription:
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
        numbers = tuple([str(entry.payload_type) for entry in formats])
        return MediaDescription("audio", self.port, PROFILE, numbers, None, tuple(attributes))
