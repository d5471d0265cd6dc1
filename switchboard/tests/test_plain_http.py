# SPDX-License-Identifier: Apache-2.0
"""The web roles start without the TLS of Twisted; other commands keep it."""

import subprocess
import sys

import pytest

from switchboard.tests.test_settings import ROOT


@pytest.mark.parametrize(("command", "loaded"), [("runui", "False"), ("check", "True")])
def test_only_commands_that_need_no_tls_go_without(command, loaded, tmp_path):
    program = (
        "import os, sys\n"
        f"sys.argv = ['manage.py', {command!r}]\n"
        "import django\n"
        "django.setup()\n"
        "import daphne.server\n"
        "print('OpenSSL.SSL' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "switchboard.settings", "VAR_DIR": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, loaded), done.stderr
