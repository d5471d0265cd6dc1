# SPDX-License-Identifier: Apache-2.0
"""Who must not notice an attack: a phone that answers, and callers that call it and time how long the set-up takes.

They repeat what is not answered as RFC 3261 asks (T1 is half a second), so that a lost message costs that much time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests import rawsip
from tests.stack import Phone, Stack

T1_S = 0.5
GIVE_UP_S = 8.0
PAUSE_S = 0.2


class Answerer(threading.Thread):
    """A registered phone that answers every call."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.phone = stack.phone()
        self._peer = rawsip.Peer(stack.address)
        self._over = threading.Event()
        if self._peer.register(self.phone).status != 200:
            raise RuntimeError("the phone could not register")

    def run(self) -> None:
        """Answer until `stop`."""
        contact = self._peer.contact(self.phone.username)
        while not self._over.is_set():
            message = self._peer.receive(0.2)
            if message is None or message.status or message.method == "ACK":
                continue
            if message.method == "INVITE":
                self._peer.reply(message, "200 OK", tag="callee", body=self._peer.sdp(), contact=contact)
            else:
                self._peer.reply(message, "200 OK")

    def stop(self) -> None:
        """Stop answering."""
        self._over.set()
        self.join()
        self._peer.socket.close()


class Unanswered(Exception):
    """A request was given up."""


def ask(peer: rawsip.Peer, request: str, cseq: str) -> rawsip.Message:
    """Send a request, again and again, until its final response comes: the one with its CSeq.

    Raises:
        Unanswered: none came.
    """
    deadline, wait_s = time.monotonic() + GIVE_UP_S, T1_S
    while time.monotonic() < deadline:
        peer.send(request)
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            message = peer.receive(left_s)
            if message is not None and message.status >= 200 and message.get("cseq") == cseq:
                return message
        wait_s *= 2
    raise Unanswered(f"no answer to {cseq}")


def call(peer: rawsip.Peer, phone: Phone, number: str) -> float:
    """Call and hang up; return the seconds from the first INVITE to the answer.

    Raises:
        Unanswered: something was not answered, or not as it should be.
    """
    peer.call_id, peer.tag = f"{rawsip.new_branch()}@{peer.ip}", rawsip.new_branch()
    started = time.monotonic()
    challenge = ask(peer, peer.invite_request(phone, number), "1 INVITE")
    peer.ack(phone, number, challenge)
    credentials = rawsip.authorization(challenge, phone, "INVITE", f"sip:{number}@{phone.domain}")
    answered = ask(peer, peer.invite_request(phone, number, credentials, cseq=2), "2 INVITE")
    took_s = time.monotonic() - started
    peer.ack(phone, number, answered)
    if answered.status != 200:
        raise Unanswered(f"{answered.status} to INVITE")
    ended = ask(peer, peer.in_dialog("BYE", answered, cseq=3), "3 BYE")
    if ended.status != 200:
        raise Unanswered(f"{ended.status} to BYE")
    return took_s


@dataclass
class Experience:
    """What the callers met."""

    times_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    call_ids: list[str] = field(default_factory=list)

    @property
    def worst_ms(self) -> float:
        """The longest set-up."""
        return 1000 * max(self.times_s, default=float("nan"))

    def __str__(self) -> str:
        failed = f", {len(self.failures)} FAILED ({self.failures[0]})" if self.failures else ""
        return f"{self.worst_ms:.0f} of {len(self.times_s)}{failed}"


class Callers:
    """Two callers, while the block lasts: one that has registered, and one that is never known from before."""

    def __init__(self, stack: Stack, answerer: Answerer) -> None:
        self.known, self.new = Experience(), Experience()
        self._stack, self._number = stack, answerer.phone.username
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._call_known, self._call_new)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call_known(self) -> None:
        phone = self._stack.phone()
        with rawsip.Peer(self._stack.address) as peer:
            if peer.register(phone).status != 200:
                self.known.failures.append("not registered")
            while not self._over.wait(PAUSE_S):
                self._try(self.known, peer, phone)

    def _call_new(self) -> None:
        phone = self._stack.phone()
        while not self._over.wait(PAUSE_S):
            with rawsip.Peer(self._stack.address) as peer:
                self._try(self.new, peer, phone)

    def _try(self, experience: Experience, peer: rawsip.Peer, phone: Phone) -> None:
        try:
            experience.times_s.append(call(peer, phone, self._number))
        except (Unanswered, AssertionError, OSError) as error:
            experience.failures.append(str(error))
        experience.call_ids.append(peer.call_id)
