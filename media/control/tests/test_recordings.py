# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.errors import ErrorCode, MediaError, Reason
from media.control.media_events import RecordingChanged, RecordingState
from media.control.tests.descriptions import sdp
from media.control.tests.harness import CALLER_IP, A

FILE = "account/2026-11-23/one.wav"


@pytest.fixture
def answered(node):
    """The node with one answered session."""
    node.manager.create_session(A, remote_sdp=sdp(8, 101), signaling_ip=CALLER_IP, owner="me")
    node.manager.create_answer(A)
    return node


def refusal(act):
    with pytest.raises(MediaError) as caught:
        act()
    return caught.value.code, caught.value.reason


def test_it_records_into_the_directory_of_recordings_what_the_session_agreed_on(answered):
    answered.manager.recordings.start(A, "one", FILE)
    assert answered.engine.named("start_recording") == [
        (A, "one", f"var/recordings/{FILE}", {0: "PCMU", 8: "PCMA"})
    ]


def test_it_starts_a_recording_once_however_often_it_is_asked(answered):
    for _ in range(2):
        answered.manager.recordings.start(A, "one", FILE)
    assert len(answered.engine.named("start_recording")) == 1


def test_it_refuses_a_second_recording_of_a_session(answered):
    recordings = answered.manager.recordings
    recordings.start(A, "one", FILE)
    assert refusal(lambda: recordings.start(A, "two", "two.wav")) == (
        ErrorCode.INVALID_ARGUMENT,
        Reason.WRONG_STATE,
    )
    assert answered.manager.sessions[A].recording_id == "one"


@pytest.mark.parametrize(
    "file", ["", "/etc/x.wav", "../x.wav", "a/../x.wav", "x.mp3", "a//x.wav", "x\n.wav", ".wav"]
)
def test_it_writes_nowhere_else(answered, file):
    recordings = answered.manager.recordings
    assert refusal(lambda: recordings.start(A, "one", file)) == (
        ErrorCode.INVALID_ARGUMENT,
        Reason.BAD_REQUEST,
    )


def test_it_refuses_a_codec_that_it_cannot_read(node):
    node.connect(sdp(9), sdp(9))
    assert refusal(lambda: node.manager.recordings.start(A, "one", FILE))[1] is Reason.NO_RECORDABLE_CODEC


def test_it_says_how_long_a_recording_became(answered):
    recordings = answered.manager.recordings
    recordings.start(A, "one", FILE)
    assert recordings.stop(A, "one") == (1500, 48_044)
    code, reason = refusal(lambda: recordings.stop(A, "one"))
    assert (code, reason) == (ErrorCode.NOT_FOUND, Reason.NO_SUCH_RECORDING)


async def test_it_tells_the_owner_what_the_engine_says(answered):
    answered.manager.recordings.start(A, "one", FILE)
    answered.engine.happen("recording_started", A, "one", "", 0, 44, 0)
    answered.engine.happen("recording_failed", A, "one", "No space left on device", 800, 25_644, 0)
    await answered.settle()
    assert answered.events == [
        ("me", RecordingChanged(A, "one", RecordingState.STARTED, "", 0, 44, 0)),
        ("me", RecordingChanged(A, "one", RecordingState.ERROR, "No space left on device", 800, 25_644, 0)),
    ]


async def test_it_goes_on_with_the_session_and_records_anew_after_a_failure(answered):
    recordings = answered.manager.recordings
    recordings.start(A, "one", FILE)
    answered.engine.happen("recording_failed", A, "one", "No space left on device", 0, 0, 0)
    await answered.settle()
    assert answered.engine.named("stop_recording") == [(A,)], "the engine listens no longer"
    recordings.start(A, "two", "two.wav")
    assert answered.manager.sessions[A].recording_id == "two"


def test_an_engine_that_fails_is_an_error_of_the_request(answered):
    answered.engine.broken.add("start_recording")
    recordings = answered.manager.recordings
    assert refusal(lambda: recordings.start(A, "one", FILE))[0] is ErrorCode.INTERNAL
    assert answered.manager.sessions[A].recording_id == ""
