# SPDX-License-Identifier: Apache-2.0
"""The TLS half of one connection: bytes of the wire in and out, plaintext in and out. No socket, no clock, no SIP.

Not asyncio's or uvloop's own: those hand a connection over only when its handshake is done, when no limit can spare
its cost any more. Invariant: no plaintext passes before the handshake is done and
the peer's certificate, where one is asked for, is the right one.
"""

from __future__ import annotations

import ssl

SLICE_BYTES = 16384
"""What passes at once, a record of TLS: OpenSSL's buffers stay for good as large as they once were."""


class TlsChannel:
    """One end of a TLS connection.

    Args:
        context: certificate, versions and trust.
        server_name: whom the peer's certificate must name; None: this end is the server, and asks for none.
    """

    __slots__ = ("_incoming", "_outgoing", "_pending", "_tls", "is_closed", "is_up", "problem")

    def __init__(self, context: ssl.SSLContext, server_name: str | None = None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self._pending = b""
        self.is_up = False
        """Whether the handshake is done."""
        self.is_closed = False
        """Whether the peer said that it sends nothing more."""
        self.problem = ""
        """Why there is no going on: the peer does not speak TLS as it must, or is not who it should be. For a log."""

    def start(self) -> None:
        """Make what the side that opened the connection sends first."""
        self._shake_hands()

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the wire and return the plaintext that is whole by now, never more than came.

        When there is no going on it sets `problem`; what `to_send` then returns tells the peer why.
        """
        parts: list[bytes] = []
        for begin in range(0, len(data), SLICE_BYTES):
            self._incoming.write(data[begin : begin + SLICE_BYTES])
            if self.is_up or self._shake_hands():
                self._read(parts)
            if self.problem or self.is_closed:
                break
        return b"".join(parts)

    def _read(self, parts: list[bytes]) -> None:
        try:
            while part := self._tls.read(SLICE_BYTES):
                parts.append(part)
            self.is_closed = True
        except ssl.SSLWantReadError:
            return  # the rest of a record is still to come
        except ssl.SSLZeroReturnError:
            self.is_closed = True
        except ssl.SSLError as error:
            self.problem = _words(error)

    def encrypt(self, data: bytes) -> bool:
        """Take plaintext to send; False, and `problem` set, when there is no going on. Only once the channel is up."""
        try:
            if len(data) <= SLICE_BYTES:
                self._tls.write(data)
                return True
            view = memoryview(data)
            while view:
                view = view[self._tls.write(view[:SLICE_BYTES]) :]
                self._pending += self._outgoing.read()
        except ssl.SSLError as error:
            self.problem = _words(error)
            return False
        return True

    def say_goodbye(self) -> None:
        """Make what tells the peer that nothing more comes; it is not waited for an answer."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return  # the peer's own goodbye is what is missing, or there was no handshake to end

    def to_send(self) -> bytes:
        """Return and forget the bytes for the wire."""
        data = self._outgoing.read() if self._outgoing.pending else b""
        if self._pending:
            data, self._pending = self._pending + data, b""
        return data

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            self.problem = _words(error)
            return False
        self.is_up = True
        return True


def _words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or str(error)).replace("_", " ").lower()
