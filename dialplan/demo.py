# SPDX-License-Identifier: Apache-2.0
"""Demo data: the numbers that a newcomer dials, on top of the users of `accounts.demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accounts.demo import CREDENTIALS_FILE, DemoAccount, seed_account
from accounts.models import Account
from dialplan.models import Route

DEMO_ROUTES: tuple[tuple[str, str, str, list[dict[str, Any]]], ...] = (
    (
        "demo-greeting",
        "Greeting",
        "500",
        [
            {"type": "play_audio", "params": {"file": "welcome.wav"}},
            {"type": "hangup", "params": {"reason": "normal"}},
        ],
    ),
    ("demo-echo", "Echo test", "600", [{"type": "echo", "params": {}}]),
    (
        "demo-users",
        "Users of this account",
        "1???",
        [{"type": "dial", "params": {"target": "user/${destination}", "timeout": 30}}],
    ),
)
"""Id, name, pattern, actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Everything to print at the start."""

    people: DemoAccount
    routes: tuple[Route, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what a newcomer needs, ready for JSON."""
        return {
            "domain": self.people.account.domain,
            "admin": {"username": self.people.admin_username, "password": self.people.admin_password},
            "users": [
                {
                    "username": user.username,
                    "extension": user.extension,
                    "name": user.name,
                    "password": user.password,
                }
                for user in self.people.users
            ],
            "dial": [{"pattern": route.pattern, "name": route.name} for route in self.routes],
        }


def seed_demo(domain: str, var_dir: Path) -> Demo:
    """Create what is missing of the demo data.

    Args:
        domain: of the account that gets users and routes.
        var_dir: directory of the file that keeps the demo passwords.

    Raises:
        OSError: that file cannot be written.
    """
    people = seed_account(domain, var_dir / CREDENTIALS_FILE)
    return Demo(people=people, routes=seed_routes(people.account))


def seed_routes(account: Account) -> tuple[Route, ...]:
    """Create the demo routes that are missing; return those of the account that are enabled.

    One that exists is left as it is, also when it was moved to another account.
    """
    routes: list[Route] = []
    for route_id, name, pattern, actions in DEMO_ROUTES:
        found = list(Route.objects.filter(id=route_id))
        if not found:
            found = [
                Route.objects.create(
                    id=route_id, account=account, name=name, pattern=pattern, actions=actions
                )
            ]
        routes += [route for route in found if route.enabled and route.account_id in (None, account.pk)]
    return tuple(routes)
