# SPDX-License-Identifier: Apache-2.0
"""Picks an RTP manager for each call that needs media."""

from __future__ import annotations

from signaling.calls import failures
from signaling.calls.call import Call
from signaling.calls.media import CallMedia, MediaRefused
from signaling.calls.sessions import SessionBook
from signaling.mediapool import MediaPool, NoMediaNode


class MediaOpener:
    """Makes the media of calls.

    Args:
        pool: the RTP managers.
    """

    def __init__(self, pool: MediaPool) -> None:
        self._pool = pool

    def __call__(self, call: Call) -> CallMedia:
        """Return the media of a call, on an RTP manager that is well.

        Raises:
            MediaRefused: there is none.
        """
        try:
            node = self._pool.pick()
        except NoMediaNode as error:
            raise MediaRefused(failures.NO_MEDIA, str(error)) from error
        return CallMedia(
            node,
            sip_call_id=call.request.sip_call_id,
            caller_sdp=call.request.sdp,
            caller_ip=call.request.caller_ip,
            report=call.post,
            pick=self._pool.pick,
            book=SessionBook(call),
            encryption=call.request.account.media_encryption,
        )
