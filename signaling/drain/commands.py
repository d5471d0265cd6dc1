# SPDX-License-Identifier: Apache-2.0
"""The drain as commands of the live API: drain, cancel_drain, drain_status. Parses and refuses, decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from signaling.drain.controller import AlreadyDraining, DrainController, NoSuchNode, NotDraining
from signaling.drain.status import DrainMode, DrainStatus
from signaling.live.commands import Arguments, CommandRefused, CommandTable
from switchboard.events.catalogue import rfc3339

MAX_ASKER_CHARS = 150


def offer_drains(commands: CommandTable, drains: DrainController) -> None:
    """Register the commands; each takes ``node_id`` and ``asked_by``, and drain a ``mode`` too."""

    def drain(arguments: Arguments) -> dict[str, Any]:
        status = _refusing(lambda: drains.drain(_node_id(arguments), _mode(arguments), _asked_by(arguments)))
        return {
            "message": f"RTP manager {status.node_id} is being drained.",
            "node_id": status.node_id,
            "mode": str(status.mode),
            "total_sessions": status.total_sessions,
        }

    def cancel(arguments: Arguments) -> dict[str, Any]:
        status = _refusing(lambda: drains.cancel(_node_id(arguments), _asked_by(arguments)))
        return {"message": f"RTP manager {status.node_id} takes calls again.", "node_id": status.node_id}

    def tell(arguments: Arguments) -> dict[str, Any]:
        status = _refusing(lambda: drains.status(_node_id(arguments)))
        shown = status.as_dict()
        shown["started_at"] = None if status.started_at is None else rfc3339(status.started_at)
        return shown

    commands.register("drain", drain)
    commands.register("cancel_drain", cancel)
    commands.register("drain_status", tell)


def _refusing(act: Callable[[], DrainStatus]) -> DrainStatus:
    try:
        return act()
    except NoSuchNode as error:
        raise CommandRefused(404, str(error)) from error
    except (AlreadyDraining, NotDraining) as error:
        raise CommandRefused(409, str(error)) from error


def _node_id(arguments: Arguments) -> str:
    return str(arguments.get("node_id", ""))


def _asked_by(arguments: Arguments) -> str:
    return str(arguments.get("asked_by", ""))[:MAX_ASKER_CHARS]


def _mode(arguments: Arguments) -> DrainMode:
    word = arguments.get("mode") or DrainMode.GRACEFUL
    try:
        return DrainMode(word)
    except ValueError as error:
        allowed = " or ".join(DrainMode)
        raise CommandRefused(400, "The mode is unknown.", {"mode": [f"It must be {allowed}."]}) from error
