# SPDX-License-Identifier: Apache-2.0
"""The ASGI application of the ui role."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

application = ProtocolTypeRouter({"http": get_asgi_application()})
