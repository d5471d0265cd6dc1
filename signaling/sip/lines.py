# SPDX-License-Identifier: Apache-2.0
"""Where the head of a message ends and where its lines are.

The one place that knows line ends, used by the stream framer and the parser alike, so that the two can never
disagree about where a header starts. A line ends with CRLF or, as deployed proxies accept, a bare LF; a bare
CR is no line end and is refused. Invariant: no line holds a control character but the tab.
"""

from __future__ import annotations

import re

from signaling.sip.grammar import bad_request

MAX_HEAD_WITH_CONTROLS = 8192
"""Heads with a control character take a slow path; longer ones are refused so that it stays cheap."""

_PAIR_OR_CONTROL = re.compile(rb"\\.|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL)
_VISIBLE = bytes(byte for byte in range(256) if byte >= 0x20 and byte != 0x7F)
_VISIBLE_TAB_LF = _VISIBLE + b"\t\n"


def find_head_end(data: bytes | bytearray, start: int = 0) -> tuple[int, int]:
    """Return (end of the last header line without its line end, start of the body); -1, -1 with no blank line."""
    at = data.find(b"\n\r\n", start)
    bare = data.find(b"\n\n", start, at + 1 if at >= 0 else len(data))
    if bare >= 0:
        at, body_start = bare, bare + 2
    elif at >= 0:
        body_start = at + 3
    else:
        return -1, -1
    return (at - 1 if at > 0 and data[at - 1] == 0x0D else at), body_start


def split_head(data: bytes) -> tuple[list[str], int]:
    """Split `data` into the lines of its head, still folded, and the start of its body.

    Raises RemoteProtocolError(400) without a blank line, or on a bare control character.
    """
    # When the head has two control characters for each CRLF found, it has no others: the usual case, checked
    # with two passes in C. A blank line made with bare LFs cannot hide in such a head.
    end = data.find(b"\r\n\r\n")
    if end >= 0:
        head = data[:end]
        lines = head.decode("utf-8", "replace").split("\r\n")
        if len(head.translate(None, _VISIBLE)) == 2 * len(lines) - 2:
            return lines, end + 4
    end, body_start = find_head_end(data)
    if end < 0:
        raise bad_request("no blank line after the headers")
    return split_lines(data[:end]), body_start


def split_lines(head: bytes) -> list[str]:
    """Split a head into lines, still folded; raise RemoteProtocolError(400) on a bare control character.

    A control character as a quoted pair is legal (RFC 3261 25.1) and becomes an escaped space, so that none
    reaches a database, a log or a terminal. Bytes that are not UTF-8, which some devices send in display
    names, become U+FFFD.
    """
    head = head.replace(b"\r\n", b"\n")
    if head.translate(None, _VISIBLE_TAB_LF):
        if len(head) > MAX_HEAD_WITH_CONTROLS:
            raise bad_request("control character in the head")
        head = _PAIR_OR_CONTROL.sub(_defused, head)
    return head.decode("utf-8", "replace").split("\n")


def unfold(lines: list[str]) -> list[str]:
    """Join each line that starts with a space or tab to the one before it, with one space (RFC 3261 7.3.1)."""
    groups: list[list[str]] = []
    for line in lines:
        if groups and line[:1] in _FOLD_STARTS:
            groups[-1].append(line.strip(" \t"))
        else:
            groups.append([line])
    return [" ".join(group) for group in groups]


_FOLD_STARTS = frozenset({" ", "\t"})


def _defused(match: re.Match[bytes]) -> bytes:
    text = match.group()
    if len(text) == 1 or text in (b"\\\r", b"\\\n"):
        raise bad_request("control character in the head")
    return b"\\ " if text[1] < 0x20 or text[1] == 0x7F else text
