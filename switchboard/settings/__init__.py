# SPDX-License-Identifier: Apache-2.0
"""Django's settings: every variable of the environment is declared here, once, with its default and meaning.

The processes build frozen configuration objects from these settings at their start; nothing below a command reads
the environment or `django.conf` on its own.
The order of the modules is the order of the page that `make docs` writes.
"""

from switchboard import lean, published_secrets
from switchboard.settings.base import *
from switchboard.settings.sip import *
from switchboard.settings.calls import *
from switchboard.settings.services import *
from switchboard.settings.media import *
from switchboard.settings.web import *
from switchboard.settings.database import *
from switchboard.settings.framework import *
from switchboard.settings.web import DEBUG
from switchboard.settings.base import EVERY_ROLE, env
from switchboard.settings.services import REDIS_ADDR

lean.import_without("structlog", *lean.NOT_FOR_STRUCTLOG)
if REDIS_ADDR is not None:
    lean.import_without("redis.asyncio", "cryptography")
ALLOW_DEV_SECRETS = env.boolean(
    "ALLOW_DEV_SECRETS",
    False,
    roles=EVERY_ROLE,
    help="Start although a secret is one from the documentation (it contains switchboard-dev-); for trying out",
)
if not (DEBUG or ALLOW_DEV_SECRETS):
    published_secrets.refuse(env.secrets)
