# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig
from django.db.models.signals import post_save


class AccountsConfig(AppConfig):
    """The app `accounts`."""

    name = "accounts"

    def ready(self) -> None:
        from accounts.revision import bump_for_fixture

        post_save.connect(bump_for_fixture)
