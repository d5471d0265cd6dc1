# SPDX-License-Identifier: Apache-2.0
"""``/ws/phone/ID``: turns the light of a phone's set-up page green when the phone registers.

Sends ``{"state": word, "html": text}`` when that changed. Invariant: before each look the login and the account of
the user are looked up anew, so that who loses a role sees no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from accounts.choices import Permission
from accounts.models import User
from accounts.tenancy import NOBODY
from switchboard.consumers import CLOSED_FORBIDDEN, CLOSED_LOGIN, access_of_session, same_origin
from switchboard.phones import phones_of, render

WAITING_GAP_S = 0.5
"""Between two looks while no phone is registered."""
REGISTERED_GAP_S = 3.0
LONG_WAIT_S = 900.0
"""A page that was left open asks less often from then on."""


class PhoneConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open set-up page."""

    _task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not same_origin(self.scope):
            await self.close()
            return
        await self.accept()
        self._task = asyncio.ensure_future(self._serve(str(self.scope["url_route"]["kwargs"]["user_id"])))

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _serve(self, user_id: str) -> None:
        began, sent = asyncio.get_running_loop().time(), ""
        session = str(self.scope.get("cookies", {}).get(settings.SESSION_COOKIE_NAME, ""))
        while True:
            refusal = await database_sync_to_async(_refusal)(session, user_id)
            if refusal:
                await self.close(code=refusal)
                return
            phones = await asyncio.to_thread(phones_of, user_id)
            message = json.dumps({"state": phones.state, "html": render(phones)})
            if message != sent:
                await self.send(message)
                sent = message
            waited_s = asyncio.get_running_loop().time() - began
            waiting = not phones.bindings and waited_s < LONG_WAIT_S
            await asyncio.sleep(WAITING_GAP_S if waiting else REGISTERED_GAP_S)


def _refusal(session: str, user_id: Any) -> int:
    """Return the code to close with, 0 for who may see where this user's phones are."""
    access = access_of_session(session)
    if access is NOBODY:
        return CLOSED_LOGIN
    account_id = User.objects.filter(pk=user_id).values_list("account_id", flat=True).first()
    if account_id is None or not access.may(Permission.VIEW_LIVE, account_id):
        return CLOSED_FORBIDDEN
    return 0
