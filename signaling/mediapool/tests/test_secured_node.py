# SPDX-License-Identifier: Apache-2.0
"""A media node towards an RTP manager that wants a token and certificates."""

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


async def test_a_node_with_the_wrong_token_never_becomes_healthy(caplog) -> None:
    caplog.set_level("INFO")
    async with Served(security=GrpcSecurity(token=TOKEN)) as served:
        pool = MediaPool((("media-a", served.target),), security=GrpcSecurity(token="wrong"))
        await pool.start()
        await until(lambda: "GRPC_TOKEN is missing or wrong" in caplog.text)
        assert not pool.nodes[0].healthy
        await pool.stop()
