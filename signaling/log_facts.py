# SPDX-License-Identifier: Apache-2.0
"""What a log line says of the call that a SIP message belongs to: its Call-ID, account and leg.

Knows neither calls nor legs by their types. Invariant: it raises nothing, whatever the message or its owner lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signaling.sip import RemoteProtocolError


def facts_of(event: Any, dialogs: Mapping[Any, Any]) -> dict[str, str | None]:
    """Return the facts about an event of the endpoint.

    Args:
        event: what the endpoint reported.
        dialogs: owners of dialogs by Call-ID, local tag and remote tag.
    """
    transaction = getattr(event, "transaction", None)
    message = next(
        (
            found
            for owner in (event, transaction)
            for name in ("request", "response")
            if (found := getattr(owner, name, None)) is not None
        ),
        None,
    )
    call_id = None if message is None else message.headers.get("Call-ID")
    owner = getattr(transaction, "user", None) or _owner_of(call_id, dialogs, message)
    request = getattr(getattr(owner, "call", None), "request", None)
    account = getattr(request, "account", None)
    return {
        "call_id": call_id,
        "account": getattr(account, "domain", None),
        "leg": getattr(owner, "label", None),
    }


def _owner_of(call_id: str | None, dialogs: Mapping[Any, Any], message: Any) -> Any:
    """Return the owner of the dialog of a request; its tags may be what is wrong with it."""
    try:
        return dialogs.get((call_id, message.to.tag, message.from_.tag))
    except (AttributeError, RemoteProtocolError):
        return None
