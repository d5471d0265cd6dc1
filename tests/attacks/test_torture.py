# SPDX-License-Identifier: Apache-2.0
"""The torture messages of RFC 4475 and RFC 5118 on the wire: each gets an answer of the class that it should get."""

from __future__ import annotations

import re

import pytest

from signaling.sip.tests.torture_cases import TORTURE_CASES, Layer, TortureCase
from tests import rawsip
from tests.attacks.test_messages import assert_alive
from tests.stack import Stack

pytestmark = pytest.mark.e2e

VIA = re.compile(rb"(?im)^((?:v|via)\s*:\s*SIP\s*/\s*[\d.]+\s*/\s*)\w+\s+[^;,\r\n]+")
SILENT_STATUSES = frozenset({400, 481})
"""What a message that cannot be answered, a response for example, would have been told."""


def ours(data: bytes, peer: rawsip.Peer) -> bytes:
    """Return a message whose answer comes back to us: the top Via names this socket."""
    own = f"{peer.transport} 127.0.0.1:{peer.port}".encode()
    return VIA.sub(lambda match: match[1] + own, data, count=1)


@pytest.mark.parametrize("row", [row for row in TORTURE_CASES if row.status], ids=lambda row: row.name)
def test_a_message_that_must_be_refused_is(stack: Stack, row: TortureCase) -> None:
    with rawsip.Peer(stack.address) as peer:
        peer.send(ours(row.data, peer))
        answer = peer.receive(1.0)
    if answer is None:
        assert row.layer in (Layer.PARSER, Layer.CHECK) and row.status in SILENT_STATUSES
    elif row.layer in (Layer.PARSER, Layer.CHECK):
        assert answer.status == row.status
    else:
        # Who asks comes before what is asked: nobody here has shown credentials.
        assert answer.status in (row.status, 401, 407)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_none_of_them_does_harm(stack: Stack, *, tcp: bool) -> None:
    for row in TORTURE_CASES:
        with rawsip.Peer(stack.address, ip="127.0.0.3", tcp=tcp) as peer:
            peer.send(ours(row.data, peer))
            while (answer := peer.receive(0.1)) is not None:
                assert answer.status not in range(500, 505), (row.name, answer)
    assert_alive(stack)
