# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig


class CdrsConfig(AppConfig):
    """The app `cdrs`."""

    name = "cdrs"
    verbose_name = "Calls"
