# SPDX-License-Identifier: Apache-2.0
"""A media node towards an RTP manager that wants a token and certificates."""

import asyncio
import logging

from media.control.security import GrpcSecurity
from media.control.tests.certificates import Authority
from media.control.tests.harness import Served, until
from signaling.mediapool import MediaPool

TOKEN = "correct-horse"


async def test_the_control_stream_carries_the_token_over_tls() -> None:
    authority = Authority()
    certificate, key = authority.issue("rtpmanager")
    own, own_key = authority.issue("signaling")
    server = GrpcSecurity(token=TOKEN, certificate=certificate, key=key, authority=authority.pem)
    client = GrpcSecurity(token=TOKEN, certificate=own, key=own_key, authority=authority.pem)
    async with Served(security=server) as served:
        pool = MediaPool((("media-a", served.target),), security=client)
        await pool.start()
        await until(lambda: pool.nodes[0].healthy)
        assert pool.pick().boot_id == served.server.manager.boot_id
        await pool.stop()


async def test_a_node_with_the_wrong_token_never_becomes_healthy_and_is_told_of_once(caplog) -> None:
    caplog.set_level("INFO")
    async with Served(security=GrpcSecurity(token=TOKEN)) as served:
        pool = MediaPool((("media-a", served.target),), security=GrpcSecurity(token="wrong"))
        await pool.start()
        await until(lambda: "GRPC_TOKEN is missing or wrong" in caplog.text)
        await asyncio.sleep(0.5)
        assert not pool.nodes[0].healthy
        (line,) = told(caplog)
        assert (line.levelname, "media-a" in line.getMessage()) == ("WARNING", True)
        await pool.stop()


async def test_a_node_that_speaks_in_the_clear_to_one_that_does_not_says_where_to_look(caplog) -> None:
    """Nothing comes back that gRPC would tell of."""
    certificate, key = Authority().issue("rtpmanager")
    async with Served(security=GrpcSecurity(certificate=certificate, key=key)) as served:
        pool = MediaPool((("media-a", served.target),), gone_after_s=0.2)
        await pool.start()
        await until(lambda: "GRPC_TLS_CERT" in caplog.text)
        await asyncio.sleep(0.5)
        assert len(told(caplog)) == 1
        await pool.stop()


async def test_a_node_that_was_never_there_is_told_of_once(caplog) -> None:
    pool = MediaPool((("media-a", "127.0.0.1:1"),), gone_after_s=0.2)
    await pool.start()
    await until(lambda: "nobody listens there" in caplog.text)
    await asyncio.sleep(0.5)
    assert len(told(caplog)) == 1
    await pool.stop()


def told(caplog) -> list[logging.LogRecord]:
    return [line for line in caplog.records if line.name == "signaling.mediapool.node"]
