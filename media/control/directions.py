# SPDX-License-Identifier: Apache-2.0
"""Stream directions (RFC 3264 5.1, 6.1): mirroring and intersecting them.

It must not know descriptions; every pair of directions has an entry in the tables.
"""

import enum


class Direction(enum.Enum):
    """Who sends, from the view of the party that wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    sends: bool
    receives: bool


for _direction in Direction:
    _direction.sends = _direction in (Direction.SENDRECV, Direction.SENDONLY)
    _direction.receives = _direction in (Direction.SENDRECV, Direction.RECVONLY)

BY_NAME: dict[str, Direction] = {direction.value: direction for direction in Direction}

OF_FLAGS: dict[tuple[bool, bool], Direction] = {
    (direction.sends, direction.receives): direction for direction in Direction
}

MIRRORED: dict[Direction, Direction] = {
    direction: OF_FLAGS[direction.receives, direction.sends] for direction in Direction
}
"""The other party's view: sendonly there is recvonly here."""

COMMON: dict[tuple[Direction, Direction], Direction] = {
    (one, other): OF_FLAGS[one.sends and other.sends, one.receives and other.receives]
    for one in Direction
    for other in Direction
}
"""What both directions, seen by the same party, allow."""

WITHOUT_RECEIVING: dict[Direction, Direction] = {
    direction: OF_FLAGS[direction.sends, False] for direction in Direction
}
"""The direction of a party that gave no address to send to (``c=0.0.0.0``, RFC 3264 8.4)."""
