# SPDX-License-Identifier: Apache-2.0
"""The limit on open files is raised as far as it goes, and the number of connections cut to what is left."""

import resource

import pytest

from switchboard.descriptors import OTHER_DESCRIPTORS, make_room


@pytest.fixture
def limits(monkeypatch):
    """Replace the limits of the process; returns the pair, which `setrlimit` changes."""
    held = [1024, 4096]
    monkeypatch.setattr(resource, "getrlimit", lambda what: tuple(held))
    monkeypatch.setattr(resource, "setrlimit", lambda what, pair: held.__setitem__(slice(None), pair))
    return held


def test_it_raises_the_soft_limit_to_what_is_needed(limits):
    assert make_room(2000) == 2000
    assert limits == [2000 + OTHER_DESCRIPTORS, 4096]


def test_it_leaves_a_limit_that_is_high_enough(limits):
    assert make_room(100) == 100
    assert limits == [1024, 4096]


def test_it_says_so_when_the_hard_limit_is_too_low(limits, caplog):
    assert make_room(10_000) == 4096 - OTHER_DESCRIPTORS
    assert limits == [4096, 4096]
    assert "4096" in caplog.text


def test_it_knows_no_limit(limits):
    limits[:] = [resource.RLIM_INFINITY, resource.RLIM_INFINITY]
    assert make_room(10_000) == 10_000
