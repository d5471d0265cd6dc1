# SPDX-License-Identifier: Apache-2.0
"""The end of a call, raised wherever in it somebody learns of it."""

from __future__ import annotations

from typing import NamedTuple

from cdrs.record import EndReason, HangupBy


class Ending(NamedTuple):
    """How a call ended."""

    reason: EndReason
    by: HangupBy


class CallOver(Exception):
    """Ends the run of a route: somebody hung up or a limit was reached."""

    def __init__(self, reason: EndReason, by: HangupBy) -> None:
        super().__init__(reason, by)
        self.ending = Ending(reason, by)
