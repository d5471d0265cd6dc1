# SPDX-License-Identifier: Apache-2.0
"""RTP managers on the dashboard and on their pages: out of service and back, for platform administrators alone."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from switchboard.dashboard.board import progress
from switchboard.dashboard.tests.fake_node import rtp_manager

INDEX = "/admin/"
PAGE = "/admin/rtp-manager?server=local&node=rtp-1"
JSON = {"Accept": "application/json"}
NAMES = ["alice", "bob", "vera", "charlie", "nobody"]


@pytest.fixture
def pool(node, people):
    node.tables["rtpmanagers"] = [rtp_manager("rtp-1"), rtp_manager("rtp-2")]
    return node


@pytest.fixture
def root(client, people):
    client.force_login(people["root"])
    return client


def states(pool):
    return {row["node_id"]: row["drain_state"] for row in pool.tables["rtpmanagers"]}


def test_the_dashboard_leads_to_what_can_be_done(root, pool):
    page = root.get(INDEX).content.decode()
    assert page.count("data-dialog") == 2
    assert 'aria-label="Disable rtp-1"' in page


@pytest.mark.parametrize("mode", ["graceful", "aggressive"])
def test_an_rtp_manager_is_taken_out_of_service_and_back(root, pool, mode):
    assert "Disable rtp-1?" in root.get(PAGE).content.decode()
    answer = root.post(PAGE, {"act": "drain", "mode": mode}, headers=JSON)
    assert (answer.status_code, states(pool)) == (200, {"rtp-1": "draining", "rtp-2": "active"})
    assert pool.drains["rtp-1"]["mode"] == mode
    assert "Cancel the drain of rtp-1?" in root.get(PAGE).content.decode()
    answer = root.post(PAGE, {"act": "cancel"}, headers=JSON)
    assert (answer.status_code, states(pool)["rtp-1"]) == (200, "active")


def test_it_is_written_down_who_did_what(root, pool):
    root.post(PAGE, {"act": "drain", "mode": "aggressive"})
    root.post(PAGE, {"act": "cancel"})
    assert pool.persons == ["root", "root"]
    entries = list(LogEntry.objects.order_by("pk").values_list("user__username", "object_repr"))
    assert entries == [("root", "RTP manager rtp-1")] * 2
    page = root.get(PAGE).content.decode()
    assert "calls that cannot be moved are ended" in page
    assert "rtp-1 takes calls again." in page
    assert (
        "are ended" not in root.get(PAGE.replace("rtp-1", "rtp-2")).content.decode().partition("History")[2]
    )


def test_without_scripts_the_buttons_lead_back_to_the_dashboard(root, pool):
    answer = root.post(PAGE, {"act": "drain", "mode": "graceful"}, follow=True)
    assert answer.redirect_chain == [(INDEX, 302)]
    assert "rtp-1 is being disabled" in answer.content.decode()
    assert 'aria-label="Cancel the drain of rtp-1"' in answer.content.decode()


def test_the_dialog_is_the_form_alone(root, pool):
    shown = root.get(f"{PAGE}&part=form").content.decode()
    assert shown.lstrip().startswith("<form")
    assert "Keep in use" in shown
    assert "Keep in use" not in root.get(PAGE).content.decode()


def test_who_disables_the_last_one_is_warned(root, pool):
    assert "No other RTP manager" not in root.get(PAGE).content.decode()
    pool.tables["rtpmanagers"] = [rtp_manager("rtp-1"), rtp_manager("rtp-2", healthy=False)]
    assert "No other RTP manager is in use." in root.get(PAGE).content.decode()


@pytest.mark.parametrize("name", NAMES)
def test_nobody_but_platform_administrators_sees_or_does_it(client, pool, people, name):
    client.force_login(people[name])
    assert "rtp-1" not in client.get(INDEX).content.decode()
    pool.asked.clear()
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"act": "drain", "mode": "graceful"}).status_code == 403
    assert (pool.asked, pool.persons, set(states(pool).values())) == ([], [], {"active"})


def test_without_a_login_or_the_token_of_the_form_nothing_is_done(pool, people):
    assert Client().post(PAGE, {"act": "cancel"}).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people["root"])
    assert strict.post(PAGE, {"act": "drain", "mode": "graceful"}).status_code == 403
    assert pool.persons == []


@pytest.mark.parametrize(
    ("page", "given", "status"),
    [
        (PAGE, {}, 400),
        (PAGE, {"act": "drain"}, 400),
        (PAGE, {"act": "drain", "mode": "cruel"}, 400),
        ("/admin/rtp-manager?server=local&node=rtp-9", {"act": "drain", "mode": "graceful"}, 502),
        ("/admin/rtp-manager?server=elsewhere&node=rtp-1", {"act": "cancel"}, 404),
        ("/admin/rtp-manager", {"act": "cancel"}, 404),
    ],
)
def test_nonsense_is_refused(root, pool, page, given, status):
    answer = root.post(page, given, headers=JSON)
    assert answer.status_code == status
    assert set(states(pool).values()) == {"active"}
    assert not LogEntry.objects.exists()


def test_what_the_node_refuses_is_told(root, pool):
    pool.tables["rtpmanagers"] = [rtp_manager(drain_state="disabled")]
    answer = root.post(PAGE, {"act": "drain", "mode": "graceful"}, headers=JSON)
    assert answer.status_code == 409
    assert answer.json() == {"message": "local: RTP manager rtp-1 is disabled already."}


def test_an_rtp_manager_or_node_that_is_not_there_is_said_so(root, pool, settings):
    assert root.get(PAGE.replace("rtp-1", "rtp-9")).status_code == 404
    settings.UI_BACKENDS = (("local", "http://127.0.0.1:9"),)
    answer = root.get(PAGE)
    assert answer.status_code == 502
    assert "cannot be reached" in answer.content.decode()


def test_how_a_drain_goes_is_told_on_the_dashboard(root, pool):
    pool.tables["rtpmanagers"] = [rtp_manager(drain_state="draining")]
    pool.drains["rtp-1"] = {
        "state": "draining",
        "mode": "graceful",
        "total_sessions": 10,
        "migrated_count": 4,
        "failed_count": 2,
        "waiting_playback": 1,
        "remaining_sessions": 6,
        "errors": ["call-1: leg A refused: 488 Not <Acceptable>"],
    }
    page = root.get(INDEX).content.decode()
    assert '<progress value="4" max="10"' in page
    assert (
        "4 of 10 media sessions moved, 2 could not be moved, 1 waiting for a prompt to end, 6 still here."
        in page
    )
    assert "488 Not &lt;Acceptable&gt;" in page


@pytest.mark.parametrize("status", [{}, {"total_sessions": "many", "errors": 3, "mode": None}])
def test_a_status_that_says_nothing_is_no_error(status):
    assert progress(status)["words"] == "It had no session"
    assert progress(status)["errors"] == []


def test_a_node_that_takes_no_calls_says_why(root, node):
    node.problems = ["No RTP manager is healthy (rtp-1)."]
    node.degraded = [{"service": "redis", "state": "away", "detail": "redis:6379: refused"}]
    page = root.get(INDEX).content.decode()
    assert "No RTP manager is healthy (rtp-1)." in page
    assert "redis is away (redis:6379: refused)" in page


def test_the_inside_of_a_node_is_for_platform_administrators(client, node, people):
    node.degraded = [{"service": "redis", "state": "away", "detail": "redis:6379: refused"}]
    client.force_login(people["alice"])
    assert "redis" not in client.get(INDEX).content.decode()
    node.problems = ["No RTP manager is healthy (rtp-1)."]
    page = client.get(INDEX).content.decode()
    assert "takes no new calls now" in page
    assert "rtp-1" not in page
