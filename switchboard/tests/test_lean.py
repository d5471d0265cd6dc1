# SPDX-License-Identifier: Apache-2.0
"""What the roles do not import: each of these takes megabytes."""

import subprocess
import sys

import pytest

UI = (
    "import django; django.setup(); import switchboard.asgi, switchboard.management.commands.runui;"
    "from channels.layers import get_channel_layer as layer; layer('notices')"
)
LIVE_API = "import django; django.setup(); import signaling.api.server, signaling.api.asgi"
HEAVY = {
    "OpenSSL",
    "argon2",
    "autobahn.wamp.auth",
    "celery",
    "cffi",
    "cryptography",
    "grpc",
    "numpy",
    "pycparser",
    "rich",
    "soundfile",
}


@pytest.mark.parametrize(
    ("program", "settings"), [(UI, "switchboard.settings"), (LIVE_API, "signaling.api.settings")]
)
def test_a_web_role_starts_without_what_it_does_not_need(program, settings, tmp_path):
    env = {"DJANGO_SETTINGS_MODULE": settings, "VAR_DIR": str(tmp_path), "REDIS_ADDR": "127.0.0.1:6379"}
    show = f"{program}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", show], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert not HEAVY & set(done.stdout.split())


def test_what_was_kept_away_can_be_imported_afterwards():
    show = (
        "from switchboard import lean; lean.import_without('structlog', 'rich'); lean.import_daphne();"
        "import rich, OpenSSL, cffi; from autobahn.twisted.wamp import ApplicationSession as S; print(S.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "ApplicationSession"
