# SPDX-License-Identifier: Apache-2.0
"""Why a dial target leads to no phone."""

from __future__ import annotations

from signaling.calls.failures import CallFailure
from signaling.configuration import UserInfo


class TargetFailed(Exception):
    """A dial target leads to no phone.

    Args:
        failure: what the caller gets to see.
        user: who was called, when the target names somebody of the account.
    """

    def __init__(self, failure: CallFailure, user: UserInfo | None = None) -> None:
        super().__init__(failure)
        self.failure = failure
        self.user = user
