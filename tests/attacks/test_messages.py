# SPDX-License-Identifier: Apache-2.0
"""Messages that no phone sends: out of bounds, mutated, endless. The process lives and a real call still works."""

from __future__ import annotations

import random

import pytest

from tests import rawsip
from tests.attacks.calls import memory_kb, raw_call
from tests.stack import Phone, Stack

pytestmark = pytest.mark.e2e

MUTATIONS = 10_000
SEED = 20260801
PER_ADDRESS = 100
PER_CONNECTION = 25


def seeds(peer: rawsip.Peer, phone: Phone) -> list[bytes]:
    """Return well-formed messages to start from."""
    texts = [
        peer.register_request(phone, "Expires: 60"),
        peer.invite_request(phone, "600"),
        peer.request(
            "OPTIONS", "sip:switchboard.local", from_="<sip:a@b>;tag=1", to="<sip:switchboard.local>"
        ),
        peer.request("BYE", "sip:x@switchboard.local", from_="<sip:a@b>;tag=1", to="<sip:c@d>;tag=2"),
        peer.request("CANCEL", "sip:x@switchboard.local", from_="<sip:a@b>;tag=1", to="<sip:c@d>"),
        peer.request("ACK", "sip:x@switchboard.local", from_="<sip:a@b>;tag=1", to="<sip:c@d>;tag=2"),
        (
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
            "To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        ),
    ]
    return [text.encode() for text in texts]


INSERTS = (
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b";",
    b",",
    b'"',
    b"<",
    b">",
    b"%00",
    b"\xff\xfe",
    b" ",
    b"\t",
    b":",
    b"@",
    b"9" * 40,
)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return a message with a few random injuries."""
    message = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(message) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            message[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del message[at : at + rng.randint(1, 40)]
        elif kind == 2:
            message[at:at] = rng.choice(INSERTS) * rng.choice((1, 1, 1, 2, 50))
        elif kind == 3:
            start = rng.randrange(len(message) + 1)
            message[at:at] = message[start : start + rng.randint(1, 120)]
        elif kind == 4:
            message = message[:at] or message
        else:
            message[at : at + 4] = str(rng.choice((0, -1, 2**31, 2**32, 2**64))).encode()
    return bytes(message[:60_000])


def assert_alive(stack: Stack) -> None:
    """The server answers and nothing in its log is a traceback."""
    with rawsip.Peer(stack.address) as peer:
        identity = "<sip:alive@switchboard.local>"
        peer.send(peer.request("OPTIONS", "sip:switchboard.local", from_=f"{identity};tag=1", to=identity))
        assert peer.answer("OPTIONS").status == 200
    assert "Traceback" not in (stack.var / "runsip.log").read_text(errors="replace")


def test_mutated_messages_over_udp_do_no_harm(stack: Stack) -> None:
    """Each address sends few: one that sends many would be shut in, and nothing would be tested any more."""
    rng = random.Random(SEED)
    before = 0
    for host in range(MUTATIONS // PER_ADDRESS):
        with rawsip.Peer(stack.address, ip=f"127.0.4.{host + 1}") as peer:
            start = seeds(peer, stack.phone())
            for number in range(PER_ADDRESS):
                try:
                    peer.send(mutate(rng.choice(start), rng))
                except OSError:
                    continue
                while number % 20 == 0 and (answer := peer.receive(0.005)):
                    assert answer.status != 500, answer
        if host % 10 == 0:
            assert_alive(stack)
            before = before or memory_kb(stack.pid("runsip"))
    assert_alive(stack)
    assert memory_kb(stack.pid("runsip")) - before < 20_000
    with raw_call(stack) as call:
        assert call.flows()


def test_mutated_messages_over_tcp_do_no_harm(stack: Stack) -> None:
    rng = random.Random(SEED + 1)
    with rawsip.Peer(stack.address) as model:
        start = seeds(model, stack.phone())
    for number in range(MUTATIONS // PER_CONNECTION):
        with rawsip.Peer(stack.address, ip=f"127.0.5.{number % 200 + 1}", tcp=True) as peer:
            peer.socket.settimeout(0.002)
            for _ in range(PER_CONNECTION):
                try:
                    peer.socket.sendall(mutate(rng.choice(start), rng))
                    peer.socket.recv(65535)
                except TimeoutError:
                    continue
                except OSError:
                    break
        if number % 40 == 0:
            assert_alive(stack)
    assert_alive(stack)
    with raw_call(stack) as call:
        assert call.flows()


@pytest.mark.parametrize(
    "cseq", ["4294967296 INVITE", "99999999999999999999 INVITE", "-1 INVITE", "x INVITE", "1", "1 BYE"]
)
def test_a_cseq_out_of_range_is_a_bad_request(stack: Stack, cseq: str) -> None:
    """ES2018-01 to -05: a long CSeq overflowed."""
    with rawsip.Peer(stack.address) as peer:
        peer.send(peer.invite_request(stack.phone(), "600").replace("CSeq: 1 INVITE", f"CSeq: {cseq}"))
        answer = peer.receive(1.0)
        assert answer is None or answer.status == 400
    assert_alive(stack)


HUGE = {
    "fmtp": "a=fmtp:0 " + "x" * 7000,
    "ptime": "a=ptime:99999999999999999999",
    "media lines": "\r\n".join(f"m=audio {4000 + n} RTP/AVP 0" for n in range(300)),
    "payloads": "m=audio 4000 RTP/AVP " + " ".join(str(n % 128) for n in range(2000)),
    "attributes": "\r\n".join(f"a=x{n}:y" for n in range(2000)),
    "port": "m=audio 99999999 RTP/AVP 0",
    "rtpmap": "a=rtpmap:999 PCMU/99999999999999",
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_session_description_out_of_bounds_does_no_harm(stack: Stack, kind: str) -> None:
    caller = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        answer = peer.invite(caller, "600", body=peer.sdp() + HUGE[kind] + "\r\n")
        assert answer.status in (200, 400, 413, 488)
    assert_alive(stack)


@pytest.mark.parametrize(
    "line",
    [
        "Accept: " + ", ".join("a/b" for _ in range(2000)),
        "Via: " + ", ".join("SIP/2.0/UDP a.example" for _ in range(400)),
        "X: " + "a" * 9000,
        "\r\n".join(f"X-{n}: y" for n in range(500)),
        "Content-Type: multipart/mixed;boundary=" + "-" * 5000,
    ],
    ids=["accept", "via", "long", "many", "multipart"],
)
def test_headers_out_of_bounds_do_no_harm(stack: Stack, line: str) -> None:
    with rawsip.Peer(stack.address) as peer:
        peer.send(peer.invite_request(stack.phone(), "600", line))
        answer = peer.receive(1.0)
        assert answer is None or answer.status in (400, 407, 413, 415, 431, 513)
    assert_alive(stack)


def test_an_answer_is_not_ten_times_its_request(stack: Stack) -> None:
    """Somebody else's address in a small request must not be a way to flood that address."""
    for method in ("OPTIONS", "REGISTER", "INVITE", "BYE", "MESSAGE", "SUBSCRIBE", "NONSENSE"):
        with rawsip.Peer(stack.address) as peer:
            request = peer.request(method, "sip:a@b", from_="<sip:a@b>;tag=1", to="<sip:a@b>")
            peer.send(request)
            sizes = []
            while answer := peer.receive(0.6):
                sizes.append(answer.size)
            assert sum(sizes) < 10 * len(request), method
