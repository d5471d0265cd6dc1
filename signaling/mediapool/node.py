# SPDX-License-Identifier: Apache-2.0
"""One RTP manager, as signalling sees it: a Control stream that is kept up, requests, events, health.

Requests queued in one turn of the event loop leave as one batch. What was not answered when a stream broke is written
again on the next one, with the same request ids, so that the RTP manager executes it once. A node that comes back
with another boot id has lost its sessions; their subscribers get `NodeLost`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from media.control.gen import rtpmanager_pb2 as pb
from media.control.grpc_setup import EOF, KEEPALIVE_OPTIONS, grpc
from media.control.security import IN_THE_CLEAR, GrpcSecurity
from signaling.mediapool.batches import BatchQueue, Execution, Result, lost
from signaling.mediapool.gate import WriteGate

log = logging.getLogger(__name__)

CONTROL_METHOD = "/rtpmanager.v1.RTPManagerService/Control"
DEADLINE_S = 5.0
SWEEP_S = 0.25
HEALTH_S = 5.0
GONE_AFTER_S = 10.0
FIRST_BACKOFF_S = 0.05
LAST_BACKOFF_S = 1.0
CHANNEL_OPTIONS = (
    *KEEPALIVE_OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.use_local_subchannel_pool", 1),
)


class NodeLost(NamedTuple):
    """Event: the session is gone with its RTP manager, or cannot be reached any more."""

    session_id: str
    reason: str


EventCallback = Callable[[Any], None]
"""Takes `pb.MediaStarted`, `pb.MediaInactive`, `pb.PlaybackEvent`, `pb.SessionExpired` or `NodeLost`."""


class _Subscription(NamedTuple):
    callback: EventCallback
    epoch: int


class MediaNode:
    """An RTP manager.

    Args:
        address: ``host:port`` of its gRPC server.
        node_id: its name; "" to take the one that it gives itself.
        deadline_s: how long a request may take, reconnections included.
        gone_after_s: how long the node may be away before its sessions count as lost.
        security: the token to show and the TLS to speak.

    Attributes:
        on_lost: is called with the node and the reason when its sessions are lost.
        active_sessions: as the node last reported.
        available_ports: as the node last reported; None before.
    """

    def __init__(
        self,
        address: str,
        node_id: str = "",
        *,
        deadline_s: float = DEADLINE_S,
        gone_after_s: float = GONE_AFTER_S,
        security: GrpcSecurity = IN_THE_CLEAR,
    ) -> None:
        self.address = address
        self.node_id = node_id or address
        self.boot_id = ""
        self.active_sessions = 0
        self.available_ports: int | None = None
        self.on_lost: Callable[[MediaNode, str], None] | None = None
        self._is_named = bool(node_id)
        self._deadline_s = deadline_s
        self._gone_after_s = gone_after_s
        self._security = security
        self._client_id = uuid.uuid4().hex
        self._queue = BatchQueue()
        self._subscriptions: dict[str, _Subscription] = {}
        self._epoch = 0
        self._is_connected = False
        self._says_healthy = True
        self._away_since: float | None = None
        self._gate: WriteGate | None = None
        self._heard_at = 0.0
        self._call: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def healthy(self) -> bool:
        """Tell whether the stream is up and the node says that it can take sessions."""
        return self._is_connected and self._says_healthy

    # --- Life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect; needs a running event loop."""
        loop = asyncio.get_running_loop()
        self._gate = WriteGate(loop)
        self._away_since = time.monotonic()
        activities = (self._run(self._gate), self._sweep(), self._ask_health())
        self._tasks = [loop.create_task(activity) for activity in activities]

    async def stop(self) -> None:
        """Close the stream and fail what is unanswered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._is_connected = False
        self._queue.fail_all(lost("the media pool was stopped"))

    # --- Requests and events --------------------------------------------------------------------------------------

    def execute(self, *requests: Any) -> asyncio.Future[list[Result]]:
        """Send request messages of `rtpmanager.v1` and return an awaitable of their results, in order.

        A result is the reply message, or a `MediaError`; the awaitable itself never raises one. Requests of one
        call are executed together and in order; missing request ids are filled in.
        """
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._queue.add(Execution(requests, future, time.monotonic() + self._deadline_s))
        if self._gate is not None:
            is_patient = isinstance(requests[0], pb.DestroySessionRequest)
            self._gate.request(is_patient=is_patient, is_unanswered=self._queue.has_unanswered)
        return future

    def subscribe(self, session_id: str, callback: EventCallback) -> None:
        """Have the events of a session delivered to `callback`; it must not block."""
        self._subscriptions[session_id] = _Subscription(callback, self._epoch)

    def unsubscribe(self, session_id: str) -> None:
        """Stop the delivery; an unknown session is fine."""
        self._subscriptions.pop(session_id, None)

    # --- The stream -----------------------------------------------------------------------------------------------

    async def _run(self, gate: WriteGate) -> None:
        backoff_s = FIRST_BACKOFF_S
        async with self._security.channel(self.address, list(CHANNEL_OPTIONS)) as channel:
            control: Any = channel.stream_stream(
                CONTROL_METHOD,
                request_serializer=pb.ControlRequestBatch.SerializeToString,
                response_deserializer=pb.ControlReplyBatch.FromString,
            )
            while True:
                was_connected = False
                try:
                    call = control(wait_for_ready=True, metadata=self._security.metadata())
                    was_connected = await self._serve(call, gate)
                except grpc.aio.AioRpcError as error:
                    log.info("control stream to %s ended: %s", self.address, error.details())
                except asyncio.CancelledError:
                    # A call that is cancelled from here ends its readers this way, like a cancelled task.
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():
                        raise
                was_connected |= self._disconnected()
                backoff_s = FIRST_BACKOFF_S if was_connected else min(backoff_s * 2, LAST_BACKOFF_S)
                await asyncio.sleep(backoff_s)

    async def _serve(self, call: Any, gate: WriteGate) -> bool:
        """Serve one stream until it ends; tell whether it came about."""
        self._call = call
        writer: asyncio.Task[None] | None = None
        try:
            await call.write(pb.ControlRequestBatch(client_id=self._client_id))
            hello = await call.read()
            if hello is EOF:
                return False
            self._connected(hello)
            writer = asyncio.create_task(self._write(call, gate))
            while True:
                replies = await call.read()
                if replies is EOF:
                    return True
                self._heard_at = time.monotonic()
                if replies.batch_id:
                    self._queue.answered(replies)
                    if not self._queue.has_unanswered:
                        gate.answered()
                for event in replies.events:
                    self._deliver(event)
        finally:
            call.cancel()
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, call: Any, gate: WriteGate) -> None:
        for batch in self._queue.unanswered():
            await call.write(batch)
        gate.open()
        while True:
            await gate.wait()
            message = self._queue.next_batch()
            if self._queue.has_waiting:
                gate.open()
            if message is not None:
                await call.write(message)

    def _connected(self, hello: pb.ControlReplyBatch) -> None:
        if self.boot_id and hello.boot_id != self.boot_id:
            self._lose("the RTP manager was restarted", before=self._epoch)
        self.boot_id = hello.boot_id
        if not self._is_named and hello.node_id:
            self.node_id = hello.node_id
        self._is_connected = True
        self._says_healthy = True
        self._away_since = None
        self._heard_at = time.monotonic()
        log.info("rtpmanager %s at %s is connected", self.node_id, self.address)

    def _disconnected(self) -> bool:
        """Note the end of a stream; tell whether it had come about."""
        was_connected, self._is_connected = self._is_connected, False
        if was_connected:
            self._epoch += 1
            self._away_since = time.monotonic()
            log.warning("rtpmanager %s at %s is away", self.node_id, self.address)
        return was_connected

    def _deliver(self, event: pb.ControlEvent) -> None:
        kind = event.WhichOneof("event")
        if kind is None:
            return
        body = getattr(event, kind)
        subscription = self._subscriptions.get(body.session_id)
        if subscription is not None:
            self._notify(subscription, body)

    def _notify(self, subscription: _Subscription, event: Any) -> None:
        try:
            subscription.callback(event)
        except Exception:
            # One call's mistake must not end the stream of all calls.
            log.exception("a subscriber of media events failed")

    def _lose(self, reason: str, *, before: int) -> None:
        """Tell the subscribers from before an epoch that their sessions are lost."""
        gone = [(sid, entry) for sid, entry in self._subscriptions.items() if entry.epoch < before]
        for session_id, entry in gone:
            self._subscriptions.pop(session_id, None)
            self._notify(entry, NodeLost(session_id, reason))
        log.error("rtpmanager %s: %s; %d sessions are lost", self.node_id, reason, len(gone))
        if self.on_lost is not None:
            self.on_lost(self, reason)

    # --- Timers ---------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            is_late = not self._queue.is_idle and self._queue.expire(now)
            if is_late and self._is_connected and now - self._heard_at > self._deadline_s:
                log.warning("rtpmanager %s does not answer; its stream is opened anew", self.node_id)
                self._call.cancel()
            if self._away_since is not None and now - self._away_since > self._gone_after_s:
                self._away_since = None
                self._give_up()

    def _give_up(self) -> None:
        if self.boot_id:
            # Under another name, what the node still has of this process counts as abandoned there.
            self._client_id = uuid.uuid4().hex
            self._lose("the RTP manager is gone", before=self._epoch + 1)

    async def _ask_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_S)
            if self._is_connected:
                self._take_health(await self.execute(pb.HealthRequest()))

    def _take_health(self, results: list[Result]) -> None:
        reply = results[0]
        if isinstance(reply, pb.HealthReply):
            self._says_healthy = reply.healthy
            self.active_sessions = reply.active_sessions
            self.available_ports = reply.available_ports
