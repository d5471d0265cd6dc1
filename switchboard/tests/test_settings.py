# SPDX-License-Identifier: Apache-2.0
"""The settings as a process sees them at its start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from switchboard.management.commands.configdoc import page

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PORT": "sip"}, "PORT='sip'"),
        ({"RTP_PORT_MIN": "20000", "RTP_PORT_MAX": "10000"}, "RTP_PORT_MAX='10000'"),
        (
            {"RTP_PORT_MIN": "31100", "RTP_PORT_MAX": "31102"},
            "'31102' is not accepted: expected 31103 or more",
        ),
        (
            {"RTP_PORT_MIN": "31101", "RTP_PORT_MAX": "31104"},
            "'31104' is not accepted: expected 31105 or more",
        ),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"RTPMANAGER_ADDRS": "localhost"}, "RTPMANAGER_ADDRS='localhost'"),
        ({"RTPMANAGER_ADDRS": "rtp-1=10.0.0.1:9090,rtp-2=http://x:1"}, "RTPMANAGER_ADDRS='http://x:1'"),
        ({"RTPMANAGER_ADDRS": "rtp-1=Media:9090,rtp-2=media:9090"}, "RTPMANAGER_ADDRS='Media:9090'"),
        ({"RTPMANAGER_ADDRS": ","}, "RTPMANAGER_ADDRS=','"),
        ({"NATS_URL": "nats:4222"}, "NATS_URL"),
        ({"UI_BACKENDS": "local=http://"}, "UI_BACKENDS='http://'"),
        ({"SIGNALING_API_URL": "http://"}, "SIGNALING_API_URL='http:"),
        ({"REDIS_ADDR": "redis"}, "REDIS_ADDR='redis'"),
        ({"REGISTRATION_MIN_S": "100", "REGISTRATION_MAX_S": "99"}, "REGISTRATION_MAX_S='99'"),
        ({"GRPC_TLS_CERT": "/tls/cert.pem"}, "GRPC_TLS_CERT='/tls/cert.pem'"),
    ],
)
def test_a_bad_setting_ends_the_start_with_one_line_and_exit_code_2(variables, named):
    ended = run("check", **variables)
    assert ended.returncode == 2
    assert named in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_addresses_as_the_guide_writes_them_are_taken():
    words = "import json; from django.conf import settings as s; print(json.dumps([s.RTPMANAGER_ADDRS, s.NATS_URL]))"
    for addresses, first in (
        ("192.168.1.100:9090,192.168.1.101:9090", ["192.168.1.100:9090", "192.168.1.100:9090"]),
        ("rtp-1=[2001:db8::1]:9090", ["rtp-1", "[2001:db8::1]:9090"]),
    ):
        shown = run(
            "shell", "-v0", "-c", words, RTPMANAGER_ADDRS=addresses, NATS_URL="nats://a:4222,nats://u:p@b"
        )
        assert json.loads(shown.stdout)[0][0] == first, shown.stderr


def test_the_tables_are_in_their_schema_whatever_else_the_url_asks_of_the_server():
    url = "postgres://u:p@h/db?sslmode=require&options=-c%20search_path%3Dpublic%20-c%20work_mem%3D8MB"
    words = "from django.conf import settings as s; print(s.DATABASES['default']['OPTIONS'])"
    shown = run("shell", "-v0", "-c", words, DATABASE_URL=url)
    assert "'sslmode': 'require'" in shown.stdout, shown.stderr
    assert "-c work_mem=8MB -c search_path=switchboard,public'" in shown.stdout


def test_probes_are_answered_whatever_hosts_are_allowed():
    shown = run(
        "shell", "-c", "from django.conf import settings; print(settings.ALLOWED_HOSTS)", ALLOWED_HOSTS="pbx"
    )
    assert "['pbx', 'localhost']" in shown.stdout


def test_a_bad_flag_is_named_like_its_variable():
    ended = run("runsip", "--port", "99999")
    assert (ended.returncode, "PORT='99999'" in ended.stderr) == (2, True)


@pytest.mark.parametrize("flag", ["--database-url", "--nats-url"])
def test_an_address_that_may_hold_a_password_has_a_flag_all_the_same(flag):
    ended = run("runsip", flag, "mysql://user:hunter2@host")
    assert (ended.returncode, flag[2:].upper().replace("-", "_") in ended.stderr) == (2, True)
    assert "hunter2" not in ended.stderr
    assert flag in run("runsip", "--help").stdout


def test_a_database_password_is_not_shown_in_the_error():
    ended = run("check", DATABASE_URL="mysql://user:hunter2@host/db")
    assert "hunter2" not in ended.stderr


def test_the_configuration_page_is_current():
    assert (ROOT / "docs" / "configuration.md").read_text() == page(settings.ENV), "run: make docs"
