# SPDX-License-Identifier: Apache-2.0
"""How fast calls are exported as CSV, and in how much memory: ``python -m bench.cdr_export``.

The file comes from `manage.py runui` over HTTP, as a browser gets it; a second time it is read at 2 MB/s, to see what a
slow line makes the server keep.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import cdr_data
from bench.cdr_search import arguments, client_of, prepare, refuse_a_full_disk, set_up
from bench.processes import cpu_s, memory_mb, wait_until
from bench.report import Report
from tests.servers import free_port
from tests.stack import ROOT

FILES: dict[str, str] = {
    "all calls": "",
    "a month": "?from=2025-11-01&to=2025-12-01",
    "busy": "?disposition=BUSY",
    "number begins with 1005": "?q=1005",
}
SLOW_BYTES_A_SECOND = 2_000_000
SLOW_S = 20.0


@dataclass(slots=True)
class Download:
    """One file, as far as it was read."""

    rows: int = 0
    """Lines but the one of headings."""
    size: int = 0
    first_s: float = 0.0
    seconds: float = 0.0
    peak_mb: float = 0.0

    def cells(self, cpu_spent_s: float, idle_mb: float) -> list[str]:
        """Return the figures of the table."""
        return [
            f"{self.rows:,}",
            f"{self.size / 1e6:,.0f}",
            f"{self.first_s:.1f}",
            f"{self.rows / self.seconds:,.0f}",
            f"{1e6 * cpu_spent_s / max(self.rows, 1):.1f}",
            f"{self.peak_mb - idle_mb:+.0f}",
        ]


@contextmanager
def ui(url: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The ui role on a port of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "VAR_DIR": directory,
            "UI_PORT": str(port),
            "UI_LOGLEVEL": "error",
            "SECRET_KEY": "of the benchmark alone, for as long as it runs, and no longer than that",
        }
        process = subprocess.Popen([sys.executable, "manage.py", "runui"], cwd=ROOT, env=environment)
        try:
            wait_until(lambda: answers(port), 60, "the ui")
            yield process, port
        finally:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    """Tell whether something serves HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def download(process: subprocess.Popen[bytes], port: int, cookie: str, query: str, slow: bool) -> Download:
    """Read a file, or for a while if slowly."""
    found = Download(rows=-1, peak_mb=memory_mb(process.pid))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    begun = time.monotonic()
    connection.request("GET", f"/admin/cdrs/cdr/export/csv/{query}", headers={"Cookie": cookie})
    response = connection.getresponse()
    assert response.status == 200, response.status
    while data := response.read(1 << 18):
        found.first_s = found.first_s or time.monotonic() - begun
        found.size += len(data)
        found.rows += data.count(b"\n")
        found.peak_mb = max(found.peak_mb, memory_mb(process.pid))
        if slow:
            time.sleep(max(found.size / SLOW_BYTES_A_SECOND - (time.monotonic() - begun), 0))
            if time.monotonic() - begun > SLOW_S:
                break
    found.seconds = time.monotonic() - begun
    connection.close()
    return found


def log_in(url: str) -> str:
    """Return the cookie of a platform admin."""
    set_up(url)
    os.environ["SECRET_KEY"] = "of the benchmark alone, for as long as it runs, and no longer than that"
    from django.conf import settings

    settings.SECRET_KEY = os.environ["SECRET_KEY"]
    client = client_of("platform", None)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def main() -> None:
    options = arguments(__doc__)
    refuse_a_full_disk(options.rows)
    lines = []
    with cdr_data.server(options.database) as url:
        note = prepare(url, options.rows)
        cookie = log_in(url)
        with ui(url) as (process, port):
            idle_mb = memory_mb(process.pid)
            for slow, (name, query) in [
                *((False, item) for item in FILES.items()),
                (True, ("all calls", "")),
            ]:
                before = cpu_s(process.pid)
                file = download(process, port, cookie, query, slow)
                shown = f"{name}, read at 2 MB/s" if slow else name
                lines.append([shown, *file.cells(cpu_s(process.pid) - before, idle_mb)])
    report = Report("cdr_export", "python -m bench.cdr_export")
    headings = [
        "file",
        "rows",
        "MB",
        "first byte s",
        "rows a second",
        "ui CPU µs a row",
        "memory of the ui, MB",
    ]
    report.table("Calls as CSV over HTTP", headings, lines)
    report.notes.append(note)
    report.print()
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
