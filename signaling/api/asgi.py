# SPDX-License-Identifier: Apache-2.0
"""The ASGI application of the live API: REST and server-sent events over HTTP, events over WebSocket."""

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

pages = get_asgi_application()

# Only now, because it needs the app registry.
from switchboard import lean  # noqa: E402

lean.import_rest_framework()

from signaling.api.consumers import EventsConsumer  # noqa: E402
from switchboard.sockets import router  # noqa: E402

application = ProtocolTypeRouter({"http": pages, "websocket": router({"events": EventsConsumer})})
