# SPDX-License-Identifier: Apache-2.0
"""Endpoints on a seeded bad network and a virtual clock: an hour of calls in a second, the same each time.

Invariant: a Peer drains its endpoint after every input and asserts before the next that nothing was left.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Protocol

from signaling.sip.endpoint import Endpoint
from signaling.sip.events import Event
from signaling.sip.flow import Flow
from signaling.sip.tokens import TokenSource

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the network does to each datagram, decided by `seed`."""

    loss: float = 0.0
    """Share of datagrams that are lost, 0 to 1."""
    duplicate: float = 0.0
    """Share of datagrams that arrive twice."""
    reorder: float = 0.0
    """Share of datagrams that are held back by up to ten times the delay, so that later ones overtake."""
    delay_s: float = 0.02
    """Time on the way."""
    seed: int = 7


class Handler(Protocol):
    """A transaction user."""

    def handle(self, event: Event, now: float) -> None:
        """Take one event."""


class Peer:
    """One endpoint at one address, with its transaction user."""

    def __init__(self, network: Network, address: Address, **options: Any) -> None:
        self.network = network
        self.address = address
        tokens = TokenSource(random.Random(f"{network.link.seed} {address}").randbytes)
        self.tokens = tokens
        self.endpoint = Endpoint(sent_by=lambda flow: flow.local, tokens=tokens, **options)
        self.handler: Handler | None = None
        network.peers[address] = self

    def flow_to(self, address: Address) -> Flow:
        """Return the path to another peer."""
        return Flow("udp", address, self.address)

    def do(self, verb: Callable[..., Any], *args: Any) -> Any:
        """Give the endpoint one input, and drain it."""
        now = self.network.now
        assert self.endpoint.next_event() is None
        assert self.endpoint.datagrams_to_send(now) == []
        result = verb(*args, now)
        self.drain()
        return result

    def drain(self) -> None:
        """Handle each event, then put what is to be sent on the wire."""
        now = self.network.now
        while (event := self.endpoint.next_event()) is not None:
            if self.handler is not None:
                self.handler.handle(event, now)
        for data, flow in self.endpoint.datagrams_to_send(now):
            self.network.transmit(data, self.address, flow.remote)


class Network:
    """Peers, the datagrams between them, and the clock."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.now = 0.0
        self.peers: dict[Address, Peer] = {}
        self.transmitted = 0
        self._random = random.Random(link.seed)
        self._flying: list[tuple[float, int, bytes, Address, Address]] = []
        self._planned: list[tuple[float, int, Callable[[], Any]]] = []

    def transmit(self, data: bytes, source: Address, destination: Address) -> None:
        """Put a datagram on the wire: it arrives late, twice, or never."""
        for _ in range(2 if self._random.random() < self.link.duplicate else 1):
            self.transmitted += 1
            if self._random.random() < self.link.loss:
                continue
            delay_s = self.link.delay_s
            if self._random.random() < self.link.reorder:
                delay_s *= self._random.uniform(1, 10)
            heappush(self._flying, (self.now + delay_s, self.transmitted, data, source, destination))

    def at(self, when: float, action: Callable[[], Any]) -> None:
        """Do something at a time of the virtual clock."""
        heappush(self._planned, (when, len(self._planned) + self.transmitted * 1000, action))

    def run(self, seconds: float) -> None:
        """Let time pass: arrivals, timers and planned actions, each at its time."""
        end = self.now + seconds
        while (when := self._next_time()) is not None and when <= end:
            self.now = max(self.now, when)
            self._deliver()
            while self._planned and self._planned[0][0] <= self.now:
                heappop(self._planned)[2]()
            for peer in self.peers.values():
                deadline = peer.endpoint.get_timer()
                if deadline is not None and deadline <= self.now:
                    peer.do(peer.endpoint.handle_timer)
        self.now = end

    def _next_time(self) -> float | None:
        times = [
            deadline for peer in self.peers.values() if (deadline := peer.endpoint.get_timer()) is not None
        ]
        times += [heap[0][0] for heap in (self._flying, self._planned) if heap]
        return min(times, default=None)

    def _deliver(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, _, data, source, destination = heappop(self._flying)
            peer = self.peers.get(destination)
            if peer is not None:
                peer.do(peer.endpoint.receive_datagram, data, peer.flow_to(source))
