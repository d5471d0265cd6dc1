# SPDX-License-Identifier: Apache-2.0
"""The errors of the SIP core, as one tree.

    SipError
    ├── LocalProtocolError          this program asked for something illegal: a bug or bad configuration
    └── RemoteProtocolError         the peer sent something illegal; carries the status to answer with
        └── ParseError              as above, found while splitting a message; may carry the request

Invariant: no bytes from the network make the core raise anything but a RemoteProtocolError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signaling.sip.message import SipRequest


class SipError(Exception):
    """Base of every error of the SIP core; never raised itself."""


class LocalProtocolError(SipError):
    """The caller of the core asked for something that SIP forbids, such as a line end in a header value."""

    status_hint = 500


class RemoteProtocolError(SipError):
    """The peer broke the protocol. `status_hint` is the SIP status to answer, `reason` one line of text."""

    def __init__(self, status_hint: int, reason: str) -> None:
        super().__init__(status_hint, reason)
        self.status_hint = status_hint
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.status_hint} {self.reason}"


class ParseError(RemoteProtocolError):
    """A message that cannot be split. `request` holds enough of it to answer, or is None: then drop it."""

    def __init__(self, status_hint: int, reason: str, request: SipRequest | None = None) -> None:
        super().__init__(status_hint, reason)
        self.request = request
