# SPDX-License-Identifier: Apache-2.0
"""Failed and successful logins, as django-axes records them, under names that people understand.

Not for roles without pages: they run without django-axes.
"""

from __future__ import annotations

from datetime import datetime

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import localtime

NO_NAME = "no name"


class FailedLogin(AccessAttempt):  # type: ignore[misc]
    """Failed logins with one name from one address and one browser."""

    class Meta:
        proxy = True
        ordering = ("-attempt_time",)
        verbose_name = "failed login"

    def __str__(self) -> str:
        return f"{self.username or NO_NAME} from {self.ip_address or 'an unknown address'}"

    @property
    def counts_until(self) -> datetime:
        """When these failures are forgotten."""
        end: datetime = self.attempt_time + settings.AXES_COOLOFF_TIME
        return end


class RecordedLogin(AccessLog):  # type: ignore[misc]
    """A login that succeeded."""

    class Meta:
        proxy = True
        ordering = ("-attempt_time",)
        verbose_name = "login"

    def __str__(self) -> str:
        return f"{self.username or NO_NAME}, {date_format(localtime(self.attempt_time), 'DATETIME_FORMAT')}"
