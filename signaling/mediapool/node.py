# SPDX-License-Identifier: Apache-2.0
"""One RTP manager, as signalling sees it: a Control stream that is kept up, requests, events, health.

Requests queued in one turn of the event loop leave as one batch. What was not answered when a stream broke is written
again on the next one, with the same request ids, so that the RTP manager executes it once. A node that comes back
with another boot id has lost its sessions, as has one that stays away or whose port nobody listens on any more; their
subscribers get `NodeLost`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from media.control.errors import MediaError, Reason
from media.control.gen import rtpmanager_pb2 as pb
from media.control.grpc_setup import EOF, KEEPALIVE_OPTIONS, grpc
from media.control.security import IN_THE_CLEAR, GrpcSecurity
from signaling.mediapool.batches import BatchQueue, Execution, Result, lost
from signaling.mediapool.gate import WriteGate
from signaling.mediapool.reachable import refuses
from signaling.mediapool.standing import DrainState, Standing
from signaling.mediapool.subscriptions import EventCallback, Subscriptions
from signaling.mediapool.unreached import Unreached
from signaling.mediapool.wish import KeptWish

log = logging.getLogger(__name__)

CONTROL_METHOD = "/rtpmanager.v1.RTPManagerService/Control"
DEADLINE_S = 5.0
OPEN_DEADLINE_S = 1.5
"""Of requests that another node could serve: a caller waits for the sum of those that fail."""
SWEEP_S = 0.25
HEALTH_S = 5.0
PROBE_DEADLINE_S = 2.0
GONE_AFTER_S = 5.0
REFUSALS = 2
"""Refused connections in a row that show that the process is gone: it may be caught between two of its sockets."""
FIRST_BACKOFF_S = 0.05
LAST_BACKOFF_S = 1.0
CHANNEL_OPTIONS = (
    *KEEPALIVE_OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A node that comes back may have another address behind its name.
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.use_local_subchannel_pool", 1),
)


class MediaNode:
    """An RTP manager.

    Args:
        address: ``host:port`` of its gRPC server.
        node_id: its name; "" to take the one that it gives itself.
        deadline_s: how long a request may take, reconnections included.
        gone_after_s: how long the node may be away before its sessions count as lost.
        health_s: how often it is asked how it is.
        security: the token to show and the TLS to speak.

    Attributes:
        standing: whether it may be given new sessions.
        wish: what operators want of it, as it keeps it.
        reported_id: the name that it gives itself.
        is_name_taken: tells whether another node has a name; set by the pool.
        on_lost: is called with the node and the reason when its sessions are lost.
        on_draining: is called when the node says that it is about to stop.
        available_ports: as the node last reported; None before.
    """

    def __init__(
        self,
        address: str,
        node_id: str = "",
        *,
        deadline_s: float = DEADLINE_S,
        gone_after_s: float = GONE_AFTER_S,
        health_s: float = HEALTH_S,
        security: GrpcSecurity = IN_THE_CLEAR,
    ) -> None:
        self.address = address
        self.node_id = node_id or address
        self.reported_id = ""
        self.boot_id = ""
        self.standing = Standing()
        self.available_ports: int | None = None
        self.is_name_taken: Callable[[MediaNode, str], bool] = lambda node, name: False
        self.on_lost: Callable[[MediaNode, str], None] | None = None
        self.on_draining: Callable[[MediaNode], None] | None = None
        self.wish = KeptWish(self.execute)
        self._is_named = bool(node_id)
        self._deadline_s = deadline_s
        self._gone_after_s = gone_after_s
        self._health_s = health_s
        self._security = security
        self._client_id = uuid.uuid4().hex
        self._queue = BatchQueue()
        self._unreached = Unreached(address, gone_after_s)
        self._subscriptions = Subscriptions()
        self._is_connected = False
        self._says_draining = False
        self._others_sessions = 0
        self._away_since: float | None = None
        self._refusals = 0
        self._probe_now = asyncio.Event()
        self._gate: WriteGate | None = None
        self._heard_at = 0.0
        self._call: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def healthy(self) -> bool:
        """Tell whether the stream is up and the node answers that it can take sessions."""
        return self.standing.is_up

    @property
    def drain_state(self) -> DrainState:
        """What an operator wants of it."""
        return self.standing.drain_state

    @property
    def says_draining(self) -> bool:
        """Whether it last said that it is about to stop."""
        return self._says_draining

    @property
    def own_sessions(self) -> int:
        """How many sessions this process has there."""
        return len(self._subscriptions)

    @property
    def active_sessions(self) -> int:
        """How many sessions the node has: those of this process now, those of others when it was last asked."""
        return self.own_sessions + self._others_sessions

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

    def execute(
        self, *requests: Any, deadline_s: float | None = None, is_impatient: bool = False
    ) -> asyncio.Future[list[Result]]:
        """Send request messages of `rtpmanager.v1` and return an awaitable of their results, in order.

        A result is the reply message, or a `MediaError`; the awaitable itself never raises one. Requests of one
        call are executed together and in order; missing request ids are filled in.

        Args:
            requests: what to do.
            deadline_s: how long it may take; None: as the node is set up.
            is_impatient: fail at once when the node is away, as another one could do it.
        """
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        if is_impatient and not self._is_connected:
            future.set_result([lost("the RTP manager is away")] * len(requests))
            return future
        wait_s = self._deadline_s if deadline_s is None else deadline_s
        self._queue.add(Execution(requests, future, time.monotonic() + wait_s, is_impatient=is_impatient))
        if self._gate is not None:
            is_patient = isinstance(requests[0], pb.DestroySessionRequest)
            self._gate.request(is_patient=is_patient, is_unanswered=self._queue.has_unanswered)
        return future

    async def open(self, *requests: Any) -> list[Result]:
        """Send requests that another node could serve as well: what is wrong here is found out soon.

        A node that does not answer in time is not picked again before it is heard of.
        """
        results = await self.execute(*requests, deadline_s=OPEN_DEADLINE_S, is_impatient=True)
        reasons = {result.reason for result in results if isinstance(result, MediaError)}
        if Reason.TIMEOUT in reasons:
            log.warning("rtpmanager %s did not open a session in time", self.node_id)
            self.standing.is_suspect = True
            self._probe_now.set()
        if Reason.DRAINING in reasons:
            self._probe_now.set()
        if Reason.NO_PORT in reasons:
            if self.available_ports:
                log.warning("rtpmanager %s has no free RTP port: calls need a wider range", self.node_id)
            self.available_ports = 0
        return results

    def subscribe(self, session_id: str, callback: EventCallback) -> None:
        """Have the events of a session delivered to `callback`; it must not block."""
        self._subscriptions.add(session_id, callback)

    def unsubscribe(self, session_id: str) -> None:
        """Stop the delivery; an unknown session is fine."""
        self._subscriptions.remove(session_id)

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
                    if self._is_connected:
                        log.info("control stream to %s ended: %s", self.address, error.details())
                    else:
                        self._unreached.refused(self.node_id, error)
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
            client_id = self._client_id
            await call.write(pb.ControlRequestBatch(client_id=client_id))
            hello = await call.read()
            # A node that was given up meanwhile is to know this process under the new name.
            if hello is EOF or client_id != self._client_id:
                return False
            self._connected(hello)
            writer = asyncio.create_task(self._write(call, gate))
            while True:
                replies = await call.read()
                if replies is EOF:
                    return True
                self._heard_at = time.monotonic()
                self.standing.is_suspect = False
                if replies.health_changed:
                    self._probe_now.set()
                if replies.batch_id:
                    self._queue.answered(replies)
                    if not self._queue.has_unanswered:
                        gate.answered()
                for event in replies.events:
                    self._subscriptions.deliver(event)
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
            self.standing.drain_state = DrainState.ACTIVE
            self.wish.forget()
            self._lose("the RTP manager was restarted", before=self._subscriptions.epoch)
        self.boot_id = hello.boot_id
        self._take_name(hello.node_id)
        self._is_connected = True
        self._unreached.reached()
        self._away_since = None
        self._heard_at = time.monotonic()
        self.standing.connected()
        self._probe_now.set()
        log.info("rtpmanager %s at %s is connected", self.node_id, self.address)

    def _disconnected(self) -> bool:
        """Note the end of a stream; tell whether it had come about."""
        was_connected, self._is_connected = self._is_connected, False
        if was_connected:
            self._subscriptions.epoch += 1
            self._refusals = 0
            self._away_since = time.monotonic()
            self.standing.broken()
            self._queue.fail_impatient(lost("the RTP manager went away"))
            log.warning("rtpmanager %s at %s is away", self.node_id, self.address)
        return was_connected

    def _take_name(self, name: str) -> None:
        """Take the name that the node gives itself, unless it was given one or another node has it."""
        self.reported_id = name
        if self._is_named or not name:
            return
        if self.is_name_taken(self, name):
            log.warning(
                "rtpmanager at %s calls itself %s like another one; name it in the settings",
                self.address,
                name,
            )
            name = self.address
        self.node_id = name

    def _lose(self, reason: str, *, before: int) -> None:
        """Tell the subscribers from before an epoch that their sessions are lost."""
        count = self._subscriptions.lose(reason, before=before)
        level = logging.ERROR if count else logging.INFO
        log.log(level, "rtpmanager %s: %s; %d sessions are lost", self.node_id, reason, count)
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
            if self._away_since is None:
                continue
            if self.boot_id:
                await self._look_for(now - self._away_since)
            else:
                await self._unreached.look(self.node_id, now - self._away_since)

    async def _look_for(self, away_s: float) -> None:
        """Decide whether a node that is away is gone: for long, or with nobody left to answer at its port."""
        self._refusals = self._refusals + 1 if await refuses(self.address) else 0
        is_gone = away_s > self._gone_after_s or self._refusals >= REFUSALS
        if is_gone and self._away_since is not None:
            self._away_since = None
            self._give_up()

    def _give_up(self) -> None:
        # Under another name, what the node still has of this process counts as abandoned there.
        self._client_id = uuid.uuid4().hex
        self._lose("the RTP manager is gone", before=self._subscriptions.epoch + 1)

    async def _ask_health(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._health_s):
                    await self._probe_now.wait()
            self._probe_now.clear()
            if self._is_connected:
                (result,) = await self.execute(pb.HealthRequest(), deadline_s=PROBE_DEADLINE_S)
                self._take_health(result)

    def _take_health(self, result: Result) -> None:
        if not self._is_connected:
            return
        if not isinstance(result, pb.HealthReply):
            self.standing.probed(False)
            return
        self._others_sessions = max(result.active_sessions - self.own_sessions, 0)
        self.available_ports = result.available_ports
        self.wish.heard(result.drain)
        if result.healthy:
            self.standing.probed(True)
        else:
            self.standing.refused()
        was_draining, self._says_draining = self._says_draining, result.draining
        if result.draining and not was_draining and self.on_draining is not None:
            self.on_draining(self)
