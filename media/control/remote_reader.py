# SPDX-License-Identifier: Apache-2.0
"""Reads what remotes describe and refuses what must not be used: no speech codec, an address that is not theirs.

It must not know sessions.
"""

from __future__ import annotations

from media.control.addresses import AddressBook
from media.control.codecs import is_speech
from media.control.continuation import Continuation, read_continuation
from media.control.negotiate import no_common_codec
from media.control.remote_audio import RemoteAudio, read_remote_audio


class RemoteReader:
    """Reads descriptions with the addresses of one node in mind.

    Args:
        addresses: decides which addresses may be sent to.
    """

    def __init__(self, addresses: AddressBook) -> None:
        self._addresses = addresses

    def offer(self, remote_sdp: str, signaling_ip: str, index: int | None = None) -> RemoteAudio:
        """Return a remote's offer, whose media section `index` is the audio; None: the one that fits.

        Raises:
            MediaError: INVALID_ARGUMENT (description, codec, address).
        """
        offer = read_remote_audio(remote_sdp, index)
        if not any(is_speech(entry) for entry in offer.formats):
            raise no_common_codec()
        self._check(offer, signaling_ip)
        return offer

    def answer(self, remote_sdp: str, index: int, signaling_ip: str) -> RemoteAudio:
        """Return a remote's answer, whose media section `index` is the audio.

        Raises:
            MediaError: INVALID_ARGUMENT (description, address).
        """
        answer = read_remote_audio(remote_sdp, index)
        self._check(answer, signaling_ip)
        return answer

    def past(self, continues: tuple[str, str], signaling_ip: str) -> Continuation:
        """Return what our last description and the remote's agreed on at another node.

        Raises:
            MediaError: INVALID_ARGUMENT (descriptions, address).
        """
        past = read_continuation(*continues)
        self._check(past.remote, signaling_ip)
        return past

    def _check(self, remote: RemoteAudio, signaling_ip: str) -> None:
        self._addresses.check_remote(remote.rtp, signaling_ip)
        self._addresses.check_remote(remote.rtcp, signaling_ip)
