# SPDX-License-Identifier: Apache-2.0
"""Keeps the certificate of TLS as new as its files: certbot, cert-manager and people replace them while calls go on.

Invariant: a pair of files that cannot be used, such as a new certificate beside the old key, changes nothing; it is
told once, and tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from signaling.transport.certificate import Identity, Stamp, TlsFiles, load
from signaling.transport.errors import CertificateError

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0


class CertificateWatch:
    """One certificate and its files.

    Args:
        files: which.
        on_new: called with each one that is taken after the first.

    Raises:
        CertificateError: they cannot be used.
    """

    def __init__(self, files: TlsFiles, on_new: Callable[[Identity], None]) -> None:
        self._files = files
        self._on_new = on_new
        self._next_look = 0.0
        # Read before the files: if they change in between, they are only read once more.
        self._stamp: Stamp | None = files.stamp()
        self.identity = load(files)
        """What is in use."""
        self.problem: str | None = None
        """Why the files are not what is in use; None: they are."""

    def look(self, now: float) -> None:
        """Take files that have changed; called often, it does something only every `LOOK_EVERY_S`.

        Args:
            now: monotonic seconds.
        """
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_S
        stamp = self._files.stamp()
        if stamp != self._stamp or self.problem is not None:
            self._take(stamp)

    def reload(self) -> None:
        """Take the files as they are now, changed or not: SIGHUP."""
        self._take(self._files.stamp())

    def _take(self, stamp: Stamp | None) -> None:
        try:
            identity = load(self._files)
        except (CertificateError, OSError) as error:
            if str(error) != self.problem:
                self.problem = str(error)
                logger.error("The certificate of SIP over TLS stays the old one: %s", error)
            return
        self._stamp, self.problem = stamp, None
        if identity.not_after != self.identity.not_after or identity.names != self.identity.names:
            logger.info("SIP over TLS has a new certificate for %s", ", ".join(identity.names))
        self.identity = identity
        self._on_new(identity)
