# SPDX-License-Identifier: Apache-2.0
"""Token and TLS, through real gRPC servers and channels."""

from types import SimpleNamespace
from typing import Any

import pytest

from media.control.gen import rtpmanager_pb2 as pb
from media.control.gen import rtpmanager_pb2_grpc as pb_grpc
from media.control.grpc_setup import grpc
from media.control.security import GrpcSecurity
from media.control.tests.certificates import Authority
from media.control.tests.harness import Served
from switchboard.env import BadVariable

TOKEN = "correct-horse"
TIMEOUT_S = 5.0


async def status_of(target: str, security: GrpcSecurity) -> grpc.StatusCode | None:
    """Ask for the health once; return the status that refused it, None when it was answered."""
    async with security.channel(target, []) as channel:
        try:
            await pb_grpc.RTPManagerServiceStub(channel).Health(
                pb.HealthRequest(), timeout=TIMEOUT_S, metadata=security.metadata()
            )
        except grpc.aio.AioRpcError as error:
            return error.code()
    return None


async def stream_status(target: str) -> Any:
    """Open a Control stream without a token, wait for its end, and return its status."""
    async with GrpcSecurity().channel(target, []) as channel:
        call: Any = pb_grpc.RTPManagerServiceStub(channel).Control(timeout=TIMEOUT_S)
        return await call.code()


@pytest.mark.parametrize("shown", ["", "correct-hors", "correct-horse2", "Correct-Horse"])
async def test_a_missing_or_wrong_token_is_refused(shown: str) -> None:
    async with Served(security=GrpcSecurity(token=TOKEN)) as served:
        refused = await status_of(served.target, GrpcSecurity(token=shown))
        assert refused is grpc.StatusCode.UNAUTHENTICATED


async def test_a_control_stream_needs_the_token_before_anything_is_read() -> None:
    async with Served(security=GrpcSecurity(token=TOKEN)) as served:
        assert await stream_status(served.target) is grpc.StatusCode.UNAUTHENTICATED
        assert await status_of(served.target, GrpcSecurity(token=TOKEN)) is None


async def test_a_server_without_a_token_takes_every_client() -> None:
    async with Served() as served:
        assert await status_of(served.target, GrpcSecurity(token=TOKEN)) is None


async def test_tls_serves_clients_that_trust_the_authority_and_no_others() -> None:
    authority = Authority()
    certificate, key = authority.issue("rtpmanager")
    async with Served(security=GrpcSecurity(certificate=certificate, key=key)) as served:
        assert await status_of(served.target, GrpcSecurity(authority=authority.pem)) is None
        stranger = GrpcSecurity(authority=Authority("another").pem)
        assert await status_of(served.target, stranger) is grpc.StatusCode.UNAVAILABLE
        assert await status_of(served.target, GrpcSecurity()) is grpc.StatusCode.UNAVAILABLE


async def test_with_an_authority_the_server_wants_client_certificates() -> None:
    authority = Authority()
    certificate, key = authority.issue("rtpmanager")
    security = GrpcSecurity(certificate=certificate, key=key, authority=authority.pem, token=TOKEN)
    async with Served(security=security) as served:
        own, own_key = authority.issue("signaling")
        known = GrpcSecurity(certificate=own, key=own_key, authority=authority.pem, token=TOKEN)
        assert await status_of(served.target, known) is None
        nameless = GrpcSecurity(authority=authority.pem, token=TOKEN)
        assert await status_of(served.target, nameless) is grpc.StatusCode.UNAVAILABLE


def test_secrets_do_not_show_when_a_configuration_is_printed() -> None:
    assert repr(GrpcSecurity(token=TOKEN, key=b"key")) == "GrpcSecurity(token)"


def settings(**given: Any) -> SimpleNamespace:
    unset = {"GRPC_TOKEN": "", "GRPC_TLS_CERT": None, "GRPC_TLS_KEY": None, "GRPC_TLS_CA": None}
    return SimpleNamespace(**(unset | given))


def test_a_file_that_cannot_be_read_is_named(tmp_path) -> None:
    with pytest.raises(BadVariable, match=r"GRPC_TLS_CA=.*No such file"):
        GrpcSecurity.from_settings(settings(GRPC_TLS_CA=tmp_path / "absent.pem"))


def test_a_server_that_checks_certificates_needs_one_itself(tmp_path) -> None:
    (tmp_path / "ca.pem").write_bytes(Authority().pem)
    given = settings(GRPC_TLS_CA=tmp_path / "ca.pem")
    assert GrpcSecurity.from_settings(given).authority
    with pytest.raises(BadVariable, match="GRPC_TLS_CERT"):
        GrpcSecurity.from_settings(given, serves=True)


def test_files_that_do_not_fit_are_refused_by_name(tmp_path) -> None:
    """gRPC says of some that it cannot bind, and of others nothing."""
    authority = Authority()
    (certificate, key), (_, other_key) = authority.issue("rtpmanager"), authority.issue("other")
    files = {"cert": certificate, "key": key, "other": other_key, "ca": authority.pem, "text": b"hello"}
    path = {name: tmp_path / f"{name}.pem" for name in files}
    for name, held in files.items():
        path[name].write_bytes(held)
    own = {"GRPC_TLS_CERT": path["cert"], "GRPC_TLS_KEY": path["key"]}
    assert GrpcSecurity.from_settings(settings(**own, GRPC_TLS_CA=path["ca"]), serves=True).key == key
    for wrong in ("other", "text", "cert"):
        with pytest.raises(BadVariable, match="GRPC_TLS_KEY"):
            GrpcSecurity.from_settings(settings(**own | {"GRPC_TLS_KEY": path[wrong]}), serves=True)
    for wrong in ("key", "text"):
        with pytest.raises(BadVariable, match="GRPC_TLS_CA"):
            GrpcSecurity.from_settings(settings(GRPC_TLS_CA=path[wrong]))
