# SPDX-License-Identifier: Apache-2.0
"""The signaling role put together: what is made from what, started and stopped in which order.

It knows every part and does nothing itself; it is long because there are many, and one place tells how they fit.
Invariant: SIP is served only after configuration, bindings and the journal are there, and it is the first to stop.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import structlog

from cdrs.journal import Journal
from cdrs.outlet import open_outlet
from dialplan.watch import WatchState, import_if_changed
from signaling.announce import announce_bindings
from signaling.authentication import Authenticator
from signaling.bans.protection import Protection
from signaling.calls.manager import CallManager
from signaling.calls.opener import MediaOpener
from signaling.calls.ports import CallServices
from signaling.calls.verbs import VERBS
from signaling.changes import Changes
from signaling.config import SignalingConfig
from signaling.configuration import BANS
from signaling.configuration_orm import OrmSource
from signaling.dependencies import CDR_DELIVERY, DATABASE, NATS, REDIS, TLS_CERTIFICATE, Dependencies
from signaling.directory import Directory
from signaling.drain import DrainController
from signaling.drain.commands import offer_drains
from signaling.guard import Identity, MemoryGuard, own_limiter
from signaling.housekeeping import Housekeeping
from signaling.legs.outbound import Outbound
from signaling.live.call_commands import CallCommands
from signaling.live.service import LiveService
from signaling.location import Location
from signaling.location_orm import RegistrationTable
from signaling.location_store import LocationStore
from signaling.mediapool import MediaPool
from signaling.metering.calls import CallMeter
from signaling.metering.meter import SignalingMeter
from signaling.nats_adapter import open_nats
from signaling.node import SipNode
from signaling.pickup.keeper import StateKeeper
from signaling.pickup.keeping import CallKeeping
from signaling.pickup.reconnect import Reconnect
from signaling.pickup.restore import PickUp, Surroundings, tell_cut_off
from signaling.pickup.state import describe
from signaling.reception import Reception
from signaling.registrar import Registrar
from signaling.sip import Flow
from signaling.sip.endpoint import Endpoint
from signaling.sip.tokens import TokenSource
from signaling.transport import TransportManager
from switchboard.events import EventBus

if TYPE_CHECKING:
    from signaling.shared.sharing import NodeSharing

log = structlog.get_logger("switchboard.signaling")

COMMIT_DELAY_S = 0.015
"""How long an ended call waits for others to share its disk sync; its BYE waits as long."""
DELIVERY_GATHER_S = 0.25
"""How long a journalled record waits for others to share its way to the database."""
MEDIA_WAIT_S = 0.5
"""Longest time that the start waits for an RTP manager; without one, phones can register at least."""
HANG_UP_GRACE_S = 3.0
"""Longest time that a stop waits for the records of the calls that it ends."""


class SignalingApp:
    """One signaling node.

    Args:
        config: everything it can be told.

    Raises:
        CertificateError: TLS is configured with files that cannot be used.
    """

    def __init__(self, config: SignalingConfig) -> None:
        loop = asyncio.get_running_loop()
        self._config = config
        self._dialplan_watched = WatchState()
        self.directory = Directory(
            OrmSource(),
            default_domain=config.default_domain,
            poll_s=config.poll_s,
            before_poll=self._import_dialplan,
        )
        self.bus = EventBus(config.node_id)
        self.nats = open_nats(config.nats_url, self.bus, config.nats_events_waiting)
        self.writer = open_outlet(
            config.journal_directory,
            nats=self.nats.link if self.nats is not None else None,
            gather_s=DELIVERY_GATHER_S,
        )
        self.journal = Journal(
            config.journal_directory,
            config.node_id,
            commit_delay_s=COMMIT_DELAY_S,
            on_commit=self.writer.wake,
        )
        self.location = Location()
        table = RegistrationTable(config.node_id, own_only=config.sharing is not None)
        self.location_store = LocationStore(self.location, table)
        self.changes = Changes()
        self.bans = Protection(config, self.location, self.bus)
        self.pool = MediaPool(config.rtpmanagers, security=config.grpc_security)
        tokens = TokenSource(os.urandom)
        self.transport = TransportManager(
            config.transport,
            on_message=self._on_message,
            on_connection_lost=self._on_lost,
            on_send_failed=self._on_lost,
            refuses=self.bans.blocklist.refuses,
        )
        self.sharing = self._share(config)
        self.redis = None if self.sharing is None else self.sharing.link
        limiter = own_limiter if self.sharing is None else self.sharing.limits.limiter
        guard = MemoryGuard(config.guard, limiter)
        watched = self.bans.watch(guard)
        endpoint = Endpoint(
            sent_by=lambda flow: self.transport.advertised(flow.remote[0], flow.transport),
            tokens=tokens,
            timers=config.timers,
            limits=config.endpoint,
            parse_limits=config.parse,
        )
        self.node = SipNode(endpoint, self.transport, tokens, loop, self.changes, config.sessions)
        self.bans.enforce_on(self.node)
        counter = CallMeter()
        self.location.on_change.append(counter.binding_changed)
        other_nodes = None if self.sharing is None else self.sharing.phones
        outbound = Outbound(self.node, self.directory, self.location, other_nodes)
        self.keeper = StateKeeper(loop, describe)
        services = CallServices(
            loop=loop,
            wall=time.time,
            random_bytes=os.urandom,
            node_id=config.node_id,
            limits=config.limits,
            journal=self.journal,
            media=MediaOpener(self.pool),
            targets=outbound,
            make_leg=outbound.make_leg,
            make_caller_leg=outbound.make_caller_leg,
            verbs=VERBS,
            counter=counter,
            prompt=self.directory.prompt,
            bus=self.bus,
            changes=self.changes,
            keeper=self.keeper,
        )
        self.calls = CallManager(services, config.caps, limiter)
        self.keeping = CallKeeping(
            self.keeper,
            journal=self.journal,
            calls=self.calls,
            redis=self.redis,
            node_id=config.node_id,
            away_s=config.pickup_s,
            loop=loop,
        )
        authenticator = Authenticator(
            self.directory,
            watched,
            config.authentication,
            salt=tokens.token,
            epoch_offset_s=time.time() - loop.time(),
        )
        self.reception = Reception(
            self.node,
            authenticator,
            Registrar(self.location, config.registrar, self.sharing),
            self.directory,
            self.calls,
            guard,
        )
        guard.strangers.awaited = endpoint.awaits
        self.transport.trusts = lambda ip: guard.trusts(ip, loop.time())
        self.node.on_stray = lambda flow: guard.stray(flow, loop.time())
        self.node.on_answered = lambda flow: guard.answered(flow, loop.time())
        self.dependencies = Dependencies()
        self.dependencies.watch(DATABASE, lambda: self.directory.problem)
        self.dependencies.watch(DATABASE, lambda: self.location_store.problem)
        self.dependencies.watch(DATABASE, lambda: self.bans.keeper.problem)
        self.dependencies.watch(CDR_DELIVERY, lambda: self.writer.problem)
        if self.nats is not None:
            self.dependencies.watch(NATS, self.nats.problem)
        if (redis := self.redis) is not None:
            self.dependencies.watch(
                REDIS, lambda: None if redis.problem is None else f"{redis.address}: {redis.problem}"
            )
        if (certificate := self.transport.certificate) is not None:
            self.dependencies.watch(TLS_CERTIFICATE, lambda: certificate.problem)
        reconnect = Reconnect()
        self.location.on_change.append(reconnect.binding_changed)
        self.pick_up = PickUp(
            Surroundings(
                node=self.node,
                services=services,
                calls=self.calls,
                directory=self.directory,
                pool=self.pool,
                reauthenticate=self.reception.reauthenticate,
                reconnect=reconnect,
            )
        )
        self.live = LiveService(
            config.live,
            bus=self.bus,
            changes=self.changes,
            location=self.location,
            calls=self.calls,
            node=self.node,
            rtpmanagers=self.pool.nodes,
            journal=self.journal,
            degradations=self.dependencies.problems,
        )
        self.meter = SignalingMeter(
            counter=counter,
            node=self.node,
            calls=self.calls,
            location=self.location,
            rtpmanagers=self.pool.nodes,
            blocklist=self.bans.blocklist,
            journal=self.journal,
            writer=self.writer,
            redis=self.redis,
            dependencies=self.dependencies.read,
            publisher=self.nats.publisher if self.nats is not None else None,
        )
        self.drains = DrainController(self.pool, self.calls.calls.values)
        offer_drains(self.live.commands, self.drains)
        CallCommands(self.calls, self.directory, outbound, self.pool.nodes, tokens.call_id).offer(
            self.live.commands
        )
        self.live.commands.register("metrics", self.meter.answer)
        self._guard, self._watched_guard = guard, watched
        if self.sharing is not None:
            guard.on_refused = self._look_for_home
            self.sharing.on_node = self.bans.warden.spare
        announce_bindings(self.location, self.bus)
        self._housekeeping = Housekeeping(
            loop,
            location=self.location,
            directory=self.directory,
            transport=self.transport,
            pool=self.pool,
            bus=self.bus,
            calls=self.calls.calls,
            chores=(
                guard.tidy,
                self.bans.keeper.expire,
                *([] if certificate is None else [certificate.look]),
            ),
        )
        self.directory.on_change.append(self._configuration_changed)

    @property
    def address(self) -> tuple[str, int]:
        """Where SIP listens."""
        return self.transport.local

    def reload(self) -> None:
        """Read the certificate of TLS again."""
        if self.transport.certificate is not None:
            self.transport.certificate.reload()

    async def start(self) -> None:
        """Start everything; return when SIP is served.

        Raises:
            ListenError: the SIP port is taken.
            DirectoryInUse: another process has the CDR journal.
        """
        cut_off = await asyncio.to_thread(self.journal.open, self.keeping.goes_on)
        if self.nats is not None:
            self.nats.start()
        self.writer.start()
        # Early, so that health tells what a start waits for.
        await self.live.start()
        await self.directory.start()
        await self.bans.keeper.start()
        tell_cut_off(cut_off, self.directory)
        await self._restore_bindings()
        if self.sharing is not None:
            await self.sharing.start()
        await self.pool.start()
        await self._wait_for_media()
        await self.pick_up.restore(await self.keeping.left_open())
        self.meter.start()
        await self.transport.start()
        self.pick_up.go_on()
        self._housekeeping.start()
        self.live.starting = False

    async def stop(self) -> None:
        """Hang up, or leave established calls to the next process; keep the records, and go."""
        self._housekeeping.stop()
        if self.sharing is not None:
            await self.sharing.leave()
        if self._config.keeps_calls:
            await self.calls.shut_down(HANG_UP_GRACE_S, self.keeper.write)
        else:
            await self.calls.shut_down(HANG_UP_GRACE_S)
        await self.transport.stop()
        self.meter.stop()
        await self.drains.stop()
        await self.live.stop()
        await self.pool.stop()
        await self.location_store.stop()
        await self.bans.keeper.stop()
        self.keeping.stop()
        if self.sharing is not None:
            await self.sharing.stop()
        await self.directory.stop()
        await self.journal.close()
        await asyncio.to_thread(self.writer.stop)
        if self.nats is not None:
            await asyncio.to_thread(self.nats.stop)

    async def _wait_for_media(self) -> None:
        """Give the RTP managers a moment to be there, so that the first call is not refused for want of one."""
        deadline = self.node.loop.time() + MEDIA_WAIT_S
        while not any(each.healthy for each in self.pool.nodes) and self.node.loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def _restore_bindings(self) -> None:
        now = self.node.loop.time()
        restored = await self.location_store.start(now, time.time(), self.transport.local)
        for binding in restored:
            flow = binding.flow._replace(remote=binding.source)
            self._watched_guard.succeeded(flow, Identity(binding.user_id, True), now)
        log.info("bindings restored", bindings=len(restored))

    # --- Between the parts --------------------------------------------------------------------------------------

    def _share(self, config: SignalingConfig) -> NodeSharing | None:
        if config.sharing is None:
            return None
        # A node without Redis does not load what speaks to it: 7 MB.
        from signaling.shared.sharing import NodeSharing

        clock = asyncio.get_running_loop().time
        return NodeSharing(config.sharing, self.location, self.transport, now=clock, limits=config.parse)

    def _look_for_home(self, ip: str, identity: Identity) -> None:
        """Let a phone in that was registered at another node, though strangers guess its user's password."""
        user = self.directory.user_by_id(identity.key)
        account = None if user is None else self.directory.account(user.account_id)
        if user is not None and account is not None and self.sharing is not None:
            now = self.node.loop.time()
            self.sharing.look_for_home(
                ip, user, account, lambda: self._watched_guard.at_home(ip, identity, now)
            )

    def _import_dialplan(self) -> None:
        """Import the dialplan file if it changed; runs in the directory's thread."""
        path = self._config.dialplan_path
        if path is not None:
            self._dialplan_watched = import_if_changed(path, self._dialplan_watched)

    def _on_message(self, data: bytes, flow: Flow) -> None:
        if not self._guard.admit(data, flow, self.node.loop.time()):
            self.transport.make_wait(flow)
            return
        if self.sharing is None or not self.sharing.relay.take(data, flow):
            self.node.on_message(data, flow)

    def _on_lost(self, flow: Flow) -> None:
        if flow.connection:
            self.location.connection_lost(flow)
            self.bans.warden.closed(flow, self.node.loop.time())
        self.node.on_lost(flow)

    def _configuration_changed(self, topics: frozenset[str]) -> None:
        if BANS in topics:
            self.bans.keeper.read_again()
