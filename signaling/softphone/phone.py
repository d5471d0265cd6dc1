# SPDX-License-Identifier: GPL-3.0-or-later
#
# This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
# License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later
# version. It is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; see COPYING in this
# directory, and https://www.gnu.org/licenses/ for the licence itself.
"""One phone: pyVoIP's phone and call behind verbs, and a tone's level by Goertzel's algorithm."""

from __future__ import annotations

import math
import socket
import threading
import time
import warnings
from collections.abc import Callable

import pyVoIP.VoIP  # before pyVoIP.SIP, which cannot be imported first: the two import each other
from pyVoIP.SIP import SIPMessage
from pyVoIP.VoIP import CallState, VoIPCall, VoIPPhone
from pyVoIP.VoIP.status import PhoneStatus

from signaling.softphone.client import Client

RATE_HZ = 8000
SILENCE_DBFS = -96.0
AMPLITUDE = 0.25
REGISTER_TIMEOUT_S = 5
WATCH_INTERVAL_S = 0.01


class NotNowError(RuntimeError):
    """The verb needs a registration, a call or media that is not there."""


class Line(VoIPPhone):
    """pyVoIP's phone with one RTP port that is really free, telling of each call that comes in."""

    on_ring: Callable[[VoIPCall], None]

    def __init__(self, server: tuple[str, int], username: str, password: str, own_ip: str) -> None:
        rtp_port = _free_port(own_ip)
        super().__init__(
            *server,
            username,
            password,
            myIP=own_ip,
            callCallback=lambda call: None,
            rtpPortLow=rtp_port,
            rtpPortHigh=rtp_port,
        )

    def _create_Call(self, request: SIPMessage, sess_id: int) -> None:  # noqa: N802 - pyVoIP's own name
        super()._create_Call(request, sess_id)
        self.on_ring(self.calls[request.headers["Call-ID"]])


class Phone:
    """Obeys verbs; everything that happens is told through ``tell(event, **fields)``, from any thread."""

    def __init__(self, host: str, port: int, username: str, own_ip: str, tell: Callable[..., None]) -> None:
        warnings.simplefilter("ignore")
        pyVoIP.REGISTER_FAILURE_THRESHOLD = 1
        self._tell = tell
        self._server, self._username, self._own_ip = (host, port), username, own_ip
        self._phone: Line | None = None
        self._call: VoIPCall | None = None

    # --- Verbs ------------------------------------------------------------------------------------------------------

    def register(self, password: str) -> None:
        """Register; the phone listens for calls from then on."""
        phone = Line(self._server, self._username, password, self._own_ip)
        phone.sip = Client(
            *self._server,
            self._username,
            password,
            phone=phone,
            myIP=self._own_ip,
            myPort=_free_port(self._own_ip),
            callCallback=phone.callback,
            fatalCallback=phone.fatal,
            on_progress=lambda status: self._tell("progress", status=status),
            on_refused=self._refused,
        )
        phone.sip.register_timeout = REGISTER_TIMEOUT_S
        phone.on_ring = self._rings
        self._phone = phone
        phone.start()
        if phone.get_status() == PhoneStatus.REGISTERED:
            self._tell("registered")
        else:
            self._tell("failed", what="register", reason=f"the server did not accept {self._username}")

    def call(self, number: str) -> None:
        """Dial; holding the lock keeps an answer from arriving before pyVoIP knows the call."""
        if self._phone is None:
            raise NotNowError("register first")
        with self._phone.sip.recvLock:
            self._call = self._phone.call(number)
            self._tell("calling", call_id=self._call.call_id)
        self._watch(self._call)

    def answer(self) -> None:
        """Take the call that rings."""
        call = self._current_call()
        call.answer()
        self._tell("answered")
        self._watch(call)

    def play(self, frequency_hz: float, seconds: float) -> None:
        """Send a sine for a while; pyVoIP paces it and fills with silence after it."""
        call = self._current_call()
        step = 2 * math.pi * frequency_hz / RATE_HZ
        samples = range(int(seconds * RATE_HZ))
        call.write_audio(bytes(128 + round(127 * AMPLITUDE * math.sin(step * n)) for n in samples))
        self._tell("playing", frequency_hz=frequency_hz)

    def listen(self, seconds: float, frequencies_hz: list[float]) -> None:
        """Listen for a while from now on, and tell the levels."""
        call = self._current_call()
        if not call.RTPClients:
            raise NotNowError("no media yet")
        arrived = call.RTPClients[0].pmin
        start = len(arrived.buffer.getvalue())
        time.sleep(seconds)
        data = arrived.buffer.getvalue()[start:]
        signal = [(byte - 128) / 128 for byte in data]
        self._tell(
            "heard",
            seconds=len(signal) / RATE_HZ,
            level_dbfs=_dbfs(math.sqrt(2 * sum(x * x for x in signal) / len(signal)))
            if signal
            else SILENCE_DBFS,
            levels_dbfs={str(f): _dbfs(_amplitude(signal, f)) for f in frequencies_hz},
        )

    def hangup(self) -> None:
        """End the call."""
        self._current_call().hangup()

    def leave(self) -> None:
        """Hang up and unregister."""
        if self._phone is not None:
            self._phone.stop()

    # --- What happens -----------------------------------------------------------------------------------------------

    def _current_call(self) -> VoIPCall:
        if self._call is None:
            raise NotNowError("there is no call")
        return self._call

    def _rings(self, call: VoIPCall) -> None:
        self._call = call
        self._tell("incoming", caller=call.request.headers["From"]["number"])

    def _refused(self, status: int, reason: str) -> None:
        if self._call is not None:
            self._call.state = CallState.ENDED
        self._tell("refused", status=status, reason=reason)

    def _watch(self, call: VoIPCall) -> None:
        """Tell when a call's state changes: pyVoIP has no event for it."""

        def follow() -> None:
            seen = call.state
            while seen != CallState.ENDED:
                if call.state != seen:
                    seen = call.state
                    self._tell("answered" if seen == CallState.ANSWERED else "ended")
                time.sleep(WATCH_INTERVAL_S)

        threading.Thread(target=follow, daemon=True).start()


def _free_port(ip: str) -> int:
    """Return an even UDP port that is free now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
            port = int(probe.getsockname()[1])
        if port % 2 == 0:
            return port


def _amplitude(signal: list[float], frequency_hz: float) -> float:
    """Return the amplitude of one frequency by Goertzel's algorithm; 1 is full scale."""
    if not signal:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / RATE_HZ)
    before, last = 0.0, 0.0
    for sample in signal:
        before, last = last, sample + coefficient * last - before
    power = last * last + before * before - coefficient * last * before
    return 2 * math.sqrt(max(0.0, power)) / len(signal)


def _dbfs(amplitude: float) -> float:
    return max(SILENCE_DBFS, round(20 * math.log10(amplitude), 1)) if amplitude > 0 else SILENCE_DBFS
