# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.tests.harness import Served, until
from signaling.mediapool import DrainState, MediaPool, NoMediaNode


def pool_of(*states):
    """Return a pool whose nodes are healthy (True) or not and have that many ports."""
    pool = MediaPool([(f"n{index}", f"host{index}:9090") for index in range(len(states))])
    for node, (is_healthy, ports) in zip(pool.nodes, states, strict=True):
        node.standing.is_up = is_healthy
        node.available_ports = ports
    return pool


def picks(pool, count):
    return [pool.pick().node_id for _ in range(count)]


def test_healthy_nodes_take_turns():
    assert picks(pool_of((True, None), (False, 5), (True, 5)), 4) == ["n0", "n2", "n0", "n2"]


def test_a_full_node_is_left_out_as_long_as_another_has_ports():
    pool = pool_of((True, 0), (True, 5))
    assert picks(pool, 2) == ["n1", "n1"]
    pool.nodes[1].available_ports = 0
    assert pool.pick() in pool.nodes


@pytest.mark.parametrize("state", [DrainState.DRAINING, DrainState.DISABLED])
def test_a_node_that_is_drained_is_left_out(state):
    pool = pool_of((True, 5), (True, 5))
    pool.nodes[0].standing.drain_state = state
    assert picks(pool, 2) == ["n1", "n1"]
    pool.nodes[1].standing.drain_state = state
    with pytest.raises(NoMediaNode):
        pool.pick()


def test_a_node_that_was_tried_is_left_out():
    pool = pool_of((True, 5), (True, 5), (True, 0))
    assert pool.pick(but_not={pool.nodes[0]}) is pool.nodes[1]
    assert pool.pick(but_not=pool.nodes[:2]) is pool.nodes[2]
    with pytest.raises(NoMediaNode):
        pool.pick(but_not=pool.nodes)


def test_a_node_under_suspicion_is_the_last_to_be_asked():
    pool = pool_of((True, 5), (True, 5))
    pool.nodes[0].standing.is_suspect = True
    assert picks(pool, 2) == ["n1", "n1"]
    pool.nodes[1].standing.is_up = False
    assert pool.pick() is pool.nodes[0]


@pytest.mark.parametrize("pool", [pool_of(), pool_of((False, 5))])
def test_there_may_be_no_node(pool):
    with pytest.raises(NoMediaNode):
        pool.pick()


def test_nodes_are_found_by_name():
    pool = pool_of((True, 5), (True, 5))
    assert pool.find("n1") is pool.nodes[1]
    assert pool.find("n7") is None


def test_nodes_are_found_by_what_they_call_themselves_if_only_one_does():
    pool = pool_of((True, 5), (True, 5))
    pool.nodes[0].reported_id = "rtpmanager-0"
    assert pool.find("rtpmanager-0") is pool.nodes[0]
    assert pool.find("host1:9090") is pool.nodes[1]
    pool.nodes[1].reported_id = "rtpmanager-0"
    assert pool.find("rtpmanager-0") is None


async def test_two_nodes_of_one_name_keep_their_addresses_apart():
    async with Served(node_id="host") as one, Served(node_id="host") as two:
        pool = MediaPool([(served.target, served.target) for served in (one, two)])
        await pool.start()
        await until(lambda: all(node.healthy for node in pool.nodes))
        names = [node.node_id for node in pool.nodes]
        assert len(set(names)) == 2
        assert "host" in names
        await pool.stop()


def test_an_address_alone_names_the_node_until_it_introduces_itself():
    pool = MediaPool([("localhost:9090", "localhost:9090"), ("media-b", "host:9091")])
    assert [node.node_id for node in pool.nodes] == ["localhost:9090", "media-b"]


async def test_it_connects_to_all_nodes_and_hears_of_losses():
    async with Served(node_id="one") as one, Served(node_id="two") as two:
        pool = MediaPool([(served.target, served.target) for served in (one, two)], gone_after_s=0.05)
        lost = []
        pool.on_lost(lambda node, reason: lost.append(node.node_id))
        await pool.start()
        await until(lambda: all(node.healthy for node in pool.nodes))
        assert sorted(picks(pool, 2)) == ["one", "two"]
        await two.server.stop()
        await until(lambda: lost)
        assert lost == ["two"]
        assert picks(pool, 2) == ["one", "one"]
        await pool.stop()
