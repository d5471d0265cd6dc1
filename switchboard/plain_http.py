# SPDX-License-Identifier: Apache-2.0
"""Twisted without its TLS, for the processes that serve plain HTTP behind whatever ends TLS in front of them.

pyOpenSSL, and the certificate code that comes with it, would take 6 MiB of each of them (`python -m bench.memory`).
Python's own TLS, which clients of databases use, is another thing and stays.
"""

from __future__ import annotations

import sys

WEB_COMMANDS = frozenset({"runui", "runapi"})


def leave_out_tls(argv: list[str]) -> None:
    """Make Twisted believe that pyOpenSSL is not installed; must run before anything imports Twisted."""
    if len(argv) > 1 and argv[1] in WEB_COMMANDS:
        sys.modules.setdefault("OpenSSL", None)  # type: ignore[arg-type] # None is how Python says "cannot be imported"
