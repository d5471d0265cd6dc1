# SPDX-License-Identifier: Apache-2.0
"""What Daphne loads and the product does not use is left out of the processes that serve HTTP: 13 MiB of each.

* Twisted's TLS: the web roles speak plain HTTP, behind whatever ends TLS in front of them. Python's own TLS, which
  clients of databases use, is another thing and stays.
* Autobahn's WAMP, a protocol on top of WebSocket: the package that holds Autobahn's WebSocket imports it at once.

``python -m bench.memory`` measures what a role takes.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

WEB_COMMANDS = frozenset({"runui", "runapi"})


def leave_out_the_unused(argv: list[str]) -> None:
    """Prepare the imports of a web role; must run before anything imports Twisted."""
    if len(argv) < 2 or argv[1] not in WEB_COMMANDS:
        return
    # None is how Python is told that a module cannot be imported: Twisted then goes without TLS.
    sys.modules.setdefault("OpenSSL", None)  # type: ignore[arg-type]
    autobahn = find_spec("autobahn")
    if autobahn is not None and autobahn.origin is not None:
        package = ModuleType("autobahn.twisted")
        package.__path__ = [str(Path(autobahn.origin).parent / "twisted")]
        sys.modules.setdefault(package.__name__, package)
