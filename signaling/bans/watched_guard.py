# SPDX-License-Identifier: Apache-2.0
"""The guard as the authenticator sees it where sources are banned: what it is told, the warden is told too."""

from __future__ import annotations

from signaling.bans.warden import Warden
from signaling.guard import Identity, MemoryGuard
from signaling.sip.flow import Flow


class WatchedGuard:
    """A guard whose reports a warden hears.

    Args:
        guard: decides who is served.
        warden: decides who is banned.
    """

    def __init__(self, guard: MemoryGuard, warden: Warden) -> None:
        self._guard = guard
        self._warden = warden

    def admit(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a new message is looked at at all; counts it."""
        return self._guard.admit(data, flow, now)

    def may_try(self, flow: Flow, identity: Identity, now: float) -> bool:
        """Whether credentials of `identity` that came by `flow` are checked."""
        return self._guard.may_try(flow, identity, now)

    def challenged(self, flow: Flow, now: float) -> None:
        """Count a challenge to a request without credentials."""
        self._guard.challenged(flow, now)
        self._warden.challenged(flow, now)

    def stray(self, flow: Flow, now: float) -> None:
        """Count a message that was answered or dropped without credentials."""
        self._guard.stray(flow, now)

    def failed(self, flow: Flow, identity: Identity, now: float, *, proven: bool = False) -> None:
        """Count wrong credentials; `proven` ones answer a challenge that was sent to where they came from."""
        self._guard.failed(flow, identity, now)
        self._warden.failed(flow, now, proven=proven)

    def succeeded(self, flow: Flow, identity: Identity, now: float) -> None:
        """Remember that `identity` is at home at the end of `flow`."""
        self._guard.succeeded(flow, identity, now)
        self._warden.succeeded(flow, now)

    def at_home(self, ip: str, identity: Identity, now: float) -> None:
        """Remember that `identity` is at home at an address, as another node knows it."""
        self._guard.at_home(ip, identity, now)
        self._warden.trust(ip, now)
