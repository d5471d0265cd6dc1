# SPDX-License-Identifier: Apache-2.0
"""System checks: combinations of settings that are no error and still deserve a word at every start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from switchboard.published_secrets import published


@register(Tags.security)
def published_secrets(**_: Any) -> list[CheckMessage]:
    """Warn of secrets that everybody knows; without `ALLOW_DEV_SECRETS` or `DEBUG` the settings refuse them."""
    names = published(settings.ENV.secrets)
    if not names:
        return []
    return [
        Warning(
            f"{', '.join(names)}: a secret from the documentation is in use",
            hint="Set secrets of your own and take ALLOW_DEV_SECRETS away before anybody else can reach this system.",
            id="switchboard.W001",
        )
    ]
