# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig


class DialplanConfig(AppConfig):
    """The app `dialplan`."""

    name = "dialplan"
