# SPDX-License-Identifier: Apache-2.0
"""Sets up bridged sessions on the engine, prints the pairs for rtp-load and waits for the end of its input.

It must not touch media: the process does nothing while the engine is measured.
"""

from __future__ import annotations

import argparse
import os
import sys

from switchboard_engine import Engine

HOST = "127.0.0.1"
KEY = b"\x01" * 30


def main() -> None:
    """Print one line per call and `ready`, then wait until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tick-us", type=int, default=1000)
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument("--first-local-port", type=int, default=12000)
    parser.add_argument("--srtp", action="store_true", help="every leg as rtp-load --srtp has it")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.cpu})
    engine = Engine(
        bind_ip=HOST,
        port_min=20000,
        port_max=20000 + 4 * arguments.calls - 1,
        threads=arguments.threads,
        tick_us=arguments.tick_us,
    )
    local_port = arguments.first_local_port
    for call in range(arguments.calls):
        relays = []
        for leg in ("a", "b"):
            session_id = f"{call}-{leg}"
            relays += [local_port, engine.create_session(session_id, group=str(call))]
            engine.set_remote(session_id, rtp=(HOST, local_port), rtcp=None, signaling_ip=HOST)
            if arguments.srtp:
                engine.set_srtp(session_id, "AES_CM_128_HMAC_SHA1_80", local_key=KEY, remote_key=KEY)
            local_port += 1
        engine.bridge(f"{call}-a", f"{call}-b")
        print(*relays)
    print("ready", flush=True)
    sys.stdin.read()
    engine.close()


if __name__ == "__main__":
    main()
