# SPDX-License-Identifier: Apache-2.0
"""Addresses where nothing is, and how loud refusals are."""

import logging

import pytest
from channels.testing import WebsocketCommunicator

from switchboard import logs
from switchboard.asgi import application
from switchboard.sockets import NOT_FOUND


@pytest.mark.parametrize("address", ["/", "/ws", "/ws/", "/ws/events", "/ws/live/", "/ws/live2", "/admin/"])
async def test_a_websocket_where_nothing_is_is_refused_without_an_error(address, caplog):
    socket = WebsocketCommunicator(application, address, headers=[(b"host", b"testserver")])
    assert await socket.connect() == (False, NOT_FOUND)
    assert caplog.records == []


@pytest.mark.parametrize(("status", "logged"), [(404, 0), (502, 0), (503, 0), (500, 1)])
def test_what_is_refused_is_no_failure(status, logged, caplog):
    logs.quiet_refusals()
    logger = logging.getLogger("django.request")
    try:
        with caplog.at_level(logging.WARNING, "django.request"):
            logger.error("Service Unavailable", extra={"status_code": status})
        assert len(caplog.records) == logged
    finally:
        logger.removeFilter(logs._is_failure)
