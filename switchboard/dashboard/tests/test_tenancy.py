# SPDX-License-Identifier: Apache-2.0
"""Every part of the dashboard, for everybody, as a page and over its WebSocket: own rows and buttons, no others."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured
from django.template import Context, Template
from django.test import Client

from accounts.choices import Permission
from accounts.tests.people import MAY, MEMBERS, NAMES, make_people
from switchboard.asgi import application
from switchboard.dashboard import history
from switchboard.dashboard.fragments import PARTS
from switchboard.dashboard.tests.fake_node import call, rtp_manager
from switchboard.dashboard.tests.test_history import record
from switchboard.tests.world import MARKS

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = ("calls", "registrations", "dialogs", "sessions", "failures")
"""Parts with rows of accounts."""


def prepare(node, name):
    """Give each account a row of every kind with its mark, and log somebody in."""
    people = make_people()
    for account, owner in ((people.alpha, "alpha"), (people.beta, "beta")):
        mark, tenant = MARKS[owner], {"tenant_id": str(account.pk)}
        rows = {
            "calls": call(account.pk, mark),
            "registrations": {"aor": f"sip:{mark}@{owner}.example", "contact": mark, **tenant},
            "dialogs": {"call_id": mark, "from_uri": f"sip:{mark}", "state": "Confirmed", **tenant},
            "sessions": {"call_id": mark, "local_addr": mark, "state": "bridged", **tenant},
        }
        for table, row in rows.items():
            node.tables[table] = [*node.tables[table], row]
        record(account, ago_s=30, caller_number=mark)
    node.tables["rtpmanagers"] = [rtp_manager("rtp-of-all")]
    history.forget()
    client = Client()
    client.force_login(people[name])
    return client


async def parts_of(cookie):
    """Return what an open page is told first; nothing when it is turned away."""
    headers = [(b"cookie", f"{configured.SESSION_COOKIE_NAME}={cookie}".encode()), (b"host", b"testserver")]
    socket = WebsocketCommunicator(application, "/ws/live", headers=headers)
    await socket.connect()
    message = await socket.receive_output(timeout=5)
    await socket.disconnect()
    return json.loads(message["text"])["parts"] if message["type"] == "websocket.send" else {}


def check(person, parts):
    """Compare what is shown with what the person may see and do."""
    may = MAY[person]
    if Permission.VIEW_LIVE not in may:
        assert not any(mark in html for html in parts.values() for mark in MARKS.values())
        return
    own = {MARKS[MEMBERS[person][0]]} if person in MEMBERS else set(MARKS.values())
    for name in PARTS:
        assert {mark for mark in MARKS.values() if mark in parts[name]} == (
            own if name in LISTS else set()
        ), name
    assert parts["calls"].count('form="hang-up"') == (len(own) if Permission.HANG_UP in may else 0)
    assert ("rtp-of-all" in parts["rtpmanagers"]) == (Permission.PLATFORM in may)
    assert f'data-card="calls">{len(own)}<' in parts["cards"]


@pytest.mark.parametrize("person", NAMES)
async def test_an_open_page_is_told_of_the_own_accounts_alone(node, person):
    client = await sync_to_async(prepare)(node, person)
    check(person, await parts_of(client.cookies[configured.SESSION_COOKIE_NAME].value))


@pytest.mark.parametrize("person", NAMES)
def test_a_page_shows_the_own_accounts_alone(node, person):
    answer = prepare(node, person).get("/admin/")
    shown = Template("{% load dashboard %}{% dashboard as parts %}")
    context = Context({"request": answer.wsgi_request})
    shown.render(context)
    parts = context.get("parts") or {}
    check(person, parts)
    page = answer.content.decode()
    foreign = set(MARKS.values()) - {
        mark for html in parts.values() for mark in MARKS.values() if mark in html
    }
    assert not any(mark in page for mark in foreign)
