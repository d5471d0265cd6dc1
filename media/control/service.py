# SPDX-License-Identifier: Apache-2.0
"""The gRPC service: unary calls for everybody, the Control stream for signalling. Both run the same verbs.

It must not decide anything about media. Whatever goes wrong in a request ends as a status of that request.

Invariant: the handlers are built from the service's own descriptor, so a call of the proto file cannot be missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf import message_factory

from media.control.control_clients import ControlClients
from media.control.control_stream import ControlStreams
from media.control.errors import MediaError
from media.control.event_messages import fill_playback
from media.control.gen import rtpmanager_pb2 as pb
from media.control.grpc_setup import grpc
from media.control.manager import SessionManager
from media.control.media_events import PlaybackChanged
from media.control.replays import ReplayCache
from media.control.verbs import INTERNAL_ERROR, VerbRunner, kind_of_method, progress_s

log = logging.getLogger(__name__)

Context = Any
"""`grpc.aio.ServicerContext`, whose reader and writer methods the type stubs do not know."""

SERVICE = pb.DESCRIPTOR.services_by_name["RTPManagerService"]
DEFAULT_PROGRESS_S = 1.0
STATUS_OF = {status.value[0]: status for status in grpc.StatusCode}


class RtpManagerService:
    """`rtpmanager.v1.RTPManagerService` on top of a session manager."""

    def __init__(self, manager: SessionManager, loop: asyncio.AbstractEventLoop) -> None:
        config = manager.config
        replays = ReplayCache(keep_s=config.replay_s, capacity=config.max_replays, clock=loop.time)
        clients = ControlClients(config.max_waiting_events, loop)
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._manager = manager
        self._runner = VerbRunner(manager, replays)
        self._control = ControlStreams(manager, self._runner, clients)
        manager.emit = clients.emit
        manager.is_present = clients.is_present
        manager.admission.on_wish = self._tell_health_changed
        self.clients = clients

    def handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        """Return what a gRPC server needs to serve all calls."""
        methods: dict[str, Any] = {}
        for method in SERVICE.methods:
            request = message_factory.GetMessageClass(method.input_type)
            reply = message_factory.GetMessageClass(method.output_type)
            codecs: dict[str, Any] = {
                "request_deserializer": request.FromString,
                "response_serializer": reply.SerializeToString,
            }
            if method.client_streaming:
                made = grpc.stream_stream_rpc_method_handler(self._control.serve, **codecs)
            elif method.server_streaming:
                made = grpc.unary_stream_rpc_method_handler(self.play_audio, **codecs)
            else:
                made = grpc.unary_unary_rpc_method_handler(self._unary(method.name, reply), **codecs)
            methods[method.name] = made
        return grpc.method_handlers_generic_handler(SERVICE.full_name, methods)

    def _tell_health_changed(self) -> None:
        task = self._loop.create_task(self.clients.tell_health_changed())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _unary(self, method: str, new_reply: Callable[[], Any]) -> Callable[[Any, Context], Awaitable[Any]]:
        kind = kind_of_method(method)

        async def call(request: Any, context: Context) -> Any:
            reply = new_reply()
            try:
                self._runner.run(kind, request, reply)
            except MediaError as error:
                await abort(context, error)
            except Exception:
                log.exception("%s failed", method)
                await abort(context, INTERNAL_ERROR)
            return reply

        return call

    async def play_audio(self, request: pb.PlayAudioRequest, context: Context) -> None:
        """Play a prompt and report on it until it ends; when the caller goes away, the prompt is stopped."""
        events: asyncio.Queue[PlaybackChanged] = asyncio.Queue()
        is_over = False

        def listen(event: PlaybackChanged) -> None:
            nonlocal is_over
            is_over = event.state.is_final
            events.put_nowait(event)

        session_id, play_id = request.session_id, request.play_id
        try:
            self._manager.play(
                session_id,
                play_id,
                request.file,
                repeat=request.repeat,
                progress_s=progress_s(request, DEFAULT_PROGRESS_S),
                listener=listen,
            )
        except MediaError as error:
            await abort(context, error)
        try:
            while True:
                event = await events.get()
                message = pb.PlaybackEvent()
                fill_playback(event, message)
                await context.write(message)
                if event.state.is_final:
                    return
        finally:
            # A retry under the same id may play by now.
            if not is_over:
                self._manager.stop_playback(session_id, play_id)


async def abort(context: Context, error: MediaError) -> None:
    """End a call with an error's status; the reason travels as trailing metadata."""
    await context.abort(STATUS_OF[int(error.code)], error.detail, (("reason", error.reason.value),))
