# SPDX-License-Identifier: Apache-2.0
"""Checks of the certificate that SIP over TLS shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from signaling.transport.certificate import Identity, TlsFiles, load
from signaling.transport.errors import CertificateError
from switchboard.addresses import split_server
from switchboard.doctor.findings import Finding, failure, fine, warning

CHECK = "TLS certificate"
DAY_S = 86400
SOON_DAYS = 14
"""Certificates that renew themselves are renewed at thirty days or at a third of their life; then something is wrong."""


def certificate(settings: Any) -> Iterator[Finding]:
    """The files can be used, fit together, are in time, and name what phones are told to connect to."""
    files = TlsFiles.from_settings(settings)
    if files is None:
        return
    try:
        identity = load(files)
    except CertificateError as error:
        yield failure(CHECK, str(error), f"correct {error.variable}, or renew the certificate")
        return
    left = int((identity.not_after - time.time()) // DAY_S)
    names = ", ".join(identity.names) or "nobody"
    shown = f"{files.certificate} is for {names}; days left: {left}"
    missing = _missing(identity, settings)
    if left < SOON_DAYS:
        yield warning(CHECK, shown, "renew it; the new files are read without a restart")
    elif missing:
        yield warning(
            CHECK,
            f"{shown}; phones connect to {missing}",
            "get a certificate that names it too: phones that check names refuse this one",
        )
    else:
        yield fine(CHECK, shown)


def _missing(identity: Identity, settings: Any) -> str:
    """Return the address that phones are told and the certificate does not name; empty when there is none."""
    host = split_server(settings.PHONE_SERVER)[0] if settings.PHONE_SERVER else settings.ADVERTISE
    return "" if not host or identity.covers(host) or identity.covers(settings.DEFAULT_DOMAIN) else str(host)
