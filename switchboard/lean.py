# SPDX-License-Identifier: Apache-2.0
"""Imports libraries without what they import only because it is there: it would take a fifth of the ui role's memory.

Daphne speaks WebSocket by Autobahn, which loads WAMP with its ciphers and a parser of C, and HTTP by Twisted, which loads
the means to serve TLS; this product leaves that to a proxy. structlog loads Rich to draw tracebacks, the clients of Redis
load ciphers for what is not used of them. Whoever needs one of these modules itself imports it as ever, before or after.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Final

WAMP: Final = "autobahn.twisted.wamp"
NOT_FOR_DAPHNE: Final = ("OpenSSL", "service_identity", "_nvx_utf8validator")


def import_daphne() -> None:
    """Import Daphne's server, which must come before anything else of Twisted."""
    stand_in = ModuleType(WAMP)
    stand_in.__dict__["ApplicationSession"] = None
    with _standing_in({WAMP: stand_in}):
        import_without("daphne.server", *NOT_FOR_DAPHNE)


def import_without(name: str, *absent: str) -> None:
    """Import a module as if others were not installed, unless it is loaded already."""
    if name not in sys.modules:
        with _standing_in(dict.fromkeys(absent)):
            import_module(name)


def settle() -> None:
    """Take what is loaded by now out of the sight of the garbage collector.

    It looks at everything again only after a quarter as much was made anew: with all libraries in that count, what requests
    leave behind would pile up to megabytes, and each look would take a tenth of a second.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def _standing_in(modules: dict[str, ModuleType] | dict[str, None]) -> Iterator[None]:
    """Let imports find these modules, or none where there is None; those loaded already stay as they are."""
    placed = {name: module for name, module in modules.items() if name not in sys.modules}
    # None is Python's own sign of a module that cannot be imported.
    sys.modules.update(placed)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in placed:
            del sys.modules[name]
