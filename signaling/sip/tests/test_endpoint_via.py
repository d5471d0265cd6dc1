# SPDX-License-Identifier: Apache-2.0
"""Where responses go, and what received and rport tell (RFC 3261 18.2, RFC 3581)."""

from __future__ import annotations

import pytest

from signaling.sip.flow import Flow
from signaling.sip.tests.builders import HERE, PEER, TCP, Bench, request_bytes

NAT = ("203.0.113.5", 33000)


def answered(data: bytes, flow: Flow) -> tuple[Bench, Flow]:
    bench = Bench()
    transaction, request = bench.receive_request(data, flow)
    bench.do(bench.endpoint.respond_stateless, request, request.response(401, to_tag="t"), flow)
    bench.respond(transaction, 100)
    (_, first, stateless), (_, second, stateful) = bench.sent
    assert (
        first.partition(b"Via")[2].partition(b"\r\n")[0] == second.partition(b"Via")[2].partition(b"\r\n")[0]
    )
    assert stateless == stateful
    return bench, stateful


def test_rport_is_filled_in_and_the_response_goes_to_the_source() -> None:
    bench, flow = answered(request_bytes(), Flow("udp", NAT, HERE))
    via = bench.take_sent()[0].top_via
    assert (via.received, via.rport) == ("203.0.113.5", "33000")
    assert flow.remote == NAT


def test_without_rport_the_response_goes_to_the_sent_by_port_of_the_source() -> None:
    bench, flow = answered(request_bytes(via_params=""), Flow("udp", NAT, HERE))
    via = bench.take_sent()[0].top_via
    assert (via.received, via.rport) == ("203.0.113.5", None)
    assert flow.remote == ("203.0.113.5", 5070)


def test_received_is_written_even_when_it_says_what_sent_by_says() -> None:
    bench, _ = answered(request_bytes(), Flow("udp", PEER, HERE))
    assert bench.take_sent()[0].top_via.received == "192.0.2.1"


@pytest.mark.parametrize(
    ("via", "port"),
    [("SIP/2.0/UDP phone.example", 5060), ("SIP/2.0/UDP phone.example:53", 33000)],
)
def test_a_sent_by_without_port_means_5060_and_a_privileged_one_is_not_trusted(via: str, port: int) -> None:
    _, flow = answered(request_bytes(via=via, via_params=""), Flow("udp", NAT, HERE))
    assert flow.remote == ("203.0.113.5", port)


def test_forged_received_rport_and_maddr_send_nothing_to_a_third_host() -> None:
    forged = ";received=198.18.0.1;rport=9;maddr=198.18.0.2"
    bench, flow = answered(request_bytes(via_params=forged), Flow("udp", NAT, HERE))
    via = bench.take_sent()[0].top_via
    assert (via.received, via.rport) == ("203.0.113.5", "33000")
    assert flow.remote == NAT


@pytest.mark.parametrize("via_params", ["", ";rport"])
def test_over_tcp_the_response_goes_back_on_the_connection(via_params: str) -> None:
    _, flow = answered(request_bytes(via="SIP/2.0/TCP 192.0.2.1", via_params=via_params), TCP)
    assert flow == TCP


def test_an_ipv6_source_is_written_bare() -> None:
    bench, flow = answered(request_bytes(), Flow("udp", ("2001:db8::9", 33000), HERE))
    assert b";received=2001:db8::9" in bench.sent[0][1]
    assert flow.remote == ("2001:db8::9", 33000)


def test_the_vias_below_the_top_one_are_returned_unchanged() -> None:
    below = "Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKdeep;received=10.0.0.1"
    bench, _ = answered(request_bytes(extra=(below,)), Flow("udp", NAT, HERE))
    assert [str(via) for via in bench.take_sent()[0].vias[1:]] == [below.removeprefix("Via: ")]
