# SPDX-License-Identifier: Apache-2.0
"""What a session took over from one of another node: read from the last descriptions of both sides.

The remote must see one session that goes on (RFC 3264 8): the same ``o=`` with a higher version, the same media
sections, the same meaning of each payload type. It must not touch sessions or the engine.
"""

from __future__ import annotations

from typing import NamedTuple

from media.control.codecs import Format
from media.control.directions import COMMON, MIRRORED, Direction
from media.control.errors import Reason, invalid
from media.control.negotiate import Agreed, Agreement, checked, find_format
from media.control.remote_audio import RemoteAudio, read_remote_audio
from media.control.sdp import Origin, SdpError
from media.control.sdp_parser import parse_sdp

MAX_VERSION_DIGITS = 18


class Continuation(NamedTuple):
    """What the earlier session had agreed on."""

    origin: Origin
    """Of our last description."""
    local: RemoteAudio
    """Our last description, read as the remote read it."""
    remote: RemoteAudio

    @property
    def agreement(self) -> Agreement:
        """The formats in use, in the order of our description.

        Raises:
            MediaError: INVALID_ARGUMENT: both descriptions have no speech format in common.
        """
        agreed = []
        for own in self.local.formats:
            theirs = find_format(own, own.payload_type, self.remote.formats)
            if theirs is not None:
                agreed.append(Agreed(own, theirs))
        return checked(agreed)

    @property
    def direction(self) -> Direction:
        """What both sides do, as this side sees it."""
        return COMMON[self.local.direction, MIRRORED[self.remote.direction]]

    def formats(self) -> tuple[Format, ...]:
        """Return what is to be offered: what is in use and nothing more, so that the other leg still fits.

        Raises:
            MediaError: as `agreement`.
        """
        return tuple([entry.local for entry in self.agreement])


def read_continuation(local_sdp: str, remote_sdp: str) -> Continuation:
    """Return what two descriptions agree on.

    Args:
        local_sdp: the last one that the remote was given.
        remote_sdp: the remote's last one.

    Raises:
        MediaError: INVALID_ARGUMENT: one of them is malformed or has no audio.
    """
    local = read_remote_audio(local_sdp)
    return Continuation(read_origin(local_sdp), local, read_remote_audio(remote_sdp, local.audio_line))


def read_origin(local_sdp: str) -> Origin:
    """Return the ``o=`` line of a description of ours.

    Raises:
        MediaError: INVALID_ARGUMENT: it is malformed, or not of our making.
    """
    try:
        origin = parse_sdp(local_sdp).origin
    except SdpError as error:
        raise invalid(Reason.MALFORMED_SDP, f"malformed session description: {error}") from error
    if (
        not origin.version.isascii()
        or not origin.version.isdigit()
        or len(origin.version) > MAX_VERSION_DIGITS
    ):
        raise invalid(Reason.MALFORMED_SDP, "the version in o= is not a number of ours")
    return origin
