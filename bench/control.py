# SPDX-License-Identifier: Apache-2.0
"""What the media control protocol costs: CPU time of signalling's client and of the RTP manager per phone call.

A call is three exchanges, as the dialplan makes them: both sessions, then answer and bridge, then the end of both.
gRPC's event engine, its default, is measured alternately with the classic poller that Switchboard uses.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from bench.processes import LOAD_CORE, SERVER_CORE, cpu_s, pinned, stop
from bench.report import Report
from tests.ports import PortBlock

ROOT = Path(__file__).resolve().parent.parent
POLLERS = {"classic poller": None, "event engine": "event_engine_client,event_engine_listener"}
RINGS_S, TALKS_S = 0.05, 0.5
RTP_PORTS = (40000, 59999)
"""Enough for ports to rest after use at any rate; those that others have taken are skipped."""

OFFER = (
    "v=0\r\no=- 3914891234 3914891234 IN IP4 127.0.0.1\r\ns=call\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 0 101\r\n"
    "c=IN IP4 127.0.0.1\r\na=rtcp:{rtcp}\r\na=sendrecv\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)


async def place_call(node: Any, number: int, exchanges_s: list[float]) -> None:
    """Set up and end the media of one call."""
    from media.control.gen import rtpmanager_pb2 as pb

    here, a, b = "127.0.0.1", uuid.uuid4().hex, uuid.uuid4().hex
    port = 40000 + number * 4 % 20000
    offer, answer = (OFFER.format(port=port + step, rtcp=port + step + 1) for step in (0, 2))

    async def exchange(*requests: Any) -> None:
        before = time.perf_counter()
        for result in await node.execute(*requests):
            if isinstance(result, Exception):
                raise result
        exchanges_s.append(time.perf_counter() - before)

    await exchange(
        pb.CreateSessionRequest(session_id=a, call_id=a, leg="A", remote_sdp=offer, signaling_ip=here),
        pb.CreateSessionRequest(session_id=b, call_id=a, leg="B", signaling_ip=here, offer_like=a),
    )
    await asyncio.sleep(RINGS_S)
    await exchange(
        pb.UpdateSessionRemoteRequest(session_id=b, remote_sdp=answer, kind=pb.SDP_KIND_ANSWER),
        pb.CreateAnswerRequest(session_id=a, peer_session_id=b),
        pb.BridgeMediaRequest(session_id=a, peer_session_id=b),
    )
    await asyncio.sleep(TALKS_S)
    await exchange(pb.DestroySessionRequest(session_id=a), pb.DestroySessionRequest(session_id=b))


async def place_nothing(node: Any, number: int, exchanges_s: list[float]) -> None:
    """Do what `place_call` does without media: the benchmark's own share."""
    await asyncio.sleep(RINGS_S)
    await asyncio.sleep(TALKS_S)


async def run_at(rate: float, seconds: float, node: Any, place: Any) -> tuple[int, list[float]]:
    """Begin `rate` calls a second; return how many there were and how long their exchanges took."""
    exchanges_s: list[float] = []
    calls: list[asyncio.Task[None]] = []
    begin = time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        while len(calls) < elapsed * rate:
            calls.append(asyncio.create_task(place(node, len(calls), exchanges_s)))
        await asyncio.sleep(max(1 / rate, 0.002))
    await asyncio.gather(*calls)
    return len(calls), exchanges_s


async def client(port: int, server_pid: int, rate: float, seconds: float) -> dict[str, float]:
    """Measure as signalling would; return microseconds of CPU per call and milliseconds per exchange."""
    from signaling.mediapool import MediaPool

    address = f"127.0.0.1:{port}"
    pool = MediaPool([(address, address)])
    await pool.start()
    while not pool.nodes[0].healthy:
        await asyncio.sleep(0.01)
    gc.freeze()
    node = pool.pick()
    await run_at(rate, 1.0, node, place_call)
    own, served = time.process_time(), cpu_s(server_pid)
    calls, exchanges_s = await run_at(rate, seconds, node, place_call)
    own, served = time.process_time() - own, cpu_s(server_pid) - served
    idle = time.process_time()
    nothings, _ = await run_at(rate, seconds / 2, node, place_nothing)
    idle = time.process_time() - idle
    await pool.stop()
    return {
        "client_us": 1e6 * (own / calls - idle / nothings),
        "server_us": 1e6 * served / calls,
        "p50_ms": 1e3 * statistics.median(exchanges_s),
    }


def measure(experiments: str | None, rate: float, seconds: float) -> dict[str, float]:
    """Run server and client once, each on its core."""
    block = PortBlock()
    environ = os.environ | ({"GRPC_EXPERIMENTS": experiments} if experiments else {})
    flags = [
        f"--grpc-port={block.grpc}",
        f"--rtp-port-min={RTP_PORTS[0]}",
        f"--rtp-port-max={RTP_PORTS[1]}",
    ]
    command = [*pinned(SERVER_CORE), sys.executable, "manage.py", "runrtp", "--loglevel=error", *flags]
    server = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        command = [*pinned(LOAD_CORE), sys.executable, "-m", "bench.control", "--client"]
        command += [str(block.grpc), str(server.pid), f"--rate={rate}", f"--seconds={seconds}"]
        output = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    finally:
        stop(server)
        block.release()
    figures: dict[str, float] = json.loads(output.stdout)
    return figures


def main() -> None:
    """Print the table; with `--client`, be the client of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, action="append", help="calls a second (default: 50 and 150)")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    parser.add_argument("--client", nargs=2, type=int, metavar=("PORT", "PID"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    rates = options.rate or [50.0, 150.0]
    if options.client:
        import uvloop

        port, pid = options.client
        sys.stdout.write(json.dumps(uvloop.run(client(port, pid, rates[0], options.seconds))))
        return
    report = Report(name="control", command="python -m bench.control")
    rows = []
    for rate in rates:
        figures: dict[str, list[dict[str, float]]] = {name: [] for name in POLLERS}
        for _ in range(options.runs):
            for name, experiments in POLLERS.items():
                figures[name].append(measure(experiments, rate, options.seconds))
        for name, runs in figures.items():
            medians = [
                statistics.median(run[key] for run in runs) for key in ("client_us", "server_us", "p50_ms")
            ]
            rows.append(
                [f"{rate:g} calls/s, {name}", f"{medians[0]:.0f}", f"{medians[1]:.0f}", f"{medians[2]:.2f}"]
            )
    headings = ["", "client, CPU µs/call", "server, CPU µs/call", "exchange, ms p50"]
    report.table("Media control, per call of three exchanges", headings, rows)
    report.print()
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
