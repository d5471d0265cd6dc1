# SPDX-License-Identifier: Apache-2.0
"""The page docs/events.md: how to listen, and the catalogue; made from the classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from switchboard.events.catalogue import CATALOGUE, EVENTS, CallEvent, Event
from switchboard.events.schema import field_docs, one_line, schema_of

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
COMMON = ("event_type", "event_version", *field_docs(Event))

INTRODUCTION = """# Events

Each signaling node tells what happens on it, as a stream over HTTP. An event is a JSON object; its schema lies in
`switchboard/events/schemas/` by the name of its type.

This page is generated from the code: `make docs`.

## Listening

A token with the scope `read` or `calls` sees the events of the accounts that it reaches. Events that belong to no account
(`rtpmanager.*`, `ban.*`) are for those who see every account.

```sh
curl -N -H "Authorization: Bearer $TOKEN" "http://HOST:8080/api/v1/events?types=call.*,registration.*"
```

```
retry: 1000

id: 01a2071c-ff6e-7000-9426-60d3cafd5b4c
event: call.ringing
data: {"event_type": "call.ringing", "event_id": "01a2071c-ff6e-7000-9426-60d3cafd5b4c", ...}
```

```python
import json, os
import httpx

headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
with httpx.stream("GET", "http://HOST:8080/api/v1/events", headers=headers, timeout=None) as answer:
    for line in answer.iter_lines():
        if line.startswith("data: "):
            event = json.loads(line[6:])
            print(event["event_time"], event["event_type"], event.get("caller_number", ""))
```

The same stream is at `ws://HOST:8080/ws/events`: one text message for each event, the same header and the same parameters. What
a client sends is not read. Pages in a browser cannot send that header (neither `EventSource` nor `WebSocket` can), so they get
events through a server of yours. An unknown parameter is refused: a misspelt filter must not match everything.

| parameter | meaning |
| --- | --- |
| `types` | event types, comma-separated; `*` stands for any text: `call.*` |
| `account` | id or domain of one account; one that does not exist or is not reached is refused |
| `last_event_id` | the last event that the client got: those after it come first (also as the header `Last-Event-ID`) |

The last 10,000 events (`EVENTS_KEPT`) are kept for clients that come back, until nobody has read anything of the live API for ten
minutes: what happens then is told to nobody, and costs nothing. Three messages are about the stream itself; they have no `event_id`:

| message | meaning |
| --- | --- |
| a comment or ping, at least every 20 seconds | nothing happened, and the connection lives |
| `stream.gap` | events may have been missed (`reason` says why): read the lists again, then go on |
| `stream.dropped` | the end of this stream; `reason` says why |

A stream ends when its token is revoked, expires or loses its rights (within a second of this node knowing it, which takes up
to ten seconds for what happens elsewhere), and when its client is too slow: 1,000 events (`EVENTS_QUEUED`) may wait for it.
Nobody else notices. Over WebSocket the close codes are 4400 (a parameter makes no sense), 4401 (no token that counts), 4403 (no
right to live state), 4408 (dropped while running) and 4503 (too many streams, or the database is away).

Events of one call come in the order in which they happened. An event comes after the change that it tells of is to be seen in
the lists.

## NATS

With `NATS_URL` a signaling node publishes the same JSON objects in NATS, each on a subject that tells what it is about:

```sh
nats sub 'switchboard.calls.*.ended'
```

- Calls never wait for NATS. While it is away `NATS_EVENTS_WAITING` events (10,000) wait; then the oldest give way, which
  `switchboard_events_dropped_total` counts.
- Events of one node come in order. After an outage some may come twice: the `event_id` is the same, and the header
  `Nats-Msg-Id` has it, by which a JetStream stream of yours takes each once.
- NATS delivers to whoever subscribes at that time. To have events kept, make a stream: `nats stream add EVENTS --subjects
  'switchboard.calls.>'`. Call records have a stream of their own, `SWITCHBOARD_CDR`: see [cdrs.md](cdrs.md).

Characters that a subject cannot hold are percent-encoded: `sip:1001@pbx.example.com` is `sip:1001@pbx%2Eexample%2Ecom`.

"""


def page() -> str:
    """Return the whole page as Markdown."""
    parts = [INTRODUCTION, _subjects(), "\n## Every event\n\n", _table(Event, COMMON)]
    own = [name for name in field_docs(CallEvent) if name not in COMMON]
    parts += ["\nEvents of calls also say:\n\n", _table(CallEvent, own)]
    for event in EVENTS:
        parts.append(f"\n## {event.event_type}\n\n{one_line(event.__doc__ or '')}\n")
        fields = [name for name in field_docs(event) if name not in COMMON and name not in own]
        if fields:
            parts += ["\n", _table(event, fields)]
    return "".join(parts)


def _subjects() -> str:
    families = dict.fromkeys(name.partition(".")[0] for name in CATALOGUE)
    lines = [
        f"| `{family}.*` | `switchboard.{family}s.{{{KEYS[family]}}}.{{event}}` |" for family in families
    ]
    return "\n".join(["| events | subject |", "| --- | --- |", *lines, ""])


KEYS = {
    "call": "sip_call_id",
    "registration": "aor",
    "session": "session_id",
    "rtpmanager": "rtp_manager",
    "ban": "source",
}
"""Family of events → the field that the subject names; see `switchboard.events.subjects`."""


def _table(event: type[Event], names: Any) -> str:
    properties = schema_of(event)["properties"]
    lines = [
        f"| `{name}` | {_kind(properties[name])} | {properties[name]['description']} |" for name in names
    ]
    return "\n".join(["| field | value | meaning |", "| --- | --- | --- |", *lines, ""])


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`" if schema["const"] else "text"
    return str(schema.get("format", schema["type"])).replace("string", "text").replace("date-time", "time")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
