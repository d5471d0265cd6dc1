# SPDX-License-Identifier: Apache-2.0
"""Digest authentication (RFC 3261 22, RFC 8760 for SHA-256, RFC 7616): the values and the arithmetic.

Knows no user, password store or policy. Invariants: hashes are compared in constant time; anything a peer
wrote gives a value or RemoteProtocolError(400), never another error.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from signaling.sip.errors import LocalProtocolError
from signaling.sip.grammar import (
    bad_request,
    quote_string,
    unquote_string,
)
from signaling.sip.immutable import value_class

MD5 = "MD5"
SHA_256 = "SHA-256"
ALGORITHMS = (SHA_256, MD5)
"""Supported algorithms, the strongest first, which is the order to challenge in (RFC 8760 2.4)."""

MAX_NONCE_COUNT = 2**32 - 1
MAX_AUTH_PARAMS = 32
"""More parameters than any scheme defines; bounds the work on one header."""

_AUTH_PARAM = re.compile(
    r"""[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+=[ \t]*+"""
    r"""(?:("(?:[^"\\]++|\\.)*+")|([A-Za-z0-9\-.!%*_+`'~]++))[ \t]*+(?:(,)|\Z)"""
)
_NONCE_COUNT = re.compile(r"[0-9A-Fa-f]{8}")


def compute_ha1(username: str, realm: str, password: str, algorithm: str) -> str:
    """Return H(username:realm:password) in hex; this is what an account stores instead of the password."""
    return _hash(algorithm, f"{username}:{realm}:{password}".encode("utf-8", "replace"))


def compute_response(
    ha1: str,
    method: str,
    uri: str,
    nonce: str,
    nc: str | None,
    cnonce: str | None,
    qop: str | None,
    algorithm: str,
    body: bytes = b"",
) -> str:
    """Return the response of RFC 7616 3.4.1 in hex.

    `nc` is the nonce count as eight hex digits. With `qop` None the form of RFC 2069 is used; "auth-int"
    includes `body`. Raises LocalProtocolError for another qop or algorithm.
    """
    a2 = f"{method}:{uri}"
    if qop is not None and qop.lower() == "auth-int":
        a2 = f"{a2}:{_hash(algorithm, body)}"
    elif qop is not None and qop.lower() != "auth":
        raise LocalProtocolError(f"unknown qop: {qop!r}")
    ha2 = _hash(algorithm, a2.encode("utf-8", "replace"))
    middle = nonce if qop is None else f"{nonce}:{nc}:{cnonce}:{qop}"
    return _hash(algorithm, f"{ha1}:{middle}:{ha2}".encode("utf-8", "replace"))


def _hash(algorithm: str, data: bytes) -> str:
    name = algorithm.upper()
    if name == MD5:
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    if name == SHA_256:
        return hashlib.sha256(data).hexdigest()
    raise LocalProtocolError(f"unknown digest algorithm: {algorithm!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate value."""

    realm: str
    nonce: str
    algorithm: str = MD5
    """As written by the peer; MD5 when absent (RFC 7616 3.3)."""
    qop: tuple[str, ...] = ("auth",)
    """The offered qualities in lower case; empty for a server of RFC 2069."""
    stale: bool = False
    """Whether only the nonce was refused: retry without asking for the password again."""
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Parse a header value; raise RemoteProtocolError(400) when malformed or not of scheme Digest."""
        params = _parse_auth_params(text)
        return cls(
            realm=_required(params, "realm"),
            nonce=_required(params, "nonce"),
            algorithm=params.get("algorithm", MD5),
            qop=tuple(part.strip().lower() for part in params.get("qop", "").split(",") if part.strip()),
            stale=params.get("stale", "").lower() == "true",
            opaque=params.get("opaque"),
        )

    def __str__(self) -> str:
        parts = [f"realm={quote_string(self.realm)}", f"nonce={quote_string(self.nonce)}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote_string(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f"qop={quote_string(','.join(self.qop))}")
        return "Digest " + ", ".join(parts)


@value_class
class Credentials:
    """One Authorization or Proxy-Authorization value."""

    username: str
    realm: str
    nonce: str
    uri: str
    """The digest-uri as the client hashed it; the caller compares it with the Request-URI as it sees fit."""
    response: str
    algorithm: str = MD5
    cnonce: str | None = None
    nc: int | None = None
    """The nonce count, None without qop."""
    qop: str | None = None
    """As written, since it is part of what is hashed; None for a client of RFC 2069."""
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Parse a header value; raise RemoteProtocolError(400) when malformed or not of scheme Digest."""
        params = _parse_auth_params(text)
        qop, count = params.get("qop"), params.get("nc")
        if qop is not None and (count is None or "cnonce" not in params):
            raise bad_request("qop without nc and cnonce")
        if count is not None and _NONCE_COUNT.fullmatch(count) is None:
            raise bad_request("bad nc")
        return cls(
            username=_required(params, "username"),
            realm=_required(params, "realm"),
            nonce=_required(params, "nonce"),
            uri=_required(params, "uri"),
            response=_required(params, "response"),
            algorithm=params.get("algorithm", MD5),
            cnonce=params.get("cnonce"),
            nc=int(count, 16) if count is not None else None,
            qop=qop,
            opaque=params.get("opaque"),
        )

    @classmethod
    def answer(
        cls,
        challenge: Challenge,
        *,
        username: str,
        ha1: str,
        method: str,
        uri: str,
        cnonce: str,
        nc: int = 1,
        body: bytes = b"",
    ) -> Credentials:
        """Answer `challenge` as a client, with qop auth when offered, else auth-int, else none.

        `ha1` is that of the challenge's algorithm. Raises LocalProtocolError when the algorithm is unknown.
        """
        qop = next((name for name in ("auth", "auth-int") if name in challenge.qop), None)
        response = compute_response(
            ha1, method, uri, challenge.nonce, f"{nc:08x}", cnonce, qop, challenge.algorithm, body
        )
        return cls(
            username=username,
            realm=challenge.realm,
            nonce=challenge.nonce,
            uri=uri,
            response=response,
            algorithm=challenge.algorithm,
            cnonce=cnonce if qop else None,
            nc=nc if qop else None,
            qop=qop,
            opaque=challenge.opaque,
        )

    def verify(self, ha1: str, method: str, body: bytes = b"") -> bool:
        """Whether the response is right for `ha1`; False for an algorithm or qop that is not supported."""
        if self.algorithm.upper() not in ALGORITHMS:
            return False
        if self.qop is not None and self.qop.lower() not in ("auth", "auth-int"):
            return False
        count = None if self.nc is None else f"{self.nc:08x}"
        expected = compute_response(
            ha1, method, self.uri, self.nonce, count, self.cnonce, self.qop, self.algorithm, body
        )
        return hmac.compare_digest(expected.encode(), self.response.lower().encode("utf-8", "replace"))

    def __str__(self) -> str:
        quoted = {
            "username": self.username,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": self.uri,
            "response": self.response,
            "cnonce": self.cnonce,
            "opaque": self.opaque,
        }
        parts = [f"{name}={quote_string(value)}" for name, value in quoted.items() if value is not None]
        parts.append(f"algorithm={self.algorithm}")
        if self.qop is not None:
            parts.append(f"qop={self.qop}")
        if self.nc is not None:
            parts.append(f"nc={self.nc:08x}")
        return "Digest " + ", ".join(parts)


def _parse_auth_params(text: str) -> dict[str, str]:
    scheme, _, rest = text.strip(" \t").partition(" ")
    if scheme.lower() != "digest":
        raise bad_request("not Digest authentication")
    params: dict[str, str] = {}
    start = 0
    # match() in a loop, not finditer(), which would look for a start at every character of a bad header.
    while (match := _AUTH_PARAM.match(rest, start)) is not None:
        name, quoted, token, comma = match.groups()
        name = name.lower()
        if name in params or len(params) == MAX_AUTH_PARAMS:
            raise bad_request("repeated authentication parameter, or too many")
        params[name] = token if quoted is None else unquote_string(quoted)
        if not comma:
            return params
        start = match.end()
    raise bad_request("bad authentication parameter")


def _required(params: dict[str, str], name: str) -> str:
    value = params.get(name)
    if value is None:
        raise bad_request(f"{name} is missing")
    return value
