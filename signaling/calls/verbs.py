# SPDX-License-Identifier: Apache-2.0
"""The verbs of the dialplan but ``dial``: short ones that need the caller alone; and the table of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdrs.record import EndReason, HangupBy
from dialplan.engine import Dial, Echo, Hangup, PlayAudio
from signaling.calls import failures
from signaling.calls.call import Call, CallOver
from signaling.calls.dial import dial
from signaling.calls.events import PlaybackEnded
from signaling.calls.failures import CallFailure

FAILURE_OF_HANGUP: dict[str, CallFailure] = {
    "normal": failures.NOT_REGISTERED,
    "busy": failures.BUSY,
    "rejected": failures.REJECTED,
    "unavailable": failures.NOT_REGISTERED,
}
"""What the caller gets when ``hangup`` comes before an answer."""


async def play_audio(call: Call, action: PlayAudio) -> None:
    """Answer if need be, then play a prompt to its end."""
    await call.answer_caller()
    media = await call.open_media()
    play_id = await media.play(action.file)
    while True:
        item = await call.next()
        if item is None or not isinstance(item.event, PlaybackEnded) or item.event.play_id != play_id:
            continue
        if item.event.error:
            call.log.warning("call.playback_failed", file=action.file, error=item.event.error)
        return


async def echo(call: Call, action: Echo) -> None:
    """Answer if need be, then send the caller's audio back until it hangs up."""
    await call.answer_caller()
    media = await call.open_media()
    await media.echo()
    while True:
        await call.next()


async def hang_up(call: Call, action: Hangup) -> None:
    """End the call, with a status that fits the reason when it was not answered.

    Raises:
        CallOver: always.
    """
    call.failure = FAILURE_OF_HANGUP[action.reason]
    reason = EndReason(action.reason)
    if not call.answered and reason is EndReason.NORMAL:
        reason = call.failure.reason
    raise CallOver(reason, HangupBy.SYSTEM)


VERBS: Mapping[type, Callable[[Call, Any], Awaitable[None]]] = {
    Dial: dial,
    Echo: echo,
    Hangup: hang_up,
    PlayAudio: play_audio,
}
"""What runs each kind of action."""
