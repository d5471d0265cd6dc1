# SPDX-License-Identifier: Apache-2.0
"""What one session has offered, been offered and agreed on of SRTP (RFC 4568, RFC 8643). Lines in, lines out.

It must not know descriptions or the engine. Invariants: a key of ours protects one session of one suite, and never
goes on at another node; `agreed` changes only when an answer completes an exchange.
"""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from media.control.crypto_line import MASTER_BYTES, SUITES, CryptoLine
from media.control.errors import MediaError, Reason, invalid

RandomBytes = Callable[[int], bytes]


class Encryption(enum.IntEnum):
    """What is asked of a remote; numbered as `rtpmanager.v1.Encryption`."""

    AS_OFFERED = 0
    """Offers of ours are plain; encryption that a remote offers is taken."""
    OPTIONAL = 1
    """Offers of ours are for plain RTP and carry keys (RFC 8643): a remote that knows them uses them."""
    REQUIRED = 2
    """Offers of ours are for secure RTP; plain ones of a remote are refused."""


class AgreedCrypto(NamedTuple):
    """Both keys of a session; they share tag and suite (RFC 4568 5.1.2)."""

    local: CryptoLine
    remote: CryptoLine


class SessionCrypto:
    """The keys of one session.

    Args:
        encryption: what is asked of the remote.
        random_bytes: where keys come from.

    Attributes:
        agreed: the keys in use; None for plain RTP, and before the first exchange is complete.
    """

    __slots__ = ("_by_suite", "_described", "_is_settled", "_offered", "_random", "agreed", "encryption")

    def __init__(
        self,
        encryption: Encryption = Encryption.AS_OFFERED,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        self.encryption = encryption
        self.agreed: AgreedCrypto | None = None
        self._by_suite: dict[str, bytes] = {}
        self._offered: tuple[CryptoLine, ...] = ()
        self._described: tuple[CryptoLine, ...] = ()
        self._is_settled = False
        self._random = random_bytes

    @property
    def suite(self) -> str:
        """Name of the suite in use; empty for plain RTP."""
        return self.agreed.local.suite if self.agreed is not None else ""

    @property
    def offers_secure_profile(self) -> bool:
        """Whether the first offer of ours names secure RTP."""
        return self.encryption is Encryption.REQUIRED

    def check_offer(self, lines: Sequence[CryptoLine]) -> None:
        """Refuse a remote's offer that brings no key where one is required.

        Raises:
            MediaError: INVALID_ARGUMENT, reason encryption_required.
        """
        if self.encryption is Encryption.REQUIRED and not lines:
            raise encryption_required()

    def offer(self) -> tuple[CryptoLine, ...]:
        """Return the lines of an offer of ours: what is in use, else what the remote is asked for."""
        if self.agreed is not None:
            local = self.agreed.local
            self._offered = (local._replace(key=self._key(local.suite)),)
        elif self._is_settled or self.encryption is Encryption.AS_OFFERED:
            self._offered = ()
        else:
            self._offered = tuple(
                [CryptoLine(number, suite, self._key(suite)) for number, suite in enumerate(SUITES, start=1)]
            )
        return self._offered

    def answer(self, lines: Sequence[CryptoLine]) -> tuple[CryptoLine, ...]:
        """Take the remote's offer into use; return the lines of our answer: one, or none for plain RTP.

        A remote that takes a new key gets a new one: it may have begun anew with both. So does one that comes back
        from plain RTP: the counters of the old key are known to nobody by then, and to use them twice would give the
        texts away.
        """
        self._is_settled = True
        remote = next(iter(lines), None)
        if remote is None:
            self.agreed = None
            self._described = ()
            return ()
        if self.agreed is None or self.agreed.remote[1:] != remote[1:]:
            self._by_suite.clear()
        local = CryptoLine(remote.tag, remote.suite, self._key(remote.suite))
        self.agreed = AgreedCrypto(local, remote)
        self._described = (local,)
        return self._described

    def take_answer(
        self,
        lines: Sequence[CryptoLine],
        *,
        is_secure: bool,
        names_keys: bool = False,
        encrypts: bool = False,
    ) -> None:
        """Take the remote's answer to our last offer into use.

        Args:
            lines: its lines that can be used.
            is_secure: whether the offer was for secure RTP, so that an answer without a key is none.
            names_keys: whether it has lines at all.
            encrypts: whether it is for secure RTP, whatever was offered.

        Raises:
            MediaError: INVALID_ARGUMENT: it has no key where one is needed, or selects what was not offered.
        """
        agreed = _choose(self._offered, lines)
        if agreed is None and (is_secure or self.encryption is Encryption.REQUIRED):
            raise encryption_required()
        # A phone that may encrypt writes its key into every answer; where none was offered it means nothing.
        if agreed is None and (encrypts or (self._offered and names_keys)):
            raise invalid(Reason.UNSUPPORTED_TRANSPORT, "the answer has no crypto line that was offered")
        self._is_settled = True
        self.agreed, self._described = agreed, self._offered

    def check_refresh(self, lines: Sequence[CryptoLine]) -> AgreedCrypto | None:
        """Return what a remote agrees on that was told our last description once more, by a session refresh.

        The keys of ours are those that it was told: it will never see a new one.

        Raises:
            MediaError: INVALID_ARGUMENT: it has no key any more, or one for what it was not told.
        """
        agreed = _choose(self._described, lines)
        if agreed is None and (self.agreed is not None or (self._described and lines)):
            raise invalid(Reason.UNSUPPORTED_TRANSPORT, "the refreshed session has another key or none")
        return agreed

    def take_refresh(self, lines: Sequence[CryptoLine]) -> tuple[CryptoLine, ...]:
        """Take that into use; return the line of ours that counts, or none for plain RTP.

        Raises:
            MediaError: as `check_refresh`.
        """
        self.agreed = self.check_refresh(lines)
        return () if self.agreed is None else (self.agreed.local,)

    def go_on(self, local: Sequence[CryptoLine], remote: Sequence[CryptoLine]) -> tuple[CryptoLine, ...]:
        """Take the place of a session of another node; return the lines of the offer that tells the remote.

        The remote's key stays until its answer. Ours is new: where the old one's counters are is not known here, and
        to use them twice would give the texts away.

        Args:
            local: of our last description.
            remote: of the remote's last description.
        """
        self._is_settled = True
        theirs = {line[:2]: line for line in remote}
        common = next((line for line in local if line[:2] in theirs), None)
        if common is None:
            self._offered = ()
            return ()
        own = common._replace(key=self._key(common.suite))
        self._offered = (own,)
        self.agreed = AgreedCrypto(own, theirs[common[:2]])
        return self._offered

    def renew(self) -> None:
        """Have the next description carry new keys; those in use stay until it is answered."""
        self._by_suite.clear()

    def _key(self, suite: str) -> bytes:
        if suite not in self._by_suite:
            self._by_suite[suite] = self._random(MASTER_BYTES)
        return self._by_suite[suite]


def _choose(own: Sequence[CryptoLine], lines: Sequence[CryptoLine]) -> AgreedCrypto | None:
    """Return our line and the first of the remote's that answers one; None when there is none."""
    by_tag = {line.tag: line for line in own}
    for line in lines:
        if line.tag in by_tag and by_tag[line.tag].suite == line.suite:
            return AgreedCrypto(by_tag[line.tag], line)
    return None


def encryption_required() -> MediaError:
    """Return the error that signalling answers with 488 and a Warning."""
    return invalid(Reason.ENCRYPTION_REQUIRED, "encrypted media is required")
