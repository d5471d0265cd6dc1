# SPDX-License-Identifier: Apache-2.0
"""Why a dial target leads to no phone."""

from __future__ import annotations

from signaling.calls.failures import CallFailure


class TargetFailed(Exception):
    """A dial target leads to no phone; `failure` is what the caller gets to see."""

    def __init__(self, failure: CallFailure) -> None:
        super().__init__(failure)
        self.failure = failure
