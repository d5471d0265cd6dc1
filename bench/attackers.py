# SPDX-License-Identifier: Apache-2.0
"""Floods over UDP and TCP from many loopback addresses: ``python -m bench.attackers KIND HOST PORT …``, one process each.

It prints how many messages it sent. It shares no code with the product and waits for no answer.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import selectors
import socket
import time
from collections.abc import Callable, Iterator

FIRST_HOST = 2
"""127.0.0.1 is the address of the phones."""
SLICE_S = 0.002
VARIANTS = 40
"""Different messages of one socket, sent in turn."""
DOMAIN = "switchboard.local"


def lines(method: str, uri: str, sender: tuple[str, int], rng: random.Random, *extra: str) -> list[str]:
    """Return the head of a request that looks as scanners write them."""
    ip, port = sender
    identity = f"<sip:{rng.randrange(2000, 2500)}@{DOMAIN}>"
    return [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {ip}:{port};rport;branch=z9hG4bK{rng.getrandbits(64):x}",
        f"From: {identity};tag={rng.getrandbits(32):x}",
        f"To: {identity}",
        f"Call-ID: {rng.getrandbits(64):x}@{ip}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        f"Contact: <sip:100@{ip}:{port}>",
        "User-Agent: friendly-scanner",
        *extra,
    ]


def text(head: list[str], body: str = "") -> bytes:
    """Return a message."""
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode()


def register(sender: tuple[str, int], rng: random.Random) -> bytes:
    return text(lines("REGISTER", f"sip:{DOMAIN}", sender, rng, "Expires: 3600"))


def guess(sender: tuple[str, int], rng: random.Random) -> bytes:
    """Return a REGISTER with a forged nonce and a made-up answer."""
    credentials = (
        f'Authorization: Digest username="{rng.randrange(2000, 2500)}", realm="{DOMAIN}", algorithm=MD5, '
        f'nonce="19a0-{rng.getrandbits(64):016x}-{rng.getrandbits(128):032x}", uri="sip:{DOMAIN}", '
        f'response="{rng.getrandbits(128):032x}", cnonce="c", qop=auth, nc=00000001'
    )
    return text(lines("REGISTER", f"sip:{DOMAIN}", sender, rng, credentials))


def invite(sender: tuple[str, int], rng: random.Random) -> bytes:
    sdp = (
        f"v=0\r\no=- 1 1 IN IP4 {sender[0]}\r\ns=-\r\nc=IN IP4 {sender[0]}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"
        "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    head = lines("INVITE", f"sip:600@{DOMAIN}", sender, rng, "Content-Type: application/sdp")
    return text(head, sdp)


def options(sender: tuple[str, int], rng: random.Random) -> bytes:
    return text(lines("OPTIONS", f"sip:100@{DOMAIN}", sender, rng, "Accept: application/sdp"))


def bye(sender: tuple[str, int], rng: random.Random) -> bytes:
    head = lines("BYE", f"sip:100@{DOMAIN}", sender, rng)
    head[3] += f";tag={rng.getrandbits(32):x}"
    return text(head)


def malformed(sender: tuple[str, int], rng: random.Random) -> bytes:
    head = lines("INVITE", f"sip:600@{DOMAIN}", sender, rng)
    head[rng.randrange(1, len(head))] = rng.choice(
        ["CSeq: x", "Via: y", "From: <", 'To: "', "Content-Length: 9"]
    )
    return text(head)


def response(sender: tuple[str, int], rng: random.Random) -> bytes:
    head = lines("INVITE", f"sip:600@{DOMAIN}", sender, rng)
    return text(["SIP/2.0 200 OK", *head[1:]])


def noise(sender: tuple[str, int], rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(20, 600))


MESSAGES: dict[str, Callable[[tuple[str, int], random.Random], bytes]] = {
    "register": register,
    "guess": guess,
    "invite": invite,
    "options": options,
    "bye": bye,
    "malformed": malformed,
    "response": response,
    "noise": noise,
}


def addresses(count: int) -> Iterator[str]:
    """Return so many loopback addresses that are not 127.0.0.1."""
    for number in range(FIRST_HOST, FIRST_HOST + count):
        yield f"127.0.{number // 250}.{number % 250 + 1}"


def flood(sockets: list[tuple[socket.socket, list[bytes]]], rate: float, seconds: float) -> int:
    """Send from all sockets in turn; return how many messages left."""
    started = time.monotonic()
    sent = turn = 0
    while (elapsed := time.monotonic() - started) < seconds:
        for _ in range(int(elapsed * rate) - sent):
            sender, messages = sockets[turn % len(sockets)]
            with contextlib.suppress(OSError):
                sender.send(messages[turn // len(sockets) % len(messages)])
            turn += 1
            sent += 1
        time.sleep(SLICE_S)
    return sent


def open_sockets(
    kind: str, server: tuple[str, int], *, count: int, ports: int, tcp: bool
) -> list[tuple[socket.socket, list[bytes]]]:
    """Return connected sockets, each with what it is to send."""
    rng = random.Random(20261123)
    opened = []
    variants = VARIANTS if count * ports <= 1000 else 2
    for ip in addresses(count):
        for _ in range(ports):
            sender = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
            sender.bind((ip, 0))
            try:
                sender.connect(server)
            except OSError:
                continue
            sender.setblocking(False)
            name = sender.getsockname()
            messages = [MESSAGES[kind](name, rng) for _ in range(variants)]
            opened.append((sender, [m.replace(b"/UDP", b"/TCP") for m in messages] if tcp else messages))
    return opened


def hold(server: tuple[str, int], *, count: int, per_address: int, first: bytes, seconds: float) -> int:
    """Open TCP connections that say nothing but `first`; return how many were open at once at most."""
    waiting = selectors.DefaultSelector()
    most = 0
    started = time.monotonic()
    for number, ip in enumerate(addresses(-(-count // per_address)), start=1):
        for _ in range(min(per_address, count - (number - 1) * per_address)):
            connection = socket.socket()
            connection.bind((ip, 0))
            connection.settimeout(1.0)
            try:
                connection.connect(server)
                connection.sendall(first)
            except OSError:
                connection.close()
                continue
            connection.setblocking(False)
            waiting.register(connection, selectors.EVENT_READ)
        most = max(most, reap(waiting))
    while time.monotonic() - started < seconds:
        time.sleep(0.1)
        most = max(most, reap(waiting))
    return most


def reap(waiting: selectors.BaseSelector) -> int:
    """Forget connections that the other side closed; return how many are left."""
    for key, _ in waiting.select(0):
        connection: socket.socket = key.fileobj  # type: ignore[assignment]
        try:
            gone = connection.recv(65536) == b""
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        if gone:
            waiting.unregister(connection)
            connection.close()
    return len(waiting.get_map())


def main() -> None:
    """Attack."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=[*MESSAGES, "hold"])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--addresses", type=int, default=100)
    parser.add_argument("--ports", type=int, default=1)
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument(
        "--first", default="", help="hold: what each connection says, text or a kind of message"
    )
    given = parser.parse_args()
    server = (given.host, given.port)
    if given.kind == "hold":
        first = given.first.encode().decode("unicode_escape").encode()
        if given.first in MESSAGES:
            first = MESSAGES[given.first]((given.host, given.port), random.Random(1)).replace(
                b"/UDP", b"/TCP"
            )
        count, per_address = given.addresses * given.ports, given.ports
        print(hold(server, count=count, per_address=per_address, first=first, seconds=given.seconds))
        return
    sockets = open_sockets(given.kind, server, count=given.addresses, ports=given.ports, tcp=given.tcp)
    print(flood(sockets, given.rate, given.seconds))


if __name__ == "__main__":
    main()
