# SPDX-License-Identifier: Apache-2.0
"""Everything that calls can do without fails under calls: none is lost, no record is lost, none comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import Chaos
from tests.distributed import Distributed, services
from tests.sipp import SippRunner

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.nats,
    pytest.mark.timeout(420),
]

GAP_MS = 1000.0
"""Longest silence that a fault of something else may cost on a busy machine, beyond that of the phones themselves."""
MOVED_GAP_MS = 6000.0
"""The same for calls whose RTP manager was killed: its loss has to be noticed first."""


@pytest.fixture
def chaos(template: Path, tmp_path: Path) -> Iterator[Chaos]:
    """A stack with everything, not started."""
    with services() as (postgres, redis, nats):
        own_stack = Distributed(
            tmp_path / "stack", template, postgres=postgres, redis=redis, nats=nats, managers=3
        )
        sipp = SippRunner(own_stack, tmp_path / "sipp")
        try:
            yield Chaos(own_stack, sipp, away_s=2.0)
        finally:
            sipp.stop()
            own_stack.stop()


def test_no_call_and_no_record_is_lost_whatever_fails(chaos: Chaos) -> None:
    outcome = chaos.run()
    for failure in outcome.failures:
        print(*failure.row(outcome.steady), sep=" | ")
    for name, figure in outcome.totals():
        print(f"{name}: {figure}")
    assert (outcome.lost_calls, outcome.lost_records, outcome.doubled_records) == (0, [], [])
    assert outcome.failed_calls == []
    assert outcome.placed > 100
    for failure in outcome.failures:
        limit_ms = MOVED_GAP_MS if "in use" in failure.part else GAP_MS
        assert failure.gap_ms < limit_ms, failure
