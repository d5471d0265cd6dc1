# SPDX-License-Identifier: Apache-2.0
"""The parser against an independent one, sipmessage, on well-formed messages."""

from __future__ import annotations

import sipmessage
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.sip import Challenge, NameAddr, SipRequest, SipResponse, SipUri, Via, parse_message
from signaling.sip.tests.samples import INVITE, RESPONSE
from signaling.sip.tests.strategies import cseqs, ports, tokens

words = st.text("abcxyzABC0189-._", min_size=1, max_size=8)
users = st.sampled_from(
    [
        "alice",
        "+1-212-555-1212",
        "*72",
        "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
        "%61%20%C3%A9",
        "a;b=c",
    ]
)
# sipmessage holds the last label of a host name to starting with a letter.
hosts = st.sampled_from(
    ["example.com", "a-b.example", "h", "192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.1]"]
)
simple_params = st.dictionaries(words.map(str.lower), st.none() | words, max_size=3)
names = st.sampled_from(["", "Bob ", "Bob Smith ", '"Bob, \\"B\\"" ', '"é" ', "T. Watson"])


def written(params: dict[str, str | None]) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


@st.composite
def uri_texts(draw: st.DrawFn) -> str:
    user = draw(st.none() | users)
    port = draw(ports)
    host = draw(hosts).lower()
    return (
        f"{draw(st.sampled_from(['sip', 'sips']))}:{'' if user is None else f'{user}@'}{host}"
        f"{'' if port is None else f':{port}'}{written(draw(simple_params))}"
    )


@st.composite
def name_addr_texts(draw: st.DrawFn) -> str:
    return f"{draw(names)}<{draw(uri_texts())}>{written(draw(simple_params))}"


@st.composite
def via_texts(draw: st.DrawFn) -> str:
    port = draw(ports)
    return (
        f"SIP/2.0/{draw(st.sampled_from(['UDP', 'TCP', 'TLS', 'WSS']))} {draw(hosts).lower()}"
        f"{'' if port is None else f':{port}'}{written(draw(simple_params))}"
    )


def same_uri(ours: SipUri, theirs: sipmessage.URI) -> None:
    assert (ours.scheme, ours.user, ours.host, ours.port) == (
        theirs.scheme,
        theirs.user,
        theirs.host,
        theirs.port,
    )
    assert dict(ours.params) == dict(theirs.parameters)


def same_address(ours: NameAddr, theirs: sipmessage.Address) -> None:
    assert ours.display_name == (theirs.name or "")
    same_uri(ours.uri, theirs.uri)
    assert {name: ours.param(name) for name, _ in ours.params} == {
        name: value or "" for name, value in theirs.parameters.items()
    }


def same_via(ours: Via, theirs: sipmessage.Via) -> None:
    assert (ours.transport, ours.host, ours.port) == (theirs.transport, theirs.host, theirs.port)
    assert dict(ours.params) == dict(theirs.parameters)


def same_message(data: bytes) -> None:
    ours, theirs = parse_message(data), sipmessage.Message.parse(data)
    if isinstance(ours, SipRequest):
        assert isinstance(theirs, sipmessage.Request)
        assert ours.method == theirs.method
        same_uri(ours.uri, theirs.uri)
    else:
        assert isinstance(theirs, sipmessage.Response)
        assert (ours.status, ours.reason) == (theirs.code, theirs.phrase)
    assert (ours.call_id, ours.body) == (theirs.call_id, theirs.body)
    assert (ours.cseq.number, ours.cseq.method) == (theirs.cseq.sequence, theirs.cseq.method)
    same_address(ours.from_, theirs.from_address)
    same_address(ours.to, theirs.to_address)
    assert len(ours.vias) == len(theirs.via)
    for our_via, their_via in zip(ours.vias, theirs.via, strict=True):
        same_via(our_via, their_via)
    assert len(ours.contacts) == len(theirs.contact)
    for our_contact, their_contact in zip(ours.contacts, theirs.contact, strict=True):
        assert isinstance(our_contact, NameAddr)
        same_address(our_contact, their_contact)
    assert (ours.max_forwards, ours.expires) == (theirs.max_forwards, theirs.expires)


def test_it_agrees_on_the_samples() -> None:
    same_message(INVITE)
    same_message(RESPONSE)
    assert isinstance(parse_message(RESPONSE), SipResponse)


@given(uri_texts())
def test_it_agrees_on_uris(text: str) -> None:
    same_uri(SipUri.parse(text), sipmessage.URI.parse(text))


@given(name_addr_texts())
def test_it_agrees_on_addresses(text: str) -> None:
    same_address(NameAddr.parse(text), sipmessage.Address.parse(text))


@given(via_texts())
def test_it_agrees_on_vias(text: str) -> None:
    same_via(Via.parse(text), sipmessage.Via.parse(text))


@settings(max_examples=60)
@given(
    method=tokens,
    uri=uri_texts(),
    vias=st.lists(via_texts(), min_size=1, max_size=3),
    addresses=st.lists(name_addr_texts(), min_size=3, max_size=5),
    cseq=cseqs,
    body=st.binary(max_size=20),
    compact=st.booleans(),
)
def test_it_agrees_on_messages(
    method: str, uri: str, vias: list[str], addresses: list[str], cseq: object, body: bytes, compact: bool
) -> None:
    from_, to, *contacts = addresses
    lines = [
        f"{method} {uri} SIP/2.0",
        *(f"{'v' if compact else 'Via'}: {via}" for via in vias),
        f"{'f' if compact else 'FROM'}: {from_}",
        f"{'t' if compact else 'To'}:{to}",
        f"{'i' if compact else 'call-id'}: a@b",
        f"CSeq: {cseq}",
        # One a line: sipmessage reads two quoted display names on one line as one.
        *(f"{'m' if compact else 'Contact'}: {contact}" for contact in contacts),
        "Max-Forwards: 70",
        "Expires: 60",
        f"{'l' if compact else 'Content-Length'}: {len(body)}",
    ]
    same_message("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def test_it_agrees_on_a_challenge() -> None:
    text = 'Digest realm="atlanta.com", nonce="84a4cc", opaque="", stale=FALSE, algorithm=MD5, qop="auth"'
    ours, theirs = Challenge.parse(text), sipmessage.AuthChallenge.parse(text)
    assert (ours.realm, ours.nonce, ours.algorithm) == tuple(
        theirs.parameters[name] for name in ("realm", "nonce", "algorithm")
    )
