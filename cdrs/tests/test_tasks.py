# SPDX-License-Identifier: Apache-2.0
"""The nightly jobs of call records."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cdrs.models import CDR, DailyRollup
from cdrs.tasks import prune, roll_up
from cdrs.tests.factories import make_call

pytestmark = pytest.mark.django_db


@pytest.fixture
def _old_call():
    began = timezone.now() - timedelta(days=5)
    make_call(invite_time=began, end_time=began + timedelta(seconds=9))


@pytest.mark.usefixtures("_old_call")
def test_past_days_are_added_up():
    assert roll_up() == {"days": 1}
    assert DailyRollup.objects.filter(account=None).count() == 1


@pytest.mark.usefixtures("_old_call")
def test_calls_are_deleted_after_the_days_of_the_setting_and_kept_for_ever_without(settings):
    settings.CDR_RETENTION_DAYS = 0
    assert prune() == {"deleted": 0}
    settings.CDR_RETENTION_DAYS = 3
    assert prune() == {"deleted": 1}
    assert not CDR.objects.exists()
