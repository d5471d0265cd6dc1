# SPDX-License-Identifier: Apache-2.0
"""What Django, its apps and DRF want to know; nothing here is read from the environment."""

import sys
from datetime import timedelta

from switchboard.settings.base import BASE_DIR, VAR_DIR
from switchboard.settings.web import LOGIN_FAILURES, LOGIN_LOCKOUT_S

PAGELESS_COMMANDS = frozenset({"runsip", "runrtp"})
"""Roles that serve no pages: without the apps of the pages they start in half the time, in less memory."""
PAGE_APPS = [
    "unfold",
    "unfold.contrib.simple_history",
    "simple_history",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
INSTALLED_APPS = [
    *([] if sys.argv[1:2] and sys.argv[1] in PAGELESS_COMMANDS else PAGE_APPS),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "switchboard",
    "accounts",
    "dialplan",
    "cdrs",
    "media",
    "signaling",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = (
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
)
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(seconds=LOGIN_LOCKOUT_S)
# The pair, so that nobody locks out an admin from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "accounts.lockout.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
ROOT_URLCONF = "switchboard.urls"
ASGI_APPLICATION = "switchboard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = [
    "accounts.hashing.ThriftyArgon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "switchboard.formats"
CELERY_TIMEZONE = TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = True
LOGGING_CONFIG = None
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
# Larger ones lie in temporary files: the ui role has 128 MiB.
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
SESSION_COOKIE_NAME = "switchboard_session"
# A message may hold a new SIP password: it lives in the reader's cookie until it is shown, never in the database.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": (
        "accounts.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ),
    "DEFAULT_PERMISSION_CLASSES": ("accounts.api.permissions.HasPermission",),
    "DEFAULT_THROTTLE_CLASSES": ("accounts.api.throttling.TokenThrottle",),
    "DEFAULT_RENDERER_CLASSES": ("rest_framework.renderers.JSONRenderer",),
    "DEFAULT_PARSER_CLASSES": ("switchboard.api_parsers.LimitedJSONParser",),
    "DEFAULT_PAGINATION_CLASS": "switchboard.api_paging.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ("switchboard.api_filters.StrictFilterBackend",),
    "DEFAULT_SCHEMA_CLASS": "switchboard.api_schema.Schema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "switchboard.api_errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Switchboard",
    "DESCRIPTION": "Configuration and call records. Every answer with an error has the shape `Problem`.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_NO_READ_ONLY_REQUIRED": False,
    "SORT_OPERATION_PARAMETERS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "GET_MOCK_REQUEST": "switchboard.api_schema.mock_request",
    "ENUM_NAME_OVERRIDES": {
        "LineStatus": ("created", "valid", "skipped", "error"),
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "switchboard.api_schema.close_requests",
        "switchboard.api_schema.add_problems",
    ],
}
UNFOLD = {
    "SITE_TITLE": "Switchboard",
    "SITE_HEADER": "Switchboard",
    "SITE_SUBHEADER": "Phone platform",
    "SITE_SYMBOL": "call",
    # There is no site beside the admin that one could return to.
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    # The accent of the product's own pages (`panels.css`), in all of its shades.
    "COLORS": {
        "primary": {
            "50": "#f5f3ff",
            "100": "#ede9fe",
            "200": "#ddd6fe",
            "300": "#c4b5fd",
            "400": "#a78bfa",
            "500": "#8b5cf6",
            "600": "#7c3aed",
            "700": "#6d28d9",
            "800": "#5b21b6",
            "900": "#4c1d95",
            "950": "#2e1065",
        }
    },
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "switchboard.theme.icon"}],
    "STYLES": ["switchboard.theme.page_style", "switchboard.theme.noscript_style"],
    "SIDEBAR": {"navigation": "switchboard.navigation.navigation"},
}
TESTING = "pytest" in sys.modules
