# SPDX-License-Identifier: Apache-2.0
"""The media sessions that one call has on one RTP manager: requests for them, their events, their release.

It must not know what the descriptions in them mean. A call that moves has two of these for a moment. Invariant: what
was owned is released once, also when the RTP manager never answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from media.control.errors import Reason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls import failures
from signaling.calls.descriptions import Descriptions
from signaling.calls.events import (
    CallEvent,
    MediaInactive,
    MediaLost,
    MediaStarted,
    NodeGone,
    PlaybackEnded,
    RecordingFailed,
)
from signaling.calls.failures import CallFailure
from signaling.calls.sessions import SessionBook
from signaling.mediapool import ErrorCode, MediaError, MediaNode, NodeLost
from signaling.mediapool.release import release

FAILURES: dict[ErrorCode, CallFailure] = {
    ErrorCode.INVALID_ARGUMENT: failures.NOT_ACCEPTABLE,
    ErrorCode.RESOURCE_EXHAUSTED: failures.NO_MEDIA,
    ErrorCode.UNAVAILABLE: failures.NO_MEDIA,
}
"""What the caller gets when its RTP manager refuses; everything else is a failure of ours."""

ELSEWHERE = frozenset({ErrorCode.RESOURCE_EXHAUSTED, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL})
"""What another RTP manager may well do better."""

PLAYED = (pb.PLAYBACK_STATE_COMPLETED, pb.PLAYBACK_STATE_STOPPED)


class MediaRefused(Exception):
    """The RTP manager refused or failed a request; `failure` is what the caller gets to see.

    Args:
        failure: for the caller.
        detail: for the log.
        elsewhere: whether another RTP manager may do better.
    """

    def __init__(self, failure: CallFailure, detail: str, *, elsewhere: bool = False) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail
        self.elsewhere = elsewhere


class NodeSessions:
    """Sessions of one call on one RTP manager.

    Args:
        node: the RTP manager.
        book: keeps what is known of the sessions of the call, wherever they are.
        descriptions: keeps what was last agreed on in each session.
        call_id: for correlation.
        report: gets the media events of the sessions.
    """

    def __init__(
        self,
        node: MediaNode,
        *,
        book: SessionBook,
        descriptions: Descriptions,
        call_id: str,
        report: Callable[[CallEvent], None],
    ) -> None:
        self.node = node
        self.ids: dict[str, str] = {}
        """Session id → leg."""
        self._book = book
        self._descriptions = descriptions
        self._call_id = call_id
        self._report = report

    def on(self, node: MediaNode) -> NodeSessions:
        """Return what is needed for sessions of the same call on another RTP manager."""
        return NodeSessions(
            node,
            book=self._book,
            descriptions=self._descriptions,
            call_id=self._call_id,
            report=self._report,
        )

    def own(self, session_id: str, leg: str) -> None:
        """Note a session that is about to be asked for."""
        self.ids[session_id] = leg
        self._book.open(session_id, leg, self.node.node_id)
        self.node.subscribe(session_id, self._on_event)

    # --- Requests -------------------------------------------------------------------------------------------------

    async def ask(self, requests: Iterable[Message]) -> list[Any]:
        """Send one batch; a request that failed is a `MediaError` in the list."""
        return await self.node.execute(*requests)

    async def execute(self, *requests: Message) -> list[Any]:
        """Send one batch.

        Raises:
            MediaRefused: for the first request of it that failed.
        """
        replies = await self.node.execute(*requests)
        self._took(requests, replies)
        return _checked(replies)

    async def open(self, *requests: Message) -> list[Any]:
        """Send a batch that another RTP manager could do as well; nothing is noted of one that fails.

        Raises:
            MediaRefused: for the first request of it that failed.
        """
        replies = _checked(await self.node.open(*requests))
        self._took(requests, replies)
        return replies

    def _took(self, requests: Sequence[Message], replies: Sequence[Any]) -> None:
        self._book.took(requests, replies)
        self._descriptions.took(requests, replies)

    # --- The end --------------------------------------------------------------------------------------------------

    async def destroy(self, ids: Sequence[str], *, together: bool = False) -> Mapping[str, pb.SessionStats]:
        """Release sessions and return what is known of their counters.

        At the end of a call the release goes ``together`` with those of other calls, and is not waited for long.
        """
        closed = {session_id: self._disown(session_id) for session_id in ids}
        counted: dict[str, pb.SessionStats] = {}
        try:
            replies = await (release(self.node, ids) if together else self.ask(_releases(ids)))
            for session_id, reply in zip(ids, replies, strict=True):
                if not isinstance(reply, MediaError):
                    counted[session_id] = reply.stats
        except TimeoutError:
            self._book.log.warning("media.close_timeout", rtp_manager=self.node.node_id)
        for session_id, session in closed.items():
            self._book.closed(session, counted.get(session_id))
        return counted

    def abandon(self) -> None:
        """Release all sessions without a look at what becomes of it: the RTP manager is gone, or as good as."""
        ids = list(self.ids)
        for session_id in ids:
            self._book.closed(self._disown(session_id), None)
        if ids:
            _unwatched(self.ask(_releases(ids)))

    def _disown(self, session_id: str) -> Any:
        self.ids.pop(session_id, None)
        self.node.unsubscribe(session_id)
        self._descriptions.forget(session_id)
        return self._book.close(session_id)

    # --- Events ---------------------------------------------------------------------------------------------------

    def _on_event(self, event: Any) -> None:
        if isinstance(event, pb.PlaybackEvent):
            if event.state in PLAYED:
                self._report(PlaybackEnded(event.session_id, event.play_id, ""))
            elif event.state == pb.PLAYBACK_STATE_ERROR:
                error = event.detail or "playback failed"
                self._report(PlaybackEnded(event.session_id, event.play_id, error))
        elif isinstance(event, pb.MediaInactive):
            self._book.inactive(event.session_id)
            self._report(MediaInactive(event.session_id))
        elif isinstance(event, pb.MediaStarted):
            self._book.started(event.session_id)
            self._report(MediaStarted(event.session_id))
        elif isinstance(event, pb.RecordingEvent):
            if event.state == pb.RECORDING_STATE_ERROR:
                error = event.detail or "recording failed"
                failed = RecordingFailed(event.recording_id, error, event.duration_ms, event.bytes)
                self._report(failed)
        elif isinstance(event, NodeLost):
            self._report(NodeGone(event.session_id))
        else:
            self._report(MediaLost())


def _checked(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, MediaError):
            failure = FAILURES.get(reply.code, failures.MEDIA_FAILED)
            if reply.reason == Reason.ENCRYPTION_REQUIRED:
                failure = failures.ENCRYPTION_REQUIRED
            raise MediaRefused(failure, reply.detail, elsewhere=reply.code in ELSEWHERE)
    return replies


def _releases(ids: Sequence[str]) -> list[Message]:
    return [pb.DestroySessionRequest(session_id=session_id) for session_id in ids]


def _unwatched(work: Awaitable[object]) -> None:
    task = asyncio.ensure_future(work)
    _UNWATCHED.add(task)
    task.add_done_callback(_UNWATCHED.discard)


_UNWATCHED: set[asyncio.Future[object]] = set()
