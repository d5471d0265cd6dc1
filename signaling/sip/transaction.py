# SPDX-License-Identifier: Apache-2.0
"""What the four transactions share: running the tables of transaction_tables.py, and their timers.

A transaction knows the core that it lives in (tables, timers, output), but neither the endpoint nor the transaction
user. Invariant: `state` changes in `step` alone, and the timers that run are those that the state's entry names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.flow import Flow
from signaling.sip.message import SipMessage
from signaling.sip.timers import Timer
from signaling.sip.transaction_tables import Action, Input, State, Table, TimerMap

if TYPE_CHECKING:
    from signaling.sip.transaction_core import TransactionCore

NO_TIMERS: tuple[None, None] = (None, None)
REMOTE_INPUTS = frozenset(
    {Input.REQUEST, Input.ACK, Input.RESPONSE_1XX, Input.RESPONSE_2XX, Input.RESPONSE_FAILURE}
)
"""Inputs that the peer causes: without a table entry they are its error."""

SENT = (Input.SEND_1XX, Input.SEND_2XX, *[Input.SEND_FAILURE] * 4)
"""Input by first digit of the status that is sent, less one."""
RECEIVED = (Input.RESPONSE_1XX, Input.RESPONSE_2XX, *[Input.RESPONSE_FAILURE] * 4)
"""Input by first digit of the status that is received, less one."""


class Transaction:
    """One request and its responses (RFC 3261 17)."""

    __slots__ = (
        "core",
        "delays",
        "flow",
        "interval_s",
        "lifetime_timer",
        "method",
        "retransmit_timer",
        "state",
        "user",
        "wire",
    )

    name: ClassVar[str]
    table: ClassVar[Table]
    timer_map: ClassVar[TimerMap]
    actions: ClassVar[dict[Action, Callable[..., None]]]

    def __init__(self, core: TransactionCore, method: str, flow: Flow, state: State) -> None:
        self.core = core
        self.method = method
        self.flow = flow
        """Path that this transaction sends by."""
        self.state = state
        self.delays = core.reliable_delays if flow.reliable else core.unreliable_delays
        self.wire = b""
        """The message that is retransmitted, serialised once."""
        self.retransmit_timer: Timer[Transaction] | None = None
        self.lifetime_timer: Timer[Transaction] | None = None
        self.interval_s = 0.0
        """Current interval of the retransmission timer."""
        self.user: object = None
        """Free for the transaction user, to find its own context by; the core does not look at it.

        None again once the transaction is over and its events are handed out."""

    def step(
        self, given: Input, now: float, message: SipMessage | None = None, flow: Flow | None = None
    ) -> None:
        """Take one input: change the state, switch the timers, act.

        Raises RemoteProtocolError when the peer broke the protocol, LocalProtocolError when the caller did.
        """
        before = self.state
        transition = self.table.get((before, given))
        if transition is None:
            raise self._refusal(given)
        action, after = transition
        if self.core.trace is not None:
            self.core.note(now, self.flow, f"{self}: {before} -> {after} ({given})")
        if after is not before:
            self.state = after
            self._switch_timers(after, now)
            if after is State.TERMINATED:
                self.forget()
                if self.user is not None:
                    self.core.finished.append(self)
        if action is not None and action is not Action.IGNORE:
            self.actions[action](self, now, message, flow)

    def fire(self, timer: Timer[Transaction], now: float) -> None:
        """Take the input of `timer`, which has just left the queue, and re-arm a retransmission."""
        if timer is self.lifetime_timer:
            self.lifetime_timer = None
            self.step(timer.given, now)
            return
        self.step(timer.given, now)
        if timer is self.retransmit_timer:
            core = self.core
            self.interval_s = core.timers.next_interval_s(timer.given, self.state, self.interval_s)
            core.queue.restart(now, self.interval_s, timer)

    def transmit(self, now: float) -> None:
        """Send `wire`, if there is something to send."""
        if self.wire:
            self.core.send(self.wire, self.flow, now)

    def forget(self) -> None:
        """Leave the tables of the core; called once, on the way to Terminated."""
        raise NotImplementedError

    def _switch_timers(self, state: State, now: float) -> None:
        retransmit, lifetime = self.timer_map.get(state, NO_TIMERS)
        queue = self.core.queue
        timer = self.retransmit_timer
        if timer is not None and timer.given is not retransmit:
            queue.cancel(timer)
            self.retransmit_timer = timer = None
        if retransmit is not None and timer is None and retransmit in self.delays:
            self.interval_s = self.delays[retransmit]
            self.retransmit_timer = queue.start(now, self.interval_s, self, retransmit)
        timer = self.lifetime_timer
        if timer is not None and timer.given is not lifetime:
            queue.cancel(timer)
            self.lifetime_timer = timer = None
        if lifetime is not None and timer is None:
            self.lifetime_timer = queue.start(now, self.delays[lifetime], self, lifetime)

    def _refusal(self, given: Input) -> LocalProtocolError | RemoteProtocolError:
        if given in REMOTE_INPUTS:
            return RemoteProtocolError(400, f"{given} in state {self.state} of {self.name}")
        return LocalProtocolError(f"{self}: {given} in state {self.state}")

    def __repr__(self) -> str:
        return f"<{self}: {self.state}>"
