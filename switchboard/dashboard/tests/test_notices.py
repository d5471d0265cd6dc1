# SPDX-License-Identifier: Apache-2.0
"""What somebody did on a dashboard is told to whoever may see it, and to nobody else."""

from __future__ import annotations

import asyncio
import json
import queue
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer
from django.test import Client

from accounts.access import Membership
from accounts.choices import Role
from accounts.tenancy import NOBODY, Access
from switchboard import consumers
from switchboard.dashboard import crossing
from switchboard.dashboard.notices import MAX_TEXT, Notice, Notices, drained, hung_up, recorded
from switchboard.dashboard.tests.fake_node import call, rtp_manager
from switchboard.dashboard.tests.test_live_socket import prepare, socket_of

HANG_UP = "/admin/hang-up"
RTP_MANAGER = "/admin/rtp-manager?server=local&node=rtp-1"
JSON = {"Accept": "application/json"}
QUIET_S = 1.5


@pytest.mark.parametrize(
    ("account", "role", "sees"),
    [("a", Role.ADMIN, True), ("a", Role.OPERATOR, True), ("a", Role.VIEWER, True), ("b", Role.ADMIN, False)],
)
def test_who_may_see_the_calls_of_an_account_may_see_that_one_was_hung_up(account, role, sees):
    notice = hung_up("anna", call("a"), "")
    assert notice.text == "anna hung up the call of 1001 with 1002"
    assert notice.may_be_seen_by(Access(roles={account: role})) is sees


@pytest.mark.parametrize(
    ("account", "role", "sees"),
    [
        ("a", Role.ADMIN, True),
        ("a", Role.OPERATOR, True),
        ("a", Role.VIEWER, False),
        ("b", Role.ADMIN, False),
    ],
)
def test_who_may_record_calls_of_an_account_may_see_that_one_is_recorded(account, role, sees):
    begun = recorded("anna", call("a"), "", is_wanted=True)
    over = recorded("anna", call("a"), "", is_wanted=False)
    assert begun.text == "anna began to record the call of 1001 with 1002"
    assert over.text == "anna stopped recording the call of 1001 with 1002"
    for notice in (begun, Notice.from_message(over.as_message())):
        assert notice.may_be_seen_by(Access(roles={account: role})) is sees


def test_a_notice_with_a_right_that_is_none_is_no_notice():
    assert Notice.from_message(Notice(text="x", permission="all").as_message()) is None


def test_what_belongs_to_no_account_is_for_platform_administrators():
    for notice in (drained("root", "rtp-1", "graceful", ""), hung_up("root", call(""), "")):
        assert notice.may_be_seen_by(Access(platform=True, roles={}))
        assert not notice.may_be_seen_by(Access(roles={"a": Role.ADMIN, "": Role.ADMIN}))
        assert not notice.may_be_seen_by(NOBODY)


def test_it_says_what_became_of_an_rtp_manager():
    texts = [drained("root", "rtp-1", act, "").text for act in ("graceful", "aggressive", "cancel")]
    assert texts == [
        "root took rtp-1 out of service (graceful)",
        "root took rtp-1 out of service (aggressive)",
        "root put rtp-1 back into service",
    ]


def test_it_names_who_is_known_and_nothing_is_too_long():
    row = {"tenant_id": "a", "caller_number": "", "callee_number": None}
    assert hung_up("anna", row, "").text == "anna hung up a call"
    long = hung_up("n" * 150, call("a", "1" * 5000, callee_number="2" * 5000), "p" * 5000)
    assert Notice.from_message(long.as_message()) == long
    assert len(long.text) < MAX_TEXT


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"text": "", "tenant_id": "", "page": ""},
        {"text": "x", "page": ""},
        {"text": "x", "tenant_id": None, "page": ""},
        {"text": ["x"], "tenant_id": "", "page": ""},
        {"text": "x" * (MAX_TEXT + 1), "tenant_id": "", "page": ""},
    ],
)
def test_what_is_no_notice_is_not_shown(message):
    assert Notice.from_message(message) is None


class SharedLayer(InMemoryChannelLayer):  # type: ignore[misc]
    """A layer of two threads, which may break."""

    broken = False

    def __init__(self, bus: list[SharedLayer]) -> None:
        super().__init__()
        self.bus = bus
        bus.append(self)

    async def group_add(self, group: str, channel: str) -> None:
        self.loop = asyncio.get_running_loop()
        if self.broken:
            raise ConnectionError("broken")
        await super().group_add(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.broken:
            raise ConnectionError("broken")
        for other in self.bus:
            asyncio.run_coroutine_threadsafe(super(SharedLayer, other).group_send(group, message), other.loop)


class Log:
    """Keeps the names of what is logged."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def info(self, name: str, **_: object) -> None:
        self.names.append(name)

    warning = info


class Replica:
    """One process of the ui, as far as notices go."""

    def __init__(self, bus: list[SharedLayer]) -> None:
        self.layer = SharedLayer(bus)
        self.notices = Notices(lambda: self.layer)
        self.heard: queue.Queue[str] = queue.Queue()
        self.notices.join(self.hear)

    def hear(self, notice: Notice) -> None:
        self.heard.put(notice.text)

    def told(self) -> str:
        return self.heard.get(timeout=5)


@pytest.fixture
def replicas(monkeypatch):
    monkeypatch.setattr(crossing, "RETRY_S", 0.02)
    monkeypatch.setattr(crossing, "RENEW_S", 0.05)
    bus: list[SharedLayer] = []
    both = [Replica(bus), Replica(bus)]
    deadline_s = 5.0
    while not all(crossing.GROUP in each.layer.groups for each in both) and deadline_s > 0:
        deadline_s -= 0.01
        both[0].notices._crossing._thread.join(0.01)
    yield both
    for each in both:
        each.notices.close()


def test_replicas_tell_each_other_and_each_shows_it_once(replicas):
    east, west = replicas
    for text in ("first", "second"):
        east.notices.post(Notice(text=text))
    west.notices.post(Notice(text="answer"))
    assert [west.told() for _ in range(3)].count("answer") == 1
    assert sorted(east.told() for _ in range(3)) == ["answer", "first", "second"]
    assert east.heard.empty() and west.heard.empty()


def test_a_broken_layer_delays_nobody_and_is_logged_once(replicas, monkeypatch):
    east, west = replicas
    logged: list[str] = []
    monkeypatch.setattr(crossing, "log", Log(logged))
    east.layer.broken = True
    east.notices.post(Notice(text="here"))
    assert east.heard.get_nowait() == "here"
    for _ in range(500):
        east.notices._crossing._thread.join(0.01)
        if logged:
            break
    east.layer.broken = False
    assert west.told() == "here"
    east.notices.post(Notice(text="again"))
    assert west.told() == "again"
    assert logged == ["notices.away", "notices.connected"]


def test_a_page_that_left_is_told_nothing_more(replicas):
    east, west = replicas
    east.notices.leave(east.hear)
    west.notices.post(Notice(text="news"))
    east.notices.post(Notice(text="own"))
    assert {west.told(), west.told()} == {"news", "own"}
    assert east.heard.empty()


def act(client: Client, path: str, **fields: str) -> None:
    assert client.post(path, fields, headers=JSON).status_code == 200


async def opened(node: Any, people: Any, *names: str) -> dict[str, Any]:
    """Open a dashboard for each of these people, and wait until it is live."""
    sockets = {}
    for name in names:
        client = Client()
        await sync_to_async(client.force_login)(people[name])
        socket = socket_of(client.cookies["switchboard_session"].value)
        assert (await socket.connect())[0]
        await socket.receive_from(timeout=5)
        sockets[name] = socket
    return sockets


async def noticed(socket: Any, timeout_s: float = 5.0) -> list[dict[str, str]]:
    """Return the notices of the next message that has some; none after a while."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                notices = json.loads(await socket.receive_from(timeout=timeout_s + 1)).get("notices")
                if notices:
                    return list(notices)
    except TimeoutError:
        return []


@pytest.mark.django_db(transaction=True)
async def test_open_pages_of_the_account_are_told_who_hung_up_a_call(node):
    people, client, _ = await sync_to_async(prepare)(node, "alice")
    names = ("bob", "vera", "root", "charlie")
    sockets = await opened(
        node, await sync_to_async(lambda: {name: people[name] for name in names})(), *names
    )
    await sync_to_async(act)(client, HANG_UP, call="local uuid-1001", page="mine")
    told = {"text": "alice hung up the call of 1001 with 1002", "page": "mine"}
    for name in ("bob", "vera", "root"):
        assert await noticed(sockets[name]) == [told], name
    assert await noticed(sockets["charlie"], QUIET_S) == []
    for name in ("bob", "vera", "root"):
        await sockets[name].disconnect()


@pytest.mark.django_db(transaction=True)
async def test_only_platform_administrators_are_told_of_rtp_managers(node):
    people, client, _ = await sync_to_async(prepare)(node, "root")
    node.tables["rtpmanagers"] = [rtp_manager("rtp-1"), rtp_manager("rtp-2")]
    names = ("root", "alice")
    sockets = await opened(
        node, await sync_to_async(lambda: {name: people[name] for name in names})(), *names
    )
    await sync_to_async(act)(client, RTP_MANAGER, act="drain", mode="graceful")
    assert [each["text"] for each in await noticed(sockets["root"])] == [
        "root took rtp-1 out of service (graceful)"
    ]
    await sync_to_async(act)(client, RTP_MANAGER, act="cancel")
    assert [each["text"] for each in await noticed(sockets["root"])] == ["root put rtp-1 back into service"]
    assert await noticed(sockets["alice"], QUIET_S) == []
    await sockets["root"].disconnect()


@pytest.mark.django_db(transaction=True)
async def test_the_right_is_asked_for_when_the_notice_comes(node, monkeypatch):
    monkeypatch.setattr(consumers, "ACCESS_AGE_S", -1.0)
    people, client, _ = await sync_to_async(prepare)(node, "root")
    sockets = await opened(node, {"vera": await sync_to_async(lambda: people["vera"])()}, "vera")

    def move() -> None:
        Membership.objects.filter(user__username="vera").update(account=people.beta)

    await sync_to_async(move)()
    await sync_to_async(act)(client, HANG_UP, call="local uuid-1001")
    assert await noticed(sockets["vera"], QUIET_S) == []


@pytest.mark.django_db(transaction=True)
def test_what_was_refused_is_told_to_nobody(node, monkeypatch):
    people, client, _ = prepare(node, "vera")
    posted: list[Notice] = []
    monkeypatch.setattr(Notices, "post", lambda self, notice: posted.append(notice))
    assert client.post(HANG_UP, {"call": "local uuid-1001"}, headers=JSON).status_code == 403
    client.force_login(people["root"])
    assert client.post(HANG_UP, {"call": "local gone"}, headers=JSON).status_code == 404
    node.tables["rtpmanagers"] = [rtp_manager("rtp-1", drain_state="draining")]
    assert client.post(RTP_MANAGER, {"act": "drain", "mode": "graceful"}, headers=JSON).status_code == 409
    assert client.post(RTP_MANAGER, {"act": "x"}, headers=JSON).status_code == 400
    assert posted == []
