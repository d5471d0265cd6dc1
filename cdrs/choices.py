# SPDX-License-Identifier: Apache-2.0
"""The words of call records that are chosen from: dispositions, ends, and bands of quality with their limits."""

from __future__ import annotations

from typing import Final

from django.db import models

GOOD_MOS: Final = 4.0
"""From here on most listeners are satisfied (ITU-T G.107 annex B, R of 80)."""
FAIR_MOS: Final = 3.6
"""Below this many listeners are dissatisfied (R of 70)."""


class Disposition(models.TextChoices):
    """What became of a call."""

    ANSWERED = "ANSWERED", "Answered"
    NO_ANSWER = "NO_ANSWER", "No answer"
    BUSY = "BUSY", "Busy"
    FAILED = "FAILED", "Failed"
    CANCELED = "CANCELED", "Canceled"


class HangupBy(models.TextChoices):
    """Which side ended a call."""

    CALLER = "caller", "Caller"
    CALLEE = "callee", "Callee"
    SYSTEM = "system", "System"


class RecordingState(models.TextChoices):
    """What became of a recording."""

    COMPLETE = "complete", "Complete"
    INTERRUPTED = "interrupted", "Interrupted"
    FAILED = "failed", "Failed"


class Quality(models.TextChoices):
    """How a call sounded, in bands of the estimated mean opinion score."""

    GOOD = "good", "Good"
    FAIR = "fair", "Fair"
    POOR = "poor", "Poor"
    UNKNOWN = "unknown", "Not measured"

    @classmethod
    def of(cls, mos_score: float | None) -> Quality:
        """Return the band of a mean opinion score (1.0 to 4.5); None was not measured."""
        if mos_score is None:
            return cls.UNKNOWN
        if mos_score >= GOOD_MOS:
            return cls.GOOD
        return cls.FAIR if mos_score >= FAIR_MOS else cls.POOR

    @property
    def condition(self) -> models.Q:
        """The rows of this band."""
        return {
            Quality.GOOD: models.Q(mos_score__gte=GOOD_MOS),
            Quality.FAIR: models.Q(mos_score__gte=FAIR_MOS, mos_score__lt=GOOD_MOS),
            Quality.POOR: models.Q(mos_score__lt=FAIR_MOS),
            Quality.UNKNOWN: models.Q(mos_score__isnull=True),
        }[self]
