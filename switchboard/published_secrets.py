# SPDX-License-Identifier: Apache-2.0
"""Secrets that stand in the documentation and the manifests: everybody knows them, so they are for trying out alone.

Invariant: with `DEBUG` off and `ALLOW_DEV_SECRETS` off, no process of the product starts with one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from switchboard.env import BadVariable

MARK = "switchboard-dev-"
"""What every published secret contains, as the deployment guide's ``switchboard-dev-password`` does."""


def published(secrets: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that hold a published secret, also as URLs may write it."""
    return [name for name, value in secrets.items() if MARK in unquote(value)]


def refuse(secrets: Mapping[str, str]) -> None:
    """Refuse published secrets.

    Raises:
        BadVariable: there is one; its value is not shown.
    """
    for name in published(secrets):
        accepted = (
            "a secret of your own, not a published one (ALLOW_DEV_SECRETS=true admits those for trying out)"
        )
        raise BadVariable(name, "…", accepted)


def warn(secrets: Mapping[str, str]) -> None:
    """Log that published secrets are in use: for roles that start without Django's checks, which say it otherwise."""
    import structlog

    if names := published(secrets):
        structlog.get_logger("switchboard.secrets").warning("published secrets in use", variables=names)
