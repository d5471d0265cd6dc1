# SPDX-License-Identifier: Apache-2.0
"""The ASGI application of the ui role: pages and REST over HTTP, open dashboards over WebSocket."""

import os

from channels.routing import ProtocolTypeRouter
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

pages = get_asgi_application()

# Only now, because it needs the app registry.
from switchboard.consumers import LiveConsumer  # noqa: E402
from switchboard.phone_consumer import PhoneConsumer  # noqa: E402
from switchboard.sockets import router  # noqa: E402

sockets = router({"live": LiveConsumer, "phone/<uuid:user_id>": PhoneConsumer})
application = ProtocolTypeRouter({"http": pages, "websocket": CookieMiddleware(sockets)})
