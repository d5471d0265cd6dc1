# SPDX-License-Identifier: Apache-2.0
"""What TLS costs signaling, beside TCP and UDP: ``python -m bench.tls [--save] [--connections 2000]``.

Connections are opened one after the other and stay; each asks OPTIONS over and over, so that what is compared is the
transport alone. Handshakes are full ones: the client resumes nothing. CPU is that of the signaling process.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import SERVER_CORE, cpu_s, memory_mb, pinned
from bench.report import Report
from tests.stack import FAST_TIMERS, NO_THROTTLE, Stack, make_template

ROUNDS = 5
IDLE_S = 10.0
KEYS = {
    "ECDSA P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    "RSA 2048": ["rsa:2048"],
}
ENV = {
    **FAST_TIMERS,
    **NO_THROTTLE,
    "SIP_TCP_MAX_PER_SOURCE": "10000",
    "SIP_TLS_HANDSHAKES_PER_SECOND": "100000",
    "SIP_TLS_HALF_OPEN_PER_SOURCE": "10000",
    "LOGLEVEL": "warn",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one transport costs."""

    open_us: float
    """CPU of a connection from SYN to the answer of its first OPTIONS, in microseconds."""
    kib: float
    """Memory of one that idles."""
    idle_us: float
    """CPU a second of one that idles, in microseconds."""
    request_us: float
    """CPU of a further OPTIONS, in microseconds."""


def make_certificate(directory: Path, key: list[str]) -> dict[str, str]:
    """Make a certificate that signs itself; return the settings that name it."""
    files = {"SIP_TLS_CERT": str(directory / "bench.crt"), "SIP_TLS_KEY": str(directory / "bench.key")}
    command = ["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-out", files["SIP_TLS_CERT"], "-keyout", files["SIP_TLS_KEY"]]
    subprocess.run(command, check=True, capture_output=True)
    return files


class Client:
    """One connection that asks OPTIONS."""

    def __init__(self, number: int, transport: str) -> None:
        self._number, self._transport, self._cseq = number, transport, 0

    async def open(self, port: int, context: ssl.SSLContext | None) -> None:
        """Connect and ask once."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await self.ask()

    async def ask(self) -> None:
        """Send OPTIONS and read the answer."""
        self._cseq += 1
        self._writer.write(
            f"OPTIONS sip:switchboard.local SIP/2.0\r\nVia: SIP/2.0/{self._transport} 127.0.0.1:9;rport;"
            f"branch=z9hG4bK{self._number}-{self._cseq}\r\nFrom: <sip:a@b>;tag={self._number}\r\n"
            f"To: <sip:switchboard.local>\r\nCall-ID: bench-{self._number}\r\nCSeq: {self._cseq} OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await self._reader.readuntil(b"\r\n\r\n")

    def close(self) -> None:
        """Leave."""
        self._writer.transport.abort()


async def measure(pid: int, port: int, transport: str, count: int) -> Cost:
    """Open, idle and ask."""
    context = None
    if transport == "TLS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    clients = [Client(number, transport) for number in range(count)]
    cpu, memory = cpu_s(pid), memory_mb(pid)
    for client in clients:
        await client.open(port, context)
    opened = cpu_s(pid)
    kib = (memory_mb(pid) - memory) * 1024 / count
    await asyncio.sleep(IDLE_S)
    idled = cpu_s(pid)
    for _ in range(ROUNDS):
        for client in clients:
            await client.ask()
    asked = cpu_s(pid)
    for client in clients:
        client.close()
    await asyncio.sleep(1)
    return Cost(
        open_us=(opened - cpu) / count * 1e6,
        kib=kib,
        idle_us=(idled - opened) / IDLE_S / count * 1e6,
        request_us=(asked - idled) / count / ROUNDS * 1e6,
    )


def run(key: list[str], transport: str, count: int) -> Cost:
    """Measure one transport in a system of its own, so that none has the memory that another left."""
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as name:
        directory = Path(name)
        template = make_template(directory / "template")
        env = {**ENV, **make_certificate(directory, key)}
        stack = Stack(directory / "stack", template, env=env, prefix=tuple(pinned(SERVER_CORE)))
        try:
            stack.start()
            time.sleep(3)
            port = stack.ports.tls if transport == "TLS" else stack.ports.sip
            return asyncio.run(measure(stack.pid("runsip"), port, transport, count))
        finally:
            stack.stop()


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    report = Report("tls", "python -m bench.tls")
    rows = []
    for label, key, transport in [
        ("TCP", KEYS["ECDSA P-256"], "TCP"),
        *((f"TLS 1.3, {name}", key, "TLS") for name, key in KEYS.items()),
    ]:
        cost = run(key, transport, given.connections)
        rows.append(
            [
                label,
                f"{cost.open_us:.0f}",
                f"{cost.kib:.1f}",
                f"{cost.idle_us:.1f}",
                f"{cost.request_us:.0f}",
            ]
        )
    headings = ["transport", "CPU us to connect", "KiB each", "CPU us/s idle each", "CPU us per OPTIONS"]
    report.table(f"{given.connections} connections, one OPTIONS with each", headings, rows)
    report.print()
    if given.save:
        report.save()


if __name__ == "__main__":
    main()
