# SPDX-License-Identifier: Apache-2.0
"""Phones on IPv6 and phones on IPv4 at one Switchboard, and calls between them that are heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rawsip
from tests.attacks.calls import RtpSocket, media_address, raw_call
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.e2e

V4, V6 = "127.0.0.1", "::1"


@pytest.fixture(scope="module")
def both(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that serves both families."""
    with running_stack(tmp_path_factory.mktemp("both"), template, BIND="::", RTP_BIND="::") as stack:
        yield stack


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("ips", [(V4, V6), (V6, V4), (V6, V6), (V4, V4)], ids=["4-6", "6-4", "6-6", "4-4"])
def test_a_call_is_heard_by_both_ends(both: Stack, ips: tuple[str, str], tcp: bool) -> None:
    with raw_call(both, ips=ips, tcp=tcp) as call:
        assert media_address(call.answered.body)[0] == ips[0]
        assert media_address(call.invite.body)[0] == ips[1]
        assert call.invite.get("via").startswith(f"SIP/2.0/{'TCP' if tcp else 'UDP'} {call.callee.host}:")
        assert f"@{call.callee.host}" in call.invite.first
        assert call.flows()
        assert call.hang_up().status == 200
    row = both.cdr(call.caller.call_id)
    assert (row["disposition"], row["hangup_by"], row["caller_ip"]) == ("ANSWERED", "caller", ips[0])


@pytest.mark.parametrize("ip", [V4, V6])
def test_a_source_is_written_as_what_it_is(both: Stack, ip: str) -> None:
    with rawsip.Peer((ip, both.address[1]), ip=ip) as peer:
        answer = peer.register(both.phone())
    assert answer.status == 200
    assert f"received={ip};" in f"{answer.get('via')};"
    assert f"@{peer.host}:{peer.port}" in answer.get("contact")


def test_a_phone_on_ipv6_is_told_when_there_is_no_audio_for_it(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        running_stack(tmp_path_factory.mktemp("no6"), template, BIND="::", RTP_BIND="127.0.0.1") as stack,
        rawsip.Peer((V6, stack.address[1]), ip=V6) as peer,
    ):
        rtp = RtpSocket.open(V6)
        answer = peer.invite(stack.phone(), "600", body=peer.sdp(rtp.port))
        assert answer.status == 488
        stack.wait_until(
            lambda: "RTP_BIND=:: serves both families" in stack.logs(), 5, "the reason in the log"
        )
