# SPDX-License-Identifier: Apache-2.0
"""Messages that the parser tests start from."""

from __future__ import annotations

INVITE = (
    b"INVITE sip:1002@switchboard.local SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKPjc8f3a1b2e4d5\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice" <sip:1001@switchboard.local>;tag=9fxced76sl\r\n'
    b"To: <sip:1002@switchboard.local>\r\n"
    b"Call-ID: 3848276298220188511@192.0.2.10\r\n"
    b"CSeq: 20716 INVITE\r\n"
    b"Contact: <sip:1001@192.0.2.10:5060;transport=udp;ob>\r\n"
    b"Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE\r\n"
    b"User-Agent: PJSUA v2.13\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 5\r\n"
    b"\r\n"
    b"v=0\r\n"
)

OPTIONS = (
    b"OPTIONS sip:[2001:db8::10]:5070;transport=tcp SIP/2.0\r\n"
    b"v: SIP/2.0/TCP [2001:db8::9:1]:5062;branch=z9hG4bKas3-111;received=192.0.2.7;rport=4021\r\n"
    b"Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK1, SIP/2.0/UDP b.example.com;branch=z9hG4bK2\r\n"
    b"Max-Forwards: 10\r\n"
    b"f: sip:caller@example.com;tag=1\r\n"
    b't: "A \\"quoted\\" name" <sip:%61lice@example.com;user=phone>\r\n'
    b"i: a84b4c76e66710\r\n"
    b"CSeq: 1 OPTIONS\r\n"
    b"m: <sip:a@192.0.2.1>;q=0.5;expires=60, sip:b@192.0.2.2;expires=90\r\n"
    b"Accept: application/sdp\r\n"
    b"Expires: 3600\r\n"
    b"l: 0\r\n"
    b"\r\n"
)

RESPONSE = (
    b"SIP/2.0 180 Ringing\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;rport=5060;received=192.0.2.10;branch=z9hG4bKPj\r\n"
    b"Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n"
    b"From: Alice <sip:1001@switchboard.local>;tag=9fxced76sl\r\n"
    b"To: <sip:1002@switchboard.local>;tag=8321234356\r\n"
    b"Call-ID: 3848276298220188511@192.0.2.10\r\n"
    b"CSeq: 20716 INVITE\r\n"
    b"Contact: <sip:1002@192.0.2.20>\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)


def with_line(line: bytes, message: bytes = INVITE) -> bytes:
    """Return `message` with `line` as its first header line."""
    start, _, rest = message.partition(b"\r\n")
    return start + b"\r\n" + line + b"\r\n" + rest


def replaced(name: bytes, line: bytes, message: bytes = INVITE) -> bytes:
    """Return `message` with `line` (nothing when empty) in place of the header line that starts with `name`."""
    head, blank, body = message.partition(b"\r\n\r\n")
    lines = [line if old.startswith(name + b":") else old for old in head.split(b"\r\n")]
    return b"\r\n".join(old for old in lines if old) + blank + body
