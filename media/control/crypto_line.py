# SPDX-License-Identifier: Apache-2.0
"""The ``a=crypto`` lines of a description (RFC 4568): SRTP keys in SDP.

A line that cannot be used is skipped, never an error: another one of the offer may do (RFC 4568 5.1.2). It must not
decide which line is used.

Invariant: no key is part of a `repr`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import NamedTuple

from media.control.sdp import Attribute

NAME = "crypto"
SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""What the engine can do, the best first."""

MASTER_BYTES = 30
"""16 octets of master key and 14 of salt, in both suites (RFC 4568 6.2)."""

INLINE = "inline:"
MAX_TAG_DIGITS = 9
MAX_LINES = 16
"""Lines of a section that are looked at."""


class CryptoLine(NamedTuple):
    """One line that can be used."""

    tag: int
    suite: str
    key: bytes

    def __repr__(self) -> str:
        return f"CryptoLine(tag={self.tag}, suite={self.suite!r})"

    @property
    def attribute(self) -> Attribute:
        """The line as an attribute; lifetime and MKI are left out, which means their defaults."""
        return NAME, f"{self.tag} {self.suite} {INLINE}{base64.b64encode(self.key).decode('ascii')}"


def read_crypto(attributes: Iterable[Attribute]) -> tuple[CryptoLine, ...]:
    """Return the lines of a media section that can be used, in their order, which is that of preference."""
    values = [value for name, value in attributes if name == NAME and value is not None]
    lines: dict[int, CryptoLine] = {}
    for value in values[:MAX_LINES]:
        line = _read(value)
        if line is not None:
            lines.setdefault(line.tag, line)
    return tuple(lines.values())


def _read(value: str) -> CryptoLine | None:
    tag, suite, keys, *session_parameters = (*value.split(), "", "", "")
    is_number = tag.isascii() and tag.isdigit() and len(tag) <= MAX_TAG_DIGITS
    if not is_number or suite not in SUITES or not all(map(_may_be_ignored, session_parameters)):
        return None
    key = _read_key(keys)
    return None if key is None else CryptoLine(int(tag), suite, key)


def _may_be_ignored(parameter: str) -> bool:
    """Tell whether a session parameter asks for nothing: empty, marked as optional, or the hint of a window size.

    All others change how packets look (RFC 4568 6.3), and so does every unknown one.
    """
    return not parameter or parameter.startswith(("-", "WSH="))


def _read_key(parameters: str) -> bytes | None:
    """Return master key and salt; None when they are malformed, or need a master key identifier.

    The lifetime is accepted and not counted: the shortest that phones name, 2^20 packets, is 5.8 hours of audio.
    """
    if not parameters.startswith(INLINE) or ";" in parameters:
        return None
    text, *rest = parameters[len(INLINE) :].split("|")
    if len(rest) > 1 or any(":" in part for part in rest):
        return None
    try:
        key = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return key if len(key) == MASTER_BYTES else None
