# SPDX-License-Identifier: Apache-2.0
"""Accounts, users and dialplans in memory, as the calls of a node see them.

Reads them through a `ConfigurationSource` in a thread, again whenever a revision counter has changed, and swaps the
whole snapshot at once; a call that began with one snapshot keeps what it took from it. Knows no SIP and no ORM.
Invariants: look-ups are dictionary accesses and never wait; while the source fails the last snapshot is served; a
stored route that cannot be compiled is skipped and takes no other along.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from cdrs.daemon_thread import DaemonThread
from dialplan.engine import Dialplan
from signaling.configuration import (
    ACCOUNTS,
    PROMPTS,
    ROUTES,
    TOPICS,
    USERS,
    AccountInfo,
    ConfigurationSource,
    UserInfo,
)
from signaling.snapshot import Snapshot

__all__ = ["AccountInfo", "Directory", "UserInfo"]

logger = logging.getLogger(__name__)

LONGEST_RETRY_S = 5.0
STOP_GRACE_S = 1.0
"""Longest time that a stop waits for the source."""


class Directory:
    """The configuration of a signaling node.

    Args:
        source: reads revisions and rows; called in one thread of its own.
        default_domain: domain of the account that serves hosts that belong to no account.
        poll_s: seconds between two looks at the revisions.
        before_poll: called in that thread before each look, for example to import a changed dialplan file.
    """

    def __init__(
        self,
        source: ConfigurationSource,
        *,
        default_domain: str,
        poll_s: float,
        before_poll: Callable[[], object] | None = None,
    ) -> None:
        self._source = source
        self._poll_s = poll_s
        self._before_poll = before_poll
        self._snapshot = Snapshot.empty(default_domain.lower())
        self._revisions: Mapping[str, int] | None = None
        self._thread = DaemonThread("directory")
        self._poller: asyncio.Task[None] | None = None
        self._refreshing = asyncio.Lock()
        self._failing = False
        self._failure = ""
        self.on_change: list[Callable[[frozenset[str]], None]] = []
        """Called on the loop with the topics that were read again, after the snapshot was swapped."""

    # Look-ups

    def account_for_host(self, host: str) -> AccountInfo | None:
        """Return the account whose domain `host` is, else the default account; None when there is neither."""
        return self._snapshot.by_domain.get(host.lower()) or self._snapshot.default_account

    def account_of_domain(self, host: str) -> AccountInfo | None:
        """Return the account whose domain `host` is; None for any other host."""
        return self._snapshot.by_domain.get(host.lower())

    def account(self, account_id: str) -> AccountInfo | None:
        """Return an account by its id."""
        return self._snapshot.accounts.get(account_id)

    def user(self, account_id: str, username: str) -> UserInfo | None:
        """Return the user that logs in by this name, exactly as written."""
        return self._snapshot.by_username.get((account_id, username))

    def user_by_number(self, account_id: str, number: str) -> UserInfo | None:
        """Return the user with this extension, else the one with this user name."""
        snapshot = self._snapshot
        return snapshot.by_extension.get((account_id, number)) or snapshot.by_username.get(
            (account_id, number)
        )

    def user_by_id(self, user_id: str) -> UserInfo | None:
        """Return a user by its id."""
        return self._snapshot.users.get(user_id)

    def dialplan(self, account_id: str) -> Dialplan:
        """Return the compiled routes of an account and of every account; compiled when first asked for."""
        return self._snapshot.dialplan(account_id)

    def prompt(self, account_id: str, name: str) -> str:
        """Return what RTP managers know a prompt by that a route of an account names: the account's own, else the
        one of every account, else the name itself, which is that of a file."""
        prompts = self._snapshot.prompts
        return prompts.get((account_id, name)) or prompts.get((None, name)) or name

    @property
    def problem(self) -> str | None:
        """One sentence on why the configuration is not kept current, or None."""
        return f"Configuration cannot be read: {self._failure}" if self._failing else None

    # Life

    async def start(self) -> None:
        """Read everything, waiting for the source as long as it takes, and begin to watch for changes."""
        delay_s = self._poll_s
        while not await self.refresh():
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LONGEST_RETRY_S)
        self._poller = asyncio.get_running_loop().create_task(self._poll())

    async def stop(self) -> None:
        """Stop watching; look-ups go on."""
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
            self._poller = None
        closing = self._thread.run(self._source.close)
        self._thread.end()
        # A source that hangs is left behind.
        await asyncio.wait([closing], timeout=STOP_GRACE_S)

    async def refresh(self) -> bool:
        """Look for changes now; False when the source could not be read, which is logged once per outage."""
        async with self._refreshing:
            try:
                revisions, snapshot = await self._thread.run(self._read)
            except Exception as error:  # noqa: BLE001 - any failure of any database driver means: serve on, try again
                self._report_failure(error)
                return False
            if self._failing:
                self._failing = False
                logger.info("Configuration can be read again")
            if snapshot is not None:
                changed = self._changed(revisions)
                self._revisions, self._snapshot = revisions, snapshot
                for callback in self.on_change:
                    callback(changed)
        return True

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            await self.refresh()

    def _read(self) -> tuple[Mapping[str, int], Snapshot | None]:
        """Read what has changed; runs in the thread."""
        if self._before_poll is not None:
            self._before_poll()
        # Revisions first: rows that change in between are newer than their number and are read once more.
        revisions = self._source.revisions()
        changed = self._changed(revisions)
        if not changed:
            return revisions, None
        source, snapshot = self._source, self._snapshot
        return revisions, snapshot.replace(
            accounts=source.accounts() if ACCOUNTS in changed else None,
            users=source.users() if USERS in changed else None,
            routes=source.routes() if ROUTES in changed else None,
            prompts=source.prompts() if PROMPTS in changed else None,
        )

    def _changed(self, revisions: Mapping[str, int]) -> frozenset[str]:
        known = self._revisions
        if known is None:
            return frozenset(TOPICS)
        return frozenset(topic for topic in TOPICS if revisions.get(topic, 0) != known.get(topic, 0))

    def _report_failure(self, error: Exception) -> None:
        lines = str(error).strip().splitlines()
        self._failure = lines[0] if lines else type(error).__name__
        if not self._failing:
            self._failing = True
            logger.warning("Configuration cannot be read, the last one read stays in use: %s", self._failure)
