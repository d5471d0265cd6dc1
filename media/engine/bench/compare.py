# SPDX-License-Identifier: Apache-2.0
"""Measures the engine and rtpengine in alternation: CPU per packet, loss, latency.

Run after `cargo build --release -p rtp-load` and `maturin develop --release`:

    python bench/compare.py --calls 1000 --rounds 3
    python bench/compare.py --only engine-srtp --only engine    # what encryption of both legs costs

On a machine that does other work, run it in the real-time class (`chrt --rr 1 python ...`), else the figures are
those of the others. The relay runs on core 0 and the generator on core 1. Quote the ratio of the medians: the absolute figures
depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ng import NgClient

HERE = Path(__file__).resolve().parent
LOAD = HERE.parent / "target" / "release" / "rtp-load"
NG_PORT = 22999
SERVER_CORE = 0
LOAD_CORE = 1

Relay = tuple[int, str]
"""Process id of a relay and the pairs for rtp-load."""


@contextmanager
def engine(calls: int, tick_us: int, *options: str) -> Iterator[Relay]:
    """Run the engine in a process of its own."""
    command = [sys.executable, str(HERE / "engine_server.py"), f"--calls={calls}", f"--tick-us={tick_us}"]
    command += options
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pairs = "".join(iter(process.stdout.readline, "ready\n"))
        yield process.pid, pairs
        process.communicate("")


@contextmanager
def rtpengine(calls: int, _tick_us: int) -> Iterator[Relay]:
    """Run rtpengine in user space with one thread."""
    command = ["rtpengine", "--foreground", "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{NG_PORT}"]
    command += ["--table=-1", "--num-threads=1", "--port-min=20000", f"--port-max={20000 + 8 * calls}"]
    command += ["--log-level=3", "--log-stderr", "--timeout=600"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            os.sched_setaffinity(process.pid, {SERVER_CORE})
            time.sleep(1)
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {SERVER_CORE})
            client = NgClient(NG_PORT)
            ports = [(12000 + 2 * call, 12001 + 2 * call) for call in range(calls)]
            relays = [client.call(f"bench-{a}", a, b) for a, b in ports]
            lines = (f"{a} {to_a} {b} {to_b}\n" for (a, b), (to_a, to_b) in zip(ports, relays, strict=True))
            yield process.pid, "".join(lines)
        finally:
            process.terminate()


def encrypting(calls: int, tick_us: int) -> AbstractContextManager[Relay]:
    """Run the engine with SRTP on both legs of every call."""
    return engine(calls, tick_us, "--srtp")


SRTP = "engine-srtp"
RELAYS = {"engine": engine, SRTP: encrypting, "rtpengine": rtpengine}


def measure(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Start one relay, load it and return the figures of rtp-load."""
    with RELAYS[name](arguments.calls, arguments.tick_us) as (pid, pairs):
        command = [str(LOAD), "--pairs", "-", "--pid", str(pid), "--json", "--cpu", str(LOAD_CORE)]
        command += ["--srtp"] if name == SRTP else []
        command += ["--duration", str(arguments.duration), "--warmup", "2"]
        output = subprocess.run(command, input=pairs, capture_output=True, text=True, check=True).stdout
    figures: dict[str, float] = json.loads(output)
    print(name, json.dumps(figures), flush=True)
    return figures


def main() -> None:
    """Print each run and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", type=float, default=8)
    parser.add_argument("--tick-us", type=int, default=1000)
    parser.add_argument("--only", choices=sorted(RELAYS), action="append")
    arguments = parser.parse_args()
    names = arguments.only or ["engine", "rtpengine"]
    runs: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            runs[name].append(measure(name, arguments)["cpu_us_per_packet"])
    medians = {name: statistics.median(values) for name, values in runs.items()}
    print("medians, us/packet:", ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    if len(medians) == 2:
        first, second = medians.values()
        print(f"ratio {first / second:.2f}")


if __name__ == "__main__":
    main()
