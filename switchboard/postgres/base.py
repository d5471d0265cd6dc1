# SPDX-License-Identifier: Apache-2.0
"""The backend itself, under the name by which Django looks for it: ``ENGINE = "switchboard.postgres"``.

One option beside Django's own: ``answer_timeout``, in seconds.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from switchboard.postgres import driver


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper with bounded connections, of a pool or without one."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        settings_dict = copy.copy(settings_dict)
        options = settings_dict["OPTIONS"] = dict(settings_dict.get("OPTIONS") or {})
        connections = driver.bounded(options.pop("answer_timeout", None))
        if options.get("pool"):
            options["pool"] = {**options["pool"], "connection_class": connections}
        super().__init__(settings_dict, alias)
        # All of psycopg, as Django wants it, but for the way to connect.
        module = {**vars(psycopg), "connect": connections.connect}
        self.Database = SimpleNamespace(**module)  # type: ignore[assignment]
