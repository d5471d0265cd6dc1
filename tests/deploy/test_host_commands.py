# SPDX-License-Identifier: Apache-2.0
"""Commands on a plain host: run as the units' user and with their variables, by the script that the manual names."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.deploy.sandbox import VENV, Container, Mount
from tests.stack import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("bwrap") is None or os.geteuid() != 0, reason="needs bubblewrap, and root"
    ),
]
APP = "/opt/switchboard/app"
SCRIPT = f"{APP}/deploy/systemd/switchboard-manage"
UID = 1000
NOT_INSTALLED = {".git", ".venv", "var"}


class Host:
    """A host on which the manual's steps were done, without PostgreSQL.

    Args:
        home: a folder for what is not the product's.
    """

    def __init__(self, home: Path) -> None:
        self.var = home / "var"
        etc = home / "etc"
        secrets = etc / "secrets"
        shutil.copytree(ROOT / "deploy" / "systemd" / "env", etc)
        shared = etc / "switchboard.env"
        shared.write_text(re.sub("(?m)^DATABASE_URL_FILE=.*$", "", shared.read_text()))
        subprocess.run(["sh", ROOT / "deploy" / "make-secrets.sh", secrets], check=True, capture_output=True)
        temporary = home / "tmp"
        temporary.mkdir()
        temporary.chmod(0o1777)
        self.var.mkdir()
        os.chown(self.var, UID, UID)
        for path in [secrets, *secrets.iterdir()]:
            os.chown(path, 0, UID)
            path.chmod(0o750 if path.is_dir() else 0o640)
        people = home / "passwd"
        people.write_text(
            f"root:x:0:0::/root:/bin/sh\nswitchboard:x:{UID}:{UID}::/var/lib/switchboard:/bin/sh\n"
        )
        groups = home / "group"
        groups.write_text(f"root:x:0:\nswitchboard:x:{UID}:\n")
        product = [path for path in ROOT.iterdir() if path.name not in NOT_INSTALLED]
        self._mounts = [
            *(Mount(path, f"{APP}/{path.name}") for path in product),
            Mount(VENV, f"{APP}/.venv"),
            Mount(people, "/etc/passwd"),
            Mount(groups, "/etc/group"),
            Mount(etc, "/etc/switchboard"),
            Mount(temporary, "/tmp", writable=True),
            Mount(self.var, "/var/lib/switchboard", writable=True),
        ]

    def run(self, *command: str, uid: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root, or as somebody else."""
        container = Container(
            name="host",
            command=[],
            env={"PATH": os.environ["PATH"], **env},
            workdir="/",
            uid=uid,
            gid=uid,
            mounts=self._mounts,
        )
        line = container.argv(list(command), [])
        if uid == 0:
            # Root as on a host, with its capabilities.
            at = line.index("setpriv")
            line = [*line[:at], *command]
        return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    host = Host(tmp_path_factory.mktemp("host"))
    done = host.run(SCRIPT, "migrate", "--no-input")
    assert done.returncode == 0, done.stderr
    return host


def test_the_first_login_is_made_by_root_and_belongs_to_the_units_user(host: Host) -> None:
    made = host.run(
        SCRIPT, "createsuperuser", "--no-input", "--username", "ada", "--email", "",
        DJANGO_SUPERUSER_PASSWORD="a long one of ours",
    )  # fmt: skip
    assert (made.returncode, made.stdout.strip()) == (0, "Superuser created successfully."), made.stderr
    path = host.var / "switchboard.sqlite3"
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (UID, 0o600)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT username FROM auth_user").fetchall() == [("ada",)]


def test_the_settings_are_those_of_the_units(host: Host) -> None:
    told = "from django.conf import settings; print(settings.AUDIO_PATH, settings.INTERNAL_API_TOKEN)"
    done = host.run(SCRIPT, "shell", "--no-imports", "-c", told, AUDIO_PATH="/elsewhere")
    token = subprocess.run(
        ["cat", host.var.parent / "etc" / "secrets" / "internal-api-token"], capture_output=True, text=True
    ).stdout
    assert done.stdout.split() == ["/opt/switchboard/audio", token], done.stderr


def test_who_is_the_units_user_already_needs_not_be_root(host: Host) -> None:
    done = host.run(SCRIPT, "logins", "list", uid=UID)
    assert (done.returncode, done.stderr) == (0, "")


def test_anybody_else_is_told_in_one_line(host: Host) -> None:
    done = host.run(SCRIPT, "doctor", uid=65534)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("run it as root or as the user switchboard\n")
    assert done.stderr.count("\n") == 1


def test_the_manual_names_the_script_where_it_is() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    assert f"ln -s {SCRIPT} /usr/local/bin/" in page
    assert os.access(ROOT / "deploy" / "systemd" / "switchboard-manage", os.X_OK)
