# SPDX-License-Identifier: Apache-2.0
"""What is done for prompts: new ones are converted, sounds that nobody plays any more are deleted."""

from __future__ import annotations

from celery import shared_task

from media.prompts import conversion, pruning


@shared_task(name="media.convert_prompts")
def convert_prompts() -> dict[str, int]:
    """Convert the uploads that wait."""
    return {"converted": conversion.convert_waiting()}


@shared_task(name="media.prune_prompts")
def prune_prompts() -> dict[str, int]:
    """Delete sounds that no prompt has."""
    return {"deleted": pruning.prune()}
