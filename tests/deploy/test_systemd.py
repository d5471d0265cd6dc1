# SPDX-License-Identifier: Apache-2.0
"""The systemd units: verified by systemd's own tools, and compared with the product that they start."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from tests.stack import ROOT

UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
WORST_EXPOSURE = 15
"""Tenths: ``systemd-analyze security`` calls everything below 2.0 OK."""
OWN = {"DJANGO_SETTINGS_MODULE", "PYTHONUNBUFFERED"}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def verify(root: Path, *units: str) -> subprocess.CompletedProcess[str]:
    """Verify units below a folder that stands for the host's root."""
    return subprocess.run(
        ["systemd-analyze", "verify", f"--root={root}", "--man=no", *units],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host on which the product is installed as the units expect it."""
    python = tmp_path / "opt" / "switchboard" / "app" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    shutil.copy(python, python.with_name("celery"))
    places = [tmp_path / "etc" / "systemd" / "system", tmp_path / "usr" / "lib" / "systemd" / "system"]
    for place in places:
        place.mkdir(parents=True)
    for path in [*UNITS.glob("*.service"), *UNITS.glob("*.target")]:
        shutil.copy(path, places[0])
    for path in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(path, places[1])
    shutil.copy(places[0] / "switchboard-rtpmanager@.service", places[0] / "switchboard-rtpmanager@0.service")
    return tmp_path


@needs_systemd
def test_systemd_finds_nothing_wrong(root: Path) -> None:
    names = [name.replace("@.", "@0.") for name in SERVICES]
    done = verify(root, "switchboard.target", *names)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_would_find_a_misspelt_setting(root: Path) -> None:
    path = root / "etc" / "systemd" / "system" / "switchboard-ui.service"
    path.write_text(path.read_text().replace("ProtectSystem=", "ProtectSystems="))
    assert "ProtectSystems" in verify(root, "switchboard-ui.service").stderr


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_exposes_little(name: str) -> None:
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={WORST_EXPOSURE}",
        str(UNITS / name),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_starts_commands_that_exist(name: str) -> None:
    text = (UNITS / name).read_text()
    for line in re.findall(r"^Exec(?:Start|StartPre|Stop)=-?(.+)$", text, flags=re.MULTILINE):
        program, script, *arguments = line.split()
        assert program == "/opt/switchboard/app/.venv/bin/python"
        assert (ROOT / script).is_file()
        assert script != "manage.py" or arguments[0] in get_commands()


def test_every_variable_is_one_that_the_product_reads() -> None:
    declared = set(settings.ENV.variables)
    declared |= {f"{name}_FILE" for name, variable in settings.ENV.variables.items() if variable.secret}
    used: set[str] = set()
    for path in (UNITS / "env").glob("*.env"):
        used |= set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", path.read_text(), flags=re.MULTILINE))
    for name in SERVICES:
        for line in re.findall(r"^Environment=(.+)$", (UNITS / name).read_text(), flags=re.MULTILINE):
            used |= {word.partition("=")[0] for word in line.split()}
    assert used <= declared | OWN


@pytest.mark.parametrize(("index", "wanted"), [("0", (9090, 10000, 10099)), ("2", (9092, 10200, 10299))])
def test_an_rtp_managers_ports_follow_from_its_instance(index: str, wanted: tuple[int, int, int]) -> None:
    text = (UNITS / "switchboard-rtpmanager@.service").read_text().replace("%i", index)
    found = [
        int(number)
        for name in ("GRPC_PORT", "RTP_PORT_MIN", "RTP_PORT_MAX")
        for number in re.findall(rf"\b{name}=(\d+)", text)
    ]
    assert tuple(found) == wanted


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_reads_the_env_files_that_exist(name: str) -> None:
    names = re.findall(
        r"^EnvironmentFile=-/etc/switchboard/(.+)$", (UNITS / name).read_text(), flags=re.MULTILINE
    )
    assert names[0] == "switchboard.env"
    assert all((UNITS / "env" / found).is_file() for found in names)


@pytest.mark.parametrize("role", ["rtpmanager@", "signaling", "ui"])
def test_who_plays_a_file_and_who_saves_its_route_look_in_the_same_folder(role: str) -> None:
    unit = (UNITS / f"switchboard-{role}.service").read_text()
    names = re.findall(r"^EnvironmentFile=-/etc/switchboard/(.+)$", unit, flags=re.MULTILINE)
    texts = [(UNITS / "env" / name).read_text() for name in names]
    found = re.findall(r"^AUDIO_PATH=(.+)$", "".join(texts), flags=re.MULTILINE)
    assert found == ["/opt/switchboard/audio"]
