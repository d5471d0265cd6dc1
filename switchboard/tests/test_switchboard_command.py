# SPDX-License-Identifier: Apache-2.0
"""What the all-in-one command tells its children."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from switchboard.management.commands.switchboard import ENDING, stop_once, what_children_need


def test_signaling_finds_the_rtp_manager_at_another_port_without_being_told(settings: Any):
    settings.GRPC_PORT = 19090
    assert what_children_need({}) == {"GRPC_BIND": "127.0.0.1", "RTPMANAGER_ADDRS": "127.0.0.1:19090"}


@pytest.mark.parametrize(
    ("bind", "address"),
    [("0.0.0.0", "127.0.0.1:9090"), ("192.0.2.7", "192.0.2.7:9090"), ("::1", "[::1]:9090")],
)
def test_an_address_that_the_operator_chose_stays(settings: Any, bind: str, address: str):
    settings.GRPC_PORT = 9090
    assert what_children_need({"GRPC_BIND": bind}) == {"GRPC_BIND": bind, "RTPMANAGER_ADDRS": address}


def test_named_rtp_managers_are_used_as_they_are():
    assert what_children_need({"RTPMANAGER_ADDRS": "rtp-1=10.0.0.1:9090"}) == {}


@pytest.mark.parametrize("below", ["", "/var"])
def test_a_var_dir_that_cannot_be_written_is_named_in_one_line(tmp_path: Path, below: str):
    file = tmp_path / "file"
    file.write_text("no directory")
    done = run(VAR_DIR=f"{file}{below}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"VAR_DIR='{file}{below}' is not accepted: expected a writable directory" in done.stderr


def test_a_broken_database_is_named_in_one_line(tmp_path: Path):
    (tmp_path / "switchboard.sqlite3").write_bytes(b"no database at all" * 1000)
    done = run(VAR_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"the database {tmp_path}/switchboard.sqlite3 cannot be used" in done.stderr


def test_a_second_ctrl_c_does_not_break_off_the_end():
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number in ENDING:
            signal.signal(number, stop_once)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        for number in ENDING:
            signal.raise_signal(number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command on ports that nobody has."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(4)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        names = ("PORT", "API_PORT", "UI_PORT", "GRPC_PORT")
        ports = {name: str(each.getsockname()[1]) for name, each in zip(names, sockets, strict=True)}
    return subprocess.run(
        [sys.executable, "manage.py", "switchboard"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **ports, **variables, "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
