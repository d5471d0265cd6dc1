# SPDX-License-Identifier: Apache-2.0
"""Switchboard's own RTP manager, started by its command and asked over its `Control` stream, as signaling does."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from bench.peers.rtpengine import SDP, RefusedByRelay, audio_port
from bench.processes import SERVER_CORE, pinned
from media.control.gen import rtpmanager_pb2 as pb
from media.control.gen.rtpmanager_pb2_grpc import RTPManagerServiceStub
from tests.stack import Stack


class RtpManager:
    """A running ``runrtp``; `pairs()` sets up calls."""

    name = "Switchboard RTP manager (one thread)"

    def __init__(self, directory: Path, template: Path, port_min: int, port_max: int) -> None:
        ports = {"RTP_PORT_MIN": str(port_min), "RTP_PORT_MAX": str(port_max)}
        env = {**ports, "LOGLEVEL": "warn", "RTP_THREADS": "1"}
        self._stack = Stack(directory, template, env=env, prefix=tuple(pinned(SERVER_CORE)))
        self._requests: queue.Queue[pb.ControlRequestBatch | None] = queue.Queue()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._stack.run("runrtp")
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._stack.ports.grpc}")
        self._replies = RTPManagerServiceStub(self._channel).Control(iter(self._requests.get, None))
        self._requests.put(pb.ControlRequestBatch(client_id="bench"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.put(None)
        self._channel.close()
        self._stack.stop()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._stack.pid("runrtp")

    def pairs(self, ports: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Set up a call between each two local ports and return the ports that they must send to."""
        return [self._pair(f"call-{number}", *local) for number, local in enumerate(ports)]

    def _pair(self, call_id: str, local_a: int, local_b: int) -> tuple[int, int]:
        a, b = f"{call_id}-a", f"{call_id}-b"
        common = {"call_id": call_id, "signaling_ip": "127.0.0.1"}
        requests: list[tuple[str, dict[str, object]]] = [
            (
                "create_session",
                {"session_id": a, "leg": "A", "remote_sdp": SDP.format(port=local_a), **common},
            ),
            ("create_session", {"session_id": b, "leg": "B", "offer_like": a, **common}),
            (
                "update_session_remote",
                {"session_id": b, "remote_sdp": SDP.format(port=local_b), "kind": pb.SDP_KIND_ANSWER},
            ),
            ("create_answer", {"session_id": a, "peer_session_id": b}),
            ("bridge_media", {"session_id": a, "peer_session_id": b}),
        ]
        replies = self._batch(requests)
        return audio_port(replies[3].create_answer.local_sdp), audio_port(replies[1].create_session.local_sdp)

    def _batch(self, requests: list[tuple[str, dict[str, object]]]) -> list[pb.ControlReply]:
        number = next(self._numbers)
        batch = pb.ControlRequestBatch(batch_id=number)
        for position, (name, fields) in enumerate(requests):
            getattr(batch.requests.add(), name).MergeFrom(
                _message(name, {"request_id": f"{number}-{position}", **fields})
            )
        self._requests.put(batch)
        replies = list(self._answer_to(number))
        for reply in replies:
            if reply.code:
                raise RefusedByRelay(f"{reply.code} {reply.detail}")
        return replies

    def _answer_to(self, number: int) -> Iterator[pb.ControlReply]:
        for batch in self._replies:
            if batch.batch_id == number:
                return iter(batch.replies)
        raise RefusedByRelay("the control stream ended")


TYPES = {
    "create_session": pb.CreateSessionRequest,
    "create_answer": pb.CreateAnswerRequest,
    "update_session_remote": pb.UpdateSessionRemoteRequest,
    "bridge_media": pb.BridgeMediaRequest,
}


def _message(name: str, fields: dict[str, object]) -> object:
    return TYPES[name](**fields)
