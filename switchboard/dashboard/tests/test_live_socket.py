# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured
from django.test import Client

from accounts.access import Membership
from accounts.tests.people import make_people
from switchboard.asgi import application
from switchboard.dashboard.tests.fake_node import call

pytestmark = pytest.mark.django_db(transaction=True)


def prepare(node, name):
    people = make_people()
    node.tables["calls"] = [call(people.alpha.pk, "1001"), call(people.beta.pk, "7007")]
    client = Client()
    if name:
        client.force_login(people[name])
    cookie = client.cookies.get(configured.SESSION_COOKIE_NAME)
    return people, client, cookie.value if cookie else ""


def socket_of(cookie, **headers):
    given = [(b"cookie", f"{configured.SESSION_COOKIE_NAME}={cookie}".encode()), (b"host", b"testserver")]
    given += [(name.encode(), value.encode()) for name, value in headers.items()]
    return WebsocketCommunicator(application, "/ws/live", headers=given)


async def told(socket):
    return json.loads(await socket.receive_from(timeout=5))["parts"]


async def closed(socket):
    while True:
        message = await socket.receive_output(timeout=5)
        if message["type"] == "websocket.close":
            return message["code"]


@pytest.mark.parametrize(("name", "own", "foreign"), [("vera", "1001", "7007"), ("charlie", "7007", "1001")])
async def test_a_page_is_told_of_its_own_account_alone(node, name, own, foreign):
    _, _, cookie = await sync_to_async(prepare)(node, name)
    socket = socket_of(cookie)
    assert (await socket.connect())[0]
    parts = await told(socket)
    assert own in parts["calls"]
    assert not any(foreign in html for html in parts.values())
    await socket.disconnect()


async def test_a_new_call_comes_by_itself_and_only_what_changed_is_sent(node):
    people, _, cookie = await sync_to_async(prepare)(node, "root")
    socket = socket_of(cookie)
    await socket.connect()
    await told(socket)
    node.tables["calls"] = [*node.tables["calls"], call(people.alpha.pk, "1555")]
    parts = {}
    while "calls" not in parts:
        parts = await told(socket)
    assert "1555" in parts["calls"]
    assert "sessions" not in parts
    await socket.disconnect()


@pytest.mark.parametrize(("name", "code"), [("", 4401), ("nobody", 4403)])
async def test_who_may_see_nothing_is_hung_up_on(node, name, code):
    _, _, cookie = await sync_to_async(prepare)(node, name)
    socket = socket_of(cookie)
    await socket.connect()
    assert await closed(socket) == code


async def test_a_logout_ends_what_an_open_page_is_told(node):
    _, client, cookie = await sync_to_async(prepare)(node, "alice")
    socket = socket_of(cookie)
    await socket.connect()
    await told(socket)
    await sync_to_async(client.logout)()
    assert await closed(socket) == 4401


async def test_a_lost_membership_ends_what_an_open_page_is_told(node):
    _, _, cookie = await sync_to_async(prepare)(node, "alice")
    socket = socket_of(cookie)
    await socket.connect()
    await told(socket)
    await sync_to_async(lambda: Membership.objects.filter(user__username="alice").delete())()
    assert await closed(socket) == 4403


async def test_a_page_of_another_site_gets_nothing(node):
    _, _, cookie = await sync_to_async(prepare)(node, "root")
    socket = socket_of(cookie, origin="https://elsewhere.example")
    assert not (await socket.connect())[0]
