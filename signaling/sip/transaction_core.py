# SPDX-License-Identifier: Apache-2.0
"""The state that all transactions of one endpoint share: tables, timers, and what waits to be drained.

It knows transactions by type only and decides nothing. Invariant: a transaction is in the tables from its first
message until it is Terminated, and then in none of them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from signaling.sip.events import StrayReceived
from signaling.sip.flow import Flow
from signaling.sip.matching import Key
from signaling.sip.timers import SipTimers, TimerQueue
from signaling.sip.tokens import TokenSource
from signaling.sip.trace import Direction, TraceRecord, TraceSink, message_record

if TYPE_CHECKING:
    from signaling.sip.events import Event
    from signaling.sip.transaction import Transaction
    from signaling.sip.transaction_client import ClientTransaction
    from signaling.sip.transaction_server import InviteServerTransaction, ServerTransaction

TransactionT = TypeVar("TransactionT", bound="Transaction")


class PeerIndex(Generic[TransactionT]):
    """Transactions by the address of the peer: for the bound per source, and to find what a lost path carried."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        # Dictionaries, not sets: their order is that of arrival, so that a recorded test repeats exactly.
        self._members: dict[str, dict[TransactionT, None]] = {}

    def add(self, transaction: TransactionT) -> None:
        """Put a transaction under the address that it sends to, which must stay the same."""
        address = transaction.flow.remote[0]
        members = self._members.get(address)
        if members is None:
            self._members[address] = {transaction: None}
        else:
            members[transaction] = None

    def discard(self, transaction: TransactionT) -> None:
        """Take a transaction out that was added."""
        address = transaction.flow.remote[0]
        members = self._members[address]
        del members[transaction]
        if not members:
            del self._members[address]

    def count(self, address: str) -> int:
        """Return the number of transactions with the peer at `address`."""
        members = self._members.get(address)
        return 0 if members is None else len(members)

    def using(self, flow: Flow) -> list[TransactionT]:
        """Return the transactions that send by `flow`."""
        members = self._members.get(flow.remote[0], ())
        return [transaction for transaction in members if transaction.flow == flow]


class TransactionCore:
    """Tables, timers and output of one endpoint."""

    __slots__ = (
        "acks",
        "client_peers",
        "clients",
        "events",
        "finished",
        "merged",
        "out",
        "queue",
        "reliable_delays",
        "server_peers",
        "servers",
        "timers",
        "tokens",
        "trace",
        "unreliable_delays",
    )

    def __init__(self, timers: SipTimers, tokens: TokenSource, trace: TraceSink | None) -> None:
        self.timers = timers
        self.reliable_delays = timers.delays(reliable=True)
        self.unreliable_delays = timers.delays(reliable=False)
        self.tokens = tokens
        self.trace = trace
        self.queue: TimerQueue[Transaction] = TimerQueue()
        self.out: list[tuple[bytes, Flow]] = []
        self.events: deque[Event] = deque()
        self.finished: list[Transaction] = []
        """Terminated ones that still hold their user, which an event in the queue may concern."""
        self.clients: dict[Key, ClientTransaction] = {}
        """By branch and method (RFC 3261 17.1.3)."""
        self.servers: dict[Key, ServerTransaction] = {}
        """By `matching.server_key` (RFC 3261 17.2.3)."""
        self.acks: dict[Key, InviteServerTransaction] = {}
        """Transactions in Accepted and Acknowledged by `matching.ack_key`."""
        self.merged: dict[Key, ServerTransaction] = {}
        """Transactions outside a dialog by `matching.merge_key` (RFC 3261 8.2.2.2)."""
        self.client_peers: PeerIndex[ClientTransaction] = PeerIndex()
        self.server_peers: PeerIndex[ServerTransaction] = PeerIndex()

    def send(self, data: bytes, flow: Flow, now: float) -> None:
        """Queue one message for the transport."""
        self.out.append((data, flow))
        if self.trace is not None:
            self.trace(message_record(now, Direction.OUT, flow, data))

    def let_users_go(self) -> None:
        """Cut finished transactions from their users, which mostly hold them in turn: such cycles pile up."""
        for transaction in self.finished:
            transaction.user = None
        self.finished.clear()

    def drop(self, now: float, flow: Flow, text: str) -> None:
        """Report a message that belongs to nothing; `text` says why, for the trace."""
        self.events.append(StrayReceived(flow))
        self.note(now, flow, text)

    def note(self, now: float, flow: Flow | None, text: str) -> None:
        """Trace something that is no message; callers on the hot path look at `trace` first."""
        if self.trace is not None:
            self.trace(TraceRecord(time=now, direction=Direction.STATE, flow=flow, note=text))
