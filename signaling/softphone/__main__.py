# SPDX-License-Identifier: GPL-3.0-or-later
#
# This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
# License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later
# version. It is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; see COPYING in this
# directory, and https://www.gnu.org/licenses/ for the licence itself.
"""The program: ``python -m signaling.softphone --server HOST:PORT --username NAME`` with JSON lines on stdin and stdout.

Each line in is ``{"do": VERB, …}``, each line out ``{"event": NAME, "at": SECONDS, …}`` with the monotonic time:

* ``register {password}`` → ``registered`` or ``failed {what, reason}``
* ``call {number}`` → ``calling {call_id}``, ``progress {status}``…, then ``answered`` or ``refused {status, reason}``
* ``answer`` (after the event ``incoming {caller}``) → ``answered``
* ``play {frequency_hz, seconds}`` → ``playing``
* ``listen {seconds, frequencies_hz}`` → ``heard {level_dbfs, levels_dbfs}``
* ``hangup`` → ``ended``; the other side's hang-up is ``ended`` too
* ``quit``: unregister and leave
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from typing import Any

from signaling.softphone.phone import Phone

LEAVE_TIMEOUT_S = 2.0

VERBS = {
    "register": ("password",),
    "call": ("number",),
    "answer": (),
    "play": ("frequency_hz", "seconds"),
    "listen": ("seconds", "frequencies_hz"),
    "hangup": (),
}

_output = threading.Lock()


def tell(event: str, **fields: Any) -> None:
    """Write one event."""
    with _output:
        sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **fields}) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Obey the lines on stdin until ``quit`` or the end of the input."""
    parser = argparse.ArgumentParser(prog="softphone", description="One phone, driven by JSON lines.")
    parser.add_argument("--server", required=True, help="host:port of the SIP server")
    parser.add_argument("--username", required=True)
    parser.add_argument("--bind", default="127.0.0.1", help="the phone's own address")
    options = parser.parse_args()
    host, _, port = options.server.partition(":")
    phone = Phone(host, int(port or 5060), options.username, options.bind, tell)
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("do") == "quit":
            break
        _obey(phone, order)
    threading.Timer(LEAVE_TIMEOUT_S, os._exit, [0]).start()
    phone.leave()
    os._exit(0)


def _obey(phone: Phone, order: dict[str, Any]) -> None:
    verb = order.get("do", "")
    if verb not in VERBS:
        tell("failed", what=verb, reason="unknown verb")
        return
    try:
        getattr(phone, verb)(*(order[name] for name in VERBS[verb]))
    except Exception as error:  # noqa: BLE001 - pyVoIP raises bare Exceptions; the parent gets the reason as data
        tell("failed", what=verb, reason=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
