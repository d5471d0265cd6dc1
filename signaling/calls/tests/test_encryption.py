# SPDX-License-Identifier: Apache-2.0
"""What an account asks of its phones reaches every session of a call, and what was agreed on its record."""

from dataclasses import replace

import pytest

from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.events import Acknowledged, Answer, Fail
from signaling.calls.tests.test_move import ask, finish, follow
from signaling.calls.tests.test_move import world as world_of_three  # noqa: F401
from signaling.calls.tests.world import ACCOUNT, DIAL, World
from signaling.mediapool import ErrorCode, MediaError, Reason

SUITE = "AES_CM_128_HMAC_SHA1_80"


@pytest.fixture
def world(world_of_three):  # noqa: F811
    return world_of_three


def account(encryption):
    return replace(ACCOUNT, media_encryption=encryption)


@pytest.mark.parametrize(
    ("encryption", "asked"),
    [
        ("off", pb.ENCRYPTION_AS_OFFERED),
        ("optional", pb.ENCRYPTION_OPTIONAL),
        ("required", pb.ENCRYPTION_REQUIRED),
    ],
)
async def test_every_session_is_asked_for_what_the_account_wants(world, encryption, asked):
    world.start(DIAL, account=account(encryption))
    await world.settle()
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()
    ask(world)
    await world.settle()
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    created = [
        request
        for node in (world.node, *world.other_nodes)
        for request in node.asked(pb.CreateSessionRequest)
    ]
    assert len(created) == 4, "two sessions, and the two that took their place"
    assert {request.encryption for request in created} == {asked}
    await finish(world)


@pytest.mark.parametrize("refused", [pb.CreateSessionRequest, pb.UpdateSessionRemoteRequest])
async def test_a_phone_without_keys_is_told_that_they_are_required(refused):
    world = World()
    error = MediaError(ErrorCode.INVALID_ARGUMENT, "no key", Reason.ENCRYPTION_REQUIRED)
    world.node.errors[refused] = error
    world.start(DIAL, account=account("required"))
    await world.settle()
    for leg in world.legs:
        leg.reports(Answer("callee's answer"))
    record = await world.ended()
    (fail,) = world.caller.got(Fail)
    assert (fail.failure.status, fail.failure.warning[:4]) == (488, "302 ")
    assert record.hangup_cause == "media_error"


async def test_the_record_tells_which_legs_were_encrypted_and_what_was_dropped(world):
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.call.media.sessions[world.call.media.callee_session].srtp = SUITE
    stats = pb.SessionStats(packets_received=1, srtp_unauthenticated=3, srtp_replayed=2)
    world.node.stats = stats
    record = await finish(world)
    assert record.metadata["srtp"] == {"B": {"suite": SUITE, "unauthenticated": 3, "replayed": 2}}


async def test_the_record_of_a_plain_call_tells_nothing_of_it(world):
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    assert "srtp" not in (await finish(world)).metadata
