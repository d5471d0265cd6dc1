# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured
from django.test import Client

from accounts.access import Membership
from accounts.tests.factories import make_user
from accounts.tests.people import make_people
from switchboard.asgi import application
from switchboard.dashboard.tests.fake_node import fake_node

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def node(settings):
    with fake_node() as served:
        settings.UI_BACKENDS = (("local", served.url),)
        yield served


def prepare(name):
    people = make_people()
    user = make_user(people.alpha, "1001")
    client = Client()
    if name:
        client.force_login(people[name])
    cookie = client.cookies.get(configured.SESSION_COOKIE_NAME)
    return user, client, cookie.value if cookie else ""


def socket_of(user, cookie, **headers):
    given = [(b"cookie", f"{configured.SESSION_COOKIE_NAME}={cookie}".encode()), (b"host", b"testserver")]
    given += [(name.encode(), value.encode()) for name, value in headers.items()]
    return WebsocketCommunicator(application, f"/ws/phone/{user.pk}", headers=given)


def binding(user):
    return {
        "user_id": str(user.pk),
        "contact": "<sip:1001@192.0.2.7>",
        "user_agent": "Desk <phone>",
        "transport": "tcp",
        "source_ip": "192.0.2.7",
        "source_port": 5060,
    }


async def closed(socket):
    while True:
        message = await socket.receive_output(timeout=8)
        if message["type"] == "websocket.close":
            return message["code"]


async def test_the_light_turns_green_by_itself_and_back(node):
    user, _, cookie = await sync_to_async(prepare)("vera")
    socket = socket_of(user, cookie)
    assert (await socket.connect())[0]
    assert json.loads(await socket.receive_from(timeout=5))["state"] == "waiting"
    node.tables["registrations"] = [binding(user)]
    told = json.loads(await socket.receive_from(timeout=5))
    assert told["state"] == "registered"
    assert "Desk &lt;phone&gt;" in told["html"]
    node.tables["registrations"] = []
    assert json.loads(await socket.receive_from(timeout=8))["state"] == "waiting"
    await socket.disconnect()


@pytest.mark.parametrize(("name", "code"), [("", 4401), ("nobody", 4403), ("charlie", 4403)])
async def test_who_may_not_see_the_phone_is_hung_up_on(node, name, code):
    user, _, cookie = await sync_to_async(prepare)(name)
    socket = socket_of(user, cookie)
    await socket.connect()
    assert await closed(socket) == code


async def test_a_lost_membership_ends_it(node):
    user, _, cookie = await sync_to_async(prepare)("alice")
    socket = socket_of(user, cookie)
    await socket.connect()
    await socket.receive_from(timeout=5)
    await sync_to_async(lambda: Membership.objects.filter(user__username="alice").delete())()
    assert await closed(socket) == 4403


async def test_a_page_of_another_site_gets_nothing(node):
    user, _, cookie = await sync_to_async(prepare)("root")
    socket = socket_of(user, cookie, origin="https://elsewhere.example")
    assert not (await socket.connect())[0]
