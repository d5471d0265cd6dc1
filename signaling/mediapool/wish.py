# SPDX-License-Identifier: Apache-2.0
"""What operators want of an RTP manager, kept by the RTP manager itself.

So every signaling node knows of a drain that was ordered at one of them, and none forgets it when it is restarted.
Knows nothing of drains. Invariant: while a wish of this process has not arrived, what the node says of older ones does
not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from media.control.gen import rtpmanager_pb2 as pb
from media.control.results import DrainWish

TELL_DEADLINE_S = 2.0

Execute = Callable[..., "asyncio.Future[list[Any]]"]


class KeptWish:
    """The wish that one node keeps.

    Args:
        execute: `MediaNode.execute`.

    Attributes:
        on_heard: is called with what the node says that operators want, each time that it says so.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._untold: DrainWish | None = None
        self.on_heard: Callable[[DrainWish], None] = lambda wish: None

    def tell(self, wish: DrainWish) -> None:
        """Have the node keep a wish; one that is away is told when it is back."""
        self._untold = wish
        self._send(wish)

    def heard(self, number: int) -> None:
        """Take what the node says; a number of a later version counts as none."""
        if self._untold is not None:
            self._send(self._untold)
        else:
            self.on_heard(DrainWish(number) if number in tuple(DrainWish) else DrainWish.NONE)

    def forget(self) -> None:
        """Note that the node was restarted: a new process is in use until somebody says otherwise."""
        self._untold = None

    def _send(self, wish: DrainWish) -> None:
        def answered(future: asyncio.Future[list[Any]]) -> None:
            arrived = not future.cancelled() and isinstance(future.result()[0], pb.SetDrainReply)
            if arrived and self._untold is wish:
                self._untold = None

        request = pb.SetDrainRequest(wish=int(wish))  # type: ignore[arg-type]
        self._execute(request, deadline_s=TELL_DEADLINE_S).add_done_callback(answered)
