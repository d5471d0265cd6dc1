# SPDX-License-Identifier: Apache-2.0
"""The tables of the legs, every pair of them."""

import itertools

import pytest

from signaling.legs.states import CALLEE_TABLE, CALLER_TABLE, LegInput, LegState

PAIRS = list(itertools.product(LegState, LegInput))


@pytest.mark.parametrize("table", [CALLER_TABLE, CALLEE_TABLE], ids=["caller", "callee"])
def test_nothing_leaves_the_end(table):
    assert not [pair for pair in table if pair[0] is LegState.ENDED]


@pytest.mark.parametrize("table", [CALLER_TABLE, CALLEE_TABLE], ids=["caller", "callee"])
def test_every_state_but_the_end_can_reach_the_end(table):
    reachable = {LegState.ENDED}
    for _ in LegState:
        reachable |= {before for (before, _), after in table.items() if after in reachable}
    assert {state for state, _ in table} <= reachable


@pytest.mark.parametrize(("state", "given"), PAIRS, ids=str)
def test_a_caller_s_leg_knows_what_to_do_or_ignores_it(state, given):
    expected = {
        (LegState.CALLING, LegInput.SEND_ANSWER),
        (LegState.CALLING, LegInput.SEND_FAIL),
        (LegState.CALLING, LegInput.SEND_HANG_UP),
        (LegState.CALLING, LegInput.CANCEL),
        (LegState.CALLING, LegInput.BYE),
        (LegState.ANSWERED, LegInput.ACK),
        (LegState.ANSWERED, LegInput.ACK_MISSING),
        (LegState.ANSWERED, LegInput.BYE),
        (LegState.ANSWERED, LegInput.SEND_HANG_UP),
        (LegState.ANSWERED_ENDING, LegInput.ACK),
        (LegState.ANSWERED_ENDING, LegInput.ACK_MISSING),
        (LegState.ANSWERED_ENDING, LegInput.BYE),
        (LegState.UP, LegInput.BYE),
        (LegState.UP, LegInput.SEND_HANG_UP),
        (LegState.HELD_BACK, LegInput.CONFIRM_HANG_UP),
    }
    assert ((state, given) in CALLER_TABLE) == ((state, given) in expected)


@pytest.mark.parametrize(("state", "given"), PAIRS, ids=str)
def test_a_callee_s_leg_knows_what_to_do_or_ignores_it(state, given):
    expected = {
        (LegState.CALLING, LegInput.SUCCESS),
        (LegState.CALLING, LegInput.FAILURE),
        (LegState.CALLING, LegInput.SEND_HANG_UP),
        (LegState.CANCELING, LegInput.SUCCESS),
        (LegState.CANCELING, LegInput.FAILURE),
        (LegState.UP, LegInput.BYE),
        (LegState.UP, LegInput.SEND_HANG_UP),
        (LegState.HELD_BACK, LegInput.CONFIRM_HANG_UP),
    }
    assert ((state, given) in CALLEE_TABLE) == ((state, given) in expected)
