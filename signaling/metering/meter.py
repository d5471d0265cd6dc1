# SPDX-License-Identifier: Apache-2.0
"""All figures of one signaling node: counters that were kept, and gauges that are read when somebody asks.

Knows every part and changes none. Invariant: reading takes well under a millisecond and touches no file or socket.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sized
from typing import TYPE_CHECKING, Any, Protocol

from signaling.metering.calls import CallMeter
from signaling.metering.traffic import Traffic
from signaling.node import SipNode
from switchboard.metrics.catalogue import CATALOGUE
from switchboard.metrics.exposition import to_plain
from switchboard.metrics.numbers import LagMeter, Readings

if TYPE_CHECKING:
    from signaling.redis_link import RedisLink


class _Calls(Protocol):
    closing: bool


class _Journal(Protocol):
    @property
    def unwritten(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def problem(self) -> str | None: ...


class _Writer(Protocol):
    @property
    def backlog(self) -> int: ...
    @property
    def problem(self) -> str | None: ...


class _Publisher(Protocol):
    @property
    def waiting(self) -> int: ...

    published: int
    dropped: int


class _BlockList(Protocol):
    refused: int

    def __len__(self) -> int: ...


class SignalingMeter:
    """The figures of one node.

    Args:
        counter: what counted calls, sessions and registrations.
        node: SIP messages, transactions and dialogs; counts its traffic here from now on.
        calls: tells whether the node stops.
        location: the bindings.
        rtpmanagers: the media pool's nodes.
        blocklist: the bans in force.
        journal: records on their way to the disk.
        writer: records on their way to the database.
        redis: what is shared with other nodes; None: nothing.
        dependencies: tells of each service that the node relies on whether it is there.
        publisher: events on their way to NATS; None: there is no NATS.
    """

    def __init__(
        self,
        *,
        counter: CallMeter,
        node: SipNode,
        calls: _Calls,
        location: Sized,
        rtpmanagers: Iterable[Any],
        blocklist: _BlockList,
        journal: _Journal,
        writer: _Writer,
        redis: RedisLink | None = None,
        dependencies: Callable[[], dict[tuple[str, ...], float]] = dict,
        publisher: _Publisher | None = None,
    ) -> None:
        self._counter = counter
        self._node = node
        self._calls = calls
        self._location = location
        self._rtpmanagers = rtpmanagers
        self._blocklist = blocklist
        self._journal = journal
        self._writer = writer
        self._redis = redis
        self._dependencies = dependencies
        self._publisher = publisher
        self._traffic = Traffic(counter.setup["trying"])
        self._lag = LagMeter(node.loop)

    def start(self) -> None:
        """Begin to count."""
        self._node.traffic = self._traffic
        self._lag.start()

    def stop(self) -> None:
        """Stop counting."""
        self._lag.stop()
        self._node.traffic = None

    def read(self) -> Readings:
        """Return every figure of the role."""
        endpoint = self._node.endpoint
        return {
            **self._counter.read(),
            **self._traffic.read(),
            "switchboard_stopping": {(): float(self._calls.closing)},
            "switchboard_sip_transactions": {
                ("client",): endpoint.client_transactions,
                ("server",): endpoint.server_transactions,
            },
            "switchboard_sip_dialogs": {(): len(self._node.dialogs)},
            "switchboard_registrations": {(): len(self._location)},
            "switchboard_bans": {(): len(self._blocklist)},
            "switchboard_ban_refused_total": {(): self._blocklist.refused},
            "switchboard_cdr_unwritten": {(): self._journal.unwritten},
            "switchboard_cdr_backlog": {(): self._writer.backlog},
            "switchboard_cdr_lost_total": {(): self._journal.lost},
            "switchboard_cdr_problem": {
                ("journal",): float(self._journal.problem is not None),
                ("delivery",): float(self._writer.problem is not None),
            },
            "switchboard_dependency_up": self._dependencies(),
            **self._events(),
            **self._lag.read(),
            **self._connections(),
            **self._media(),
            **self._shared(),
        }

    def answer(self, arguments: object) -> dict[str, Any]:
        """Return the figures for another process: ``pid`` of this one, and ``readings`` as plain lists."""
        return {"pid": os.getpid(), "readings": to_plain(self.read())}

    def _connections(self) -> Readings:
        transport = self._node.transport
        certificate = transport.certificate
        expiry: dict[tuple[str, ...], float] = (
            {} if certificate is None else {(): certificate.identity.not_after}
        )
        return {
            "switchboard_sip_connections": {
                (kind,): count for kind, count in transport.connections_by_transport.items()
            },
            "switchboard_tls_handshakes_total": {
                (outcome,): count for outcome, count in transport.handshakes.items()
            },
            "switchboard_tls_certificate_expiry_seconds": expiry,
        }

    def _events(self) -> Readings:
        publisher = self._publisher
        return {
            "switchboard_events_published_total": {(): 0 if publisher is None else publisher.published},
            "switchboard_events_dropped_total": {(): 0 if publisher is None else publisher.dropped},
            "switchboard_events_waiting": {(): 0 if publisher is None else publisher.waiting},
        }

    def _media(self) -> Readings:
        nodes = {(str(node.node_id),): node for node in self._rtpmanagers}
        return {
            "switchboard_rtpmanager_healthy": {name: float(node.healthy) for name, node in nodes.items()},
            "switchboard_rtpmanager_sessions": {name: node.active_sessions for name, node in nodes.items()},
            "switchboard_rtpmanager_ports_left": {
                name: node.available_ports for name, node in nodes.items() if node.available_ports is not None
            },
        }

    def _shared(self) -> Readings:
        redis = self._redis
        if redis is None:
            return {name: {} for name in _REDIS}
        outcomes = {"written": redis.written, "refused": redis.refused, "dropped": redis.dropped}
        return {
            "switchboard_redis_connected": {(): float(redis.connected)},
            "switchboard_redis_outages_total": {(): redis.outages},
            "switchboard_redis_reads_late_total": {(): redis.late},
            "switchboard_redis_commands_total": {(name,): count for name, count in outcomes.items()},
        }


_REDIS = [name for name in CATALOGUE if name.startswith("switchboard_redis_")]
