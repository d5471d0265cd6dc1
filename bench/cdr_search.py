# SPDX-License-Identifier: Apache-2.0
"""How long a page of the list of calls takes with ten million of them in PostgreSQL: ``python -m bench.cdr_search``.

Loads plausible calls of two hundred tenants (`bench.cdr_data`; about 9 GB on disk while it runs), then asks for pages as
the browser does, through Django's whole stack, as a platform admin and as members of a large, a middling and a small
account. PostgreSQL runs with its default settings.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

from bench import cdr_data
from bench.report import Report
from tests.stack import ROOT

ROWS = 10_000_000
BYTES_A_ROW = 1000
"""On disk, with the indexes."""
REPEATS = 7
DEEP = "<1738368000000000-" + "0" * 32
"""The first of February: eleven months of calls are newer."""

WHO = {"platform": None, "large": 0, "middling": 20, "small": 199}
"""Who asks, and the number of the account; the large one has 17 % of all calls, the small one 0.1 %."""
SEARCHES: dict[str, dict[str, str]] = {
    "all, newest page": {},
    "all, eleven months back": {"at": DEEP},
    "a week": {"from": "2025-03-03", "to": "2025-03-10"},
    "number begins with 1005": {"q": "1005"},
    "number is 1005": {"q": "1005", "match": "exact"},
    "number begins with +4912": {"q": "+4912"},
    "number that nobody has": {"q": "+1555000"},
    "name contains “person 1007”": {"q": "person 1007"},
    "busy": {"disposition": "BUSY"},
    "cause media_error (0.1 %)": {"cause": "media_error"},
    "poor quality (0.2 %)": {"quality": "poor"},
    "a node that was retired in July": {"node": cdr_data.RETIRED_NODE},
    "a route of another account": {"route": "route-150-3"},
    "poor quality in a week": {"quality": "poor", "from": "2025-03-03", "to": "2025-03-10"},
    "number begins with 1005, busy": {"q": "1005", "disposition": "BUSY"},
    "retired node and error": {"node": cdr_data.RETIRED_NODE, "cause": "error"},
    "nothing can meet it: busy and answered": {"cause": "busy", "disposition": "ANSWERED"},
    "Sundays at 3": {"weekday": "6", "hour": "3"},
}


@dataclass(slots=True)
class Timing:
    """Milliseconds of one search, by who asked."""

    name: str
    worst: float = 0.0
    medians: dict[str, float] = field(default_factory=dict)
    looks: set[str] = field(default_factory=set)
    """Who has to click to look further."""

    def row(self) -> list[str]:
        """Return the line of the table; a star marks a page that says how far it looked."""
        cells = [f"{self.medians[who]:.0f}{'*' if who in self.looks else ''}" for who in WHO]
        return [self.name, *cells, f"{self.worst:.0f}"]


def measure() -> list[Timing]:
    """Ask for every page as everybody, in the database of the settings."""
    from django.conf import settings
    from django.urls import reverse

    settings.ALLOWED_HOSTS = ["*"]
    url = reverse("admin:cdrs_cdr_changelist")
    clients = {who: client_of(who, number) for who, number in WHO.items()}
    timings = []
    for name, query in SEARCHES.items():
        timing = Timing(name)
        for who, client in clients.items():
            spent = []
            for _ in range(REPEATS):
                begun = time.perf_counter()
                response = client.get(url, query)
                spent.append(1000 * (time.perf_counter() - begun))
                assert response.status_code == 200
            timing.medians[who] = statistics.median(spent)
            timing.worst = max(timing.worst, *spent)
            if "Look further back" in response.content.decode():
                timing.looks.add(who)
        timings.append(timing)
    return timings


def client_of(who: str, number: int | None) -> Any:
    """Return a browser in which somebody is logged in; number None for a platform admin."""
    from django.contrib.auth.models import User
    from django.test import Client

    from accounts.access import Membership
    from accounts.models import Account

    login, _ = User.objects.get_or_create(username=who, is_staff=True, is_superuser=number is None)
    if number is not None:
        key = cdr_data.account_id(number)
        account, _ = Account.objects.get_or_create(id=key, defaults={"name": who, "domain": f"{who}.example"})
        Membership.objects.get_or_create(user=login, account=account, defaults={"role": "operator"})
    client = Client()
    client.force_login(login, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/admin/")
    return client


def prepare(url: str, rows: int) -> str:
    """Migrate and fill a database unless it is full already, and return a note about it."""
    environment = {**os.environ, "DATABASE_URL": url}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
    import psycopg

    with psycopg.connect(url, options=cdr_data.SEARCH_PATH, autocommit=True) as connection:
        empty = connection.execute("SELECT NOT EXISTS (SELECT FROM cdrs)").fetchone() == (True,)
        note = ""
        if empty:
            note = f"loaded in {cdr_data.fill(url, rows):.0f} s, "
        sizes = "SELECT pg_table_size('cdrs') / 1e9, pg_indexes_size('cdrs') / 1e9, count(*) FROM cdrs"
        table, indexes, found = connection.execute(sizes).fetchone() or (0, 0, 0)
    return f"{found:,} calls, {note}table {table:.1f} GB, indexes {indexes:.1f} GB."


def refuse_a_full_disk(rows: int) -> None:
    """Leave with a sentence when the calls would fill the disk."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < 2 * rows * BYTES_A_ROW:
        raise SystemExit(
            f"{rows:,} calls need {2 * rows * BYTES_A_ROW / 1e9:.0f} GB of free disk, for a while"
        )


def set_up(url: str) -> None:
    """Load Django with a database."""
    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "switchboard.settings"
    os.environ["UI_LOGLEVEL"] = "error"
    import django

    django.setup()


def arguments(doc: str | None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument(
        "--database", help="postgres://… that is kept; without it a server is started and removed"
    )
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    return parser.parse_args()


def main() -> None:
    options = arguments(__doc__)
    refuse_a_full_disk(options.rows)
    with cdr_data.server(options.database) as url:
        note = prepare(url, options.rows)
        set_up(url)
        timings = measure()
    report = Report("cdr_search", "python -m bench.cdr_search")
    report.table(
        "A page of 50 calls, ms (median; the last column is the slowest of all)",
        ["search", *WHO, "worst"],
        [timing.row() for timing in timings],
    )
    report.notes.append(note + " A star marks a page that is not full and says how far back it looked.")
    report.print()
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
