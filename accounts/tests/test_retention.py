# SPDX-License-Identifier: Apache-2.0
"""What is deleted of logins and tokens, and what stays."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import retention
from accounts.models import ApiToken

pytestmark = pytest.mark.django_db
NOW = timezone.now()
OLD, RECENT = NOW - timedelta(days=40), NOW - timedelta(days=20)


def token(name, **times):
    login, _ = get_user_model().objects.get_or_create(username="someone")
    ApiToken.objects.create(user=login, name=name, digest=name, prefix=name, scopes=["read"], **times)


def test_dead_tokens_go_after_their_time_and_living_ones_stay():
    token("expired", expires_at=OLD)
    token("revoked", revoked_at=OLD)
    token("just expired", expires_at=RECENT)
    token("just revoked", revoked_at=RECENT)
    token("living", expires_at=NOW + timedelta(days=1))
    token("eternal")
    assert retention.prune(30, NOW)["tokens"] == 2
    left = set(ApiToken.objects.values_list("name", flat=True))
    assert left == {"just expired", "just revoked", "living", "eternal"}


def test_the_login_log_is_kept_for_its_days():
    for model in (AccessLog, AccessAttempt):
        rows = [model._default_manager.create(username=name, **_more(model)) for name in ("old", "recent")]
        for row, at in zip(rows, (OLD, RECENT), strict=True):
            model._default_manager.filter(pk=row.pk).update(attempt_time=at)
    assert retention.prune(30, NOW)["logins"] == 2
    assert list(AccessLog.objects.values_list("username", flat=True)) == ["recent"]


def _more(model):
    return {"failures_since_start": 5} if model is AccessAttempt else {}


def test_a_failed_login_that_still_locks_stays(settings):
    settings.AXES_COOLOFF_TIME = timedelta(days=60)
    AccessAttempt.objects.create(username="ghost", failures_since_start=5)
    AccessAttempt.objects.update(attempt_time=OLD)
    retention.prune(30, NOW)
    assert AccessAttempt.objects.exists()


def test_nothing_but_ended_sessions_is_deleted_when_all_is_to_be_kept():
    token("expired", expires_at=OLD)
    Session.objects.create(session_key="ended", session_data="", expire_date=RECENT)
    Session.objects.create(session_key="open", session_data="", expire_date=NOW + timedelta(hours=1))
    assert retention.prune(0, NOW) == {"sessions": 1}
    assert ApiToken.objects.exists()
    assert Session.objects.get().session_key == "open"
