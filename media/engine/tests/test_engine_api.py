# SPDX-License-Identifier: Apache-2.0
"""Sessions, ports, errors and the module itself."""

from __future__ import annotations

import socket
import threading

import pytest
import switchboard_engine
from conftest import PORTS
from engine_phone import HOST
from switchboard_engine import (
    Engine,
    EngineClosed,
    EngineError,
    PortsExhausted,
    SessionExists,
    SessionNotFound,
)

PAIRS = (PORTS[1] - PORTS[0] + 1) // 2


def test_it_gives_each_session_an_even_port_of_the_range(engine: Engine) -> None:
    ports = [engine.create_session(str(number)) for number in range(PAIRS)]
    assert ports == list(range(PORTS[0], PORTS[1], 2))
    assert (engine.available_ports(), engine.active_sessions()) == (0, PAIRS)


def test_it_refuses_a_session_when_no_port_is_left_and_goes_on_afterwards(engine: Engine) -> None:
    for number in range(PAIRS):
        engine.create_session(str(number))
    with pytest.raises(PortsExhausted, match="no RTP port pair is free"):
        engine.create_session("one too many")
    engine.destroy("3")
    assert engine.create_session("after all") == PORTS[0] + 6


def test_it_does_not_use_a_released_port_again_at_once(engine: Engine) -> None:
    first = engine.create_session("a")
    engine.destroy("a")
    assert engine.create_session("a") != first


def test_it_uses_a_port_in_quarantine_only_when_there_is_no_other() -> None:
    engine = Engine(bind_ip=HOST, port_min=22100, port_max=22103)
    assert engine.create_session("a") == 22100
    engine.destroy("a")
    assert engine.create_session("b") == 22102
    engine.destroy("b")
    assert engine.create_session("c") == 22100
    assert engine.create_session("d") == 22102
    with pytest.raises(PortsExhausted):
        engine.create_session("e")
    engine.close()


def test_it_skips_ports_that_another_program_holds(engine: Engine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, PORTS[0] + 1))
        assert engine.create_session("a") == PORTS[0] + 2


def test_it_names_the_session_that_it_does_not_know(engine: Engine) -> None:
    calls = {
        "set_remote": lambda: engine.set_remote("x", rtp=None, rtcp=None, signaling_ip=None),
        "set_payload_map": lambda: engine.set_payload_map("x", {}),
        "set_inactivity": lambda: engine.set_inactivity("x", 0),
        "bridge": lambda: engine.bridge("x", "x"),
        "unbridge": lambda: engine.unbridge("x"),
        "play": lambda: engine.play("x", "p", b"", codec="PCMU", payload_type=0),
        "stop": lambda: engine.stop("x"),
        "stats": lambda: engine.stats("x"),
        "destroy": lambda: engine.destroy("x"),
    }
    for name, call in calls.items():
        with pytest.raises(SessionNotFound, match="no session x"):
            call()
            pytest.fail(name)


def test_it_refuses_a_second_session_of_one_name(engine: Engine) -> None:
    engine.create_session("a")
    with pytest.raises(SessionExists, match="session a exists"):
        engine.create_session("a")


def test_it_refuses_arguments_out_of_range(engine: Engine) -> None:
    engine.create_session("a")
    with pytest.raises(ValueError, match='not an IP address: "localhost"'):
        engine.set_remote("a", rtp=("localhost", 4000), rtcp=None, signaling_ip=None)
    with pytest.raises(ValueError, match="payload type 128 is not in"):
        engine.set_payload_map("a", {0: 128})
    with pytest.raises(ValueError, match="IPv6 remote"):
        engine.set_remote("a", rtp=("::1", 4000), rtcp=None, signaling_ip=None)
    with pytest.raises(ValueError, match="hold no even/odd pair"):
        Engine(bind_ip=HOST, port_min=5, port_max=6)
    with pytest.raises(ValueError, match="threads must be"):
        Engine(bind_ip=HOST, port_min=22200, port_max=22299, threads=0)


def test_it_closes_its_sockets_and_refuses_calls_afterwards(engine: Engine) -> None:
    port = engine.create_session("a")
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed):
        engine.create_session("b")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, port))


def test_it_serves_many_threads_at_once(engine: Engine) -> None:
    def work(name: str) -> None:
        for _ in range(200):
            engine.create_session(name)
            engine.set_remote(name, rtp=(HOST, 4000), rtcp=None, signaling_ip=None)
            engine.bridge(name, name)
            engine.play(name, "p", bytes(320), codec="PCMU", payload_type=0)
            engine.destroy(name)

    threads = [threading.Thread(target=work, args=(f"thread-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (engine.active_sessions(), engine.available_ports()) == (0, PAIRS)


def test_its_errors_have_one_base() -> None:
    for error in (
        SessionNotFound,
        SessionExists,
        PortsExhausted,
        EngineClosed,
        switchboard_engine.WorkerFailed,
    ):
        assert issubclass(error, EngineError)


def test_it_tells_how_it_was_built() -> None:
    info = switchboard_engine.build_info()
    assert info["version"] == "0.1.0"
    assert info["panic"] == "unwind", "a panic must become a fatal event, not the end of the process"
