# SPDX-License-Identifier: Apache-2.0
"""The command as an operator runs it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from media.control.tests.free_ports import free_range
from media.management.commands.runrtp import config_from_settings

ROOT = Path(settings.BASE_DIR)


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(port: int, *flags: str) -> subprocess.Popen[str]:
    low = free_range(20)
    command = [sys.executable, "manage.py", "runrtp", f"--grpc-port={port}", "--grpc-bind=127.0.0.1"]
    command += [f"--rtp-port-min={low}", f"--rtp-port-max={low + 19}", *flags]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ, stderr=subprocess.PIPE, text=True)


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stderr is not None
    return next((line for line in process.stderr if text in line), "")


@pytest.fixture
def running() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A command that is ready, and its gRPC port."""
    port = free_tcp_port()
    process = start(port)
    assert f"grpc=127.0.0.1:{port}" in line_with(process, "rtpmanager ready")
    yield process, port
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_on_a_signal(running, number):
    process, _ = running
    process.send_signal(number)
    assert line_with(process, "rtpmanager stops")
    assert process.wait(10) == 0


def test_it_names_a_port_that_is_taken(running):
    _, port = running
    second = start(port)
    _, errors = second.communicate(timeout=30)
    assert second.returncode == 1
    assert (
        errors.splitlines()[-1] == f"CommandError: GRPC_PORT {port} is taken on 127.0.0.1; choose another one"
    )


def test_it_names_an_rtp_address_that_is_not_here():
    process = start(free_tcp_port(), "--rtp-bind=192.0.2.55")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "RTP_BIND 192.0.2.55" in errors.splitlines()[-1]


@pytest.mark.parametrize("named", ["nowhere", "a-file"])
def test_a_directory_of_sounds_that_is_none_is_refused_by_its_name(tmp_path, named):
    (tmp_path / "a-file").touch()
    process = start(free_tcp_port(), f"--audio-path={tmp_path / named}")
    _, errors = process.communicate(timeout=30)
    wanted = (
        f"AUDIO_PATH='{tmp_path / named}' is not accepted: expected a directory that is there and can be read"
    )
    assert (process.returncode, errors.splitlines()[-1]) == (2, wanted)


def test_a_directory_of_recordings_is_made(tmp_path):
    process = start(free_tcp_port(), f"--recordings-path={tmp_path / 'new' / 'recordings'}")
    assert line_with(process, "rtpmanager ready")
    process.kill()
    process.wait()
    assert (tmp_path / "new" / "recordings").is_dir()


def test_without_a_directory_of_recordings_it_says_so_and_goes_on(tmp_path):
    (tmp_path / "a-file").touch()
    process = start(free_tcp_port(), f"--recordings-path={tmp_path / 'a-file'}")
    assert "File exists" in line_with(process, "RECORDINGS_PATH cannot be used: no call is recorded")
    assert line_with(process, "rtpmanager ready")
    process.kill()
    process.wait()


@override_settings(
    GRPC_BIND="::1", GRPC_PORT=9091, RTP_NODE_ID="rtp-7", RTP_INACTIVITY_S=5.0, ADVERTISE="203.0.113.5"
)
def test_its_settings_are_those_of_django():
    config = config_from_settings()
    assert (config.grpc_target, config.node_id) == ("[::1]:9091", "rtp-7")
    assert (config.inactivity_s, config.advertise) == (5.0, "203.0.113.5")
