# SPDX-License-Identifier: Apache-2.0
"""The keeper: bans are in force at once, stored when that is possible, and follow the table."""

import asyncio

import pytest

from signaling.bans import keeper as module
from signaling.bans.ban import Ban
from signaling.bans.blocklist import BlockList
from signaling.bans.keeper import BanConfig, BanKeeper, Record
from signaling.bans.warden import Warden, WardenConfig
from signaling.sip.flow import Flow

WALL = 1_790_000_000.0
IP = "203.0.113.7"


class FakeTable:
    """Rows in memory, which may be away."""

    def __init__(self):
        self.rows = {}
        self.refused = {}
        self.known = Record(phones=False, offences=0)
        self.away = False

    def _check(self):
        if self.away:
            raise OSError("the database is away")

    def record(self, source):
        self._check()
        return self.known

    def store(self, bans):
        self._check()
        for ban in bans:
            self.rows.setdefault(ban.network, ban)

    def count(self, refused):
        self._check()
        for network, number in refused.items():
            self.refused[network] = self.refused.get(network, 0) + number

    def in_force(self):
        self._check()
        return list(self.rows.values())

    def close(self):
        return


class Node:
    """A keeper with what is around it."""

    def __init__(self, table, **config):
        self.table = table
        self.blocklist = BlockList()
        self.warden = Warden(WardenConfig(failures=3))
        self.own = set()
        self.begun, self.ended = [], []
        self.keeper = BanKeeper(
            table,
            self.blocklist,
            self.warden,
            BanConfig(node_id="sip-1", **config),
            wall=lambda: WALL,
            is_own=lambda ip: ip in self.own,
        )
        self.keeper.on_begun.append(lambda ban: self.begun.append(ban.network))
        self.keeper.on_ended.append(lambda ban, expired: self.ended.append((ban.network, expired)))

    def attack(self, ip=IP):
        now = asyncio.get_running_loop().time()
        for _ in range(3):
            self.warden.failed(Flow("udp", (ip, 5060), ("192.0.2.1", 5060)), now, proven=True)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
async def table(monkeypatch):
    monkeypatch.setattr(module, "GATHER_S", 0.0)
    monkeypatch.setattr(module, "COUNTS_S", 0.02)
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.02)
    return FakeTable()


@pytest.fixture
async def started():
    nodes = []

    async def start(table, **config):
        node = Node(table, **config)
        await node.keeper.start()
        nodes.append(node)
        return node

    yield start
    for node in nodes:
        await node.keeper.stop()


def by_hand(network=IP, expires_at=None):
    return Ban(network, "By hand", False, "root", WALL, expires_at)


async def test_an_offender_is_banned_and_stored(table, started):
    node = await started(table, first_s=60.0)
    node.attack()
    await until(lambda: IP in table.rows)
    assert node.blocklist.refuses(IP)
    assert node.begun == [IP]
    row = table.rows[IP]
    assert (row.automatic, row.banned_by, row.expires_at - row.banned_at) == (True, "sip-1", 60.0)
    assert row.reason == "3 failed logins within 1 s"


@pytest.mark.parametrize(("offences", "lasts_s"), [(0, 60), (1, 120), (3, 480), (4, 500), (900, 500)])
async def test_who_does_it_again_is_banned_longer_up_to_a_limit(table, started, offences, lasts_s):
    table.known = Record(phones=False, offences=offences)
    node = await started(table, first_s=60.0, longest_s=500.0)
    node.attack()
    await until(lambda: IP in table.rows)
    assert table.rows[IP].expires_at - WALL == lasts_s


async def test_a_source_with_phones_of_another_node_is_spared_from_then_on(table, started):
    table.known = Record(phones=True, offences=0)
    node = await started(table)
    node.attack()
    await until(lambda: not node.keeper._judging)
    table.known = Record(phones=False, offences=0)
    node.attack()
    await until(lambda: not node.keeper._judging)
    assert not node.blocklist.refuses(IP)
    assert table.rows == {}


async def test_the_machine_itself_is_spared(table, started):
    node = await started(table)
    node.own.add(IP)
    node.attack()
    await until(lambda: not node.keeper._judging)
    assert not node.blocklist.refuses(IP)


async def test_while_the_database_is_away_bans_are_in_force_and_stored_later(table, started):
    node = await started(table)
    table.away = True
    node.attack()
    await until(lambda: node.blocklist.refuses(IP))
    await until(lambda: node.keeper.problem is not None)
    node.attack("203.0.113.8")
    await until(lambda: node.blocklist.refuses("203.0.113.8"))
    assert "away" in node.keeper.problem
    table.away = False
    await until(lambda: len(table.rows) == 2)
    await until(lambda: node.keeper.problem is None)
    await until(lambda: table.refused.get(IP, 0) > 0)
    assert node.begun == [IP, "203.0.113.8"]


async def test_a_database_that_hangs_delays_nothing(table, started, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    monkeypatch.setattr(module, "STOP_GRACE_S", 0.05)
    node = await started(table)
    stuck = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(source):
        asyncio.run_coroutine_threadsafe(stuck.wait(), loop).result()
        return Record(phones=False, offences=0)

    table.record = hang
    node.attack()
    await until(lambda: node.blocklist.refuses(IP))
    stuck.set()


async def test_bans_of_people_and_other_nodes_come_and_go_with_the_table(table, started):
    node = await started(table)
    other = await started(table)
    table.rows[IP] = by_hand()
    for each in (node, other):
        each.keeper.read_again()
    await until(lambda: node.blocklist.refuses(IP) and other.blocklist.refuses(IP))
    assert node.begun == other.begun == [IP]
    del table.rows[IP]
    node.keeper.read_again()
    await until(lambda: not node.blocklist.refuses(IP))
    assert node.ended == [(IP, False)]


async def test_what_was_banned_before_the_start_is_in_force_and_told_to_nobody(table, started):
    table.rows[IP] = by_hand()
    node = await started(table)
    assert node.blocklist.refuses(IP)
    assert node.begun == []


async def test_a_node_starts_without_a_database_and_reads_later(table, started):
    table.rows[IP] = by_hand()
    table.away = True
    node = await started(table)
    assert not node.blocklist.refuses(IP)
    table.away = False
    await until(lambda: node.blocklist.refuses(IP))


async def test_an_ended_ban_is_reported_once(table, started):
    table.rows[IP] = by_hand(expires_at=WALL + 10)
    node = await started(table)
    node.keeper.expire(asyncio.get_running_loop().time() + 11)
    assert node.ended == [(IP, True)]
    assert not node.blocklist.refuses(IP)


async def test_what_was_refused_is_written_behind(table, started):
    table.rows[IP] = by_hand()
    node = await started(table)
    for _ in range(7):
        node.blocklist.refuses(IP)
    await until(lambda: table.refused == {IP: 7})


async def test_a_stop_writes_what_waits(table, monkeypatch):
    monkeypatch.setattr(module, "COUNTS_S", 60.0)
    table.rows[IP] = by_hand()
    node = Node(table)
    await node.keeper.start()
    node.blocklist.refuses(IP)
    await node.keeper.stop()
    assert table.refused == {IP: 1}


async def test_a_flood_of_offenders_asks_the_database_about_a_bounded_number(table, started, monkeypatch):
    monkeypatch.setattr(module, "MAX_JUDGED", 5)
    node = await started(table)
    for number in range(50):
        node.attack(f"10.0.0.{number}")
    assert len(node.keeper._judging) == 5
