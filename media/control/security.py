# SPDX-License-Identifier: Apache-2.0
"""Who may talk to an RTP manager: a shared token, TLS, both or neither; for its server and for its clients.

It must not know sessions. `GrpcSecurity` holds what was read at the start; nothing is read later.
Invariant: a call without the right token reaches no handler.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.control.grpc_setup import grpc
from switchboard.env import BadVariable

TOKEN_HEADER = "authorization"  # noqa: S105 - a header's name


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcSecurity:
    """Token and TLS of the gRPC service; certificates and keys are PEM. All empty: anyone may call, in the clear."""

    token: str = ""
    """Shown by clients with every call, demanded by the server; "": none is."""

    certificate: bytes = b""
    """One's own, with its chain: the server's, or the client's when the server demands one."""

    key: bytes = b""

    authority: bytes = b""
    """What the other side's certificate must be signed by. On the server it makes client certificates a must."""

    def __repr__(self) -> str:
        """Tell what is in use, never the secrets: configurations end up in logs."""
        used = [name for name in ("token", "certificate", "authority") if getattr(self, name)]
        return f"GrpcSecurity({', '.join(used) or 'none'})"

    @classmethod
    def from_settings(cls, settings: Any, *, serves: bool = False) -> GrpcSecurity:
        """Return what the settings name; ``serves`` on an RTP manager.

        Raises:
            BadVariable: a file cannot be read or holds something else, a key is not that of its certificate, or a server
                is to check certificates and has none itself.
        """
        if serves and settings.GRPC_TLS_CA and not settings.GRPC_TLS_CERT:
            raise BadVariable("GRPC_TLS_CA", str(settings.GRPC_TLS_CA), "GRPC_TLS_CERT beside it")
        read = cls(
            token=settings.GRPC_TOKEN,
            certificate=_read("GRPC_TLS_CERT", settings.GRPC_TLS_CERT),
            key=_read("GRPC_TLS_KEY", settings.GRPC_TLS_KEY),
            authority=_read("GRPC_TLS_CA", settings.GRPC_TLS_CA),
        )
        if read.certificate or read.authority:
            _check(settings.GRPC_TLS_CERT, settings.GRPC_TLS_KEY, settings.GRPC_TLS_CA)
        return read

    def server_credentials(self) -> grpc.ServerCredentials | None:
        """Return the server's credentials, None for a port in the clear."""
        if not self.certificate:
            return None
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.authority or None,
            require_client_auth=bool(self.authority),
        )

    def channel(self, address: str, options: list[tuple[str, Any]]) -> Any:
        """Return a client's channel to ``host:port``; it speaks TLS when a certificate or an authority is set."""
        if not self.certificate and not self.authority:
            return grpc.aio.insecure_channel(address, options=options)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=self.authority or None,
            private_key=self.key or None,
            certificate_chain=self.certificate or None,
        )
        return grpc.aio.secure_channel(address, credentials, options=options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what a client sends along with each call."""
        return ((TOKEN_HEADER, f"Bearer {self.token}"),) if self.token else ()

    def interceptors(self) -> list[Any]:
        """Return what a server needs in front of its handlers."""
        return [TokenCheck(self.token)] if self.token else []


IN_THE_CLEAR = GrpcSecurity()
"""Neither token nor TLS: for one machine, or a network of its own."""


class TokenCheck(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs alone
    """Lets calls with the token pass and ends all others with UNAUTHENTICATED."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        # It reads nothing, so that it also fits calls with a single request.
        self._refusal = grpc.stream_stream_rpc_method_handler(_refuse)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Return the handler of the call, or the one that refuses it."""
        given = dict(handler_call_details.invocation_metadata or ()).get(TOKEN_HEADER, "")
        shown = given if isinstance(given, bytes) else given.encode()
        if hmac.compare_digest(shown, self._expected):
            return await continuation(handler_call_details)
        return self._refusal


async def _refuse(requests: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the GRPC_TOKEN is missing or wrong")


def _check(certificate: Path | None, key: Path | None, authority: Path | None) -> None:
    """Refuse what gRPC would take without a word, or with one about the port."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        try:
            # Without a passphrase the library would ask for one.
            context.load_cert_chain(certificate, key, password="")
        except (ssl.SSLError, ValueError) as error:
            accepted = "a PEM file with the private key of the certificate in GRPC_TLS_CERT, not encrypted"
            raise BadVariable("GRPC_TLS_KEY", str(key), accepted) from error
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except ssl.SSLError as error:
            raise BadVariable("GRPC_TLS_CA", str(authority), "a PEM file of certificates") from error


def _read(name: str, path: Path | None) -> bytes:
    try:
        return b"" if path is None else path.read_bytes()
    except OSError as error:
        raise BadVariable(name, str(path), f"a readable PEM file ({error.strerror})") from error
