# SPDX-License-Identifier: Apache-2.0
"""What a call needs of a leg, whatever protocol the leg speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from signaling.calls.events import LegEvent


class Leg(Protocol):
    """One party of a call.

    The call sends events to the leg and gets the leg's own by the callback it was given. A leg reports `HangUp` or
    `Fail` at most once, and nothing after it.
    """

    label: str
    """"A" for the caller, "B" for callees."""
    remote_ip: str
    """Where its signalling comes from, as text; media may be learned from there (RTP latching)."""
    call: Any
    """The call that it belongs to, set by that call; the leg itself makes no use of it."""
    session_id: str
    """Its media session, set by the call for who looks at the leg; empty: none yet."""

    def send(self, event: LegEvent) -> None:
        """Do what ``event`` asks of this party; an event that its state does not allow is ignored."""

    def confirm_hang_up(self) -> None:
        """Answer the party's own hang-up, which the leg holds back until the call's record is safe."""

    def release(self) -> None:
        """Let go of the call, which is over: report nothing more, and keep no reference to it."""


LegCallback = Callable[[Leg, LegEvent], None]
