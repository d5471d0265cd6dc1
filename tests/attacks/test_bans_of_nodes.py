# SPDX-License-Identifier: Apache-2.0
"""Several nodes: who is banned at one is not heard at any, and a phone of one spares its address at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rawsip
from tests.attacks.test_bans import FAILURES, bans, guess, hears
from tests.nodes import Node, running_nodes
from tests.redis_server import running_redis

pytestmark = [pytest.mark.e2e, pytest.mark.redis]


@pytest.fixture(scope="module")
def nodes(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    limits = {"BAN_NEVER": "127.0.0.1", "BAN_AFTER_FAILURES": str(FAILURES)}
    with (
        running_redis() as server,
        running_nodes(tmp_path_factory.mktemp("nodes"), template, server, 2, **limits) as nodes,
    ):
        yield nodes


def test_who_is_banned_at_one_node_is_not_heard_at_the_other(nodes: list[Node]) -> None:
    one, two = nodes
    ip = "127.0.0.80"
    assert hears(two, ip)
    guess(one, ip, FAILURES * 50)
    began = time.monotonic()
    two.wait_until(lambda: not hears(two, ip), 5, "silence at the other node")
    assert time.monotonic() - began < 4
    bans(two, "remove", ip)
    two.wait_until(lambda: hears(one, ip) and hears(two, ip), 5, "an answer of both")


def test_a_phone_at_the_other_node_spares_its_address(nodes: list[Node]) -> None:
    one, two = nodes
    ip = "127.0.0.81"
    with rawsip.Peer(two.address, ip=ip) as peer:
        assert peer.register(two.phone()).status == 200
        two.wait_until(
            lambda: bool(two.rows("SELECT 1 FROM registrations WHERE source_ip = ?", ip)),
            5,
            "the phone's row",
        )
        assert guess(one, ip, FAILURES * 3) == FAILURES * 3
    assert hears(one, ip)
    assert hears(two, ip)
    assert bans(one, "list", ip) == []
