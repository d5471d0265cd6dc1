# SPDX-License-Identifier: Apache-2.0
"""The backup of bindings: it follows the location service, survives an absent database, and brings phones back."""

import asyncio
import dataclasses
import threading
import time

import pytest
from asgiref.sync import sync_to_async

from accounts.models import Account, User
from signaling.binding import Binding
from signaling.location import Location
from signaling.location_orm import RegistrationTable
from signaling.location_store import LocationStore
from signaling.models import Registration
from signaling.sip import Flow, SipUri
from signaling.tests.builders import NOW, SERVER, WALL


def binding(user_id="u1", contact="sip:alice@198.51.100.7:5060", **changes):
    uri = SipUri.parse(contact)
    values = {
        "user_id": user_id,
        "account_id": "a1",
        "aor": f"sip:{user_id}@alpha.example",
        "contact": uri,
        "contact_text": contact,
        "flow": Flow("udp", ("198.51.100.7", 5060), SERVER),
        "source": ("198.51.100.7", 5060),
        "deadline": NOW + 600,
        "expires_at": WALL + 600,
        "registered_at": WALL,
        "call_id": "call-1",
        "cseq": 1,
    }
    return Binding(**(values | changes))


class Table:
    """A table in memory that can be away."""

    def __init__(self, rows=()):
        self.rows = {(row.aor, row.contact_text): row for row in rows}
        self.writes = []
        self.away = False
        self.written = threading.Event()

    def _check(self):
        if self.away:
            raise OSError("database is locked")

    def load(self, now, wall, local):
        self._check()
        return list(self.rows.values())

    def write(self, stored, removed):
        self._check()
        self.writes.append((list(stored), list(removed)))
        for row in stored:
            self.rows[row.aor, row.contact_text] = row
        for key in removed:
            self.rows.pop(key, None)
        self.written.set()

    def close(self):
        self.writes.append("closed")


@pytest.fixture
async def make():
    """Return a function that makes a started store over a table."""
    stores = []

    async def start(table, batch_s=60.0):
        location = Location()
        store = LocationStore(location, table, batch_s=batch_s)
        await store.start(NOW, WALL, SERVER)
        stores.append(store)
        return location, store

    yield start
    for store in stores:
        if store._writer is not None:
            await store.stop()


async def test_it_restores_what_was_stored_without_writing_it_again(make):
    table = Table([binding()])
    location, store = await make(table)
    assert [b.contact_text for b in location.bindings("u1", NOW)] == ["sip:alice@198.51.100.7:5060"]
    assert store.waiting == 0
    await store.stop()
    assert table.writes == ["closed"]


async def test_it_writes_changes_by_itself(make):
    table = Table()
    location, _ = await make(table, batch_s=0.001)
    location.store(binding())
    assert await asyncio.to_thread(table.written.wait, 5)
    assert list(table.rows.values()) == [binding()]


async def test_it_gathers_changes_and_writes_only_the_newest_state(make):
    table = Table()
    location, store = await make(table)
    for cseq in range(1, 50):
        location.store(binding(cseq=cseq))
    location.store(binding("u2"))
    location.remove(binding("u2"))
    assert await store.flush()
    assert table.writes == [([binding(cseq=49)], [("sip:u2@alpha.example", binding().contact_text)])]


async def test_it_writes_a_lot_in_several_transactions(make):
    table = Table()
    location, store = await make(table)
    for n in range(1200):
        location.store(binding(f"u{n}"))
    await store.flush()
    assert [len(stored) for stored, _ in table.writes] == [500, 500, 200]


async def test_it_tries_again_with_what_came_meanwhile(make, caplog):
    table = Table()
    location, store = await make(table)
    table.away = True
    location.store(binding("u1", cseq=1))
    location.store(binding("u2", cseq=1))
    assert [await store.flush() for _ in range(3)] == [False] * 3
    location.store(binding("u1", cseq=2))
    location.remove(binding("u2"))
    assert not await store.flush()
    table.away = False
    assert await store.flush()
    assert list(table.rows.values()) == [binding("u1", cseq=2)]
    assert caplog.text.count("database is locked") == 1


async def test_it_flushes_when_it_stops(make):
    table = Table()
    location, store = await make(table)
    location.store(binding())
    await asyncio.wait_for(store.stop(), 5)
    assert list(table.rows.values()) == [binding()]
    location.store(binding("u2"))
    assert store.waiting == 0


async def test_it_stops_while_the_database_is_away(make):
    table = Table()
    location, store = await make(table)
    location.store(binding())
    table.away = True
    await asyncio.wait_for(store.stop(), 5)


async def test_it_waits_for_the_database_at_the_start(monkeypatch):
    monkeypatch.setattr("signaling.location_store.FIRST_RETRY_S", 0.001)
    table = Table([binding()])
    table.away = True
    location = Location()
    store = LocationStore(location, table)
    starting = asyncio.ensure_future(store.start(NOW, WALL, SERVER))
    await asyncio.sleep(0.01)
    assert not starting.done()
    table.away = False
    assert len(await asyncio.wait_for(starting, 5)) == len(location) == 1
    await store.stop()


async def test_it_bounds_what_waits_for_an_absent_database(make, monkeypatch):
    monkeypatch.setattr("signaling.location_store.MAX_WAITING", 10)
    location, store = await make(Table())
    for n in range(100):
        location.store(binding("u1", f"sip:alice@10.0.0.{n}"))
        location.remove(binding("u1", f"sip:alice@10.0.0.{n}"))
    assert store.waiting <= 100
    for n in range(5):
        location.store(binding(f"live{n}"))
    assert sum(value is not None for value in store._waiting.values()) >= 5


# --- The table ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def user(db):
    account = Account.objects.create(name="alpha", domain="alpha.example")
    user = User(account=account, username="alice", extension="1001")
    user.set_password("correct horse")
    user.save()
    return user


def of(user, **changes):
    return binding(str(user.id), account_id=str(user.account_id), aor="sip:alice@alpha.example", **changes)


def test_a_row_comes_back_as_the_binding_that_it_was(user):
    table = RegistrationTable("node-1")
    stored = of(user, q=0.5, user_agent="Snom", cseq=2**31 - 1)
    table.write([stored], [])
    assert table.load(NOW, WALL, SERVER) == [stored]
    row = Registration.objects.get()
    assert (row.node_id, row.source_ip, row.source_port) == ("node-1", "198.51.100.7", 5060)


def test_it_continues_a_deadline_on_another_clock(user):
    table = RegistrationTable("node-1")
    table.write([of(user)], [])
    (loaded,) = table.load(7.0, WALL + 100, SERVER)
    assert loaded.deadline == pytest.approx(7.0 + 500)
    assert loaded.expires_at == pytest.approx(WALL + 600)


def test_it_updates_and_deletes_rows(user):
    table = RegistrationTable("node-1")
    table.write([of(user), of(user, contact="sip:alice@10.0.0.2")], [])
    table.write([of(user, cseq=7)], [("sip:alice@alpha.example", "sip:alice@10.0.0.2"), ("sip:x@y", "sip:z")])
    assert [row.cseq for row in Registration.objects.all()] == [7]


def test_it_forgets_expired_rows_when_it_loads(user):
    table = RegistrationTable("node-1")
    table.write([of(user)], [])
    assert table.load(NOW, WALL + 601, SERVER) == []
    assert not Registration.objects.exists()


def test_it_restores_a_tcp_phone_only_if_it_can_be_called(user):
    table = RegistrationTable("node-1")
    flow = Flow("tcp", ("198.51.100.7", 40000), SERVER, 5)
    direct = of(user, contact="sip:alice@198.51.100.7:5066;transport=tcp", flow=flow, source=flow.remote)
    behind_nat = of(user, contact="sip:alice@192.168.1.20;transport=tcp", flow=flow, source=flow.remote)
    table.write([direct, behind_nat], [])
    (loaded,) = table.load(NOW, WALL, SERVER)
    assert loaded.flow == Flow("tcp", ("198.51.100.7", 5066), SERVER, 0)
    assert Registration.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_binding_of_a_deleted_user_takes_no_other_along(user):
    table = RegistrationTable("node-1")
    ghost = binding("0" * 32, aor="sip:ghost@alpha.example")
    table.write([ghost, of(user)], [])
    assert [row.aor for row in Registration.objects.all()] == ["sip:alice@alpha.example"]


@pytest.mark.django_db(transaction=True)
async def test_a_restarted_node_knows_where_its_phones_are():
    def make_user():
        account = Account.objects.create(name="alpha", domain="alpha.example")
        user = User(account=account, username="alice", extension="1001")
        user.set_password("correct horse")
        user.save()
        return user

    user = await sync_to_async(make_user)()
    wall = time.time()
    stored = dataclasses.replace(of(user), expires_at=wall + 600)
    location = Location()
    store = LocationStore(location, RegistrationTable("node-1"))
    await store.start(NOW, wall, SERVER)
    location.store(stored)
    await store.stop()
    restarted = Location()
    store = LocationStore(restarted, RegistrationTable("node-1"))
    await store.start(3.0, wall + 1, SERVER)
    await store.stop()
    (found,) = restarted.bindings(str(user.id), 3.0)
    assert (found.contact_text, found.flow, found.deadline) == (
        stored.contact_text,
        stored.flow,
        pytest.approx(602.0, abs=0.01),
    )
