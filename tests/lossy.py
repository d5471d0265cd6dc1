# SPDX-License-Identifier: Apache-2.0
"""A network that loses, doubles and reorders datagrams, and phones that keep to RFC 3261's timers on it."""

from __future__ import annotations

import heapq
import random
import select
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tests import rawsip
from tests.stack import Phone

T1_S = 0.1
T2_S = 0.8
"""The timers of the stack under test, a fifth of RFC 3261's."""
GIVE_UP_S = 64 * T1_S
LATEST_S = 0.05
"""How much later a datagram comes that others overtake."""
POLL_S = 0.02


class LossyPath(threading.Thread):
    """Carries the datagrams of one phone, each way; a context manager.

    Args:
        server: where they go.
        loss: share that is lost.
        doubled: share that comes twice.
        late: share that others overtake.
        seed: makes the dice.
    """

    def __init__(
        self, server: tuple[str, int], *, loss: float, doubled: float, late: float, seed: int
    ) -> None:
        super().__init__(daemon=True)
        self.lost = self.carried = 0
        self._server, self._loss, self._doubled, self._late = server, loss, doubled, late
        self._dice = random.Random(seed)
        self._inner, self._outer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for end in (self._inner, self._outer):
            end.bind(("127.0.0.1", 0))
        self.inner: tuple[str, int] = self._inner.getsockname()
        """Where the phone sends."""
        self.outer: tuple[str, int] = self._outer.getsockname()
        """What the server sees."""
        self._phone = ("", 0)
        self._waiting: list[tuple[float, int, bool, bytes]] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()
        self._inner.close()
        self._outer.close()

    def run(self) -> None:
        """Carry until the end."""
        while not self._over.is_set():
            for end in select.select([self._inner, self._outer], [], [], POLL_S / 4)[0]:
                data, source = end.recvfrom(65535)
                if end is self._inner:
                    self._phone = source
                self._take(data, upwards=end is self._inner)
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, upwards, data = heapq.heappop(self._waiting)
                if upwards:
                    self._outer.sendto(data, self._server)
                elif self._phone[1]:
                    self._inner.sendto(data, self._phone)

    def _take(self, data: bytes, *, upwards: bool) -> None:
        for _ in range(2 if self._dice.random() < self._doubled else 1):
            self.carried += 1
            if self._dice.random() < self._loss:
                self.lost += 1
                continue
            delay_s = self._dice.uniform(0, LATEST_S) if self._dice.random() < self._late else 0.0
            heapq.heappush(self._waiting, (time.monotonic() + delay_s, self.carried, upwards, data))


class PatientPhone:
    """A phone behind a lossy path."""

    def __init__(self, phone: Phone, path: LossyPath) -> None:
        self.phone = phone
        self.peer = rawsip.Peer(path.inner)
        # What it writes into Via and Contact is where the server can reach it.
        self.peer.ip, self.peer.port = path.outer
        self._acks: dict[str, str] = {}

    def ask(self, request: str, cseq: str) -> rawsip.Message:
        """Send a request as RFC 3261 section 17.1 does, and return its final response.

        Raises:
            AssertionError: none came.
        """
        deadline, wait_s, ringing = time.monotonic() + 2 * GIVE_UP_S, T1_S, False
        while time.monotonic() < deadline:
            if not ringing:
                self.peer.send(request)
            until = time.monotonic() + wait_s
            while (left_s := until - time.monotonic()) > 0:
                message = self.peer.receive(left_s)
                if message is None:
                    continue
                if message.get("cseq") != cseq or message.get("call-id") not in request:
                    self._repeat_ack(message)
                elif message.status >= 200:
                    return message
                else:
                    ringing = ringing or cseq.endswith("INVITE")
            wait_s = wait_s * 2 if cseq.endswith("INVITE") else min(2 * wait_s, T2_S)
        raise AssertionError(f"no final response to {cseq}")

    def register(self) -> None:
        """Register.

        Raises:
            AssertionError: it was refused.
        """
        challenge = self.ask(self.peer.register_request(self.phone), "1 REGISTER")
        credentials = rawsip.authorization(challenge, self.phone, "REGISTER", f"sip:{self.phone.domain}")
        answer = self.ask(self.peer.register_request(self.phone, credentials), "2 REGISTER")
        assert answer.status == 200, answer

    def call(self, number: str) -> str:
        """Call, be answered, hang up; return the Call-ID.

        Raises:
            AssertionError: one of these went wrong.
        """
        peer = self.peer
        peer.call_id, peer.tag = rawsip.new_branch(), rawsip.new_branch()
        challenge = self.ask(peer.invite_request(self.phone, number), "1 INVITE")
        peer.ack(self.phone, number, challenge)
        credentials = rawsip.authorization(
            challenge, self.phone, "INVITE", f"sip:{number}@{self.phone.domain}"
        )
        answered = self.ask(peer.invite_request(self.phone, number, credentials, cseq=2), "2 INVITE")
        assert answered.status == 200, answered
        self._acks[peer.call_id] = peer.in_dialog("ACK", answered, cseq=2)
        peer.send(self._acks[peer.call_id])
        assert self.ask(peer.in_dialog("BYE", answered, cseq=3), "3 BYE").status == 200
        return peer.call_id

    def _repeat_ack(self, message: rawsip.Message) -> None:
        ack = self._acks.get(message.get("call-id"))
        if ack is not None and message.status == 200 and message.method == "INVITE":
            self.peer.send(ack)


class PatientAnswerer(threading.Thread):
    """A registered phone behind a lossy path that answers each call, and says so until that is acknowledged."""

    def __init__(self, phone: PatientPhone) -> None:
        super().__init__(daemon=True)
        self._phone = phone
        self._over = threading.Event()

    def stop(self) -> None:
        """Answer no more."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Answer."""
        peer, name = self._phone.peer, self._phone.phone.username
        unacknowledged: dict[str, tuple[rawsip.Message, float, float]] = {}
        while not self._over.is_set():
            message, now = peer.receive(POLL_S), time.monotonic()
            if message is not None and not message.status:
                call_id = message.get("call-id")
                if message.method == "INVITE":
                    unacknowledged.setdefault(call_id, (message, now, T1_S))
                elif message.method == "ACK":
                    unacknowledged.pop(call_id, None)
                else:
                    unacknowledged.pop(call_id, None)
                    peer.reply(message, "200 OK")
            for call_id, (invite, due, wait_s) in list(unacknowledged.items()):
                if now >= due:
                    peer.reply(invite, "200 OK", tag="callee", body=peer.sdp(), contact=peer.contact(name))
                    unacknowledged[call_id] = (invite, now + wait_s, min(2 * wait_s, T2_S))
