# SPDX-License-Identifier: Apache-2.0
"""Emptying an RTP manager: it gets no new call, and those that it has are moved to others, a few at a time.

How a call moves is the call's own business (`signaling.calls.move`). Knows no SIP and no HTTP.
"""

from signaling.drain.controller import AlreadyDraining, DrainController, NoSuchNode, NotDraining
from signaling.drain.status import DrainMode, DrainStatus

__all__ = ["AlreadyDraining", "DrainController", "DrainMode", "DrainStatus", "NoSuchNode", "NotDraining"]
