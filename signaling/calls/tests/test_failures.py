# SPDX-License-Identifier: Apache-2.0
"""How failures classify themselves."""

import pytest

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.failures import better, failure_of_status


@pytest.mark.parametrize("status", range(300, 700))
def test_every_final_failure_of_a_callee_becomes_one_that_a_caller_may_see(status):
    failure = failure_of_status(status, "Phrase")
    assert 400 <= failure.status <= 699
    assert failure.status not in (401, 407, 503)


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_of_a_callee_is_never_passed_on(status):
    assert failure_of_status(status, "Unauthorized").status == 502


@pytest.mark.parametrize("status", [300, 302, 380])
def test_a_redirection_is_not_followed(status):
    assert failure_of_status(status, "Moved") is failures.NOT_REGISTERED


def test_a_status_that_is_not_known_keeps_its_number_and_phrase():
    failure = failure_of_status(499, "Odd")
    assert (failure.status, failure.phrase, failure.reason) == (499, "Odd", EndReason.ERROR)


def test_the_order_of_failures_is_global_then_human_then_class_then_first():
    six = failure_of_status(604, "Nowhere")
    five = failure_of_status(500, "Broken")
    assert better(None, five) is five
    assert better(five, failures.NOT_REGISTERED) is failures.NOT_REGISTERED
    assert better(failures.NOT_REGISTERED, failures.BUSY) is failures.BUSY
    assert better(failures.BUSY, six) is six
    assert better(six, failures.BUSY) is six
    assert better(failures.NOT_REGISTERED, failures.NO_SUCH_USER) is failures.NOT_REGISTERED
