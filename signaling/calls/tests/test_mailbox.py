# SPDX-License-Identifier: Apache-2.0
"""The queue of one call."""

import asyncio

from signaling.calls.mailbox import Mailbox


async def test_items_come_in_order():
    mailbox: Mailbox[int] = Mailbox(asyncio.get_running_loop())
    mailbox.put(1)
    mailbox.put(2)
    assert [await mailbox.get(), await mailbox.get()] == [1, 2]
    assert mailbox.get_nowait() is None


async def test_a_reader_is_woken_by_an_item():
    loop = asyncio.get_running_loop()
    mailbox: Mailbox[int] = Mailbox(loop)
    loop.call_soon(mailbox.put, 7)
    assert await mailbox.get() == 7


async def test_a_deadline_ends_the_wait_and_loses_nothing():
    loop = asyncio.get_running_loop()
    mailbox: Mailbox[int] = Mailbox(loop)
    assert await mailbox.get(loop.time() + 0.01) is None
    mailbox.put(3)
    assert await mailbox.get(loop.time() - 1) == 3


async def test_a_cancelled_reader_leaves_the_item_for_the_next():
    loop = asyncio.get_running_loop()
    mailbox: Mailbox[int] = Mailbox(loop)
    reader = loop.create_task(mailbox.get())
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    mailbox.put(4)
    assert await mailbox.get() == 4
