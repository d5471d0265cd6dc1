# SPDX-License-Identifier: Apache-2.0
"""The verbs of the dialplan but ``dial``: short ones that need the caller alone; and the table of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdrs.record import EndReason, HangupBy
from dialplan.engine import Dial, Echo, Hangup, PlayAudio, Record
from signaling.calls import failures
from signaling.calls.call import Call
from signaling.calls.dial import dial
from signaling.calls.events import PlaybackEnded
from signaling.calls.failures import CallFailure
from signaling.calls.over import CallOver

FAILURE_OF_HANGUP: dict[str, CallFailure] = {
    "normal": failures.NOT_REGISTERED,
    "busy": failures.BUSY,
    "rejected": failures.REJECTED,
    "unavailable": failures.NOT_REGISTERED,
}
"""What the caller gets when ``hangup`` comes before an answer."""


async def play_audio(call: Call, action: PlayAudio) -> None:
    """Answer if need be, then play a prompt to its end; from its beginning again when its RTP manager is gone."""
    await call.answer_caller()
    await call.recording.keep_up()
    media = await call.open_media()
    await call.mover.between_actions()
    file = call.services.prompt(call.request.account.id, action.file)
    while True:
        play_id = await call.mover.persist(lambda: media.play(file))
        with call.mover.resting(playing=True):
            ended = await _end_of(call, play_id)
            if ended is None:
                await call.mover.work()
                continue
        if ended.error:
            call.log.warning("call.playback_failed", file=action.file, error=ended.error)
        return


async def _end_of(call: Call, play_id: str) -> PlaybackEnded | None:
    """Wait for the end of a prompt; None: it will not come, because the RTP manager is gone."""
    while not call.mover.is_lost:
        item = await call.next()
        if item is not None and isinstance(item.event, PlaybackEnded) and item.event.play_id == play_id:
            return item.event
    return None


async def echo(call: Call, action: Echo) -> None:
    """Answer if need be, then send the caller's audio back until it hangs up."""
    await call.answer_caller()
    await call.recording.keep_up()
    media = await call.open_media()
    await call.mover.persist(media.echo)
    with call.mover.resting():
        while True:
            await call.mover.work()
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


async def record(call: Call, action: Record) -> None:
    """Have the call recorded from its answer on; at once when it is answered."""
    call.recording.is_wanted = True
    await call.recording.keep_up()


VERBS: Mapping[type, Callable[[Call, Any], Awaitable[None]]] = {
    Dial: dial,
    Echo: echo,
    Hangup: hang_up,
    PlayAudio: play_audio,
    Record: record,
}
"""What runs each kind of action."""
