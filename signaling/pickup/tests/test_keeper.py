# SPDX-License-Identifier: Apache-2.0
"""When the state of a call is written."""

import asyncio
from typing import Any

import pytest

from signaling.pickup import keeper as module
from signaling.pickup.keeper import StateKeeper


class Store:
    def __init__(self) -> None:
        self.put_calls: list[tuple[Any, str]] = []
        self.removed: list[Any] = []

    def put(self, record: Any, state: str) -> None:
        self.put_calls.append((record, state))

    def remove(self, record: Any) -> None:
        self.removed.append(record)


class FakeCall:
    def __init__(self, name: str = "call") -> None:
        self.record: Any = name
        self.state: str | None = "state"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(module, "DELAY_S", 0.01)
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    return Store()


@pytest.fixture
async def keeper(store: Store) -> Any:
    made = StateKeeper(asyncio.get_running_loop(), lambda call: call.state)  # type: ignore[attr-defined]
    made.add(store)
    return made


async def test_changes_in_quick_succession_are_written_once_as_the_call_is_then(keeper, store):
    call = FakeCall()
    keeper.changed(call)
    call.state = "later"
    keeper.changed(call)
    await asyncio.sleep(0.05)
    assert store.put_calls == [("call", "later")]
    keeper.changed(call)
    await asyncio.sleep(0.05)
    assert len(store.put_calls) == 2


async def test_a_call_that_ended_is_not_written(keeper, store):
    call = FakeCall()
    keeper.changed(call)
    keeper.ended(call)
    await asyncio.sleep(0.05)
    assert (store.put_calls, store.removed) == ([], ["call"])


async def test_a_call_that_has_no_state_now_keeps_what_was_written_before(keeper, store):
    call = FakeCall()
    call.state = None
    keeper.changed(call)
    assert keeper.write(call) is False
    await asyncio.sleep(0.05)
    assert (store.put_calls, store.removed) == ([], [])


async def test_many_calls_are_written_in_pieces_and_none_is_forgotten(keeper, store, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    for number in range(10):
        keeper.changed(FakeCall(str(number)))
    await asyncio.sleep(0.1)
    assert [record for record, _ in store.put_calls] == [str(number) for number in range(10)]


async def test_a_stop_writes_at_once_and_tells_whether_it_could(keeper, store):
    call = FakeCall()
    keeper.changed(call)
    assert keeper.write(call) is True
    assert store.put_calls == [("call", "state")]
    await asyncio.sleep(0.05)
    assert len(store.put_calls) == 1


async def test_without_a_store_nothing_is_done():
    keeper = StateKeeper(asyncio.get_running_loop(), lambda call: pytest.fail("described for nobody"))
    call: Any = FakeCall()
    keeper.changed(call)
    assert keeper.write(call) is False
    keeper.ended(call)
