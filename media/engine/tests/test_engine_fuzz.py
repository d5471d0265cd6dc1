# SPDX-License-Identifier: Apache-2.0
"""Random datagrams by a fixed seed through real sockets: all are accounted for and a call goes on."""

from __future__ import annotations

import random
from collections.abc import Callable

from engine_phone import Phone, rtcp, rtp
from switchboard_engine import Engine

DATAGRAMS = 4000


def mutated(source: random.Random) -> bytes:
    """Return a datagram with a few octets changed, cut or replaced as a whole."""
    datagram = bytearray(source.choice([rtp(source.randrange(65536)), rtcp(), source.randbytes(40)]))
    for _ in range(source.randrange(4)):
        datagram[source.randrange(min(16, len(datagram)))] = source.randrange(256)
    return bytes(datagram[: source.randrange(len(datagram) + 1)] if source.random() < 0.3 else datagram)


def test_it_accounts_for_every_datagram_and_keeps_relaying(
    engine: Engine,
    alice: Phone,
    bob: Phone,
    make_phone: Callable[..., Phone],
    join: Callable[[str, Phone], int],
    wait_for_stat: Callable[[str, str, int], None],
) -> None:
    source, mallory = random.Random(5), make_phone("127.0.0.66")
    port_a, _ = join("a", alice), join("b", bob)
    for sent in range(1, DATAGRAMS + 1):
        alice.send(mutated(source), port_a)
        mallory.send(mutated(source), port_a + sent % 2)
        # In step with the engine, so that no socket buffer overflows and the sums are exact.
        wait_for_stat("a", "dropped_strangers", sent)
    engine.bridge("a", "b")
    alice.send(rtp(1), port_a)
    assert bob.receive()[0] == rtp(1)
    stats = engine.stats("a")
    assert stats["packets_received"] + stats["dropped_invalid"] == DATAGRAMS + 1
    assert stats["dropped_invalid"] > DATAGRAMS // 10
