# SPDX-License-Identifier: Apache-2.0
"""Every pair of state and input of the four tables, the absent ones included.

The expected moves are written out here a second time, from the figures of RFC 3261 and RFC 6026.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, ClassVar

import pytest

from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.tests.builders import UDP, Bench
from signaling.sip.transaction import REMOTE_INPUTS, Transaction
from signaling.sip.transaction_client import InviteClientTransaction, NonInviteClientTransaction
from signaling.sip.transaction_server import InviteServerTransaction, NonInviteServerTransaction
from signaling.sip.transaction_tables import Action, Input, State

INVITE_CLIENT = """
Calling: timer A Calling, timer B Terminated, transport error Terminated, 1xx Proceeding, 2xx Accepted,
  300-699 Completed, CANCEL Cancelling
Cancelling: timer A Cancelling, timer B Terminated, transport error Terminated, 1xx Cancelled, 2xx Accepted,
  300-699 Completed, CANCEL -
Proceeding: transport error -, 1xx Proceeding, 2xx Accepted, 300-699 Completed, CANCEL Cancelled
Cancelled: timer CANCEL Terminated, transport error -, 1xx Cancelled, 2xx Accepted, 300-699 Completed, CANCEL -
Completed: timer D Terminated, transport error Terminated, 1xx -, 2xx -, 300-699 Completed, CANCEL -
Accepted: timer M Terminated, transport error -, 1xx -, 2xx Accepted, 300-699 -, CANCEL -, send ACK Accepted
Terminated: send ACK Terminated, CANCEL -
"""
NON_INVITE_CLIENT = """
Trying: timer E Trying, timer F Terminated, transport error Terminated, 1xx Proceeding, 2xx Completed,
  300-699 Completed
Proceeding: timer E Proceeding, timer F Terminated, transport error Terminated, 1xx Proceeding, 2xx Completed,
  300-699 Completed
Completed: timer K Terminated, transport error -, 1xx -, 2xx -, 300-699 -
"""
INVITE_SERVER = """
Fresh: accept Proceeding, send 1xx Proceeding, send 2xx Accepted, send 300-699 Completed
Proceeding: accept -, request Proceeding, send 1xx Proceeding, send 2xx Accepted, send 300-699 Completed,
  CANCEL Cancelled, transport error Proceeding
Cancelled: accept -, request Cancelled, send 1xx Cancelled, send 2xx Accepted, send 300-699 Completed, CANCEL -,
  transport error Cancelled
Completed: request Completed, timer G Completed, timer H Terminated, ACK Confirmed, CANCEL -, transport error Completed
Confirmed: request -, timer I Terminated, ACK -, CANCEL -, transport error -
Accepted: request -, timer 2xx Accepted, timer L Terminated, ACK Acknowledged, CANCEL -, transport error Accepted
Acknowledged: request -, timer L Terminated, ACK -, CANCEL -, transport error -
"""
NON_INVITE_SERVER = """
Fresh: accept Trying, send 1xx Proceeding, send 2xx Completed, send 300-699 Completed
Trying: accept -, request -, send 1xx Proceeding, send 2xx Completed, send 300-699 Completed, timer expiry Terminated,
  transport error Terminated
Proceeding: accept -, request Proceeding, send 1xx Proceeding, send 2xx Completed, send 300-699 Completed,
  timer expiry Terminated, transport error Terminated
Completed: request Completed, send 1xx -, send 2xx -, send 300-699 -, timer J Terminated, transport error Terminated
Terminated: send 1xx -, send 2xx -, send 300-699 -
"""

Moves = dict[tuple[State, Input], State | None]


def parse_moves(text: str) -> Moves:
    """Return the next state by pair; None where the input is ignored."""
    moves: Moves = {}
    for line in text.replace("\n  ", " ").strip().splitlines():
        state, _, pairs = line.partition(": ")
        for pair in pairs.split(", "):
            given, _, after = pair.rpartition(" ")
            moves[State(state), Input(given)] = None if after == "-" else State(after)
    return moves


MACHINES: list[tuple[type[Transaction], Moves]] = [
    (InviteClientTransaction, parse_moves(INVITE_CLIENT)),
    (NonInviteClientTransaction, parse_moves(NON_INVITE_CLIENT)),
    (InviteServerTransaction, parse_moves(INVITE_SERVER)),
    (NonInviteServerTransaction, parse_moves(NON_INVITE_SERVER)),
]
PAIRS = [
    pytest.param(kind, moves, state, given, id=f"{kind.__name__}-{state}-{given}")
    for kind, moves in MACHINES
    for state, given in product(State, Input)
]


def recording(kind: type[Transaction], done: list[Action]) -> Transaction:
    """Return a bare transaction of this kind whose actions do nothing but write themselves down."""

    class Recording(kind):  # type: ignore[misc, valid-type]
        actions: ClassVar[dict[Action, Callable[..., None]]] = {
            action: lambda *_, action=action: done.append(action) for action in Action
        }

        def __init__(self) -> None:
            Transaction.__init__(self, Bench().endpoint._core, "INVITE", UDP, State.FRESH)

        def forget(self) -> None:
            """Nothing was entered."""

        __str__ = object.__repr__

    return Recording()


@pytest.mark.parametrize(("kind", "moves", "state", "given"), PAIRS)
def test_it_moves_as_the_figures_say(
    kind: type[Transaction], moves: Moves, state: State, given: Input
) -> None:
    done: list[Action] = []
    transaction = recording(kind, done)
    transaction.state = state
    if (state, given) not in moves:
        error = RemoteProtocolError if given in REMOTE_INPUTS else LocalProtocolError
        with pytest.raises(error):
            transaction.step(given, 0.0)
        assert transaction.state is state
    elif moves[state, given] is None:
        transaction.step(given, 0.0)
        assert (transaction.state, done) == (state, [])
        assert kind.table[state, given] == (Action.IGNORE, state)
    else:
        transaction.step(given, 0.0)
        assert transaction.state is moves[state, given]
        assert done == [action for action in [kind.table[state, given][0]] if action is not None]


@pytest.mark.parametrize("kind", [kind for kind, _ in MACHINES])
def test_it_implements_every_action_of_its_table(kind: type[Transaction]) -> None:
    named = {action for action, _ in kind.table.values()} - {None, Action.IGNORE}
    assert named <= kind.actions.keys()


@pytest.mark.parametrize("kind", [kind for kind, _ in MACHINES])
def test_each_timer_of_a_state_has_an_entry_in_that_state(kind: type[Transaction]) -> None:
    for state, timers in kind.timer_map.items():
        for timer in timers:
            assert timer is None or (state, timer) in kind.table


@pytest.mark.parametrize("kind", [kind for kind, _ in MACHINES])
def test_a_retransmission_timer_never_changes_the_state(kind: type[Transaction]) -> None:
    """The queue relies on it: a timer that has fired is not cancelled."""
    for state, (retransmit, lifetime) in kind.timer_map.items():
        if retransmit is not None:
            assert kind.table[state, retransmit][1] is state
        if lifetime is not None:
            assert kind.table[state, lifetime][1] is State.TERMINATED


@pytest.mark.parametrize("kind", [kind for kind, _ in MACHINES])
def test_no_state_is_reached_that_nothing_leaves(kind: type[Transaction]) -> None:
    reached: set[Any] = {after for _, after in kind.table.values()} - {State.TERMINATED}
    left = {state for (state, _), (_, after) in kind.table.items() if after is not state}
    assert reached <= left
