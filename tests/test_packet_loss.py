# SPDX-License-Identifier: Apache-2.0
"""Calls over a bad network: each is set up and ends, and leaves exactly one record."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.lossy import LossyPath, PatientAnswerer, PatientPhone
from tests.stack import Stack

pytestmark = pytest.mark.e2e

CALLS = 12


@pytest.mark.parametrize(
    ("loss", "doubled", "late"), [(0.1, 0.05, 0.1), (0.3, 0.1, 0.2), (0.0, 1.0, 0.5)], ids=str
)
def test_calls_over_a_bad_network_are_set_up_and_end_with_one_record_each(
    stack: Stack, loss: float, doubled: float, late: float
) -> None:
    with ExitStack() as held:
        paths = [
            held.enter_context(
                LossyPath(stack.address, loss=loss, doubled=doubled, late=late, seed=int(100 * loss) + number)
            )
            for number in range(2)
        ]
        caller, callee = (PatientPhone(stack.phone(), path) for path in paths)
        callee.register()
        answerer = PatientAnswerer(callee)
        answerer.start()
        held.callback(answerer.stop)
        call_ids = [caller.call(callee.phone.username) for _ in range(CALLS)]
        assert [stack.cdr(call_id)["disposition"] for call_id in call_ids] == ["ANSWERED"] * CALLS
        assert sum(path.lost for path in paths) >= loss * sum(path.carried for path in paths) / 2
    assert "Traceback" not in (stack.var / "runsip.log").read_text(errors="replace")
