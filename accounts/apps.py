# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig, apps
from django.db.models.signals import post_delete, post_save

TITLES = {"auth": "People who log in"}
"""What other people's apps are called in the admin."""


class AccountsConfig(AppConfig):
    """The app `accounts`."""

    name = "accounts"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model

        from accounts import tenancy, tokens
        from accounts.access import ApiToken, Membership
        from accounts.revision import bump_for_fixture

        for config in apps.get_app_configs():
            config.verbose_name = TITLES.get(config.label, config.verbose_name)
        post_save.connect(bump_for_fixture)
        for model in (ApiToken, Membership, get_user_model()):
            for signal in (post_save, post_delete):
                signal.connect(tokens.forget, sender=model)
                signal.connect(tenancy.forget, sender=model)
