# SPDX-License-Identifier: Apache-2.0
import pytest

from signaling.drain import DrainController
from signaling.drain.commands import offer_drains
from signaling.live.commands import CommandTable
from signaling.mediapool import MediaPool


@pytest.fixture
async def run():
    commands = CommandTable()
    drains = DrainController(MediaPool([("one", "h:1")]), list)
    offer_drains(commands, drains)

    def execute(name, **arguments):
        answers = []
        commands.execute(name, arguments, lambda ok, result: answers.append((ok, result)))
        return answers[0]

    yield execute
    await drains.stop()


async def test_a_drain_is_begun_watched_and_cancelled(run):
    assert run("drain", node_id="one", mode="aggressive") == (
        True,
        {
            "message": "RTP manager one is being drained.",
            "node_id": "one",
            "mode": "aggressive",
            "total_sessions": 0,
        },
    )
    _, status = run("drain_status", node_id="one")
    assert (status["state"], status["mode"]) == ("draining", "aggressive")
    assert status["started_at"].endswith("Z")
    assert run("cancel_drain", node_id="one") == (
        True,
        {"message": "RTP manager one takes calls again.", "node_id": "one"},
    )


@pytest.mark.parametrize("name", ["drain", "drain_status", "cancel_drain"])
async def test_an_unknown_node_is_not_found(run, name):
    ok, refusal = run(name, node_id="nobody")
    assert (ok, refusal["status"]) == (False, 404)


async def test_what_cannot_be_done_now_is_a_conflict(run):
    assert run("cancel_drain", node_id="one")[1]["status"] == 409
    run("drain", node_id="one")
    assert run("drain", node_id="one")[1]["status"] == 409


async def test_an_unknown_mode_is_refused_by_name(run):
    ok, refusal = run("drain", node_id="one", mode="quick")
    assert (ok, refusal["status"]) == (False, 400)
    assert refusal["fields"] == {"mode": ["It must be graceful or aggressive."]}


async def test_graceful_is_what_happens_without_a_mode(run):
    assert run("drain", node_id="one")[1]["mode"] == "graceful"
