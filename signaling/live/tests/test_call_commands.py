# SPDX-License-Identifier: Apache-2.0
"""The commands that begin and end calls."""

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from dialplan.engine import compile_routes, parse_route
from signaling.calls.events import Answer, HangUp
from signaling.calls.manager import CallCaps, CallManager
from signaling.calls.ports import Destination
from signaling.calls.tests.world import ACCOUNT, ALICE, World
from signaling.live.call_commands import CallCommands
from signaling.live.commands import CommandRefused
from signaling.live.tests.worlds import until

WANTED = {"account_id": "account", "user": "1001", "number": "600", "timeout_s": 30, "asked_by": "alice@acme"}


class Node:
    """A node with one user, one phone and one route."""

    def __init__(self, **caps: int) -> None:
        self.world = World()
        self.account, self.user = ACCOUNT, ALICE
        self.phones_there = 1
        self.phones_elsewhere = 0
        self.shared = False
        self.rtp = SimpleNamespace(standing=SimpleNamespace(takes_sessions=True))
        echo = {"id": "r", "name": "r", "pattern": "6*", "actions": [{"type": "echo", "params": {}}]}
        self.routes = compile_routes([parse_route(echo)])
        self.manager = CallManager(self.world.services(), CallCaps(**{"node": 100, "per_user": 0, **caps}))
        numbers = iter(range(1000))
        directory: Any = SimpleNamespace(
            account=lambda account_id: self.account if account_id == self.account.id else None,
            user_by_number=lambda _, name: self.user if name in ("1001", "alice") else None,
            dialplan=lambda _: self.routes,
        )
        self.commands = CallCommands(
            self.manager,
            directory,
            self,
            [self.rtp],
            lambda: f"made-{next(numbers)}",
        )

    def phones(self, user: Any) -> list[Destination]:
        return [Destination(address=n, remote_ip="192.0.2.9", user=user) for n in range(self.phones_there)]

    async def all_phones(self, user: Any, account: Any) -> list[Destination]:
        there = [
            Destination(address=n, remote_ip="192.0.2.9", user=user) for n in range(self.phones_elsewhere)
        ]
        return [*self.phones(user), *there]

    def refused(self, **given: Any) -> CommandRefused:
        with pytest.raises(CommandRefused) as caught:
            self.commands.originate({**WANTED, **given})
        assert self.manager.calls == {}
        return caught.value


@pytest.fixture
async def node():
    node = Node()
    yield node
    await node.manager.shut_down(1.0)


async def test_a_call_begins_with_the_phones_of_the_user(node):
    answer = node.commands.originate(WANTED)
    assert answer == {
        "call_uuid": next(iter(node.manager.calls)),
        "call_id": "made-0",
        "state": "dialing",
        "account": "acme.test",
        "user": "1001",
        "number": "600",
        "phones": 1,
    }
    await node.world.settle()
    (phone,) = node.world.own_phones
    phone.reports(Answer("answer"))
    await node.world.settle()
    call = node.manager.calls[answer["call_uuid"]]
    assert call.answered
    assert call.record.metadata == {"origin": "api", "asked_by": "alice@acme"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"account_id": "other"}, "account"),
        ({"user": "4711"}, "user"),
        ({"number": "999"}, "number"),
    ],
)
async def test_a_wrong_value_is_named(node, given, field):
    refused = node.refused(**given)
    assert (refused.status, list(refused.fields)) == (400, [field])


async def test_a_user_without_a_phone_cannot_call(node):
    node.phones_there = 0
    assert node.refused().status == 409


async def test_who_is_disabled_cannot_call(node):
    node.user = ALICE._replace(enabled=False)
    assert node.refused().status == 409
    node.user, node.account = ALICE, dataclasses.replace(ACCOUNT, enabled=False)
    assert node.refused().status == 409


async def test_limits_hold_for_these_calls_too(node):
    node.user = ALICE._replace(max_concurrent_calls=1)
    node.commands.originate(WANTED)
    with pytest.raises(CommandRefused) as caught:
        node.commands.originate(WANTED)
    assert (caught.value.status, len(node.manager.calls)) == (409, 1)


async def test_a_node_that_stops_begins_nothing(node):
    node.manager.closing = True
    assert node.refused().status == 503


async def test_without_an_rtp_manager_nothing_begins(node):
    node.rtp.standing.takes_sessions = False
    assert node.refused().status == 503


async def test_the_same_key_makes_no_second_call(node):
    first = node.commands.originate({**WANTED, "key": "token:1"})
    again = node.commands.originate({**WANTED, "key": "token:1", "asked_by": "alice, retrying"})
    assert again == {**first, "replayed": True}
    assert len(node.manager.calls) == 1
    with pytest.raises(CommandRefused) as caught:
        node.commands.originate({**WANTED, "key": "token:1", "number": "601"})
    assert caught.value.status == 409
    node.commands.originate({**WANTED, "key": "token:2"})
    assert len(node.manager.calls) == 2


async def test_a_key_whose_request_was_refused_may_be_used_again(node):
    node.rtp.standing.takes_sessions = False
    node.refused(key="token:1")
    node.rtp.standing.takes_sessions = True
    assert "replayed" not in node.commands.originate({**WANTED, "key": "token:1"})


async def test_a_call_is_hung_up_in_the_name_of_who_asked(node):
    answer = node.commands.originate(WANTED)
    await node.world.settle()
    node.world.own_phones[0].reports(Answer("answer"))
    await node.world.settle()
    told = node.commands.hang_up({"call_uuid": answer["call_uuid"], "asked_by": "bob"})
    assert told == {"call_uuid": answer["call_uuid"], "call_id": "made-0"}
    await until(lambda: not node.manager.calls)
    assert isinstance(node.world.own_phones[0].sent[-1], HangUp)
    (record,) = node.world.journal.ended
    assert (record.hangup_cause, record.hangup_by, record.metadata["ended_by"]) == ("normal", "system", "bob")


async def test_a_call_that_nobody_answered_is_cancelled(node):
    answer = node.commands.originate(WANTED)
    await node.world.settle()
    node.commands.hang_up({"call_uuid": answer["call_uuid"]})
    await until(lambda: not node.manager.calls)
    assert node.world.journal.ended[0].disposition == "CANCELED"


async def test_a_call_that_is_not_there_cannot_be_hung_up(node):
    with pytest.raises(CommandRefused) as caught:
        node.commands.hang_up({"call_uuid": "gone"})
    assert caught.value.status == 404


async def test_phones_of_other_nodes_ring_too(node):
    node.shared, node.phones_there, node.phones_elsewhere = True, 0, 2
    answer = await node.commands.originate({**WANTED, "key": "once"})
    assert (answer["phones"], len(node.manager.calls)) == (2, 1)
    assert (await node.commands.originate({**WANTED, "key": "once"}))["replayed"]
    node.phones_elsewhere = 0
    with pytest.raises(CommandRefused, match="no registered phone"):
        await node.commands.originate(WANTED)
    with pytest.raises(CommandRefused) as caught:
        await node.commands.originate({**WANTED, "account_id": "nobody's"})
    assert caught.value.status in (400, 404)


async def test_the_same_key_at_the_same_time_makes_one_call(node):
    node.shared = True
    wanted = {**WANTED, "key": "token:1"}
    answers = await asyncio.gather(*(node.commands.originate(wanted) for _ in range(5)))
    assert len(node.manager.calls) == 1
    assert len({answer["call_uuid"] for answer in answers}) == 1
    assert ["replayed" in answer for answer in answers] == [False, True, True, True, True]


@pytest.mark.parametrize("shared", [False, True])
async def test_a_repeated_request_is_answered_as_before_whatever_changed_since(node, shared):
    node.shared = shared

    async def ask():
        answer = node.commands.originate({**WANTED, "key": "token:1"})
        return await answer if shared else answer

    first = await ask()
    node.user = node.user._replace(enabled=False)
    assert await ask() == {**first, "replayed": True}
