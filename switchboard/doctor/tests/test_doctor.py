# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds, and what it tells to do."""

import json
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from switchboard.doctor import Finding, Level, examine, machine, network, services, storage
from switchboard.doctor.findings import fine
from switchboard.management.commands import doctor as command
from tests.nats import NatsServer, find_server
from tests.redis_server import running_redis


def settings(tmp_path: Path, **changes: Any) -> SimpleNamespace:
    values: dict[str, Any] = {
        "ADVERTISE": "",
        "API_BIND": "127.0.0.1",
        "API_ENABLED": True,
        "API_PORT": free_port(),
        "DATABASE_URL": "",
        "ENV": SimpleNamespace(secrets={}),
        "GRPC_BIND": "127.0.0.1",
        "GRPC_PORT": free_port(),
        "GRPC_TLS_CERT": None,
        "NATS_URL": "",
        "RECORDINGS_PATH": tmp_path / "recordings",
        "REDIS_ADDR": None,
        "REDIS_PASSWORD": "",
        "REDIS_TLS_CA": None,
        "RTP_PORT_MIN": 10000,
        "RTP_PORT_MAX": 10100,
        "SIP_BIND": "127.0.0.1",
        "SIP_PORT": free_port(),
        "SIP_TLS_CERT": None,
        "SIP_TLS_PORT": free_port(),
        "UI_BIND": "127.0.0.1",
        "UI_PORT": free_port(),
        "VAR_DIR": tmp_path,
    }
    return SimpleNamespace(**{**values, **changes})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def listening(kind: socket.SocketKind = socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            listener.listen()
        yield listener


def levels(findings: Any) -> list[Level]:
    return [finding.level for finding in findings]


@pytest.fixture
def quiet_host(monkeypatch):
    """A host on which nobody else opens ports while a test looks at its own."""

    def problem_with(wanted: Any) -> str | None:
        return real_problem_with(wanted) if wanted.port in watched else None

    watched: set[int] = set()
    real_problem_with = network.problem_with
    monkeypatch.setattr(network, "problem_with", problem_with)
    return watched


def test_free_ports_are_fine(tmp_path, quiet_host):
    assert levels(network.ports(settings(tmp_path))) == [Level.OK] * 5


def test_a_port_that_another_program_has_is_a_failure_with_its_remedy(tmp_path, quiet_host):
    with listening() as listener:
        listener.settimeout(0.1)
        port = listener.getsockname()[1]
        quiet_host.add(port)
        findings = list(network.ports(settings(tmp_path, SIP_PORT=free_port(), UI_PORT=port)))
    assert [finding.level for finding in findings if finding.detail.startswith("ui")] == [Level.FAILURE]
    (found,) = [finding for finding in findings if finding.level is Level.FAILURE]
    assert f"port {port}/tcp is taken" in found.detail
    assert "UI_PORT=NUMBER" in found.remedy


@contextmanager
def answering(reply: bytes):
    """A server that answers whatever the first client says."""

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65535)
            client.sendall(reply)

    with listening() as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def about(name: str, findings: Any) -> list[Finding]:
    return [finding for finding in findings if finding.detail.startswith(name)]


def test_a_port_that_its_role_has_is_fine(tmp_path, quiet_host):
    with answering(network.EMPTY_SETTINGS) as port:
        quiet_host.add(port)
        found = about("gRPC", network.ports(settings(tmp_path, GRPC_PORT=port)))
    assert (levels(found), found[0].detail.endswith("is served")) == ([Level.OK], True)


@pytest.mark.parametrize(("name", "variable"), [("gRPC", "GRPC_PORT"), ("SIP", "SIP_PORT")])
def test_a_port_that_another_kind_of_server_has_is_a_failure(tmp_path, quiet_host, name, variable):
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        quiet_host.add(port)
        found = about(name, network.ports(settings(tmp_path, **{variable: port})))
    assert Level.FAILURE in levels(found)


def test_a_port_that_two_roles_want_is_a_failure(tmp_path, quiet_host):
    port = free_port()
    found = list(network.ports(settings(tmp_path, SIP_PORT=port, UI_PORT=port)))
    assert (found[0].level, found[0].detail) == (Level.FAILURE, f"PORT and UI_PORT are the same: {port}/tcp")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ADVERTISE": "203.0.113.5"}, "a NAT must forward"),
        ({"ADVERTISE": "127.0.0.1"}, "an address of this host"),
        ({"SIP_BIND": "127.0.0.1"}, "BIND names it"),
    ],
)
def test_the_advertised_address_comes_with_its_reason(tmp_path, changes, why):
    (found,) = network.advertised(settings(tmp_path, **changes))
    assert found.level is Level.OK
    assert why in found.detail


@pytest.mark.parametrize(("primary", "level"), [("192.0.2.7", Level.OK), ("127.0.0.1", Level.WARNING)])
def test_a_host_without_a_network_is_told_so(tmp_path, monkeypatch, primary, level):
    monkeypatch.setattr(network, "primary_address", lambda family: primary)
    (found,) = network.advertised(settings(tmp_path, SIP_BIND="0.0.0.0"))
    assert found.level is level
    assert found.detail.startswith(primary)


@pytest.mark.parametrize(
    ("first", "last", "level", "part"),
    [
        (10000, 10100, Level.OK, "50 sessions, 25 calls"),
        (10001, 10004, Level.FAILURE, "no call fits"),
        (10000, 40000, Level.WARNING, "32768-60999"),
    ],
)
def test_the_rtp_range_is_judged(tmp_path, monkeypatch, first, last, level, part):
    monkeypatch.setattr(network, "_ephemeral", lambda: (32768, 60999))
    (found,) = network.rtp_range(settings(tmp_path, SIP_PORT=5060, RTP_PORT_MIN=first, RTP_PORT_MAX=last))
    assert found.level is level
    assert part in found.detail


def test_a_listener_within_the_rtp_range_is_a_failure(tmp_path):
    (found,) = network.rtp_range(settings(tmp_path, SIP_PORT=10050))
    assert (found.level, "PORT lies in it" in found.detail) == (Level.FAILURE, True)


def test_a_clock_of_long_ago_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.time, "time", lambda: 0.0)
    assert levels(machine.clock(settings(tmp_path))) == [Level.FAILURE]


@pytest.mark.parametrize(
    ("synchronised", "level"), [(True, Level.OK), (None, Level.OK), (False, Level.WARNING)]
)
def test_a_clock_that_nothing_keeps_right_is_told(tmp_path, monkeypatch, synchronised, level):
    monkeypatch.setattr(machine, "_is_synchronised", lambda: synchronised)
    assert levels(machine.clock(settings(tmp_path))) == [level]


def test_the_engine_names_its_build(tmp_path):
    (found,) = machine.engine(settings(tmp_path))
    assert found.detail.startswith("switchboard_engine ")


@pytest.mark.parametrize(("mode", "level"), [(0o600, Level.OK), (0o644, Level.FAILURE)])
def test_a_secret_key_that_others_can_read_is_a_failure(tmp_path, mode, level):
    path = tmp_path / "secret-key"
    path.write_text("secret")
    path.chmod(mode)
    (found,) = storage.secret_key(settings(tmp_path))
    assert found.level is level
    assert level is Level.OK or found.remedy == f"chmod 600 {path}"


def test_a_secret_from_the_documentation_is_named_and_not_shown(tmp_path):
    env = SimpleNamespace(secrets={"SECRET_KEY": "switchboard-dev-key"})
    (found,) = storage.secret_key(settings(tmp_path, ENV=env))
    assert (found.level, "SECRET_KEY" in found.detail) == (Level.WARNING, True)
    assert "switchboard-dev-key" not in f"{found}"


def test_a_journal_directory_that_will_be_made_is_fine(tmp_path):
    (found,) = storage.journal(settings(tmp_path))
    assert found.level in (Level.OK, Level.WARNING)
    assert "is writable" in found.detail
    assert list(tmp_path.iterdir()) == []


def test_a_journal_directory_that_cannot_be_written_is_a_failure(tmp_path):
    (tmp_path / "journal").write_text("a file")
    (found,) = storage.journal(settings(tmp_path))
    assert (found.level, "VAR_DIR" in found.remedy) == (Level.FAILURE, True)


@pytest.mark.parametrize(
    ("free", "level"), [(10 << 30, Level.OK), (500 << 20, Level.WARNING), (1 << 20, Level.FAILURE)]
)
def test_a_full_disk_is_told_in_time(tmp_path, monkeypatch, free, level):
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert levels(storage.free_disk(settings(tmp_path))) == [level]
    (found,) = storage.recordings(settings(tmp_path))
    assert (found.level, "room for" in found.detail) == (level, True)


def test_a_directory_of_recordings_that_will_be_made_is_fine(tmp_path):
    (found,) = storage.recordings(settings(tmp_path))
    assert found.level in (Level.OK, Level.WARNING)
    assert f"{tmp_path}/recordings is writable" in found.detail
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_recordings_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "a-file").write_text("a file")
    (found,) = storage.recordings(settings(tmp_path, RECORDINGS_PATH=tmp_path / "a-file"))
    assert (found.level, "RECORDINGS_PATH" in found.remedy) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("away", "missing", "level", "remedy"),
    [
        ("", "", Level.OK, ""),
        ("no answer", "", Level.FAILURE, "DATABASE_URL"),
        ("", "2 migrations are not applied yet", Level.FAILURE, "manage.py migrate"),
    ],
)
def test_the_database_must_answer_and_be_migrated(tmp_path, monkeypatch, away, missing, level, remedy):
    monkeypatch.setattr(services, "why_it_is_away", lambda: away)
    monkeypatch.setattr(services, "what_is_missing", lambda: missing)
    (found,) = services.database(settings(tmp_path))
    assert found.level is level
    assert remedy in found.remedy


def test_services_that_no_setting_names_are_not_asked_for(tmp_path):
    assert [*services.redis(settings(tmp_path)), *services.nats(settings(tmp_path, NATS_URL=""))] == []


def test_a_service_that_is_away_is_a_failure(tmp_path):
    (found,) = services.redis(settings(tmp_path, REDIS_ADDR=("127.0.0.1", free_port())))
    assert (found.level, "REDIS_ADDR" in found.remedy) == (Level.FAILURE, True)


@pytest.mark.redis
@pytest.mark.parametrize(
    ("password", "level", "remedy"),
    [
        ("sesame", Level.OK, ""),
        ("wrong", Level.FAILURE, "REDIS_PASSWORD"),
        ("", Level.FAILURE, "REDIS_PASSWORD"),
    ],
)
def test_redis_must_answer_and_take_the_password(tmp_path, password, level, remedy):
    with running_redis(password="sesame") as server:
        address = ("127.0.0.1", server.port)
        (found,) = services.redis(settings(tmp_path, REDIS_ADDR=address, REDIS_PASSWORD=password))
    assert (found.level, remedy in found.remedy) == (level, True)


def test_a_check_that_breaks_is_a_finding_and_the_others_run(tmp_path):
    def broken(given: Any) -> list[Finding]:
        raise RuntimeError("oops")

    found = examine(settings(tmp_path), {"broken": broken, "good": lambda given: [fine("good", "yes")]})
    assert levels(found) == [Level.FAILURE, Level.OK]
    assert "oops" in found[0].detail


@pytest.mark.parametrize("level", Level)
def test_the_command_exits_with_1_when_something_does_not_work(monkeypatch, capsys, level):
    monkeypatch.setattr(command, "examine", lambda given: [Finding("clock", level, "detail", "remedy")])
    if level is Level.FAILURE:
        with pytest.raises(SystemExit, match="1"):
            call_command("doctor", "--json")
    else:
        call_command("doctor", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is (level is not Level.FAILURE)
    assert report["findings"] == [
        {"check": "clock", "level": str(level), "detail": "detail", "remedy": "remedy"}
    ]


def test_the_table_shows_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(
        command, "examine", lambda given: [Finding("clock", Level.WARNING, "late [bold]", "set it")]
    )
    call_command("doctor")
    shown = capsys.readouterr().out
    assert "late [bold]" in shown
    assert "→ set it" in shown
    assert "0 failures, 1 warning" in shown


def test_everything_that_is_not_fine_has_a_remedy(tmp_path):
    for found in examine(settings(tmp_path), {"ports": network.ports, "disk": storage.free_disk}):
        assert found.level is Level.OK or found.remedy


@pytest.mark.nats
@pytest.mark.parametrize(("jetstream", "level"), [(True, Level.OK), (False, Level.FAILURE)])
def test_nats_must_answer_and_keep_streams(tmp_path, jetstream, level):
    program = find_server()
    if program is None:
        pytest.skip("Debian's package nats-server is not installed")
    server = NatsServer(program, jetstream=jetstream)
    try:
        server.start()
        (found,) = services.nats(settings(tmp_path, NATS_URL=server.url))
    finally:
        server.remove()
    assert (found.level, "nats-server -js" in found.remedy) == (level, not jetstream)


def test_nats_that_is_away_is_a_failure_that_tells_no_password(tmp_path):
    url = f"nats://somebody:sesame@127.0.0.1:{free_port()}"
    (found,) = services.nats(settings(tmp_path, NATS_URL=url))
    assert (found.level, "NATS_URL" in found.remedy, "sesame" in found.detail) == (Level.FAILURE, True, False)
