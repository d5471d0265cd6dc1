# SPDX-License-Identifier: Apache-2.0
"""What the roles do not import, for each of these takes megabytes; and what they keep of memory that was freed."""

import platform
import subprocess
import sys

import pytest

URLS = "from django.urls import get_resolver; get_resolver().url_patterns;"
UI = (
    "import django; django.setup(); import switchboard.management.commands.runui, switchboard.asgi;"
    f"{URLS} from channels.layers import get_channel_layer as layer; layer('notices')"
)
LIVE_API = (
    "import django; django.setup(); import signaling.management.commands.runapi, signaling.api.server, signaling.api.asgi;"
    f"{URLS}"
)
SIP = "import sys; sys.argv[1:] = ['runsip']; import django; django.setup(); import signaling.management.commands.runsip"
MEDIA = "import sys; sys.argv[1:] = ['runrtp']; import django; django.setup(); import media.management.commands.runrtp"
NOBODYS = {
    "OpenSSL",
    "_pytest",
    "autobahn.wamp.auth",
    "cbor2",
    "celery",
    "cffi",
    "click",
    "cryptography",
    "django.contrib.gis",
    "django.test",
    "greenlet",
    "jinja2",
    "numpy",
    "pycparser",
    "pygments",
    "requests",
    "rich",
    "soundfile",
    "unittest",
}
NOT_OF_WEB_ROLES = {"argon2", "dns", "grpc", "signaling.transport", "uvloop"}
NOT_OF_CALLS = {"channels", "daphne", "rest_framework", "twisted", "unfold", "yaml"}


def run(program: str, **env: str) -> str:
    """Return what a program of Python prints."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=env or None, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("program", "settings", "unneeded"),
    [
        (UI, "switchboard.settings", NOBODYS | NOT_OF_WEB_ROLES),
        (LIVE_API, "signaling.api.settings", NOBODYS | NOT_OF_WEB_ROLES),
        (SIP, "switchboard.settings", NOBODYS | NOT_OF_CALLS),
        (MEDIA, "switchboard.settings", NOBODYS | NOT_OF_CALLS),
    ],
    ids=["ui", "live-api", "signaling", "rtpmanager"],
)
def test_a_role_starts_without_what_it_does_not_need(program, settings, unneeded, tmp_path):
    show = f"{program}\nimport sys; print(*sys.modules)"
    loaded = run(
        show, DJANGO_SETTINGS_MODULE=settings, VAR_DIR=str(tmp_path), REDIS_ADDR="127.0.0.1:6379"
    ).split()
    assert set(loaded) & unneeded == set()


def test_what_was_kept_away_can_be_imported_afterwards():
    show = (
        "from switchboard import lean; lean.import_without('structlog', *lean.NOT_FOR_STRUCTLOG); lean.import_daphne();"
        "import rich, OpenSSL, cffi, cbor2, click;"
        "from autobahn.twisted.wamp import ApplicationSession as S; print(S.__name__)"
    )
    assert run(show) == "ApplicationSession"


def test_the_test_client_can_be_imported_after_the_descriptions():
    show = (
        "import django; django.setup(); import switchboard.api_schema; from rest_framework.test import APIRequestFactory as F;"
        "print(F().get('/').path)"
    )
    assert run(show, DJANGO_SETTINGS_MODULE="switchboard.settings") == "/"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no such parameters")
@pytest.mark.parametrize(("bounded", "arenas"), [("lean.bound_allocator()", 1), ("", 4)])
def test_threads_share_what_they_freed(bounded, arenas):
    show = f"""
import ctypes, threading
from switchboard import lean
{bounded}
libc, barrier = ctypes.CDLL(None), threading.Barrier(4)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
def allocate():
    barrier.wait()
    libc.malloc(1000)
threads = [threading.Thread(target=allocate) for _ in range(3)]
for thread in threads: thread.start()
barrier.wait()
for thread in threads: thread.join()
out = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, out)
libc.fclose(out)
"""
    assert run(show).count("<heap nr=") == arenas


def test_after_the_start_the_collector_looks_often_at_the_little_that_came_since():
    show = """
import gc
from switchboard import lean
libraries = [[] for _ in range(600_000)]
lean.settle()
before = gc.get_stats()[2]["collections"]
made = [[] for _ in range(100_000)]
print(gc.get_stats()[2]["collections"] - before)
"""
    assert int(run(show)) >= 2
