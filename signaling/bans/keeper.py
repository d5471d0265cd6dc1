# SPDX-License-Identifier: Apache-2.0
"""Keeps the block list of a node, the table and the decisions of the warden in step.

Runs on the event loop and does its database work in a thread of its own. Invariants: nothing here delays a message; a
ban is in force before it is stored, and stays so while the database is away; a ban that began is reported once, and
one that was lifted or ended once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import structlog

from cdrs.daemon_thread import DaemonThread
from signaling.bans.ban import Ban
from signaling.bans.blocklist import BlockList
from signaling.bans.networks import source_of
from signaling.bans.warden import Warden

log = structlog.get_logger("switchboard.bans")

MAX_BANS = 20_000
"""Most bans in force on a node. An attack from more addresses is left to the limits of rates."""
MAX_JUDGED = 100
"""Offenders that the database is asked about at once; one that does not fit is reported again soon."""
ANSWER_S = 1.0
"""Longest that the database is waited for before a source is banned without its word."""
COUNTS_S = 5.0
"""How often what was refused is written."""
GATHER_S = 0.05
STOP_GRACE_S = 1.0
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BanConfig:
    """How long bans last, and who makes them."""

    node_id: str
    first_s: float = 600.0
    longest_s: float = 86400.0


class Record(NamedTuple):
    """What is known of a source."""

    phones: bool
    """Whether a phone is registered there now, at whatever node."""
    offences: int
    """How often nodes have banned it before."""


class BanTable(Protocol):
    """Rows of bans; blocking, called in a thread. Any exception means: try again later."""

    def record(self, source: str) -> Record:
        """Return what is known of a source."""

    def store(self, bans: Sequence[Ban]) -> None:
        """Store bans that this node decided."""

    def count(self, refused: Mapping[str, int]) -> None:
        """Add to what bans have refused."""

    def in_force(self) -> list[Ban]:
        """Return the bans in force."""

    def close(self) -> None:
        """Give back what the thread holds."""


class BanKeeper:
    """The bans of one node.

    Args:
        table: the rows.
        blocklist: what is asked for each datagram.
        warden: reports offenders; its callbacks are set here.
        config: see above.
        wall: seconds since the epoch.
        is_own: tells whether an address is one of this machine's, which is never banned by itself.
    """

    def __init__(
        self,
        table: BanTable,
        blocklist: BlockList,
        warden: Warden,
        config: BanConfig,
        *,
        wall: Callable[[], float],
        is_own: Callable[[str], bool],
    ) -> None:
        self._table = table
        self._blocklist = blocklist
        self._warden = warden
        self._config = config
        self._wall = wall
        self._is_own = is_own
        self.on_begun: list[Callable[[Ban], None]] = []
        """Called with each ban when it comes into force."""
        self.on_ended: list[Callable[[Ban, bool], None]] = []
        """Called with each ban that is over, and whether its time had run out."""
        self._loop = asyncio.get_running_loop()
        self._thread = DaemonThread("bans")
        self._unstored: dict[str, Ban] = {}
        self._uncounted: dict[str, int] = {}
        self._judging: dict[str, asyncio.Task[None]] = {}
        self._outdated = True
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._failure = ""
        warden.on_offender = self._offended
        warden.on_spared = self._spared

    @property
    def problem(self) -> str | None:
        """One sentence on why bans are not kept current, or None."""
        return f"Bans cannot be read or stored: {self._failure}" if self._failure else None

    # --- Life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the bans in force, if the database answers, and begin to follow them."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._synchronise(report=False)
        except TimeoutError:
            self._outdated = True
        if len(self._blocklist):
            log.info("bans.restored", bans=len(self._blocklist))
        self._worker = self._loop.create_task(self._work())

    async def stop(self) -> None:
        """Write what waits, once, and end."""
        tasks = [*self._judging.values(), *([self._worker] if self._worker else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_GRACE_S)
        self._outdated = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE_S):
                await self._synchronise()
        closing = self._thread.run(self._table.close)
        self._thread.end()
        # A database that hangs is left behind.
        await asyncio.wait([closing], timeout=STOP_GRACE_S)

    def read_again(self) -> None:
        """Read the table: somebody changed it."""
        self._outdated = True
        self._wake.set()

    def expire(self, now: float) -> None:
        """End what has run out by `now`; call it about once a second."""
        for ban in self._blocklist.expire(now):
            self._unstored.pop(ban.network, None)
            self._over(ban, expired=True)

    # --- From the warden --------------------------------------------------------------------------------------------

    def _offended(self, ip: str, reason: str) -> None:
        network = source_of(ip)
        if network in self._judging or len(self._judging) >= MAX_JUDGED or len(self._blocklist) >= MAX_BANS:
            return
        self._judging[network] = self._loop.create_task(self._judge(ip, network, reason))

    def _spared(self, ip: str, reason: str) -> None:
        log.warning("source.spared", source=source_of(ip), reason=reason, why="a phone is at home there")

    async def _judge(self, ip: str, network: str, reason: str) -> None:
        """Ban a source, unless phones of other nodes or this machine itself are there."""
        try:
            known = await self._ask(network)
            if self._is_own(ip):
                log.warning("source.spared", source=network, reason=reason, why="it is this machine")
            elif known.phones:
                self._warden.trust(ip, self._loop.time())
                self._spared(ip, reason)
            else:
                self._ban(network, reason, known.offences)
        finally:
            self._judging.pop(network, None)

    async def _ask(self, network: str) -> Record:
        if not self._failure:
            asked = self._thread.run(functools.partial(self._table.record, network))
            asked.add_done_callback(_look_at)
            done, _ = await asyncio.wait([asked], timeout=ANSWER_S)
            if done and asked.exception() is None:
                return asked.result()
        return Record(phones=False, offences=0)

    def _ban(self, network: str, reason: str, offences: int) -> None:
        config, wall = self._config, self._wall()
        length_s = min(config.first_s * 2 ** min(offences, 30), config.longest_s)
        ban = Ban(network, reason, True, config.node_id, wall, wall + length_s)
        if self._blocklist.add(ban, self._loop.time(), wall):
            self._unstored[network] = ban
            self._wake.set()
            self._begin(ban)

    # --- To and from the table -----------------------------------------------------------------------------------

    async def _work(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COUNTS_S):
                    await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            if await self._synchronise():
                retry_s = FIRST_RETRY_S
            else:
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
                self._wake.set()

    async def _synchronise(self, *, report: bool = True) -> bool:
        """Write what is new and read what has changed; False when the database failed, which is logged once."""
        for network, number in self._blocklist.counts().items():
            self._uncounted[network] = self._uncounted.get(network, 0) + number
        try:
            await self._write()
            if self._outdated:
                self._outdated = False
                self._take(await self._thread.run(self._table.in_force), report=report)
        except Exception as error:  # noqa: BLE001 - whatever the driver raises: the bans in force stay, try again
            self._outdated = True
            self._report_failure(error)
            return False
        if self._failure:
            self._failure = ""
            log.info("bans.stored_again")
        return True

    async def _write(self) -> None:
        if stored := list(self._unstored.values()):
            await self._thread.run(functools.partial(self._table.store, stored))
            for ban in stored:
                if self._unstored.get(ban.network) is ban:
                    del self._unstored[ban.network]
            # Somebody may have banned the same source otherwise.
            self._outdated = True
        if self._uncounted:
            counted, self._uncounted = self._uncounted, {}
            try:
                await self._thread.run(functools.partial(self._table.count, counted))
            except Exception:
                for network, number in counted.items():
                    self._uncounted[network] = self._uncounted.get(network, 0) + number
                raise

    def _take(self, rows: Sequence[Ban], *, report: bool) -> None:
        bans = {ban.network: ban for ban in rows} | self._unstored
        begun, gone = self._blocklist.replace(bans.values(), self._loop.time(), self._wall())
        for ban in gone:
            self._warden.forget(ban.network.partition("/")[0])
            self._over(ban, expired=ban.expires_at is not None and ban.expires_at <= self._wall())
        if report:
            for ban in begun:
                self._begin(ban)

    def _begin(self, ban: Ban) -> None:
        log.warning("source.banned", **_facts(ban))
        for callback in self.on_begun:
            callback(ban)

    def _over(self, ban: Ban, *, expired: bool) -> None:
        log.info("source.unbanned", why="its time is over" if expired else "lifted", **_facts(ban))
        for callback in self.on_ended:
            callback(ban, expired)

    def _report_failure(self, error: Exception) -> None:
        lines = str(error).strip().splitlines()
        if not self._failure:
            log.warning("bans.database_away", error=lines[0] if lines else type(error).__name__)
        self._failure = lines[0] if lines else type(error).__name__


def _facts(ban: Ban) -> dict[str, Any]:
    lasts_s = None if ban.expires_at is None else round(ban.expires_at - ban.banned_at)
    return {"source": ban.network, "reason": ban.reason, "banned_by": ban.banned_by, "lasts_s": lasts_s}


def _look_at(asked: asyncio.Future[Record]) -> None:
    """See the exception of a question whose answer came too late: nobody else does."""
    if not asked.cancelled():
        asked.exception()
