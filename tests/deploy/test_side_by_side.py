# SPDX-License-Identifier: Apache-2.0
"""The whole deployment on this machine: every pod of the manifests side by side, then calls through it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis

from tests import audio, rawsip
from tests.deploy.cluster import TONES_HZ, USERS, Cluster, running_cluster
from tests.deploy.probes import http_status
from tests.phones.process import PhoneProcess
from tests.stack import Phone, password

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgres,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network for the node"),
]

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
PODS = ("rtpmanager-0", "rtpmanager-1", "signaling-0", "ui-0", "cdrs-0", "worker-0")
RTP_MANAGERS = PODS[:2]
NOTICED_S = 20.0
OWN_RECORDING_HZ = 697.0
OF_PODS_ALONE = {5432, 6379, 4222, 8222, 8081}
"""Ports of pods that are not on the node's network; here they all share one."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """All services and roles, ready, with two users."""
    with running_cluster() as made:
        yield made


def write_pcmu(path: Path, frequency_hz: float) -> None:
    """Write ten seconds of a tone as operators are told to: 8 kHz, mono, PCMU (RIFF format 7)."""
    sound = audio.pcmu(audio.tone(frequency_hz, 10))
    form = struct.pack("<HHIIHHH", 7, 1, audio.RATE_HZ, audio.RATE_HZ, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(sound)) + sound
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    path.chmod(0o644)


def listening(protocol: str) -> set[int]:
    """Return the ports of the node that any address may reach, or this host alone."""
    option = {"tcp": "-t", "udp": "-u"}[protocol]
    done = subprocess.run(["ss", "-Hln", option], capture_output=True, text=True, timeout=10, check=True)
    return {int(line.split()[3].rpartition(":")[2]) for line in done.stdout.splitlines()}


def hang_up(phone: PhoneProcess) -> None:
    """End the call of a phone, and wait until it has ended."""
    phone.order("hangup")
    phone.wait_for("call_closed")


def assert_hears(phone: PhoneProcess, frequency_hz: float) -> None:
    """The last half second that a phone heard holds the tone."""
    heard = audio.strongest_tone(phone.heard()[-audio.RATE_HZ // 2 :])
    assert heard.frequency_hz == pytest.approx(frequency_hz, abs=3)
    assert heard.level_dbfs > -20


def test_every_probe_of_every_pod_passes(cluster: Cluster) -> None:
    for name in PODS:
        started = cluster.node.pods[name]
        assert started.running.ended_with is None, cluster.node.logs()
        for probe in PROBES:
            assert started.probe(probe), f"{probe} of {name}\n{cluster.node.logs()}"


def test_signaling_answers_the_health_path_of_the_guide(cluster: Cluster) -> None:
    assert http_status(8080, "/api/v1/health") == 200


def test_the_tables_of_the_guide_are_in_the_schema(cluster: Cluster) -> None:
    found = cluster.rows("SELECT table_schema, table_name FROM information_schema.tables")
    names = {row["table_name"] for row in found if row["table_schema"] == "switchboard"}
    assert {"accounts", "users", "registrations", "dialplan_routes", "cdrs"} <= names, found


def test_the_worker_does_the_jobs_and_health_says_so(cluster: Cluster) -> None:
    done = "SELECT 1 FROM switchboard.job_runs WHERE task = 'switchboard.heartbeat' AND succeeded"
    cluster.node.wait_until(lambda: bool(cluster.rows(done)), NOTICED_S, "a sign of life of the worker")
    with urlopen("http://127.0.0.1:3000/health", timeout=5) as answer:
        assert json.load(answer) == {"status": "ok"}


def test_a_test_call_passes_with_audio_both_ways_and_a_cdr_in_postgresql(cluster: Cluster) -> None:
    words = [word for user in USERS for word in ("--password", f"{user}={password(user)}")]
    card = json.loads(cluster.command("testcall", "--from", USERS[0], "--to", USERS[1], "--json", *words))
    row = cluster.cdr(card["call_id"])
    assert (row["disposition"], row["signaling_server"]) == ("ANSWERED", "node-1")


def test_redis_holds_bindings_and_counters_which_all_end_by_themselves(
    cluster: Cluster, tmp_path: Path
) -> None:
    stranger = Phone(username=USERS[1], password="guess", port=0)
    with cluster.phone(0, tmp_path), redis.Redis(decode_responses=True) as client:
        with rawsip.Peer(("127.0.0.1", 5060), ip="127.0.0.9") as peer:
            assert peer.register(stranger).status == 401
        for pattern, kind in ((f"reg:sip:{USERS[0]}@*", "hash"), ("ratelimit:failures:127.0.0.9", "string")):
            cluster.node.wait_until(partial(client.keys, pattern), NOTICED_S, pattern)
            for key in client.keys(pattern):
                assert client.type(key) == kind
        assert all(client.ttl(key) > 0 for key in client.keys("reg:*") + client.keys("ratelimit:*"))


def test_calls_take_turns_between_the_rtp_managers_and_a_prompt_of_the_image_plays(
    cluster: Cluster, tmp_path: Path
) -> None:
    used = set()
    with cluster.phone(0, tmp_path) as caller:
        for _ in range(2):
            caller.order("call", number="500")
            call_id = caller.wait_for("call_established")["call_id"]
            time.sleep(1.0)
            assert audio.level_dbfs(caller.heard()) > -40
            caller.order("hangup")
            caller.wait_for("call_closed")
            used.add(cluster.cdr(call_id)["rtp_manager"])
    assert used == set(RTP_MANAGERS)


def test_both_legs_of_a_call_stand_on_one_rtp_manager(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.phone(0, tmp_path) as caller, cluster.phone(1, tmp_path) as callee:
        caller.order("call", number=USERS[1])
        callee.wait_for("incoming")
        callee.order("answer")
        caller.wait_for("call_established")
        sessions = cluster.live("sessions")["sessions"]
        hang_up(caller)
    assert len(sessions) == 2
    assert len({session["rtp_manager"] for session in sessions}) == 1


def test_call_records_are_in_the_stream_of_the_guide(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.phone(0, tmp_path) as caller:
        caller.order("call", number="600")
        call_id = caller.wait_for("call_established")["call_id"]
        hang_up(caller)
    cluster.cdr(call_id)
    with urlopen("http://127.0.0.1:8222/jsz?streams=true&config=true", timeout=5) as answer:
        (account,) = json.load(answer)["account_details"]
    (stream,) = [
        each for each in account["stream_detail"] if each["config"]["subjects"] == ["switchboard.cdr.raw"]
    ]
    assert stream["state"]["last_seq"] >= 1


def test_the_ports_of_the_guide_are_open_and_no_others(cluster: Cluster) -> None:
    assert listening("tcp") == {3000, 5060, 8080, 9090, 9091} | OF_PODS_ALONE
    assert listening("udp") >= {5060}
    with urlopen("http://127.0.0.1:3000/admin/login/", timeout=10) as answer:
        assert answer.status == 200


def test_the_processes_fit_the_limits_and_run_as_the_user_of_the_image(cluster: Cluster) -> None:
    for name in PODS:
        started = cluster.node.pods[name]
        limit = started.pod.container["resources"]["limits"]["memory"]
        assert started.running.memory_mib() < int(limit.removesuffix("Mi")), name
        for pid in started.running.processes():
            status = dict(
                line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            )
            assert status["Uid"].split() == ["1000"] * 4
            assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0


def test_a_call_outlives_the_replacement_of_every_pod(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.phone(0, tmp_path) as caller, cluster.phone(1, tmp_path) as callee:
        caller.order("call", number=USERS[1])
        callee.wait_for("incoming")
        callee.order("answer")
        call_id = caller.wait_for("call_established")["call_id"]
        for name in PODS:
            said = cluster.node.replace(name)
            drained = "is being drained" in said and "is not drained" not in said
            assert drained == (name in RTP_MANAGERS), said
            time.sleep(1.0)
            assert_hears(callee, TONES_HZ[0])
            assert_hears(caller, TONES_HZ[1])
        hang_up(caller)
    assert cluster.cdr(call_id)["disposition"] == "ANSWERED"


def test_without_rtp_managers_signaling_is_not_ready_and_yet_alive(cluster: Cluster) -> None:
    signaling = cluster.node.pods["signaling-0"]
    for name in RTP_MANAGERS:
        cluster.node.stop_pod(name)
    cluster.node.wait_until(
        lambda: not signaling.probe("readinessProbe"), NOTICED_S, "signaling is not ready"
    )
    assert signaling.probe("livenessProbe")
    cluster.node.start("rtpmanager")
    cluster.node.wait_until(lambda: signaling.probe("readinessProbe"), NOTICED_S, "signaling is ready")


def test_a_recording_of_the_node_plays_after_the_dialplan_was_edited_as_the_guide_says(
    cluster: Cluster, tmp_path: Path
) -> None:
    (folder,) = cluster.node.host.directory.glob("host/opt/switchboard/audio")
    write_pcmu(folder / "own.wav", OWN_RECORDING_HZ)
    dialplan = cluster.node.manifests.get("ConfigMap", "switchboard-dialplan")["data"]
    document = json.loads(dialplan["dialplan.json"])
    plays = {"type": "play_audio", "params": {"file": "own.wav"}}
    document["routes"].append({"id": "own", "name": "Own recording", "pattern": "700", "actions": [plays]})
    dialplan["dialplan.json"] = json.dumps(document)
    with cluster.phone(0, tmp_path) as caller:
        cluster.node.replace("signaling-0")
        caller.order("call", number="700")
        caller.wait_for("call_established")
        time.sleep(1.5)
        assert_hears(caller, OWN_RECORDING_HZ)
        # Else the call goes on after the restarts to come, to the port where the next phone listens.
        hang_up(caller)


def test_phones_call_again_after_signaling_was_replaced(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.phone(0, tmp_path) as caller:
        cluster.node.replace("signaling-0")
        caller.order("call", number="600")
        caller.wait_for("call_established")
        time.sleep(1.5)
        assert_hears(caller, TONES_HZ[0])
        hang_up(caller)
