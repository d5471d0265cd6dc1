# SPDX-License-Identifier: Apache-2.0
"""``/ws/live``: keeps an open dashboard current.

Sends ``{"now": seconds, "parts": {name: HTML}, "notices": [{"text", "page"}]}`` with what changed and what
people did, at most twice a second. Invariant: before every message the login is looked up anew (at most a second old), so
that who logs out or loses a role sees no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError
from django.http import HttpRequest

from accounts.choices import Permission
from accounts.tenancy import NOBODY, Access, access_of
from switchboard.dashboard.backends import Picture
from switchboard.dashboard.fragments import fragments
from switchboard.dashboard.notices import Notice, shared_notices
from switchboard.dashboard.watch import shared_watch

GAP_S = 0.5
"""Between two messages to one page."""
ACCESS_AGE_S = 1.0
MAX_NOTICES = 20
"""Newest notices that wait for the next message."""
CLOSED_LOGIN = 4401
CLOSED_FORBIDDEN = 4403
CLOSED_BLIND = 4503
"""The database is away, so nobody knows who may see what."""


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page."""

    _task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self._sent: dict[str, str] = {}
        self._notices: deque[Notice] = deque(maxlen=MAX_NOTICES)
        self._access, self._asked_at = NOBODY, float("-inf")
        if not same_origin(self.scope):
            await self.close()
            return
        await self.accept()
        self._task = asyncio.ensure_future(self._serve())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _serve(self) -> None:
        try:
            await self._show()
        except DatabaseError:
            # The page comes again, in a while.
            await self.close(code=CLOSED_BLIND)

    async def _show(self) -> None:
        if not await self._allowed():
            return
        watch, notices = shared_watch(), shared_notices()
        news = watch.join()
        heard = self._hears(news)
        notices.join(heard)
        try:
            while True:
                await news.wait()
                news.clear()
                if not await self._allowed():
                    return
                await self._tell(watch.pictures)
                await asyncio.sleep(GAP_S)
        finally:
            notices.leave(heard)
            watch.leave(news)

    def _hears(self, news: asyncio.Event) -> Callable[[Notice], None]:
        """Return what takes notices, from any thread, for the next message."""
        loop = asyncio.get_running_loop()

        def keep(notice: Notice) -> None:
            self._notices.append(notice)
            news.set()

        def hear(notice: Notice) -> None:
            # A loop that is closed has no page any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(keep, notice)

        return hear

    async def _allowed(self) -> bool:
        """Look at the login again and hang up on who may see nothing any more."""
        if time.monotonic() - self._asked_at > ACCESS_AGE_S:
            self._access = await database_sync_to_async(access_of_session)(self._session_key())
            self._asked_at = time.monotonic()
        if self._access is NOBODY:
            await self.close(code=CLOSED_LOGIN)
        elif not self._access.may(Permission.VIEW_LIVE):
            await self.close(code=CLOSED_FORBIDDEN)
        else:
            return True
        return False

    async def _tell(self, pictures: list[Picture]) -> None:
        access = self._access
        parts = await database_sync_to_async(fragments)(pictures, access, ticking=True) if pictures else {}
        changed = {name: html for name, html in parts.items() if self._sent.get(name) != html}
        self._sent |= parts
        message: dict[str, Any] = {"now": time.time(), "parts": changed}
        heard = [self._notices.popleft() for _ in range(len(self._notices))]
        notices = [{"text": each.text, "page": each.page} for each in heard if each.may_be_seen_by(access)]
        if notices:
            message["notices"] = notices
        await self.send(json.dumps(message))

    def _session_key(self) -> str:
        return str(self.scope.get("cookies", {}).get(settings.SESSION_COOKIE_NAME, ""))


def access_of_session(key: str) -> Access:
    """Return what the login of a session may do now; `NOBODY` without a valid login to the admin."""
    if not key:
        return NOBODY
    request = HttpRequest()
    request.session = SessionStore(key)
    user: Any = get_user(request)
    if not user.is_active or not user.is_staff:
        return NOBODY
    return access_of(user)


def same_origin(scope: dict[str, Any]) -> bool:
    """Tell whether a page of this site opens the connection, not one that borrows a visitor's cookie."""
    headers = dict(scope.get("headers", ()))
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin:
        return True
    host = headers.get(b"host", b"").decode("latin-1")
    return urlsplit(origin).netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS
