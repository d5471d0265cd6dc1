# SPDX-License-Identifier: Apache-2.0
"""One baresip phone (the PyPI package) as a program: JSON verbs on stdin, JSON events on stdout.

Verbs: ``register``, ``call {number}``, ``answer``, ``hangup``, ``hold``, ``resume``, ``save {path}``, ``quit``. The
phone sends one tone all the time that a call lasts and keeps every sample that it hears; ``save`` writes those as WAV.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import baresip
import numpy as np

from tests import audio

TICK_S = 0.01
AHEAD_S = 0.1


class Phone:
    """A baresip user agent with one call at a time."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._call: Any = None
        self._runtime = baresip.Runtime()
        self._agent: Any = None
        self._heard = bytearray()
        self._position = 0

    async def start(self) -> None:
        """Bring the stack up on the loopback address."""
        o = self._options
        listen = f"sip_listen {o.ip}:{o.port}\nrtp_ports {o.port + 2}-{o.port + 7}\n"
        listen += "module srtp.so\n" if o.mediaenc else ""
        await self._runtime.start(
            baresip.Config(net_interface=o.ip, extra_config_text=listen, max_concurrent_calls=None)
        )
        account = baresip.Account(
            user=o.username,
            domain=o.domain,
            password=o.password,
            registrar=f"sip:{o.server};transport={o.transport}",
            transport=o.transport,
            extra_params=(f"mediaenc={o.mediaenc}",) if o.mediaenc else (),
        )
        self._agent = await baresip.UserAgent.create(self._runtime, account)
        self._agent.on_incoming(self._incoming)

    async def register(self) -> None:
        """Register and tell the outcome."""
        await self._agent.register()
        tell("registered")

    async def call(self, number: str) -> None:
        """Dial and tell when it is answered."""
        self._follow(await self._agent.dial(f"sip:{number}@{self._options.domain}"))

    async def answer(self) -> None:
        """Answer the call that rings."""
        await self._call.answer()

    async def hangup(self) -> None:
        """Hang up."""
        await self._call.hangup()

    async def hold(self) -> None:
        """Hold the call."""
        await self._call.hold()
        tell("held")

    async def resume(self) -> None:
        """Take the call back."""
        await self._call.resume()
        tell("resumed")

    async def save(self, path: str) -> None:
        """Write what was heard so far."""
        samples = np.frombuffer(bytes(self._heard), "<i2") / 32768.0
        audio.write_wav(Path(path), samples)
        tell("saved", seconds=len(samples) / audio.RATE_HZ)

    async def quit(self) -> None:
        """Leave, giving the registration back."""
        await self._agent.unregister()
        await self._runtime.close()

    def _incoming(self, call: Any) -> None:
        self._follow(call)
        tell("incoming", peer=call.peer, call_id=call.call_id)

    def _follow(self, call: Any) -> None:
        self._call = call
        self._heard.clear()
        call.on(self._event)

    def _event(self, event: Any) -> None:
        name = event.event.name
        tell(name.lower(), text=event.text, call_id=self._call.call_id)

    async def stream(self) -> None:
        """Move audio: hear everything, keep a tenth of a second of the tone queued."""
        ahead = int(AHEAD_S * audio.RATE_HZ) * 2
        while True:
            await asyncio.sleep(TICK_S)
            if self._call is None or self._call.state is not baresip.CallState.ESTABLISHED:
                continue
            try:
                while data := self._call.audio.read(3200):
                    self._heard += data
                while self._call.audio.info().tx_buffered < ahead:
                    if not self._call.audio.write(self._tone(160)):
                        break
            except (baresip.AudioNotActive, baresip.AudioRestarted):
                continue

    def _tone(self, count: int) -> bytes:
        time_s = np.arange(self._position, self._position + count) / audio.RATE_HZ
        self._position += count
        signal = 0.25 * 32767 * np.sin(2 * np.pi * self._options.tone_hz * time_s)
        return bytes(signal.astype("<i2").tobytes())


def tell(event: str, **fields: Any) -> None:
    """Write one event."""
    print(json.dumps({"event": event, **fields}), flush=True)


async def main() -> None:
    """Obey the lines on stdin."""
    parser = argparse.ArgumentParser()
    for name in ("server", "domain", "username", "password"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--ip", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tone-hz", type=float, required=True)
    parser.add_argument("--transport", default="udp")
    parser.add_argument("--mediaenc", default="")
    phone = Phone(parser.parse_args())
    await phone.start()
    streaming = asyncio.create_task(phone.stream())
    tell("started")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        verb = order.pop("do")
        try:
            await getattr(phone, verb)(**order)
        except baresip.BaresipError as error:
            tell("failed", what=verb, reason=str(error))
        if verb == "quit":
            break
    streaming.cancel()


if __name__ == "__main__":
    asyncio.run(main())
