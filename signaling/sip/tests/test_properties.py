# SPDX-License-Identifier: Apache-2.0
"""Properties of every legal value: what is written is read back the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.sip import CSeq, Headers, NameAddr, SipRequest, SipResponse, SipUri, Via, parse_message
from signaling.sip.tests.strategies import (
    cseqs,
    free_text,
    host_names,
    name_addrs,
    printable_text,
    tokens,
    uris,
    vias,
)


@given(uris)
def test_a_uri_reads_what_it_writes(uri: SipUri) -> None:
    text = str(uri)
    assert not set(text) & set(' \t\r\n<>"')
    assert SipUri.parse(text) == uri
    assert SipUri.parse(text).equals(uri)


@given(uris)
def test_a_uri_in_an_address_stays_itself(uri: SipUri) -> None:
    assert NameAddr.parse(f"<{uri}>").uri == uri


@given(name_addrs)
def test_an_address_reads_what_it_writes(value: NameAddr) -> None:
    assert NameAddr.parse(str(value)) == value


@given(vias)
def test_a_via_reads_what_it_writes(via: Via) -> None:
    assert Via.parse(str(via)) == via


@given(cseqs)
def test_a_cseq_reads_what_it_writes(cseq: CSeq) -> None:
    assert CSeq.parse(str(cseq)) == cseq


@given(st.lists(name_addrs, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=3))
def test_a_list_of_addresses_splits_at_its_commas(values: list[NameAddr], cuts: list[int]) -> None:
    headers = Headers([("Contact", ", ".join(map(str, values)))])
    assert [NameAddr.parse(text) for text in headers.get_list("Contact")] == values


@given(
    method=tokens,
    uri=uris,
    via=vias,
    from_=name_addrs,
    to=name_addrs,
    cseq=cseqs,
    subject=printable_text.map(str.strip),
    body=st.binary(max_size=50),
)
def test_a_request_reads_what_it_writes(
    method: str, uri: SipUri, via: Via, from_: NameAddr, to: NameAddr, cseq: CSeq, subject: str, body: bytes
) -> None:
    headers = Headers([("Via", str(via)), ("From", str(from_)), ("To", str(to)), ("CSeq", str(cseq))])
    headers.add("Subject", subject)
    message = parse_message(SipRequest(method, uri, headers, body).to_bytes())
    assert isinstance(message, SipRequest)
    assert (message.method, message.uri, message.body) == (method, uri, body)
    assert (message.top_via, message.from_, message.to, message.cseq) == (via, from_, to, cseq)
    assert message.headers.get("Subject") == subject


@given(status=st.integers(100, 699), reason=printable_text, body=st.binary(max_size=50))
def test_a_response_reads_what_it_writes(status: int, reason: str, body: bytes) -> None:
    message = parse_message(SipResponse(status, reason, Headers([("Subject", "x")]), body).to_bytes())
    assert isinstance(message, SipResponse)
    assert (message.status, message.reason, message.body) == (status, reason, body)


@given(user=free_text, host=host_names, name=free_text, value=free_text)
def test_no_text_escapes_from_its_value(user: str, host: str, name: str, value: str) -> None:
    """Whatever a user, a name or a parameter holds, the message has one line per header."""
    address = NameAddr(uri=SipUri(user=user, host=host), display_name=name, params=(("x", value),))
    message = SipResponse(200, None, Headers([("Contact", str(address)), ("Subject", "x")]))
    head = message.to_bytes().decode()
    assert head.count("\r\n") == head.count("\n") == head.count("\r") == 5
    again = parse_message(message.to_bytes())
    assert len(again.headers) == 3
    assert len(again.contacts) == 1
