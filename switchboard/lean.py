# SPDX-License-Identifier: Apache-2.0
"""Imports libraries without what they import only because it is there: it would take a fifth of the ui role's memory.

Daphne speaks WebSocket by Autobahn, which loads WAMP with its ciphers, serializers and a parser of C, and HTTP by Twisted,
which loads the means to serve TLS; this product leaves that to a proxy. structlog loads Rich to draw tracebacks and Twisted
to log for it, Django REST framework what colours its browsable pages and what its test client speaks through, drf-spectacular
that client with Django's test runner; the clients of Redis load ciphers for what is not used of them. Some of it is installed on a
developer's machine alone. Whoever needs one of these modules itself imports it as ever, before or after.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Final

WAMP: Final = "autobahn.twisted.wamp"
NOT_FOR_DAPHNE: Final = ("OpenSSL", "service_identity", "_nvx_utf8validator", "cbor2", "click")
NOT_FOR_STRUCTLOG: Final = ("greenlet", "rich", "twisted")
NOT_FOR_REST: Final = ("markdown", "pygments", "requests")
TEST_CLIENT: Final = "rest_framework.test"
LOOKS_BEFORE_ALL: Final = 3
"""After so many looks at what is of middle age the garbage collector looks at everything."""
MALLOC: Final = {-8: 1, -3: 1 << 16, -1: 1 << 16}
"""Parameters of the C library's mallopt(3): M_ARENA_MAX; M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, in bytes."""


def import_daphne() -> None:
    """Import Daphne's server, which must come before anything else of Twisted."""
    stand_in = ModuleType(WAMP)
    stand_in.__dict__["ApplicationSession"] = None
    with _standing_in({WAMP: stand_in}):
        import_without("daphne.server", *NOT_FOR_DAPHNE)


def import_rest_framework() -> None:
    """Import the optional things of Django REST framework that this product has a use for."""
    import_without("rest_framework.compat", *NOT_FOR_REST)


def import_spectacular() -> None:
    """Import drf-spectacular; its requests for the sake of a description come from `switchboard.api_schema`."""
    stand_in = ModuleType(TEST_CLIENT)
    stand_in.__dict__["APIRequestFactory"] = None
    with _standing_in({TEST_CLIENT: stand_in}):
        import_module("drf_spectacular.plumbing")


def import_without(name: str, *absent: str) -> None:
    """Import a module as if others were not installed, unless it is loaded already."""
    if name not in sys.modules:
        with _standing_in(dict.fromkeys(absent)):
            import_module(name)


def bound_allocator() -> None:
    """Let the C library keep less of what was freed; to be called while there is one thread. Without glibc it does nothing.

    Threads that each keep their own, and freed pages that stay for later ones, would take a sixth of the ui role's limit. Not
    by the variables MALLOC_…: they would have to stand in every place that starts the role.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in MALLOC.items():
            mallopt(parameter, value)


def settle() -> None:
    """Take what is loaded by now out of the sight of the garbage collector, and let it look at the rest more often.

    It looks at everything again only after a quarter as much was made anew: with all libraries in that count, what requests
    leave behind would pile up to megabytes, and each look would take a tenth of a second. Without them it takes milliseconds.
    """
    gc.collect()
    gc.freeze()
    # Only a look at everything counts what there is to look at: nothing now.
    gc.collect()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, LOOKS_BEFORE_ALL)


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
