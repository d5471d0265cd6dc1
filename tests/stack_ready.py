# SPDX-License-Identifier: Apache-2.0
"""How the processes of a stack show that they serve, as a client of each sees it."""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection
from pathlib import Path

from tests.ports import PortBlock


def _grpc_listens(ports: PortBlock) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", ports.grpc)) == 0


def _ui_answers(ports: PortBlock) -> bool:
    """Tell whether the ui role serves requests."""
    connection = HTTPConnection("127.0.0.1", ports.ui, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def media_is_connected(ports: PortBlock) -> bool:
    """Tell whether a client is connected to the gRPC port, as /proc shows it (state 01: established)."""
    wanted = f"0100007F:{ports.grpc:04X}"
    rows = [
        row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    return any(row[2].endswith(wanted) and row[3] == "01" for row in rows)


def _sip_answers(ports: PortBlock) -> bool:
    """Tell whether OPTIONS is answered, by whatever status."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect(("127.0.0.1", ports.sip))
        local = "{}:{}".format(*probe.getsockname())
        request = (
            f"OPTIONS sip:127.0.0.1:{ports.sip} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {local};rport;branch=z9hG4bKready{time.monotonic_ns()}\r\n"
            f"From: <sip:ready@127.0.0.1>;tag=ready\r\nTo: <sip:127.0.0.1>\r\n"
            f"Call-ID: ready-{time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            probe.send(request.encode())
            return probe.recv(4096).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def _cdr_consumer_answers(ports: PortBlock) -> bool:
    """Tell whether the consumer of call records runs, whatever it waits for."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", ports.cdr_metrics)) == 0


READY = {
    "runrtp": _grpc_listens,
    "runsip": _sip_answers,
    "runui": _ui_answers,
    "runcdr": _cdr_consumer_answers,
    "runjobs": lambda _: True,
}
"""How each command shows that it serves."""
