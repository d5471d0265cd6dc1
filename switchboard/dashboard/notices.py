# SPDX-License-Identifier: Apache-2.0
"""Notices: what somebody did on a dashboard, told to the other open dashboards of whoever may see it.

`post` shows a notice on the pages of this process at once and hands it to `Crossing`, which carries it to the other
replicas of the ui and brings theirs. Knows neither sockets nor who is logged in. Invariants: `post` never waits and
never raises; a notice says itself who may see it, and each page asks that at the moment it shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from channels import layers

from accounts.choices import Permission
from accounts.tenancy import Access
from switchboard.dashboard.crossing import Crossing

LAYER = "notices"
"""Its name in CHANNEL_LAYERS. It is not `default`, to which Channels would tie every WebSocket."""
MAX_NAME, MAX_ID = 80, 64
MAX_TEXT = 4 * MAX_NAME

Listener = Callable[["Notice"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One sentence about what somebody did."""

    text: str
    tenant_id: str = ""
    """The account whose people may see it if they see its calls; without one it is for platform administrators."""
    page: str = ""
    """The page that it was done on, which is told the outcome anyway."""
    permission: str = Permission.VIEW_LIVE
    """What is needed in the account to see it."""

    def may_be_seen_by(self, access: Access) -> bool:
        """Tell whether somebody may see it now."""
        if not self.tenant_id:
            return access.may(Permission.PLATFORM)
        return access.may(Permission(self.permission), self.tenant_id)

    def as_message(self) -> dict[str, Any]:
        """Return it as it crosses to other replicas."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Notice | None:
        """Return the notice that came from another replica; None for what is none."""
        given = (message.get(each.name) for each in fields(cls))
        values = [value for value in given if isinstance(value, str) and len(value) <= MAX_TEXT]
        if len(values) < len(fields(cls)):
            return None
        text, tenant_id, page, permission = values
        if not text or permission not in set(Permission):
            return None
        return cls(text=text, tenant_id=tenant_id, page=page, permission=permission)


class Notices:
    """The open pages of one process, and the way to those of the others.

    Args:
        layer: makes the channel layer; it is asked once, in the thread that uses it.
    """

    def __init__(self, layer: Callable[[], Any]) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._crossing = Crossing(layer, self._came)

    def join(self, listener: Listener) -> None:
        """Have each notice told to ``listener``, from any thread."""
        with self._lock:
            self._listeners.add(listener)
        self._crossing.start()

    def leave(self, listener: Listener) -> None:
        """Tell it nothing more."""
        with self._lock:
            self._listeners.discard(listener)

    def post(self, notice: Notice) -> None:
        """Show a notice here and elsewhere."""
        self._tell(notice)
        self._crossing.send(notice.as_message())

    def close(self) -> None:
        """End the way to other replicas, and wait for that."""
        self._crossing.close()

    def _came(self, message: Mapping[str, Any]) -> None:
        notice = Notice.from_message(message)
        if notice is not None:
            self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(notice)


def hung_up(person: str, call: Mapping[str, Any], page: str) -> Notice:
    """Return the notice of a call that somebody hung up.

    Args:
        person: the login.
        call: its row.
        page: see `Notice.page`.
    """
    return _about(call, f"{_name(person)} hung up", page)


def recorded(person: str, call: Mapping[str, Any], page: str, *, is_wanted: bool) -> Notice:
    """Return the notice of a call that somebody began to record, or records no longer; see `hung_up`."""
    done = "began to record" if is_wanted else "stopped recording"
    return replace(_about(call, f"{_name(person)} {done}", page), permission=Permission.RECORD)


def _about(call: Mapping[str, Any], done: str, page: str) -> Notice:
    caller, callee = _name(call.get("caller_number")), _name(call.get("callee_number"))
    parties = " with ".join(party for party in (caller, callee) if party)
    text = f"{done} the call of {parties}" if parties else f"{done} a call"
    return Notice(text=text, tenant_id=str(call.get("tenant_id") or "")[:MAX_ID], page=page[:MAX_ID])


def drained(person: str, node_id: str, act: str, page: str) -> Notice:
    """Return the notice of an RTP manager that somebody took out of service, or back with ``act`` "cancel"."""
    done = "put {} back into service" if act == "cancel" else f"took {{}} out of service ({act})"
    return Notice(text=f"{_name(person)} {done.format(_name(node_id))}", page=page[:MAX_ID])


def _name(value: object) -> str:
    text = str(value or "")
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"


_of_process = Notices(lambda: layers.channel_layers[LAYER])


def shared_notices() -> Notices:
    """Return the notices of this process."""
    return _of_process
