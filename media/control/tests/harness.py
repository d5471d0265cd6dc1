# SPDX-License-Identifier: Apache-2.0
"""A session manager on a fake engine, and the steps of a call between two phones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.control.addresses import AddressBook
from media.control.config import RtpConfig
from media.control.errors import ErrorCode, MediaError, Reason
from media.control.manager import SessionManager
from media.control.server import RtpServer
from media.control.tests.descriptions import sdp
from media.control.tests.fake_engine import FakeEngine, NoPort

CALLER_IP, CALLEE_IP = "198.51.100.10", "203.0.113.20"
A, B = "session-a", "session-b"


@dataclass
class Clip:
    """A prompt."""

    pcm: bytes = b"\0\0" * 8000
    duration_ms: int = 1000


class Prompts:
    """Prompts in memory: those in `at_hand` need no loading, those in `on_disk` do."""

    def __init__(self) -> None:
        self.at_hand: dict[str, Clip] = {}
        self.on_disk: dict[str, Clip] = {}
        self.disk = asyncio.Event()

    def cached(self, file: str) -> Clip | None:
        return self.at_hand.get(file)

    async def load(self, file: str) -> Clip:
        await self.disk.wait()
        if file not in self.on_disk:
            raise MediaError(ErrorCode.NOT_FOUND, f"no prompt {file!r}", Reason.NO_SUCH_FILE)
        return self.on_disk[file]


def make_config(**changes: Any) -> RtpConfig:
    """Return settings for tests: a free gRPC port on the loopback address."""
    settings: dict[str, Any] = {
        "node_id": "node-1",
        "grpc_bind": "127.0.0.1",
        "grpc_port": 0,
        "rtp_bind": "0.0.0.0",
        "rtp_port_min": 20000,
        "rtp_port_max": 20100,
        "audio_path": Path("audio"),
    }
    return RtpConfig(**(settings | changes))


class Node:
    """A session manager with all that it needs, and short names for what calls do."""

    def __init__(self, **changes: Any) -> None:
        self.engine = FakeEngine()
        self.prompts = Prompts()
        self.events: list[tuple[str, Any]] = []
        config = make_config(**changes)
        self.manager = SessionManager(
            config,
            self.engine,
            self.prompts,
            ports_exhausted=NoPort,
            loop=asyncio.get_running_loop(),
            addresses=AddressBook(
                bind_ip=config.rtp_bind,
                advertise=config.advertise,
                is_own=lambda address: address == "192.0.2.1",
                primary=lambda family: "192.0.2.1",
            ),
        )
        self.manager.emit = lambda owner, event: self.events.append((owner, event))
        self.manager.start()

    def open(self, caller_sdp: str, callee_like: str = A) -> str:
        """Create both sessions of a call; return the offer for the callee."""
        self.manager.create_session(A, call_id="call", leg="A", remote_sdp=caller_sdp, signaling_ip=CALLER_IP)
        created = self.manager.create_session(
            B, call_id="call", leg="B", signaling_ip=CALLEE_IP, offer_like=callee_like
        )
        return created.local_sdp

    def answer(self, callee_sdp: str) -> str:
        """Take the callee's answer and join both; return the answer for the caller."""
        self.manager.update_remote(B, callee_sdp, is_answer=True)
        answer = self.manager.create_answer(A, peer_session_id=B).local_sdp
        self.manager.bridge(A, B)
        return answer

    def connect(self, caller_sdp: str = "", callee_sdp: str = "") -> str:
        """Set up a whole call; return the answer for the caller."""
        self.open(caller_sdp or sdp())
        return self.answer(callee_sdp or sdp(host=CALLEE_IP))

    def reoffer(self, from_session: str, offer: str, answer: str) -> tuple[str, str]:
        """Carry a new offer to the other party and its answer back; return what each party is sent."""
        other = B if from_session == A else A
        self.manager.update_remote(from_session, offer, is_answer=False)
        relayed = self.manager.create_offer(other, offer_like=from_session)
        self.manager.update_remote(other, answer, is_answer=True)
        answered = self.manager.create_answer(from_session, peer_session_id=other).local_sdp
        self.manager.bridge(A, B)
        return relayed, answered

    async def settle(self) -> None:
        """Let the event loop take the engine's events and run what is ready."""
        for _ in range(5):
            await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds; for what happens behind a socket or a timer."""
    while not condition():  # noqa: ASYNC110 - nothing signals what is waited for
        await asyncio.sleep(0.001)


class Served:
    """An RTP manager on a fake engine behind a real gRPC server."""

    def __init__(self, **changes: Any) -> None:
        self.engine = FakeEngine()
        self.prompts = Prompts()
        self.server = RtpServer(make_config(**changes), self.engine, self.prompts, ports_exhausted=NoPort)

    async def __aenter__(self) -> Served:
        await self.server.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.server.stop()

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server.port}"
