# SPDX-License-Identifier: Apache-2.0
"""What the WebSockets of both web roles have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import path, re_path

NOT_FOUND: Final = 4404
"""Close code of an address where nothing is."""


class NotFoundConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Turns away who asks for what is not there; without it the router raises an error."""

    async def connect(self) -> None:
        await self.close(code=NOT_FOUND)


def router(consumers: Mapping[str, type[AsyncWebsocketConsumer]]) -> URLRouter:
    """Return what serves WebSockets: ``live`` at ``/ws/live``; every address that is not given is refused."""
    known = [path(f"ws/{name}", consumer.as_asgi()) for name, consumer in consumers.items()]
    return URLRouter([*known, re_path("", NotFoundConsumer.as_asgi())])
