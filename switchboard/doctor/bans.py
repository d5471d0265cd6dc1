# SPDX-License-Identifier: Apache-2.0
"""Check of who is banned: a phone that hears nothing may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import Error as DatabaseError

from signaling.models import Ban
from switchboard.doctor.findings import Finding, fine

SHOWN = 3


def bans(settings: Any) -> Iterator[Finding]:
    """Tell which sources are banned, and how to find out about one."""
    try:
        rows = Ban.objects.in_force()
        total = rows.count()
        youngest = ", ".join(rows.order_by("-banned_at").values_list("network", flat=True)[:SHOWN])
    except DatabaseError:
        # The check of the database says so.
        return
    if total:
        more = ", …" if total > SHOWN else ""
        yield fine(
            "bans",
            f"nothing is read from {youngest}{more} ({total} in all); of a phone that hears nothing ask: manage.py "
            "bans list ADDRESS",
        )
    else:
        yield fine("bans", "nobody is banned")
