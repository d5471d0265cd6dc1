# SPDX-License-Identifier: Apache-2.0
"""RTP relay and prompt player: threads in Rust, control from Python.

It must not know SIP, SDP or Django: callers hand over addresses, payload types and samples. No Python runs per
packet, and every call releases the GIL.

Exceptions:

* EngineError
  * SessionNotFound
  * SessionExists
  * PortsExhausted
  * EngineClosed
  * WorkerFailed
* ValueError: an argument out of range
* OSError: the operating system refused a resource
"""

from switchboard_engine._native import (
    Engine,
    EngineClosed,
    EngineError,
    PortsExhausted,
    SessionExists,
    SessionNotFound,
    WorkerFailed,
    build_info,
)

__all__ = [
    "Engine",
    "EngineClosed",
    "EngineError",
    "PortsExhausted",
    "SessionExists",
    "SessionNotFound",
    "WorkerFailed",
    "build_info",
]
