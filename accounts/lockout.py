# SPDX-License-Identifier: Apache-2.0
"""What somebody sees who failed to log in too often: the login page with a sentence, HTTP status 429.

django-axes counts the failures of each pair of login name and address; the settings are LOGIN_FAILURES and
LOGIN_LOCKOUT_S. Invariant: the sentence is the same whether the login exists or not.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.login_form import LoginForm


def locked_out(
    request: HttpRequest, original_response: HttpResponse | None, credentials: Any = None
) -> HttpResponse:
    """Return the login page with the reason (``AXES_LOCKOUT_CALLABLE``)."""
    minutes = max(1, round(settings.LOGIN_LOCKOUT_S / 60))
    form = LoginForm(request)
    # Validating the form would try the password.
    vars(form).update(cleaned_data={}, _errors=ErrorDict())
    form.add_error(
        None,
        f"Too many failed logins with this name from your address. Wait {minutes} "
        f"{'minute' if minutes == 1 else 'minutes'} and try again, or ask a platform admin to unlock it.",
    )
    context = {
        **admin.site.each_context(request),
        "title": "Log in",
        "form": form,
        "app_path": request.get_full_path(),
        "username": "",
    }
    response = render(request, admin.site.login_template or "admin/login.html", context, status=429)
    response["Retry-After"] = str(round(settings.LOGIN_LOCKOUT_S))
    return response
