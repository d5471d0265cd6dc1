# SPDX-License-Identifier: Apache-2.0
"""Debian's baresip, years older than the PyPI package's: dials one number, plays a WAV file, records another.

It knows MD5 alone: a second challenge with SHA-256 beside the one that it understands makes it give up.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests import audio
from tests.stack import Phone, Stack

MODULES = Path("/usr/lib/baresip/modules")
LOADED = ("g711", "aufile", "aubridge", "sndfile", "account", "menu")
"""aubridge is a player that plays to nobody: without one nothing is decoded, and sndfile records what is."""
STOP_TIMEOUT_S = 5.0


class DebianBaresip:
    """A process that registers and dials at once; `stop()` hangs up."""

    def __init__(
        self,
        stack: Stack,
        phone: Phone,
        number: str,
        signal_: audio.Signal,
        directory: Path,
        *,
        mediaenc: str = "",
    ) -> None:
        program = shutil.which("baresip")
        if program is None:
            pytest.fail("baresip is not installed (Debian: baresip-core)")
        self._directory = directory
        tone = audio.write_wav(directory / "played.wav", signal_)
        loaded = (*LOADED, "srtp") if mediaenc else LOADED
        encrypted = f";mediaenc={mediaenc}" if mediaenc else ""
        modules = f"module_path {MODULES}\n" + "".join(f"module {name}.so\n" for name in loaded)
        (directory / "config").write_text(
            f"net_interface 127.0.0.1\nsip_listen 127.0.0.1:{phone.port}\n"
            f"rtp_ports {phone.port + 2}-{phone.port + 7}\n"
            f"audio_source aufile,{tone}\naudio_player aubridge,nobody\naudio_alert aufile,{tone}\n"
            f"snd_path {directory}\naudio_srate 8000\naudio_channels 1\n{modules}"
        )
        server = "{}:{}".format(*stack.address)
        (directory / "accounts").write_text(
            f"<sip:{phone.username}@{phone.domain}>;auth_pass={phone.password};"
            f'outbound="sip:{server};transport=udp";audio_codecs=PCMU,PCMA{encrypted}\n'
        )
        (directory / "contacts").write_text("")
        self._log = (directory / "baresip.log").open("w+")
        command = [program, "-f", str(directory), "-e", f"/dial sip:{number}@{phone.domain}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log)

    def stop(self) -> audio.Signal:
        """Hang up, end the process and return what was heard."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        recording = next(self._directory.glob("dump-*-dec.wav"), None)
        return audio.read_wav(recording) if recording else audio.silence(0)

    def log(self) -> str:
        """Return what it wrote."""
        self._log.seek(0)
        return self._log.read()
