# SPDX-License-Identifier: Apache-2.0
"""Django's settings of the live API's process: those of Switchboard without what only web pages need."""

from switchboard import settings as _all
from switchboard.settings import *  # noqa: F403 - a settings module is a list of names

ROOT_URLCONF = "signaling.api.urls"
INSTALLED_APPS = [app for app in _all.INSTALLED_APPS if app not in _all.PAGE_APPS]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
TEMPLATES = []
AUTHENTICATION_BACKENDS = _all.AUTHENTICATION_BACKENDS[-1:]  # type: ignore[assignment]
REST_FRAMEWORK = {
    **_all.REST_FRAMEWORK,
    "DEFAULT_AUTHENTICATION_CLASSES": (
        "signaling.api.authentication.InternalAuthentication",
        "accounts.api.authentication.TokenAuthentication",
    ),
    "DEFAULT_PAGINATION_CLASS": None,
    "DEFAULT_FILTER_BACKENDS": None,
}
