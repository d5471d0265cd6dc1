# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from media.control.errors import ErrorCode, MediaError, Reason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.mediapool import batches
from signaling.mediapool.batches import FIELD_OF, BatchQueue, Execution, lost


@pytest.fixture
def queue():
    return BatchQueue()


def add(queue, *requests, deadline=10.0):
    future = asyncio.get_running_loop().create_future()
    queue.add(Execution(requests, future, deadline))
    return future


def destroy(session_id, **more):
    return pb.DestroySessionRequest(session_id=session_id, **more)


def reply_to(batch, *codes):
    replies = pb.ControlReplyBatch(batch_id=batch.batch_id)
    for index in range(len(batch.requests)):
        reply = replies.replies.add()
        reply.code = codes[index] if index < len(codes) else 0
        if not reply.code:
            reply.destroy_session.stats.packets_sent = index
    return replies


async def test_all_that_waits_leaves_as_one_batch(queue):
    first, second = add(queue, destroy("a"), destroy("b")), add(queue, destroy("c"))
    batch = queue.next_batch()
    assert [request.destroy_session.session_id for request in batch.requests] == ["a", "b", "c"]
    assert queue.next_batch() is None
    queue.answered(reply_to(batch))
    assert [len(future.result()) for future in (first, second)] == [2, 1]
    assert second.result()[0].stats.packets_sent == 2
    assert queue.is_idle


async def test_requests_get_ids_of_their_own_unless_they_have_one(queue):
    add(queue, destroy("a"), destroy("b"), destroy("c", request_id="mine"), pb.HealthRequest())
    requests = queue.next_batch().requests
    ids = [request.destroy_session.request_id for request in requests[:3]]
    assert len(set(ids)) == 3
    assert all(ids)
    assert ids[2] == "mine"


async def test_every_kind_of_request_finds_its_field():
    fields = {field.message_type.name: field.name for field in pb.ControlRequest.DESCRIPTOR.fields}
    assert {kind.__name__: name for kind, name in FIELD_OF.items()} == fields


async def test_errors_are_results(queue):
    future = add(queue, destroy("a"), destroy("b"))
    batch = queue.next_batch()
    replies = reply_to(batch, 5)
    replies.replies[0].detail, replies.replies[0].reason = "no session 'a'", "no_such_session"
    queue.answered(replies)
    error, reply = future.result()
    assert isinstance(error, MediaError)
    assert (error.code, error.detail, error.reason) == (
        ErrorCode.NOT_FOUND,
        "no session 'a'",
        Reason.NO_SUCH_SESSION,
    )
    assert isinstance(reply, pb.DestroySessionReply)


async def test_codes_and_reasons_of_a_newer_node_are_understood_as_far_as_possible(queue):
    future = add(queue, destroy("a"))
    replies = reply_to(queue.next_batch(), 9)
    replies.replies[0].reason = "something new"
    queue.answered(replies)
    assert (future.result()[0].code, future.result()[0].reason) == (ErrorCode.INTERNAL, Reason.NONE)


async def test_a_missing_reply_is_an_error(queue):
    future = add(queue, destroy("a"))
    queue.answered(pb.ControlReplyBatch(batch_id=queue.next_batch().batch_id))
    assert future.result()[0].code is ErrorCode.INTERNAL


async def test_unanswered_batches_are_kept_in_order_for_the_next_stream(queue):
    add(queue, destroy("a"))
    first = queue.next_batch()
    add(queue, destroy("b"))
    second = queue.next_batch()
    assert queue.unanswered() == [first, second]
    queue.answered(reply_to(first))
    assert queue.unanswered() == [second]
    queue.answered(reply_to(first))


async def test_what_is_too_late_fails_and_says_whether_it_was_written(queue):
    waiting = add(queue, destroy("a"), deadline=1.0)
    assert not queue.expire(0.9)
    assert not queue.expire(1.0)
    assert waiting.result()[0].reason is Reason.TIMEOUT
    written = add(queue, destroy("b"), destroy("c"), deadline=2.0)
    queue.next_batch()
    assert queue.expire(2.0)
    assert [error.code for error in written.result()] == [ErrorCode.UNAVAILABLE] * 2
    assert queue.is_idle


async def test_each_execution_of_a_batch_has_its_own_deadline(queue):
    hasty, patient = add(queue, destroy("a"), deadline=1.0), add(queue, destroy("b"), deadline=5.0)
    batch = queue.next_batch()
    assert queue.expire(1.0)
    assert hasty.result()[0].reason is Reason.TIMEOUT
    queue.answered(reply_to(batch))
    assert patient.result()[0].stats.packets_sent == 1


async def test_a_late_request_behind_one_with_time_left_fails_too(queue):
    patient, hasty = add(queue, destroy("a"), deadline=5.0), add(queue, destroy("b"), deadline=1.0)
    assert not queue.expire(1.0)
    assert hasty.done()
    assert not patient.done()


async def test_only_the_impatient_fail_when_the_stream_breaks(queue):
    futures = []
    for is_impatient in (True, False):
        for _ in range(2):
            future = asyncio.get_running_loop().create_future()
            queue.add(Execution([destroy("a")], future, 10.0, is_impatient=is_impatient))
            futures.append(future)
            queue.next_batch()
    queue.fail_impatient(lost("away"))
    assert [future.done() for future in futures] == [True, True, False, False]


async def test_a_caller_that_went_away_is_not_waited_for(queue):
    add(queue, destroy("a")).cancel()
    kept = add(queue, destroy("b"))
    batch = queue.next_batch()
    assert len(batch.requests) == 1
    kept.cancel()
    queue.answered(reply_to(batch))


async def test_large_batches_are_split_between_executions(queue, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_REQUESTS", 3)
    for name in ("ab", "cd", "efghi"):
        add(queue, *(destroy(letter) for letter in name))
    sizes = []
    while (batch := queue.next_batch()) is not None:
        sizes.append(len(batch.requests))
    assert sizes == [2, 2, 5]


async def test_batches_are_bounded_in_bytes(queue, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 10_000)
    for _ in range(3):
        add(queue, pb.CreateSessionRequest(session_id="a", remote_sdp="x" * 6000))
    assert len(queue.next_batch().requests) == 1


async def test_too_many_waiting_requests_fail_at_once(queue, monkeypatch):
    monkeypatch.setattr(batches, "MAX_WAITING", 1)
    add(queue, destroy("a"))
    assert add(queue, destroy("b")).result()[0].code is ErrorCode.UNAVAILABLE


async def test_everything_fails_together_in_the_end(queue):
    first = add(queue, destroy("a"))
    queue.next_batch()
    second = add(queue, destroy("b"))
    queue.fail_all(lost("stopped"))
    assert [future.result()[0].detail for future in (first, second)] == ["stopped"] * 2
