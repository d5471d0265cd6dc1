# SPDX-License-Identifier: Apache-2.0
"""Requests on their way to one RTP manager: what waits, what is unanswered, and what is too late.

It must not know streams or connections: it hands out batches to write and takes the replies.

Invariant: the future of every execution is resolved once, with one result per request, in their order.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from media.control.errors import ErrorCode, MediaError, Reason
from media.control.gen import rtpmanager_pb2 as pb

Result = Any
"""The reply message of the request's kind, or a `MediaError`."""

MAX_BATCH_REQUESTS = 128
"""Half of what an RTP manager accepts; executions are not split over batches."""

MAX_BATCH_BYTES = 512 * 1024
MAX_WAITING = 20_000

WITHOUT_ID = frozenset({"health", "set_drain"})
"""Requests that may be carried out twice."""
FIELD_OF: dict[type, str] = {
    pb.CreateSessionRequest: "create_session",
    pb.CreateAnswerRequest: "create_answer",
    pb.CreateOfferRequest: "create_offer",
    pb.UpdateSessionRemoteRequest: "update_session_remote",
    pb.BridgeMediaRequest: "bridge_media",
    pb.UnbridgeMediaRequest: "unbridge_media",
    pb.PlayAudioRequest: "play_audio",
    pb.StopAudioRequest: "stop_audio",
    pb.StartRecordingRequest: "start_recording",
    pb.StopRecordingRequest: "stop_recording",
    pb.SetDrainRequest: "set_drain",
    pb.DestroySessionRequest: "destroy_session",
    pb.HealthRequest: "health",
}
"""Where a request goes in `ControlRequest`, and its reply in `ControlReply`."""


class Execution:
    """Some requests of one caller."""

    __slots__ = ("deadline", "future", "is_impatient", "requests")

    def __init__(
        self,
        requests: Sequence[Any],
        future: asyncio.Future[list[Result]],
        deadline: float,
        *,
        is_impatient: bool = False,
    ) -> None:
        self.requests = requests
        self.future = future
        self.deadline = deadline
        self.is_impatient = is_impatient
        """Whether its caller has another node to turn to, so that it does not wait for this one to come back."""

    def resolve(self, results: list[Result]) -> None:
        """Give the results to the caller, unless it has gone away."""
        if not self.future.done():
            self.future.set_result(results)

    def fail(self, error: MediaError) -> None:
        """Give the same error for every request."""
        self.resolve([error] * len(self.requests))


class Batch:
    """A batch that was written and waits for its replies."""

    __slots__ = ("deadline", "executions", "message")

    def __init__(self, message: pb.ControlRequestBatch, executions: list[Execution]) -> None:
        self.message = message
        self.executions = executions
        self.deadline = max(execution.deadline for execution in executions)


class BatchQueue:
    """The requests for one RTP manager, in order."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._request_prefix = uuid.uuid4().hex[:16]
        self._request_numbers = itertools.count(1)
        self._waiting: deque[Execution] = deque()
        self._unanswered: dict[int, Batch] = {}

    @property
    def has_waiting(self) -> bool:
        """Tell whether something waits to be written."""
        return bool(self._waiting)

    @property
    def has_unanswered(self) -> bool:
        """Tell whether a batch waits for its replies."""
        return bool(self._unanswered)

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing waits and nothing is unanswered."""
        return not self._waiting and not self._unanswered

    def add(self, execution: Execution) -> None:
        """Queue requests; too many waiting fail at once."""
        if len(self._waiting) >= MAX_WAITING:
            execution.fail(overloaded())
            return
        self._waiting.append(execution)

    def next_batch(self) -> pb.ControlRequestBatch | None:
        """Return what waits as one batch, as far as it fits; None when nothing waits."""
        if not self._waiting:
            return None
        number = next(self._ids)
        message = pb.ControlRequestBatch(batch_id=number)
        executions: list[Execution] = []
        count = size = 0
        while self._waiting:
            execution = self._waiting[0]
            if execution.future.done():
                self._waiting.popleft()
                continue
            count += len(execution.requests)
            size += sum([request.ByteSize() for request in execution.requests])
            if executions and (count > MAX_BATCH_REQUESTS or size > MAX_BATCH_BYTES):
                break
            executions.append(self._waiting.popleft())
            self._write(execution, message)
        if not executions:
            return None
        self._unanswered[number] = Batch(message, executions)
        return message

    def unanswered(self) -> list[pb.ControlRequestBatch]:
        """Return the batches to write again on a new stream, oldest first."""
        return [batch.message for batch in self._unanswered.values()]

    def answered(self, replies: pb.ControlReplyBatch) -> None:
        """Give the replies of a batch to those who wait for them; those of a forgotten batch are dropped."""
        batch = self._unanswered.pop(replies.batch_id, None)
        if batch is None:
            return
        results = iter(replies.replies)
        for execution in batch.executions:
            execution.resolve([_result(next(results, None)) for _ in execution.requests])

    def expire(self, now: float) -> bool:
        """Fail what is too late; tell whether something that was written is among it."""
        error = too_late()
        for execution in self._waiting:
            if execution.deadline <= now:
                execution.fail(error)
        self._waiting = deque([entry for entry in self._waiting if not entry.future.done()])
        is_late = False
        for number, batch in list(self._unanswered.items()):
            for execution in batch.executions:
                if execution.deadline <= now:
                    execution.fail(error)
                    is_late = True
            if batch.deadline <= now:
                del self._unanswered[number]
        return is_late

    def fail_impatient(self, error: MediaError) -> None:
        """Fail what would rather be asked of another node than wait for this one."""
        for batch in self._unanswered.values():
            _fail_impatient(batch.executions, error)
        _fail_impatient(self._waiting, error)

    def fail_all(self, error: MediaError) -> None:
        """Fail everything."""
        executions = [entry for batch in self._unanswered.values() for entry in batch.executions]
        executions.extend(self._waiting)
        self._unanswered.clear()
        self._waiting.clear()
        for execution in executions:
            execution.fail(error)

    def _write(self, execution: Execution, message: pb.ControlRequestBatch) -> None:
        for request in execution.requests:
            field = FIELD_OF[type(request)]
            if field not in WITHOUT_ID and not request.request_id:
                request.request_id = f"{self._request_prefix}{next(self._request_numbers):x}"
            getattr(message.requests.add(), field).CopyFrom(request)


def _fail_impatient(executions: Iterable[Execution], error: MediaError) -> None:
    for execution in executions:
        if execution.is_impatient:
            execution.fail(error)


def _result(reply: pb.ControlReply | None) -> Result:
    if reply is None:
        return MediaError(ErrorCode.INTERNAL, "the RTP manager left a request unanswered")
    if reply.code:
        return MediaError(_code(reply.code), reply.detail, _reason(reply.reason))
    kind = reply.WhichOneof("reply")
    return getattr(reply, kind) if kind else MediaError(ErrorCode.INTERNAL, "the reply is empty")


def _code(number: int) -> ErrorCode:
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.INTERNAL


def _reason(word: str) -> Reason:
    try:
        return Reason(word)
    except ValueError:
        return Reason.NONE


def too_late() -> MediaError:
    """Return the error for requests that got no reply in time."""
    return MediaError(ErrorCode.UNAVAILABLE, "the RTP manager did not answer in time", Reason.TIMEOUT)


def overloaded() -> MediaError:
    """Return the error for requests that found the queue full."""
    return MediaError(ErrorCode.UNAVAILABLE, "too many requests wait for the RTP manager", Reason.LOST)


def lost(detail: str) -> MediaError:
    """Return the error for requests to a node that will not answer any more."""
    return MediaError(ErrorCode.UNAVAILABLE, detail, Reason.LOST)
