# SPDX-License-Identifier: Apache-2.0
"""The signalling side's client of the RTP managers.

`MediaPool` picks a node for a new call; `MediaNode.execute` sends requests to it (messages of `rtpmanager.v1`, batched
and pipelined over one Control stream) and returns their replies or `MediaError` values. Knows no SIP and no calls.
"""

from media.control.errors import ErrorCode, MediaError, Reason
from signaling.mediapool.batches import Result
from signaling.mediapool.node import MediaNode
from signaling.mediapool.pool import MediaPool, NoMediaNode
from signaling.mediapool.standing import DrainState
from signaling.mediapool.subscriptions import NodeLost

__all__ = [
    "DrainState",
    "ErrorCode",
    "MediaError",
    "MediaNode",
    "MediaPool",
    "NoMediaNode",
    "NodeLost",
    "Reason",
    "Result",
]
