# SPDX-License-Identifier: Apache-2.0
"""An RTP manager as one object: engine, sessions and gRPC server on one event loop."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Sequence

from media.control.config import RtpConfig
from media.control.departure import Departure
from media.control.engine_port import MediaEngine
from media.control.grpc_setup import KEEPALIVE_OPTIONS, grpc
from media.control.manager import SessionManager
from media.control.playback import PromptSource
from media.control.service import RtpManagerService
from media.control.signaling_api import SignalingApi

log = logging.getLogger(__name__)

STOP_GRACE_S = 0.5


class CannotListen(RuntimeError):
    """The gRPC port cannot be had; the text is one line for the operator."""


class RtpServer:
    """Serves `rtpmanager.v1` until `stop`.

    Attributes:
        port: where gRPC listens; known after `start`.
        failed: is set with a line of text when the engine failed and the process should be replaced.
    """

    def __init__(
        self,
        config: RtpConfig,
        engine: MediaEngine,
        prompts: PromptSource,
        *,
        ports_exhausted: type[Exception],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.config = config
        self.port = 0
        self.failed: asyncio.Future[str] = loop.create_future()
        self.manager = SessionManager(config, engine, prompts, ports_exhausted=ports_exhausted, loop=loop)
        self.manager.on_fatal = self._on_fatal
        self._service = RtpManagerService(self.manager, loop)
        options = [
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", config.max_message_bytes),
            ("grpc.max_send_message_length", config.max_message_bytes),
            *KEEPALIVE_OPTIONS,
        ]
        self._grpc = grpc.aio.server(interceptors=config.security.interceptors(), options=options)

    async def start(self) -> None:
        """Listen.

        Raises:
            CannotListen: the port is taken or the address is not ours.
        """
        check_can_listen(self.config.grpc_bind, self.config.grpc_port)
        self._grpc.add_generic_rpc_handlers((self._service.handler(),))
        try:
            self.port = self._add_port(self.config.grpc_target)
        except RuntimeError as error:
            raise CannotListen(f"gRPC cannot listen on {self.config.grpc_target}: {error}") from error
        await self._grpc.start()
        self.manager.start()

    async def leave(self, apis: Sequence[SignalingApi], grace_s: float) -> None:
        """Take no more calls, and return when those that there are have been taken away or have ended.

        Args:
            apis: the signaling nodes to ask to take them away.
            grace_s: longest time that this takes.
        """
        self.manager.admission.is_draining = True
        await self._service.clients.tell_health_changed()
        departure = Departure(
            self.config.node_id,
            apis,
            grace_s=grace_s,
            sessions=lambda: len(self.manager.sessions),
            clients=self._service.clients.present,
        )
        await departure.run()

    async def stop(self) -> None:
        """Stop listening, end all streams and all sessions."""
        await self._grpc.stop(STOP_GRACE_S)
        self.manager.close()

    def _add_port(self, target: str) -> int:
        credentials = self.config.security.server_credentials()
        if credentials is None:
            return self._grpc.add_insecure_port(target)
        return self._grpc.add_secure_port(target, credentials)

    def _on_fatal(self, detail: str) -> None:
        if not self.failed.done():
            self.failed.set_result(detail)


def check_can_listen(host: str, port: int) -> None:
    """Find out whether a TCP port can be had; gRPC itself only tells that it failed.

    Raises:
        CannotListen: it cannot, and why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotListen(f"GRPC_PORT {port} is taken on {host}; choose another one") from error
            raise CannotListen(f"gRPC cannot listen on {host} port {port}: {error.strerror}") from error
