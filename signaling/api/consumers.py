# SPDX-License-Identifier: Apache-2.0
"""The event stream over WebSocket: one text message for each event."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import parse_qsl

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from accounts.choices import Permission
from accounts.tenancy import NOBODY, Access
from accounts.tokens import TokenRefused
from signaling.api.authentication import access_by
from signaling.api.filters import account_reached
from signaling.api.runtime import current
from signaling.api.streams import BadWish, EventStream, TooManyStreams, Wish, read_wish
from signaling.live.subscription import Dropped

log = structlog.get_logger("switchboard.live")

BAD_WISH, UNAUTHENTICATED, FORBIDDEN, DROPPED, BUSY = 4400, 4401, 4403, 4408, 4503
"""Close codes; the message before the close says why in words."""


class EventsConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One reader; what it sends is not read."""

    async def connect(self) -> None:
        """Let in who shows a token that may see live events; the others are told why and sent away."""
        self._task: asyncio.Task[None] | None = None
        self._authorization = self._header(b"authorization")
        await self.accept()
        try:
            access = await database_sync_to_async(access_by)(self._authorization)
        except TokenRefused as error:
            await self._end(UNAUTHENTICATED, str(error))
            return
        except DatabaseError:
            await self._end(BUSY, "The database does not answer.")
            return
        if access is NOBODY or not access.may(Permission.VIEW_LIVE):
            await self._end(FORBIDDEN, "Your role, or the scope of your token, does not allow this.")
            return
        try:
            wish = await self._wish(access)
        except BadWish as error:
            await self._end(BAD_WISH, f"{error.parameter}: {error.problem}")
            return
        except DatabaseError:
            await self._end(BUSY, "The database does not answer.")
            return
        self._task = asyncio.ensure_future(self._serve(wish))

    async def disconnect(self, code: int) -> None:
        """Stop reading for it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take no notice: what a reader wants stands in its query."""

    # --- Inside ---------------------------------------------------------------------------------------------------

    async def _serve(self, wish: Wish) -> None:
        stream = EventStream(current(), wish, lambda: access_by(self._authorization))
        try:
            async for event in stream.events():
                if event is not None:
                    await self.send(text_data=json.dumps(event))
        except Dropped as dropped:
            await self._end(DROPPED, str(dropped))
        except TooManyStreams:
            await self._end(BUSY, "This node serves as many event streams as it may.")

    async def _wish(self, access: Access) -> Wish:
        query = self.scope["query_string"].decode("ascii", "replace")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        tenants = access.accounts_with(Permission.VIEW_LIVE)
        read = database_sync_to_async(read_wish)
        wish: Wish = await read(
            parameters, self._header(b"last-event-id"), lambda account: account_reached(tenants, account)
        )
        return wish

    async def _end(self, code: int, reason: str) -> None:
        notice: dict[str, Any] = {"event_type": "stream.dropped", "event_id": "", "reason": reason}
        await self.send(text_data=json.dumps(notice))
        await self.close(code=code)

    def _header(self, name: bytes) -> str:
        for given, value in self.scope["headers"]:
            if given == name:
                return bytes(value).decode("ascii", "replace")
        return ""
