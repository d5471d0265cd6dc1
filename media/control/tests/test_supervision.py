# SPDX-License-Identifier: Apache-2.0
import pytest
from structlog.testing import capture_logs

from media.control.local_description import LocalDescription
from media.control.media_events import SessionExpired
from media.control.remote_audio import read_remote_audio
from media.control.session import MediaSession
from media.control.supervision import Supervisor
from media.control.tests.descriptions import sdp
from media.control.tests.harness import A, B, Node, until

INACTIVITY_S, ORPHAN_S, HELD_ORPHAN_S = 30.0, 120.0, 1800.0


class World:
    """A supervisor with its clock, counters and clients."""

    def __init__(self):
        self.now = 1000.0
        self.packets = {}
        self.reports = {}
        self.present = set()
        self.supervisor = Supervisor(
            inactivity_s=INACTIVITY_S,
            orphan_factor=4,
            held_orphan_factor=60,
            received=lambda session_id: (self.packets.get(session_id, 0), self.reports.get(session_id, 0)),
            is_present=lambda owner: owner in self.present,
            clock=lambda: self.now,
        )

    def silent_for(self, seconds):
        """Tell what has expired when the silence that was noted at 30 s has lasted `seconds`."""
        self.now = 1000.0 + seconds - INACTIVITY_S
        return self.supervisor.sweep().expired


@pytest.fixture
def world():
    return World()


def session(direction="sendrecv", answered=True):
    made = MediaSession("s", LocalDescription(address="192.0.2.1", port=1, origin_id=1), owner="signaling")
    made.take_offer(read_remote_audio(sdp(0, direction=direction)))
    if answered:
        made.make_answer(None)
    return made


def test_silence_in_a_call_is_reported(world):
    assert world.supervisor.note_silence(session())


def test_a_party_that_only_listens_is_alive_while_it_sends_reports(world):
    world.reports["s"] = 7
    assert not world.supervisor.note_silence(session())
    for _ in range(60):
        world.now += 5
        world.reports["s"] += 1
        assert world.supervisor.sweep() == ([], [])
    world.now += INACTIVITY_S - 1
    assert world.supervisor.sweep().silent == []
    world.now += 1
    ((_, silent_s),) = world.supervisor.sweep().silent
    assert silent_s == INACTIVITY_S


def test_silence_of_a_party_whose_next_report_is_overdue_is_reported(world):
    world.reports["s"] = 7
    assert not world.supervisor.note_silence(session())
    world.now += 9
    assert world.supervisor.sweep().silent == []
    world.now += 1
    ((_, silent_s),) = world.supervisor.sweep().silent
    assert silent_s == INACTIVITY_S + 10


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
def test_silence_on_hold_is_not_reported(world, direction):
    assert not world.supervisor.note_silence(session(direction))


def test_silence_before_the_answer_is_not_reported(world):
    assert not world.supervisor.note_silence(session(answered=False))


@pytest.mark.parametrize(
    ("silent", "is_present", "lasts_s"),
    [
        (session(), False, ORPHAN_S),
        (session(), True, ORPHAN_S),
        (session("sendonly"), False, HELD_ORPHAN_S),
        (session(answered=False), False, ORPHAN_S),
    ],
)
def test_a_silent_session_is_ended_in_time(world, silent, is_present, lasts_s):
    world.present = {"signaling"} if is_present else set()
    world.supervisor.note_silence(silent)
    assert world.silent_for(lasts_s - 0.1) == []
    assert world.silent_for(lasts_s) == ["s"]


@pytest.mark.parametrize("silent", [session("inactive"), session(answered=False)])
def test_living_signalling_keeps_what_it_holds_or_rings(world, silent):
    world.present = {"signaling"}
    world.supervisor.note_silence(silent)
    assert world.silent_for(1e6) == []
    world.present = set()
    assert world.silent_for(1e6) == ["s"]


def test_a_packet_ends_the_silence(world):
    world.supervisor.note_silence(session())
    world.packets["s"] = 1
    assert world.silent_for(1e6) == []
    world.packets["s"] = 2
    assert world.silent_for(2e6) == []


def test_silence_that_lasts_is_reported_once_in_an_inactivity_time(world):
    silent = session(answered=False)
    world.present = {"signaling"}
    assert not world.supervisor.note_silence(silent)
    silent.make_answer(None)
    reports = []
    for second in range(75):
        world.now = 1000.0 + second
        reports += [(second, seconds) for _, seconds in world.supervisor.sweep().silent]
    assert reports == [(30, 60.0), (60, 90.0)]


def test_a_new_remote_ends_the_silence(world):
    world.supervisor.note_silence(session())
    world.supervisor.forget("s")
    assert world.silent_for(1e6) == []


async def test_an_orphan_is_ended_by_the_node_itself():
    node = Node(inactivity_s=0.02, orphan_factor=1.0)
    node.connect()
    with capture_logs() as lines:
        node.engine.happen("inactive", A)
        await until(lambda: A not in node.manager.sessions)
    (line,) = lines
    assert (line["session_id"], set(line) >= {"call_id", "leg"}) == (A, True)
    kinds = [type(event) for _, event in node.events]
    assert kinds[-1] is SessionExpired
    assert list(node.engine.sessions) == [B]
    node.manager.close()
