# SPDX-License-Identifier: Apache-2.0
"""Calls as commands of the live API: originate, hang_up. Checks what can be known before a phone rings.

Who may ask is the API's business. Invariant: a refused command has left nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import Terminate, WantRecording
from signaling.calls.failures import CallFailure
from signaling.calls.manager import CallManager
from signaling.calls.ports import CallRequest, Destination
from signaling.directory import AccountInfo, Directory, UserInfo
from signaling.live.commands import Arguments, CommandRefused, CommandTable
from signaling.live.idempotency import IdempotencyCache, KeyReused

MAX_FORWARDS = 70
MAX_ASKER_CHARS = 150

SENTENCES: dict[CallFailure, tuple[int, str]] = {
    failures.SHUTTING_DOWN: (503, "The node is being stopped and begins no call."),
    failures.NODE_LIMIT: (503, "The node has as many calls as it may."),
    failures.ACCOUNT_LIMIT: (409, "The account has as many calls as it may."),
    failures.ACCOUNT_RATE: (429, "The account makes as many calls a second as it may."),
    failures.USER_RATE: (429, "The user makes as many calls a second as it may."),
    failures.USER_LIMIT: (409, "The user has as many calls as it may."),
}


class Phones(Protocol):
    """Where the phones of users are."""

    @property
    def shared(self) -> bool:
        """Whether other nodes may have phones of the same users."""
        ...

    def phones(self, user: UserInfo) -> Sequence[Destination]:
        """Return the phones of a user that are registered at this node."""
        ...

    async def all_phones(self, user: UserInfo, account: AccountInfo) -> Sequence[Destination]:
        """Return the phones of a user wherever they are registered."""
        ...


class CallCommands:
    """What the live API may ask of calls.

    Args:
        calls: the calls of this node.
        directory: accounts, users and dialplans.
        phones: where the phones of users are.
        rtpmanagers: the pool, of which one must take sessions.
        call_id: makes a SIP Call-ID.
    """

    def __init__(
        self,
        calls: CallManager,
        directory: Directory,
        phones: Phones,
        rtpmanagers: Iterable[Any],
        call_id: Callable[[], str],
    ) -> None:
        self._calls = calls
        self._directory = directory
        self._phones = phones
        self._rtpmanagers = rtpmanagers
        self._call_id = call_id
        self._done = IdempotencyCache()

    def offer(self, commands: CommandTable) -> None:
        """Register the commands."""
        commands.register("originate", self.originate)
        commands.register("hang_up", self.hang_up)
        commands.register("record", self.record)

    def hang_up(self, given: Arguments) -> dict[str, Any]:
        """End the call ``call_uuid``, for ``asked_by``.

        Raises:
            CommandRefused: 404, there is none.
        """
        call = self._calls.calls.get(str(given.get("call_uuid", "")))
        if call is None:
            raise CommandRefused(404, "There is no such call.")
        call.record.metadata["ended_by"] = str(given.get("asked_by", ""))[:MAX_ASKER_CHARS]
        answered = call.record.answer_time is not None
        call.post(Terminate(EndReason.NORMAL if answered else EndReason.CANCELED))
        return {"call_uuid": call.record.id, "call_id": call.record.call_id}

    def record(self, given: Arguments) -> dict[str, Any]:
        """Record the call ``call_uuid`` from now on, or no longer when ``on`` is false, for ``asked_by``.

        Raises:
            CommandRefused: 404, there is none.
        """
        call = self._calls.calls.get(str(given.get("call_uuid", "")))
        if call is None:
            raise CommandRefused(404, "There is no such call.")
        is_wanted = bool(given.get("on", True))
        call.post(WantRecording(is_wanted, str(given.get("asked_by", ""))[:MAX_ASKER_CHARS]))
        return {
            "call_uuid": call.record.id,
            "call_id": call.record.call_id,
            "waits_for_answer": is_wanted and not call.answered,
        }

    def originate(self, given: Arguments) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        """Ring the phones of ``user`` of ``account_id`` for ``timeout_s`` seconds, then dial ``number`` for it.

        With a ``key`` the same request is done once; its answer comes again with ``replayed``.

        Raises:
            CommandRefused: what is asked for cannot be done now, or a value does not fit.
        """
        return self._look_everywhere(given) if self._phones.shared else self._originate_once(given)

    async def _look_everywhere(self, given: Arguments) -> dict[str, Any]:
        if (before := self._before(given)) is not None:
            return before
        account = self._account(str(given.get("account_id", "")))
        user = self._user(account, str(given.get("user", "")))
        # Meanwhile the same request may come again, so it is looked for once more after this.
        return self._originate_once(given, await self._phones.all_phones(user, account))

    def _originate_once(
        self, given: Arguments, phones: Sequence[Destination] | None = None
    ) -> dict[str, Any]:
        if (before := self._before(given)) is not None:
            return before
        answer = self._originate(given, phones)
        if key := str(given.get("key", "")):
            self._done.keep(key, _asked(given), answer, asyncio.get_running_loop().time())
        return answer

    def _before(self, given: Arguments) -> dict[str, Any] | None:
        """Return the answer that the same request got before; None: it is the first one."""
        key = str(given.get("key", ""))
        if not key:
            return None
        try:
            before = self._done.find(key, _asked(given), asyncio.get_running_loop().time())
        except KeyReused:
            raise CommandRefused(409, "This Idempotency-Key was used for another request.") from None
        return None if before is None else {**before, "replayed": True}

    # --- Inside ---------------------------------------------------------------------------------------------------

    def _originate(self, given: Arguments, phones: Sequence[Destination] | None) -> dict[str, Any]:
        account = self._account(str(given.get("account_id", "")))
        user = self._user(account, str(given.get("user", "")))
        number = str(given.get("number", ""))
        route = self._directory.dialplan(account.id).match(number)
        if route is None:
            raise _wrong("number", "No route of the dialplan matches this number.")
        refusal = self._calls.refusal(account, user)
        if refusal is not None:
            status, sentence = SENTENCES.get(refusal, (503, refusal.phrase))
            raise CommandRefused(status, sentence)
        if phones is None:
            phones = self._phones.phones(user)
        if not phones:
            raise CommandRefused(409, f"User {user.extension} has no registered phone.")
        if not any(node.standing.takes_sessions for node in self._rtpmanagers):
            raise CommandRefused(503, "No RTP manager takes calls.")
        request = CallRequest(
            sip_call_id=self._call_id(),
            account=account,
            caller=user,
            caller_ip=phones[0].remote_ip,
            destination=number,
            route=route,
            sdp="",
            refusal=None,
            max_forwards=MAX_FORWARDS,
            origin="api",
        )
        call = self._calls.originate(request, phones, float(given.get("timeout_s", 30)))
        call.record.metadata |= {
            "origin": "api",
            "asked_by": str(given.get("asked_by", ""))[:MAX_ASKER_CHARS],
        }
        return {
            "call_uuid": call.record.id,
            "call_id": request.sip_call_id,
            "state": "dialing",
            "account": account.domain,
            "user": user.extension,
            "number": number,
            "phones": len(phones),
        }

    def _account(self, account_id: str) -> AccountInfo:
        account = self._directory.account(account_id)
        if account is None:
            raise _wrong("account", "There is no such account, or not for you.")
        if not account.enabled:
            raise CommandRefused(409, f"The account {account.domain} is disabled.")
        return account

    def _user(self, account: AccountInfo, name: str) -> UserInfo:
        user = self._directory.user_by_number(account.id, name)
        if user is None:
            raise _wrong("user", "No user of the account has this extension or user name.")
        if not user.enabled:
            raise CommandRefused(409, f"User {user.extension} is disabled.")
        return user


def _asked(given: Arguments) -> dict[str, Any]:
    """Return what makes a request the same as another; who repeats it does not matter."""
    return {name: given.get(name) for name in ("account_id", "user", "number", "timeout_s")}


def _wrong(field: str, sentence: str) -> CommandRefused:
    return CommandRefused(400, f"Not valid: {field}.", {field: [sentence]})
