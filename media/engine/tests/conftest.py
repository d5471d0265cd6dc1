# SPDX-License-Identifier: Apache-2.0
"""Engines and phones that are closed after each test."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator

import pytest
from engine_phone import HOST, PATIENCE_S, Phone
from switchboard_engine import Engine

PORTS = (22000, 22039)
"""Below the ephemeral range, so that the phones' sockets never hold them."""

Event = tuple[object, ...]


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Give an engine with two threads that releases ports at once."""
    engine = Engine(bind_ip=HOST, port_min=PORTS[0], port_max=PORTS[1], threads=2, quarantine_ms=0)
    yield engine
    engine.close()


@pytest.fixture
def make_phone() -> Iterator[Callable[..., Phone]]:
    """Give a function that makes phones."""
    phones: list[Phone] = []

    def make(host: str = HOST) -> Phone:
        phones.append(Phone(host))
        return phones[-1]

    yield make
    for phone in phones:
        phone.close()


@pytest.fixture
def alice(make_phone: Callable[..., Phone]) -> Phone:
    """Give a phone."""
    return make_phone()


@pytest.fixture
def bob(make_phone: Callable[..., Phone]) -> Phone:
    """Give another phone."""
    return make_phone()


@pytest.fixture
def join(engine: Engine) -> Callable[[str, Phone], int]:
    """Give a function that makes a session for a phone and returns its RTP port."""

    def make(session_id: str, phone: Phone) -> int:
        port = engine.create_session(session_id)
        engine.set_remote(session_id, rtp=phone.address, rtcp=None, signaling_ip=None)
        return port

    return make


@pytest.fixture
def wait_for_event(engine: Engine) -> Callable[[str], Event]:
    """Give a function that waits for an event of a name and returns it; others are kept for later."""
    kept: list[Event] = []

    def wait(name: str) -> Event:
        end_s = time.monotonic() + PATIENCE_S
        while not any(event[0] == name for event in kept):
            left_s = max(0.0, end_s - time.monotonic())
            assert select.select([engine.event_fd()], [], [], left_s)[0], f"no {name} among {kept}"
            kept.extend(engine.poll_events())
        event = next(event for event in kept if event[0] == name)
        kept.remove(event)
        return event

    return wait


@pytest.fixture
def wait_for_stat(engine: Engine) -> Callable[[str, str, int], None]:
    """Give a function that waits until a counter of a session has reached a value."""

    def wait(session_id: str, counter: str, value: int) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while engine.stats(session_id)[counter] < value:  # type: ignore[literal-required]
            assert time.monotonic() < end_s, engine.stats(session_id)

    return wait
