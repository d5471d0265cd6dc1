# SPDX-License-Identifier: Apache-2.0
"""The web roles start without what they do not use; other commands keep it."""

import subprocess
import sys

import pytest

from switchboard.tests.test_settings import ROOT

PROGRAM = """
import sys
sys.argv = ["manage.py", "{command}"]
import django
django.setup()
import daphne.server, daphne.ws_protocol
print(*(name in sys.modules for name in ("OpenSSL.SSL", "autobahn.wamp.auth", "autobahn.twisted.websocket")))
"""


@pytest.mark.parametrize(("command", "loaded"), [("runui", "False False True"), ("check", "True True True")])
def test_web_roles_go_without_tls_and_wamp_and_keep_websockets(command, loaded, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM.format(command=command)],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "switchboard.settings", "VAR_DIR": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, loaded), done.stderr
