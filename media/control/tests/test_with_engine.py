# SPDX-License-Identifier: Apache-2.0
"""The whole RTP manager with the real engine: phones on the loopback address hear what they should."""

import asyncio
import contextlib
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from switchboard_engine import Engine, PortsExhausted

from media.control.errors import MediaError, Reason
from media.control.media_events import MediaInactive, MediaStarted, PlaybackState, SessionExpired
from media.control.server import RtpServer
from media.control.tests.descriptions import lines_of
from media.control.tests.free_ports import free_range
from media.control.tests.harness import A, B, make_config, until
from media.control.tests.phone import Phone
from media.prompts.library import PromptLibrary

HERE = "127.0.0.1"
PROMPTS = Path(settings.BASE_DIR) / "media" / "audio"


class Manager:
    """An RTP manager without its gRPC port."""

    def __init__(self, pairs=10, **changes):
        low = free_range(2 * pairs)
        config = make_config(rtp_bind=HERE, rtp_port_min=low, rtp_port_max=low + 2 * pairs - 1, **changes)
        engine = Engine(
            bind_ip=HERE,
            port_min=config.rtp_port_min,
            port_max=config.rtp_port_max,
            quarantine_ms=0,
            inactivity_ms=int(config.inactivity_s * 1000),
        )
        self.server = RtpServer(config, engine, PromptLibrary(PROMPTS), ports_exhausted=PortsExhausted)
        self.sessions = self.server.manager
        self.events = []
        self.sessions.emit = lambda owner, event: self.events.append(event)
        self.sessions.start()

    def connect(self, caller, callee, *numbers):
        """Join two phones; `numbers` are the callee's payload types."""
        self.sessions.create_session(A, remote_sdp=caller.sdp(), signaling_ip=HERE, call_id="c")
        offer = self.sessions.create_session(B, signaling_ip=HERE, offer_like=A, call_id="c").local_sdp
        callee.talk_to(offer)
        self.sessions.update_remote(B, callee.sdp(*numbers), is_answer=True)
        caller.talk_to(self.sessions.create_answer(A, peer_session_id=B).local_sdp)
        self.sessions.bridge(A, B)

    def answer(self, phone, *numbers):
        """Answer one phone with this node's own media."""
        self.sessions.create_session(A, remote_sdp=phone.sdp(*numbers), signaling_ip=HERE)
        phone.talk_to(self.sessions.create_answer(A).local_sdp)


@contextlib.contextmanager
def running(**settings_):
    manager = Manager(**settings_)
    try:
        yield manager
    finally:
        manager.sessions.close()


@pytest.fixture
async def manager():
    with running() as made:
        yield made


@pytest.fixture
def phones():
    made = [Phone() for _ in range(3)]
    yield made
    for phone in made:
        phone.close()


async def test_two_phones_hear_each_other(manager, phones):
    caller, callee, _ = phones
    manager.connect(caller, callee)
    caller.send(0, b"from the caller".ljust(160))
    assert (await callee.receive()).payload.startswith(b"from the caller")
    callee.send(8, b"from the callee".ljust(160))
    heard = await caller.receive()
    assert (heard.payload_type, heard.payload[:15]) == (8, b"from the callee")
    await until(lambda: len(manager.events) == 2)
    assert {event.session_id for event in manager.events if isinstance(event, MediaStarted)} == {A, B}


async def test_payload_types_are_rewritten_on_the_wire(manager, phones):
    caller, callee, _ = phones
    manager.connect(caller, callee, 0, 102)
    caller.send(101)
    assert (await callee.receive()).payload_type == 102
    callee.send(101)
    assert (await caller.receive()).payload_type == 101
    callee.send(102)
    assert (await caller.receive()).payload_type == 101
    caller.send(0)
    assert (await callee.receive()).payload_type == 0


async def test_a_phone_on_hold_by_zero_address_gets_nothing_until_it_resumes(manager, phones):
    caller, callee, _ = phones
    manager.connect(caller, callee)
    manager.sessions.update_remote(A, caller.sdp(host="0.0.0.0"), is_answer=False)
    assert lines_of(manager.sessions.create_answer(A, peer_session_id=B).local_sdp, "a=recvonly")
    callee.send(0, b"into the hold".ljust(160))
    manager.sessions.update_remote(A, caller.sdp(), is_answer=False)
    await until(lambda: manager.sessions._engine.stats(B)["packets_received"] == 1)
    manager.sessions.create_answer(A, peer_session_id=B)
    callee.send(0, b"after the hold".ljust(160))
    assert (await caller.receive()).payload.startswith(b"after the hold")


async def test_a_stranger_is_neither_heard_nor_answered(manager, phones):
    caller, callee, stranger = phones
    manager.connect(caller, callee)
    caller.send()
    await callee.receive()
    stranger._remote = caller._remote
    for _ in range(10):
        stranger.send(0, b"stranger".ljust(160))
    caller.send(0, b"caller".ljust(160))
    assert (await callee.receive()).payload.startswith(b"caller")
    callee.send()
    await caller.receive()
    assert not stranger.has_packet()
    assert manager.sessions.destroy(A).packets_dropped == 10


async def test_an_echo_comes_back(manager, phones):
    phone = phones[0]
    manager.answer(phone, 8, 101)
    manager.sessions.bridge(A, A)
    phone.send(8, b"hello".ljust(160))
    heard = await phone.receive()
    assert (heard.payload_type, heard.payload[:5]) == (8, b"hello")


async def test_a_prompt_is_heard_as_its_tone(manager, phones):
    phone = phones[0]
    manager.answer(phone, 8)
    manager.sessions.play(A, "p", "tone-440.wav")
    audio = b"".join([(await phone.receive()).payload for _ in range(25)])
    spectrum = np.abs(np.fft.rfft(alaw_to_linear(audio)))
    assert abs(np.argmax(spectrum) * 8000 / len(audio) - 440) < 5


def alaw_to_linear(data):
    """Return samples by ITU-T G.711 section 3."""
    code = np.frombuffer(data, dtype=np.uint8).astype(int) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    linear = np.where(
        exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, linear, -linear)


async def test_a_prompt_reports_its_start_and_its_end(manager, phones):
    manager.answer(phones[0])
    manager.sessions.play(A, "p", "beep.wav")
    await until(lambda: len(manager.events) == 2)
    assert [(event.play_id, event.state) for event in manager.events] == [
        ("p", PlaybackState.STARTED),
        ("p", PlaybackState.COMPLETED),
    ]


async def test_ports_come_back_and_their_end_is_reported(phones):
    with running(pairs=2) as manager:
        for name in ("one", "two"):
            manager.sessions.create_session(name)
        with pytest.raises(MediaError) as caught:
            manager.sessions.create_session("three")
        assert caught.value.reason is Reason.NO_PORT
        manager.sessions.destroy("one")
        assert manager.sessions.create_session("three").local_port
        assert manager.sessions.health().available_ports == 0


async def test_silence_is_reported_and_then_ends_the_session(phones):
    with running(inactivity_s=0.1, orphan_factor=2.0) as manager:
        manager.answer(phones[0])
        await until(lambda: not manager.sessions.sessions)
        assert [type(event) for event in manager.events] == [MediaInactive, SessionExpired]
        assert manager.sessions.health().active_sessions == 0


async def test_a_session_on_hold_is_left_in_peace(phones):
    with running(inactivity_s=0.05, orphan_factor=2.0) as manager:
        manager.answer(phones[0])
        manager.sessions.update_remote(A, phones[0].sdp(direction="inactive"), is_answer=False)
        manager.sessions.create_answer(A)
        manager.sessions.create_session(B, remote_sdp=phones[1].sdp(), signaling_ip=HERE)
        manager.sessions.create_answer(B)
        await until(lambda: B not in manager.sessions.sessions)
        await asyncio.sleep(0)
        assert A in manager.sessions.sessions
        assert not [event for event in manager.events if event.session_id == A]
