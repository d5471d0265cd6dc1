# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from switchboard.dashboard.backends import Backend, Picture
from switchboard.dashboard.watch import Watch, pause_s

EAST, WEST = (Backend(name=name, url=f"http://{name}") for name in ("east", "west"))


@pytest.mark.parametrize(("elapsed_ms", "expected_s"), [(0, 0.5), (100, 0.5), (300, 1.2)])
def test_a_node_with_much_to_tell_is_asked_less_often(elapsed_ms, expected_s):
    assert pause_s(Picture(backend=EAST, elapsed_ms=elapsed_ms), 0.5) == pytest.approx(expected_s)


async def test_nodes_are_asked_while_somebody_watches_and_not_after():
    watch = Watch([EAST, WEST], lambda backend: Picture(backend=backend), every_s=0)
    first, second = watch.join(), watch.join()
    await asyncio.wait_for(asyncio.gather(first.wait(), second.wait()), 5)
    assert [picture.backend.name for picture in watch.pictures] == ["east", "west"]
    asking = list(watch._tasks)
    watch.leave(first)
    watch.leave(second)
    assert watch.pictures == []
    ended = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 5)
    assert [type(how) for how in ended] == [asyncio.CancelledError] * 2
