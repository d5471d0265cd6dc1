# SPDX-License-Identifier: Apache-2.0
"""A SIP peer made of a socket and text: sends exactly the bytes that a test wants, right or wrong.

It shares no code with the product on purpose, so that both cannot be wrong in the same way.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.stack import DOMAIN, Phone

SDP_TYPE = "application/sdp"


@dataclass(frozen=True, slots=True)
class Message:
    """A received message: its first line, its header lines in order, its body."""

    first: str
    lines: tuple[tuple[str, str], ...]
    body: str
    size: int

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Split a message; header names become lower case."""
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        pairs = (line.partition(":") for line in rest)
        return cls(
            first, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs), body, len(data)
        )

    @property
    def status(self) -> int:
        """The status of a response; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of a request, or the one in CSeq of a response."""
        return self.get("cseq").split()[-1] if self.status else self.first.split()[0]

    def get(self, name: str) -> str:
        """Return the first value of a header, or nothing."""
        return next((value for key, value in self.lines if key == name.lower()), "")

    def get_all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.lines if key == name.lower()]

    @property
    def to_tag(self) -> str:
        """The tag in To."""
        return tag_of(self.get("to"))


def tag_of(value: str) -> str:
    """Return the tag parameter of a From or To value."""
    found = re.search(r";\s*tag=([^;>\s]+)", value)
    return found.group(1) if found else ""


class Peer:
    """One socket that speaks SIP to the server; UDP unless ``tcp`` or ``tls``, which checks the server's certificate."""

    def __init__(
        self,
        server: tuple[str, int],
        *,
        ip: str = "127.0.0.1",
        port: int = 0,
        tcp: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        stream = tcp or tls is not None
        self.socket = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        self.socket.bind((ip, port))
        self.socket.settimeout(2.0)
        self.socket.connect(server)
        self.transport = "TCP" if tcp else "UDP"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server[0])
            self.transport = "TLS"
        self.ip, self.port = self.socket.getsockname()[:2]
        self.host = f"[{self.ip}]" if ":" in self.ip else self.ip
        self.call_id = f"{secrets.token_hex(8)}@{self.ip}"
        self.tag = secrets.token_hex(4)
        self._cseq = 0
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    # --- Bytes ------------------------------------------------------------------------------------------------------

    def send(self, data: bytes | str) -> None:
        """Send bytes as they are."""
        self.socket.send(data.encode() if isinstance(data, str) else data)

    def receive(self, timeout_s: float = 2.0) -> Message | None:
        """Return the next message, or nothing when none comes in time."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left_s)
            try:
                data = self.socket.recv(65535)
            except (TimeoutError, ConnectionError):
                return None
            if self.transport == "UDP":
                return Message.parse(data)
            if not data:
                return None
            self._buffer += data
            if whole := self._whole_message():
                return Message.parse(whole)
        return None

    def _whole_message(self) -> bytes:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        found = re.search(rb"(?mi)^(?:content-length|l)\s*:\s*(\d+)", head)
        length = int(found.group(1)) if found else 0
        if not separator or len(rest) < length:
            return b""
        self._buffer = rest[length:]
        return head + separator + rest[:length]

    def answer(self, method: str = "", timeout_s: float = 3.0) -> Message:
        """Return the next final response (to ``method``, when given).

        Raises:
            AssertionError: none came.
        """
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            message = self.receive(left_s)
            if message and message.status >= 200 and method in ("", message.method):
                return message
        raise AssertionError(f"no final response to {method or 'the request'} within {timeout_s} s")

    # --- Requests ---------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        uri: str,
        *,
        from_: str,
        to: str,
        cseq: int | None = None,
        headers: tuple[str, ...] = (),
        body: str = "",
        branch: str = "",
        call_id: str = "",
    ) -> str:
        """Return a request's text; ``from_`` and ``to`` are whole header values."""
        if cseq is None:
            self._cseq += 1
            cseq = self._cseq
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {self.host}:{self.port};rport;branch={branch or new_branch()}",
            f"From: {from_}",
            f"To: {to}",
            f"Call-ID: {call_id or self.call_id}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body.encode())}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def contact(self, user: str) -> str:
        """Return a Contact header line that names this socket."""
        return f"Contact: <sip:{user}@{self.host}:{self.port};transport={self.transport.lower()}>"

    def register_request(
        self, phone: Phone, *extra: str, contact: str | None = None, **kwargs: object
    ) -> str:
        """Return a REGISTER of a phone's own AOR."""
        identity = f"<{phone.aor}>"
        contact = self.contact(phone.username) if contact is None else contact
        headers = (*([contact] if contact else []), *extra)
        return self.request(
            "REGISTER",
            f"sip:{phone.domain}",
            from_=f"{identity};tag={self.tag}",
            to=identity,
            headers=headers,
            **kwargs,  # type: ignore[arg-type]
        )

    def register(self, phone: Phone, *extra: str, contact: str | None = None, **kwargs: object) -> Message:
        """Register with digest and return the final answer."""
        self.send(self.register_request(phone, *extra, contact=contact, **kwargs))
        challenge = self.answer("REGISTER")
        if challenge.status != 401:
            return challenge
        credentials = authorization(challenge, phone, "REGISTER", f"sip:{phone.domain}")
        self.send(self.register_request(phone, credentials, *extra, contact=contact, **kwargs))
        return self.answer("REGISTER")

    def invite_request(
        self, phone: Phone, number: str, *extra: str, body: str | None = None, cseq: int = 1
    ) -> str:
        """Return an INVITE from a phone to a number of its domain."""
        return self.request(
            "INVITE",
            f"sip:{number}@{phone.domain}",
            from_=f"<{phone.aor}>;tag={self.tag}",
            to=f"<sip:{number}@{phone.domain}>",
            cseq=cseq,
            headers=(
                self.contact(phone.username),
                *extra,
                *([f"Content-Type: {SDP_TYPE}"] if body != "" else []),
            ),
            body=self.sdp() if body is None else body,
        )

    def ack(self, phone: Phone, number: str, response: Message, *, branch: str = "", uri: str = "") -> None:
        """Acknowledge a final response to INVITE."""
        branch = branch or (new_branch() if response.status < 300 else branch_of(response))
        self.send(
            self.request(
                "ACK",
                uri or (target_of(response) if response.status < 300 else f"sip:{number}@{phone.domain}"),
                from_=response.get("from"),
                to=response.get("to"),
                cseq=int(response.get("cseq").split()[0]),
                branch=branch,
                call_id=response.get("call-id"),
            )
        )

    def invite(self, phone: Phone, number: str, *extra: str, body: str | None = None) -> Message:
        """Call with digest and return the final answer, acknowledged."""
        self.send(self.invite_request(phone, number, *extra, body=body))
        challenge = self.answer("INVITE")
        self.ack(phone, number, challenge)
        if challenge.status != 407:
            return challenge
        credentials = authorization(challenge, phone, "INVITE", f"sip:{number}@{phone.domain}")
        self.send(self.invite_request(phone, number, credentials, *extra, body=body, cseq=2))
        final = self.answer("INVITE", timeout_s=15)
        self.ack(phone, number, final)
        return final

    def in_dialog(self, method: str, answered: Message, *, cseq: int, headers: tuple[str, ...] = ()) -> str:
        """Return a request of the caller within the dialog that ``answered`` made."""
        return self.request(
            method,
            target_of(answered),
            from_=answered.get("from"),
            to=answered.get("to"),
            cseq=cseq,
            call_id=answered.get("call-id"),
            headers=headers,
        )

    def reply(
        self, request: Message, status: str, *, tag: str = "", body: str = "", contact: str = ""
    ) -> None:
        """Answer a received request."""
        to = request.get("to")
        lines = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in request.get_all("via"))]
        lines += [
            f"From: {request.get('from')}",
            f"To: {to}{f';tag={tag}' if tag and not tag_of(to) else ''}",
        ]
        lines += [f"Call-ID: {request.get('call-id')}", f"CSeq: {request.get('cseq')}"]
        lines += [contact] if contact else []
        lines += [f"Content-Type: {SDP_TYPE}"] if body else []
        self.send("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body)

    def sdp(
        self, port: int | None = None, *, ip: str = "", payloads: str = "0", mode: str = "sendrecv"
    ) -> str:
        """Return a session description for an audio port of this peer."""
        ip, port = ip or self.ip, port or self.port + 2
        kind = "IP6" if ":" in ip else "IP4"
        return (
            f"v=0\r\no=- 1 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {payloads}\r\na=rtpmap:0 PCMU/8000\r\na={mode}\r\n"
        )


def new_branch() -> str:
    """Return a fresh branch."""
    return f"z9hG4bK{secrets.token_hex(8)}"


def branch_of(message: Message) -> str:
    """Return the branch of the topmost Via."""
    found = re.search(r"branch=([^;,\s]+)", message.get("via"))
    return found.group(1) if found else ""


def target_of(message: Message) -> str:
    """Return the URI in Contact."""
    found = re.search(r"<([^>]+)>", message.get("contact"))
    return found.group(1) if found else message.get("contact")


def challenge_fields(challenge: Message, algorithm: str = "MD5") -> dict[str, str]:
    """Return the fields of the challenge for one algorithm."""
    for value in challenge.get_all("www-authenticate") + challenge.get_all("proxy-authenticate"):
        found = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', value)
        fields = {name.lower(): quoted or plain for name, quoted, plain in found}
        if fields.get("algorithm", "MD5").upper() == algorithm:
            return fields
    raise AssertionError(f"no {algorithm} challenge in {challenge.first}")


def authorization(
    challenge: Message,
    phone: Phone,
    method: str,
    uri: str,
    *,
    algorithm: str = "MD5",
    nc: int = 1,
    cnonce: str = "0a4f113b",
    **overrides: str,
) -> str:
    """Return the header line that answers a challenge (RFC 7616 section 3.4); ``overrides`` falsify fields."""
    fields = challenge_fields(challenge, algorithm) | overrides
    name = "Authorization" if challenge.status == 401 else "Proxy-Authorization"
    digest = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5

    def h(text: str) -> str:
        return digest(text.encode()).hexdigest()

    username = overrides.get("username", phone.username)
    ha1, ha2 = h(f"{username}:{fields['realm']}:{phone.password}"), h(f"{method}:{uri}")
    response = h(f"{ha1}:{fields['nonce']}:{nc:08x}:{cnonce}:auth:{ha2}")
    return (
        f'{name}: Digest username="{username}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", '
        f'response="{response}", algorithm={algorithm}, cnonce="{cnonce}", qop=auth, nc={nc:08x}'
    )


def anyone(name: str = "9999") -> Phone:
    """Return a phone that no account has."""
    return Phone(username=name, password="no password of anyone", port=0, domain=DOMAIN)
