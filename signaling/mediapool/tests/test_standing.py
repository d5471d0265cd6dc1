# SPDX-License-Identifier: Apache-2.0
import pytest

from signaling.mediapool.standing import DrainState, Standing


@pytest.fixture
def up():
    standing = Standing()
    standing.connected()
    standing.probed(True)
    return standing


def test_the_greeting_and_one_answer_make_a_node_take_sessions():
    standing = Standing()
    assert not standing.takes_sessions
    standing.connected()
    assert not standing.is_up
    standing.probed(True)
    assert standing.takes_sessions


def test_three_failed_probes_in_a_row_bring_it_down(up):
    for answered in (False, False, True, False, False):
        up.probed(answered)
        assert up.is_up
    up.probed(False)
    assert not up.is_up


def test_two_answers_in_a_row_bring_it_back(up):
    for _ in range(3):
        up.probed(False)
    for answered in (True, False, True):
        up.probed(answered)
        assert not up.is_up
    up.probed(True)
    assert up.is_up


def test_a_broken_stream_and_the_nodes_own_word_need_no_probe(up):
    up.broken()
    assert not up.is_up
    up.connected()
    up.probed(True)
    up.refused()
    assert not up.is_up
    up.probed(True)
    assert not up.is_up


@pytest.mark.parametrize("state", [DrainState.DRAINING, DrainState.DISABLED])
def test_a_drained_node_takes_no_sessions_however_well_it_is(up, state):
    up.drain_state = state
    assert up.is_up
    assert not up.takes_sessions


def test_suspicion_ends_with_the_next_greeting(up):
    up.is_suspect = True
    up.connected()
    assert not up.is_suspect
