# SPDX-License-Identifier: Apache-2.0
"""Debian's baresip, years older than the PyPI package's: dials one number, plays a WAV file, records another."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests import audio
from tests.stack import Phone, Stack

MODULES = Path("/usr/lib/baresip/modules")
LOADED = ("module g711", "module aufile", "module_app account", "module_app menu")
STOP_TIMEOUT_S = 5.0


class DebianBaresip:
    """A process that registers and dials at once; `stop()` hangs up."""

    def __init__(
        self, stack: Stack, phone: Phone, number: str, signal_: audio.Signal, directory: Path
    ) -> None:
        program = shutil.which("baresip")
        if program is None:
            pytest.fail("baresip is not installed (Debian: baresip-core)")
        self._recording = directory / "heard.wav"
        tone = audio.write_wav(directory / "played.wav", signal_)
        modules = f"module_path {MODULES}\n" + "".join(f"{line}.so\n" for line in LOADED)
        (directory / "config").write_text(
            f"net_interface 127.0.0.1\nsip_listen 127.0.0.1:{phone.port}\n"
            f"rtp_ports {phone.port + 2}-{phone.port + 7}\n"
            f"audio_source aufile,{tone}\naudio_player aufile,{self._recording}\naudio_alert aufile,{tone}\n"
            f"audio_srate 8000\naudio_channels 1\n{modules}"
        )
        server = "{}:{}".format(*stack.address)
        (directory / "accounts").write_text(
            f"<sip:{phone.username}@{phone.domain}>;auth_pass={phone.password};"
            f'outbound="sip:{server};transport=udp";audio_codecs=PCMU,PCMA\n'
        )
        (directory / "contacts").write_text("")
        self._log = (directory / "baresip.log").open("w+")
        # Without -s, its SIP trace, this version fails to send anything: "Function not implemented".
        command = [program, "-s", "-f", str(directory), "-e", f"/dial sip:{number}@{phone.domain}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log)

    def stop(self) -> audio.Signal:
        """Hang up, end the process and return what was heard."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return audio.read_wav(self._recording) if self._recording.exists() else audio.silence(0)

    def log(self) -> str:
        """Return what it wrote."""
        self._log.seek(0)
        return self._log.read()
