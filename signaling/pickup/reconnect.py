# SPDX-License-Identifier: Apache-2.0
"""The way to phones whose connection died with the earlier process: they connect again, and register.

Until a phone does, what is sent to it goes to its Contact, if that is where it was; behind a NAT nothing reaches it.
It must not know calls. Invariant: a leg follows a registration of its own user only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from signaling.binding import SECURE, flow_without_connection
from signaling.legs.resumed import ResumedLeg
from signaling.location import Binding, BindingEvent
from signaling.sip import Flow, SipUri

LOST: Final = -1
"""Number of a connection that is no more and cannot be opened from here."""

_NEWS = (BindingEvent.REGISTERED, BindingEvent.REFRESHED)


def flow_after_restart(flow: Flow, target: SipUri) -> Flow:
    """Return the path to a phone that had ``flow`` in the earlier process.

    Args:
        flow: see above.
        target: the remote target of the dialog, its last Contact.
    """
    if not flow.reliable:
        return flow
    if flow.host:
        # A server whose certificate names it: this end opens the connection, then and now.
        return flow._replace(connection=0)
    return flow_without_connection(target, flow) or flow._replace(connection=LOST)


class Reconnect:
    """The legs that wait for their phone to come back."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[ResumedLeg, Callable[[], bool]]] = {}

    def expect(self, leg: ResumedLeg, user_id: str, must_answer: Callable[[], bool]) -> bool:
        """Look out for the phone of a leg if it needs that, and tell whether; it is probed when it is there."""
        if not user_id or leg.flow is None or not leg.flow.reliable:
            return False
        self._waiting.setdefault(user_id, {})[leg] = must_answer
        return True

    def binding_changed(self, event: BindingEvent, binding: Binding) -> None:
        """Take news of the location service."""
        legs = self._waiting.get(binding.user_id)
        if legs is None or event not in _NEWS or not binding.flow.connection:
            return
        here = [leg for leg in legs if leg.remote_ip == binding.flow.remote[0] and _keeps(leg, binding)]
        same = [leg for leg in here if leg.dialog is not None and leg.dialog.remote_target == binding.contact]
        for leg in same or here:
            must_answer = legs.pop(leg)
            leg.reconnected(binding.flow)
            leg.probe(must_answer)
        self._waiting[binding.user_id] = {leg: ask for leg, ask in legs.items() if not leg.is_done}


def _keeps(leg: ResumedLeg, binding: Binding) -> bool:
    """Whether a leg that was encrypted stays so by the path of a binding."""
    return leg.flow is None or leg.flow.transport != SECURE or binding.flow.transport == SECURE
