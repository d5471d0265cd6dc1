# SPDX-License-Identifier: Apache-2.0
"""Tells the event bus of what is no call: registrations and RTP managers.

Reads what others keep and changes nothing. Calls and their sessions speak for themselves (`signaling.calls.notifier`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from signaling.binding import Binding
from signaling.location import BindingEvent, Location
from switchboard.events import EventBus, catalogue

_EVENTS: dict[BindingEvent, type[catalogue.RegistrationEvent]] = {
    BindingEvent.REGISTERED: catalogue.RegistrationRegistered,
    BindingEvent.REFRESHED: catalogue.RegistrationRefreshed,
    BindingEvent.UNREGISTERED: catalogue.RegistrationUnregistered,
    BindingEvent.EXPIRED: catalogue.RegistrationExpired,
}

ACTIVE = "active"
_DRAINS: dict[str, type[catalogue.RtpManagerEvent]] = {
    "draining": catalogue.RtpManagerDraining,
    "disabled": catalogue.RtpManagerDisabled,
    ACTIVE: catalogue.RtpManagerEnabled,
}


def announce_bindings(location: Location, bus: EventBus) -> None:
    """Publish every change of a binding from now on."""

    def publish(event: BindingEvent, binding: Binding) -> None:
        if bus.active:
            bus.publish(registration_event(event, binding, bus))

    location.on_change.append(publish)


def registration_event(event: BindingEvent, binding: Binding, bus: EventBus) -> catalogue.RegistrationEvent:
    """Return what is published of one change."""
    return _EVENTS[event](
        **bus.stamp(),
        tenant_id=binding.account_id,
        sip_call_id=binding.call_id,
        aor=binding.aor,
        contact=binding.contact_text,
        user_id=binding.user_id,
        user_agent=binding.user_agent,
        source_ip=binding.source[0],
        source_port=binding.source[1],
        transport=binding.flow.transport,  # type: ignore[arg-type]
        expires_at=binding.expires_at,
    )


class RtpManager(Protocol):
    """What is read of an RTP manager."""

    node_id: str
    address: str

    @property
    def healthy(self) -> bool: ...

    @property
    def drain_state(self) -> str: ...


class RtpManagerAnnouncer:
    """Publishes when an RTP manager begins or ceases to take sessions, by itself or because somebody wants so.

    Args:
        bus: where to.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._was_healthy: dict[str, bool] = {}
        self._was_drained: dict[str, str] = {}

    def look(self, nodes: Iterable[RtpManager]) -> None:
        """Compare with the last look; call it about once a second. One that was never there is not missed."""
        for node in nodes:
            before, now = self._was_healthy.get(node.address, False), node.healthy
            self._was_healthy[node.address] = now
            if before != now:
                self._tell(catalogue.RtpManagerUp if now else catalogue.RtpManagerDown, node)
            state = str(node.drain_state)
            if state != self._was_drained.get(node.address, ACTIVE):
                self._tell(_DRAINS[state], node)
            self._was_drained[node.address] = state

    def _tell(self, event: type[catalogue.RtpManagerEvent], node: RtpManager) -> None:
        if self._bus.active:
            self._bus.publish(event(**self._bus.stamp(), rtp_manager=node.node_id, address=node.address))
