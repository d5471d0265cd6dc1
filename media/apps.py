# SPDX-License-Identifier: Apache-2.0
from django.apps import AppConfig


class MediaConfig(AppConfig):
    """The app `media`."""

    name = "media"

    def ready(self) -> None:
        from dialplan import prompts
        from media.prompts.usage import StoredPrompts

        prompts.serve(StoredPrompts())
