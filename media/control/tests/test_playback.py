# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.errors import MediaError, Reason
from media.control.media_events import PlaybackChanged, PlaybackState
from media.control.tests.descriptions import sdp
from media.control.tests.harness import CALLER_IP, A, Clip, until

STARTED, PROGRESS, COMPLETED, ERROR, STOPPED = PlaybackState


@pytest.fixture
def answered(node):
    """The node with one answered session whose prompt `greeting` needs no loading."""
    node.manager.create_session(A, remote_sdp=sdp(8, 101), signaling_ip=CALLER_IP, owner="me")
    node.manager.create_answer(A)
    node.prompts.at_hand["greeting"] = Clip()
    return node


def states(node):
    return [(event.play_id, event.state) for _, event in node.events]


async def test_a_prompt_plays_in_the_codec_in_use(answered):
    answered.manager.play(A, "p1", "greeting", repeat=True)
    assert answered.engine.named("play") == [(A, "p1", 16000, "PCMA", 8, True)]
    assert answered.events == []


async def test_the_engine_says_when_it_starts_and_ends(answered):
    answered.manager.play(A, "p1", "greeting")
    answered.engine.happen("play_started", A, "p1")
    answered.engine.happen("play_completed", A, "p1")
    await answered.settle()
    assert answered.events == [
        ("me", PlaybackChanged(A, "p1", STARTED, duration_ms=1000)),
        ("me", PlaybackChanged(A, "p1", COMPLETED, duration_ms=1000)),
    ]


async def test_it_stops_once_although_the_engine_says_so_too(answered):
    answered.manager.play(A, "p1", "greeting")
    answered.manager.stop(A)
    answered.engine.happen("play_stopped", A, "p1")
    await answered.settle()
    assert answered.engine.named("stop") == [(A,)]
    assert states(answered) == [("p1", STOPPED)]


async def test_another_prompt_replaces_the_first(answered):
    answered.manager.play(A, "p1", "greeting")
    answered.manager.play(A, "p2", "greeting")
    answered.engine.happen("play_stopped", A, "p1")
    answered.engine.happen("play_started", A, "p2")
    await answered.settle()
    assert states(answered) == [("p1", STOPPED), ("p2", STARTED)]


async def test_a_prompt_is_loaded_when_it_is_not_at_hand(answered):
    answered.prompts.on_disk["other"] = Clip(b"\0\0" * 4000, 500)
    answered.manager.play(A, "p1", "other")
    await answered.settle()
    assert answered.engine.named("play") == []
    answered.prompts.disk.set()
    await answered.settle()
    assert answered.engine.named("play") == [(A, "p1", 8000, "PCMA", 8, False)]


async def test_a_missing_file_is_an_error_event(answered):
    answered.manager.play(A, "p1", "missing")
    answered.prompts.disk.set()
    await answered.settle()
    assert answered.events == [("me", PlaybackChanged(A, "p1", ERROR, "no prompt 'missing'"))]


async def test_a_file_that_breaks_the_decoder_is_an_error_event(answered, monkeypatch):
    async def fail(file):
        raise ZeroDivisionError

    monkeypatch.setattr(answered.prompts, "load", fail)
    answered.manager.play(A, "p1", "broken")
    await answered.settle()
    assert states(answered) == [("p1", ERROR)]


async def test_what_is_stopped_while_it_loads_never_plays(answered):
    answered.prompts.on_disk["other"] = Clip()
    answered.manager.play(A, "p1", "other")
    answered.manager.stop(A)
    answered.prompts.disk.set()
    await answered.settle()
    assert answered.engine.named("play") == []
    assert answered.engine.named("stop") == []
    assert states(answered) == [("p1", STOPPED)]


async def test_the_end_of_the_session_ends_its_prompt(answered):
    answered.manager.play(A, "p1", "greeting")
    answered.manager.destroy(A)
    assert states(answered) == [("p1", STOPPED)]


async def test_an_engine_that_refuses_the_audio_is_an_error_event(answered):
    answered.engine.broken.add("play")
    answered.manager.play(A, "p1", "greeting")
    assert states(answered) == [("p1", ERROR)]


async def test_progress_is_reported_while_it_plays_and_not_after(answered):
    answered.manager.play(A, "p1", "greeting", progress_s=0.001)
    answered.engine.happen("play_started", A, "p1")
    await until(lambda: ("p1", PROGRESS) in states(answered))
    answered.manager.stop(A)
    assert states(answered)[-1] == ("p1", STOPPED)
    count = len(answered.events)
    await answered.settle()
    assert len(answered.events) == count


async def test_only_the_named_playback_is_stopped(answered):
    answered.manager.play(A, "p2", "greeting")
    answered.manager.stop_playback(A, "p1")
    assert states(answered) == []
    answered.manager.stop_playback(A, "p2")
    assert states(answered) == [("p2", STOPPED)]


async def test_a_listener_gets_the_events_instead_of_the_owner(answered):
    heard = []
    answered.manager.play(A, "p1", "greeting", listener=heard.append)
    answered.manager.stop(A)
    assert [event.state for event in heard] == [STOPPED]
    assert answered.events == []


async def test_a_session_without_a_playable_codec_is_refused(node):
    node.connect(sdp(96), sdp(96, host="203.0.113.20"))
    with pytest.raises(MediaError) as caught:
        node.manager.play(A, "p1", "greeting")
    assert caught.value.reason is Reason.NO_PLAYABLE_CODEC
