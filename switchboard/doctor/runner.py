# SPDX-License-Identifier: Apache-2.0
"""Runs the checks one after another. Invariant: a check that breaks is a finding, and the others still run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from switchboard.doctor import bans, certificates, files, jobs, machine, network, services, storage
from switchboard.doctor.findings import Finding, failure

Check = Callable[[Any], Iterable[Finding]]

CHECKS: dict[str, Check] = {
    "ports": network.ports,
    "advertised address": network.advertised,
    "RTP range": network.rtp_range,
    "clock": machine.clock,
    "engine": machine.engine,
    "secret key": storage.secret_key,
    "journal": storage.journal,
    "free disk": storage.free_disk,
    "recordings": storage.recordings,
    "TLS certificate": certificates.certificate,
    "audio files": files.audio,
    "dialplan file": files.dialplan,
    "database": services.database,
    "Redis": services.redis,
    "NATS": services.nats,
    "jobs": jobs.jobs,
    "bans": bans.bans,
}


def examine(settings: Any, checks: dict[str, Check] | None = None) -> list[Finding]:
    """Run every check with the settings and return what they found, in order."""
    findings: list[Finding] = []
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            findings.extend(check(settings))
        except Exception as error:  # noqa: BLE001 - whatever a check stumbles over is what the reader came for
            findings.append(
                failure(name, f"the check itself failed: {error}", "please report this with the line above")
            )
    return findings
