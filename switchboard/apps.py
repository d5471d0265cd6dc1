# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig, apps
from django.db.models.signals import pre_migrate

from switchboard import lean
from switchboard.schema import create_schema


class SwitchboardConfig(AppConfig):
    """The app `switchboard`: joins the rooms; sees to it that the schema exists before the first migration."""

    name = "switchboard"

    def import_models(self) -> None:
        super().import_models()
        if apps.is_installed("rest_framework"):
            # The theme of the admin would import it, with all that is there, when the apps are ready.
            lean.import_rest_framework()

    def ready(self) -> None:
        from switchboard import checks  # noqa: F401 - registers itself

        # Without a sender: Django sends the signal for apps that have models, and this one has none.
        pre_migrate.connect(create_schema, dispatch_uid="switchboard.schema")
