# SPDX-License-Identifier: Apache-2.0
"""Demo data: four SIP users and a login for the admin. Running it again changes nothing that fits.

The database stores hashes alone, yet every start prints the passwords; so they are kept beside the database, in a
file that only its owner reads. Nobody who exists gets another password: one that the file does not know was set by
hand, perhaps for a real phone, and stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q

from accounts.credentials import generate_password
from accounts.models import Account, User

CREDENTIALS_FILE = "demo-credentials.json"
ADMIN = "admin"
NOT_KNOWN = "as you set it"
"""What stands in place of a password that is not known."""
DEMO_USERS = (("1001", "Alice"), ("1002", "Bob"), ("1003", "Carol"), ("1004", "Dave"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoUser:
    """A SIP user that a phone can be set up with."""

    username: str
    extension: str
    name: str
    password: str | None
    """None: it was set by hand and is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """The account of the demo, its users, and the login of the admin."""

    account: Account
    users: tuple[DemoUser, ...]
    admin_username: str
    admin_password: str | None
    """None: it was set by hand and is not known."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of the SIP users whose passwords are not known."""
        return tuple(user.username for user in self.users if user.password is None)


def seed_account(domain: str, credentials: Path) -> DemoAccount:
    """Create what is missing of the demo account, in one transaction.

    Args:
        domain: of the account that gets the users; it is created when it is missing.
        credentials: the file that keeps the passwords; written (mode 600) when one of them is new.

    Raises:
        OSError: the file cannot be written; nothing was created.
    """
    known = _read(credentials)
    with transaction.atomic():
        account, _ = Account.objects.get_or_create(domain=domain, defaults={"name": domain})
        users = [_seed_user(account, number, name, known.get(number)) for number, name in DEMO_USERS]
        made = tuple(user for user in users if user is not None)
        admin_password = _seed_admin(known.get(ADMIN))
        passwords = {user.username: user.password for user in made if user.password is not None}
        if admin_password is not None:
            passwords[ADMIN] = admin_password
        if {**known, **passwords} != known or not credentials.exists():
            _write(credentials, {**known, **passwords})
    return DemoAccount(account=account, users=made, admin_username=ADMIN, admin_password=admin_password)


def _seed_user(account: Account, number: str, name: str, known: str | None) -> DemoUser | None:
    """Return the user, made when it is missing; None when another user has its number as extension."""
    numbered = User.objects.select_related("account").filter(account=account)
    user = numbered.filter(Q(username=number) | Q(extension=number)).first()
    if user is not None and user.username != number:
        return None
    if user is not None:
        password = known if known is not None and user.check_password(known) else None
    else:
        user = User(account=account, username=number, extension=number, display_name=name)
        password = known or generate_password()
        user.set_password(password)
        user.save()
    return DemoUser(
        username=number, extension=user.extension, name=user.display_name or name, password=password
    )


def _seed_admin(known: str | None) -> str | None:
    """Return the password of the admin login, made when it is missing; None when it was set by hand."""
    staff = get_user_model()
    login = staff.objects.filter(username=ADMIN).first()
    if login is not None:
        return known if known is not None and login.check_password(known) else None
    password = known or generate_password()
    staff.objects.create_superuser(username=ADMIN, password=password)
    return password


def _read(path: Path) -> dict[str, str]:
    """Return the kept passwords by name; nothing when the file is missing or unusable."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found: dict[str, str] = {}
    for group in ("users", "logins"):
        names = document.get(group) if isinstance(document, Mapping) else None
        if isinstance(names, Mapping):
            found |= {name: word for name, word in names.items() if isinstance(word, str) and word}
    return found


def _write(path: Path, passwords: Mapping[str, str]) -> None:
    users = {name: word for name, word in passwords.items() if name != ADMIN}
    document = {"users": users, "logins": {ADMIN: passwords[ADMIN]} if ADMIN in passwords else {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(document, handle, indent=2)
    draft.replace(path)
