# SPDX-License-Identifier: Apache-2.0
"""``manage.py makeprompts``: renders the product's prompts into the prompt directory."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from media.prompts.wav import write_wav


class Command(BaseCommand):
    """Writes every prompt, or those that are named."""

    help = "Render the product's prompts (needs espeak-ng)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("names", nargs="*", metavar="FILE", help="files to render (default: all)")
        parser.add_argument("--to", type=Path, default=settings.AUDIO_PATH, help="directory to write to")

    def handle(self, *args: Any, **options: Any) -> None:
        """Render and write."""
        from media.prompts.render import PROMPTS, NoSpeech, to_pcm

        names = options["names"] or list(PROMPTS)
        unknown = [name for name in names if name not in PROMPTS]
        if unknown:
            raise CommandError(f"unknown prompt {unknown[0]}; there are {', '.join(PROMPTS)}")
        directory: Path = options["to"]
        directory.mkdir(parents=True, exist_ok=True)
        for name in names:
            try:
                pcm = to_pcm(PROMPTS[name]())
            except NoSpeech as error:
                raise CommandError(str(error)) from error
            write_wav(directory / name, pcm)
            self.stdout.write(f"{name}: {len(pcm) / 16000:.1f} s")
