# SPDX-License-Identifier: Apache-2.0
"""Tells once why an RTP manager cannot be used: it is tried again every second, and its own log may say nothing.

It must not know sessions. Invariant: one line until it was reached.
"""

from __future__ import annotations

import logging

from media.control.grpc_setup import grpc
from signaling.mediapool.reachable import refuses

log = logging.getLogger("signaling.mediapool.node")

VAGUE = 5
"""Refusals without a reason that are waited through: gRPC loses it when the refusal is faster than the greeting."""
NOBODY = "nobody listens there"
OTHERWISE = "it is not reached, or does not speak as this node does: compare GRPC_TLS_CERT and GRPC_TLS_CA on both sides"


class Unreached:
    """What is wrong with one RTP manager.

    Args:
        address: of its gRPC server, ``host:port``.
        patience_s: how long it may not be there at first without a word.
    """

    def __init__(self, address: str, patience_s: float) -> None:
        self._address = address
        self._patience_s = patience_s
        self._vague = 0
        self._is_told = False

    def reached(self) -> None:
        """Note that it is used: whatever comes next is worth a line again."""
        self._vague, self._is_told = 0, False

    def refused(self, name: str, error: grpc.aio.AioRpcError) -> None:
        """Note that it ended a stream before its greeting."""
        self._vague += 1
        if error.code() is not grpc.StatusCode.INTERNAL or self._vague >= VAGUE:
            self._tell(name, error.details() or str(error.code()))

    async def look(self, name: str, away_s: float) -> None:
        """Find out why it has not been reached for so long, if that was not told."""
        if away_s > self._patience_s and not self._is_told:
            self._tell(name, NOBODY if await refuses(self._address) else OTHERWISE)

    def _tell(self, name: str, reason: str) -> None:
        if not self._is_told:
            self._is_told = True
            log.warning("rtpmanager %s at %s cannot be used: %s", name, self._address, reason)
