# SPDX-License-Identifier: Apache-2.0
"""The form of the login page, in the words that the rest of the admin has for what is typed there."""

from __future__ import annotations

from typing import Any

from accounts import admin_theme

LOGIN_NAME = "Login name"
"""What somebody logs in as; a user name is what a phone has."""


class LoginForm(admin_theme.LoginForm):
    """The theme's form, which says "username"."""

    error_messages = {
        **admin_theme.LoginForm.error_messages,
        "invalid_login": "No login has this name and password, or it does not open this admin. "
        "Capital and small letters differ.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = LOGIN_NAME
