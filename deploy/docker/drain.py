#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drains this RTP manager before its container is stopped: the preStop hook of its pod.

Asks every signaling node of SIGNALING_API_URL (comma-separated) to move the sessions of RTP_NODE_ID elsewhere and
waits until each node reads "disabled". It ends with 0 in any case: the container is stopped whatever happens here, and
a node that does not answer must not hold that up. Needs Python's own library alone, so that it starts at once.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

REQUEST_TIMEOUT_S = 5.0
POLL_S = 1.0
ALREADY_DRAINING = 409
CONTAINER_LOG = Path("/proc/1/fd/2")
"""A hook's own output goes nowhere; what process 1 writes is the container's log."""

Say = Callable[[str], None]


def main() -> int:
    """Drain at every signaling node at the same time, waiting as long as the longest takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timeout-s", type=float, default=300.0)
    parser.add_argument("--mode", choices=("graceful", "aggressive"), default="graceful")
    parser.add_argument("--log", type=Path, default=CONTAINER_LOG)
    options = parser.parse_args()
    say = partial(write_line, options.log)
    node_id = os.environ.get("RTP_NODE_ID") or os.uname().nodename
    places = [place for place in os.environ.get("SIGNALING_API_URL", "").split(",") if place]
    urls = [f"{place.rstrip('/')}/api/v1/rtpmanagers/{urllib.parse.quote(node_id)}/drain" for place in places]
    deadline = time.monotonic() + options.timeout_s
    waiting = [url for url in urls if asked(url, options.mode, say)]
    while waiting and time.monotonic() < deadline:
        waiting = [url for url in waiting if not drained(url, say)]
        if waiting:
            time.sleep(POLL_S)
    for url in waiting:
        say(f"{url} is not drained after {options.timeout_s:g} s")
    return 0


def asked(url: str, mode: str, say: Say) -> bool:
    """Ask for the drain; return whether there is something to wait for."""
    try:
        say(f"{url}: {request('POST', f'{url}?mode={mode}')}")
    except urllib.error.HTTPError as error:
        say(f"{url}: {error.code} {error.read().decode(errors='replace')}")
        return error.code == ALREADY_DRAINING
    except OSError as error:
        say(f"{url}: {error}")
        return False
    return True


def drained(url: str, say: Say) -> bool:
    """Return whether nothing is left to wait for at this signaling node."""
    try:
        return bool(json.loads(request("GET", url)).get("state") == "disabled")
    except (OSError, ValueError) as error:
        say(f"{url}: {error}")
        return True


def request(method: str, url: str) -> str:
    """Return the body of the answer.

    Raises:
        OSError: no answer, or one of 400 and above (`urllib.error.HTTPError`).
    """
    made = urllib.request.Request(url, method=method, headers=authorization())  # noqa: S310 - the operator's URL
    with urllib.request.urlopen(made, timeout=REQUEST_TIMEOUT_S) as answer:  # noqa: S310
        return str(answer.read().decode())


def authorization() -> dict[str, str]:
    """Return the header with SIGNALING_API_TOKEN or else INTERNAL_API_TOKEN; both may stand in files."""
    for scheme, name in (("Bearer", "SIGNALING_API_TOKEN"), ("Internal", "INTERNAL_API_TOKEN")):
        path = os.environ.get(f"{name}_FILE")
        token = Path(path).read_text().strip() if path else os.environ.get(name, "")
        if token:
            return {"Authorization": f"{scheme} {token}"}
    return {}


def write_line(log: Path, line: str) -> None:
    """Write a line to the log, or to standard error when that cannot be opened."""
    try:
        with log.open("a") as file:
            file.write(f"drain: {line}\n")
    except OSError:
        sys.stderr.write(f"drain: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
