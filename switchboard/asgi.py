# SPDX-License-Identifier: Apache-2.0
"""The ASGI application of the ui role: pages and REST over HTTP, open dashboards over WebSocket."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

pages = get_asgi_application()

# Only now, because it needs the app registry.
from switchboard.consumers import LiveConsumer  # noqa: E402
from switchboard.phone_consumer import PhoneConsumer  # noqa: E402

sockets = URLRouter(
    [path("ws/live", LiveConsumer.as_asgi()), path("ws/phone/<uuid:user_id>", PhoneConsumer.as_asgi())]
)
application = ProtocolTypeRouter({"http": pages, "websocket": CookieMiddleware(sockets)})
