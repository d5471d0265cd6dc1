# SPDX-License-Identifier: Apache-2.0
"""Health: no token, and the truth."""

from __future__ import annotations

import pytest

from signaling.live.mirror import Mirror
from signaling.live.tables import RTPMANAGERS, VERSION, Kind

HEALTHY = ("127.0.0.1:9090", "rtp-1", True, "active", 0, 100)
AWAY = ("127.0.0.1:9091", "rtp-2", False, "active", 0, None)


def problems(client):
    answer = client.get("/api/v1/health")
    return answer.status_code, [problem["code"] for problem in answer.json()["problems"]], answer.json()


def test_a_node_that_can_take_calls_is_well(live, client):
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [HEALTHY, AWAY]))
    status, codes, body = problems(client)
    assert (status, codes, body["status"]) == (200, [], "ok")
    assert body["timestamp"].endswith("Z")


def test_one_without_an_rtp_manager_is_not(live, client):
    assert problems(client)[:2] == (503, ["NO_RTP_MANAGER"])
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [AWAY]))
    status, codes, body = problems(client)
    assert (status, codes, body["status"]) == (503, ["NO_RTP_MANAGER"], "unavailable")
    assert "rtp-2" in body["problems"][0]["detail"]


@pytest.mark.parametrize("state", ["draining", "disabled"])
def test_one_whose_rtp_managers_are_all_drained_is_not(live, client, state):
    drained = (*HEALTHY[:3], state, *HEALTHY[4:])
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [drained, AWAY]))
    status, codes, body = problems(client)
    assert (status, codes) == (503, ["NO_RTP_MANAGER"])
    assert body["problems"][0]["detail"] == "Every healthy RTP manager is drained (rtp-1)."
    assert client.get("/api/v1/health?liveness=true").status_code == 200


def test_one_whose_rtp_managers_have_no_port_left_is_not(live, client):
    full = (*HEALTHY[:5], 0)
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [full, AWAY]))
    status, codes, body = problems(client)
    assert (status, codes) == (503, ["NO_RTP_MANAGER"])
    assert body["problems"][0]["detail"].startswith("No RTP manager has a free port (rtp-1)")
    assert client.get("/api/v1/health?liveness=true").status_code == 200
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [full, ("127.0.0.1:9092", "rtp-3", *HEALTHY[2:5], None)]))
    assert problems(client)[:2] == (200, []), "one that has not told yet may have some"


def test_a_probe_finds_health_at_the_short_address_too(live, client):
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [HEALTHY]))
    assert client.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("status", "code"),
    [({"stopping": True}, "STOPPING"), ({"journal_problem": "CDR journal: the disk is full"}, "JOURNAL")],
)
def test_what_the_signaling_process_says_of_itself_counts(live, client, status, code):
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [HEALTHY]))
    live.mirror.apply((Kind.STATUS, status))
    assert problems(client)[:2] == (503, [code])


def test_redis_away_degrades_a_node_that_still_takes_calls(live, client):
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [HEALTHY]))
    live.mirror.apply((Kind.STATUS, {"degraded": {"redis": "redis:6379: Connection refused"}}))
    status, codes, body = problems(client)
    assert (status, codes, body["status"]) == (200, [], "ok")
    assert body["degraded"] == [
        {"service": "redis", "state": "away", "detail": "redis:6379: Connection refused"}
    ]
    live.mirror.apply((Kind.STATUS, {"degraded": {}}))
    assert problems(client)[2]["degraded"] == []


def test_a_node_that_waits_for_its_database_says_so_and_asks_for_no_restart(live, client):
    live.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [HEALTHY]))
    status = {"starting": True, "degraded": {"database": "Configuration cannot be read: refused"}}
    live.mirror.apply((Kind.STATUS, status))
    answer = client.get("/api/v1/health")
    (problem,) = answer.json()["problems"]
    assert (answer.status_code, problem["code"]) == (503, "STARTING")
    assert "refused" in problem["detail"]
    assert client.get("/api/v1/health?liveness=true").status_code == 200


def test_a_signaling_process_that_is_away_is_the_only_thing_said(live, client):
    live.mirror.lost()
    assert problems(client)[:2] == (503, ["SIP_AWAY"])


def test_a_signaling_process_that_hangs_is_noticed(live, client):
    clock = [0.0]
    mirror = live.runtime.mirror = Mirror(clock=lambda: clock[0])
    for message in ((Kind.HELLO, VERSION, {}), (Kind.STATUS, {}), (Kind.READY,)):
        mirror.apply(message)
    mirror.apply((Kind.ROWS, RTPMANAGERS.name, [HEALTHY]))
    assert problems(client)[0] == 200
    clock[0] = 6.0
    assert problems(client)[:2] == (503, ["SIP_SILENT"])
