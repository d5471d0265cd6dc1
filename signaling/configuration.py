# SPDX-License-Identifier: Apache-2.0
"""What a signaling node knows of accounts, users and routes, and the port through which it reads them.

Plain values; no ORM here. `configuration_orm` is the adapter that reads the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

ACCOUNTS, USERS, ROUTES, PROMPTS, BANS = "accounts", "users", "routes", "prompts", "bans"
TOPICS = (ACCOUNTS, USERS, ROUTES, PROMPTS, BANS)
"""What is watched. Bans are told of, and read by `signaling.bans` itself."""

MEDIA_AS_OFFERED, MEDIA_OPTIONAL, MEDIA_REQUIRED = "off", "optional", "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInfo:
    """A tenant."""

    id: str
    name: str
    domain: str
    """Lower case."""
    realm: str
    """Digest realm; usually the domain."""
    enabled: bool
    max_concurrent_calls: int
    """0: no limit."""
    record_calls: bool = False
    """Whether every call of its users is recorded."""
    media_encryption: str = MEDIA_AS_OFFERED
    """What its phones are asked for: off, optional or required."""


class UserInfo(NamedTuple):
    """A SIP user. A named tuple, because tens of thousands are built at once."""

    id: str
    account_id: str
    username: str
    extension: str
    display_name: str
    enabled: bool
    ha1_md5: str
    ha1_sha256: str
    max_concurrent_calls: int | None
    """0: no limit; None: the node's default."""


class RouteRow(NamedTuple):
    """A stored route, not yet checked."""

    id: str
    account_id: str | None
    """None: it serves every account."""
    document: Mapping[str, Any]
    """What `dialplan.engine.parse_route` reads."""


class PromptRow(NamedTuple):
    """An uploaded prompt that can be played."""

    account_id: str | None
    """None: every account may play it."""
    name: str
    reference: str
    """What RTP managers know it by."""


class ConfigurationSource(Protocol):
    """Reads the configuration; blocking, called in a thread. Any exception means: try again later."""

    def revisions(self) -> Mapping[str, int]:
        """Return the revision number of each topic; absent means 0."""

    def accounts(self) -> Sequence[AccountInfo]:
        """Return every account, the oldest first."""

    def users(self) -> Sequence[UserInfo]:
        """Return every user."""

    def routes(self) -> Sequence[RouteRow]:
        """Return every route, disabled ones included."""

    def prompts(self) -> Sequence[PromptRow]:
        """Return every uploaded prompt that can be played."""

    def close(self) -> None:
        """Give back what the thread holds."""
