# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig


class SignalingConfig(AppConfig):
    """The app `signaling`."""

    name = "signaling"
