# SPDX-License-Identifier: Apache-2.0
"""Offer/answer (RFC 3264) as functions: which formats two parties share, under which numbers, in which direction.

A leg's formats have two numbers: `local` is in the description given to the remote, so the remote sends with it;
`remote` is in the remote's description, so it is sent to. It must not know sessions, addresses or the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from media.control.codecs import (
    DEFAULT_FORMATS,
    FIRST_DYNAMIC,
    LAST_PAYLOAD_TYPE,
    PLAYABLE,
    TELEPHONE_EVENT,
    Format,
    Key,
    is_speech,
)
from media.control.directions import COMMON, MIRRORED, Direction
from media.control.errors import MediaError, Reason, invalid
from media.control.remote_audio import RemoteAudio


class Agreed(NamedTuple):
    """A format that both ends of one leg use."""

    local: Format
    remote: Format


Agreement = tuple[Agreed, ...]
"""In the order of preference; never without a speech format."""


def no_common_codec() -> MediaError:
    """Return the error that signalling answers with 488."""
    return invalid(Reason.NO_COMMON_CODEC, "no common codec")


def find_format(wanted: Format, number: int, among: Iterable[Format]) -> Format | None:
    """Return the format of the same kind as `wanted`; the one numbered `number` first.

    Two entries of one codec with different parameters (octet-aligned AMR, say) differ by their number alone.
    """
    key = wanted.key
    found = None
    for entry in among:
        if entry.key == key:
            if entry.payload_type == number:
                return entry
            found = found or entry
    return found


def agree_on_answer(offered: Sequence[Format], answered: Sequence[Format]) -> Agreement:
    """Return what a remote's answer selects of our offer, in the answer's order.

    Raises:
        MediaError: no speech format is common.
    """
    agreed = []
    for remote in answered:
        local = find_format(remote, remote.payload_type, offered)
        if local is not None:
            agreed.append(Agreed(local, remote))
    return checked(agreed)


def agree_like_peer(offered: Sequence[Format], peer: Agreement) -> Agreement:
    """Return our answer to a remote's offer: what the peer's leg uses, under the offer's numbers.

    Parameters (fmtp) are the peer's, because they say what the peer can receive.

    Raises:
        MediaError: no speech format is common.
    """
    agreed = []
    for entry in peer:
        remote = find_format(entry.remote, entry.local.payload_type, offered)
        if remote is not None:
            agreed.append(Agreed(remote._replace(fmtp=entry.remote.fmtp), remote))
    return checked(agreed)


def agree_on_playable(offered: Sequence[Format]) -> Agreement:
    """Return our answer when this node itself is the other end: the first format it can play, and key presses.

    Raises:
        MediaError: the offer has neither PCMU nor PCMA.
    """
    speech = next((entry for entry in offered if entry.key in PLAYABLE), None)
    if speech is None:
        raise no_common_codec()
    agreed = [Agreed(speech, speech)]
    events = next((entry for entry in offered if entry.key == TELEPHONE_EVENT), None)
    if events is not None:
        agreed.append(Agreed(events, events))
    return tuple(agreed)


def checked(agreed: list[Agreed]) -> Agreement:
    """Return the agreed formats.

    Raises:
        MediaError: none of them is speech.
    """
    if not any(is_speech(entry.local) for entry in agreed):
        raise no_common_codec()
    return tuple(agreed)


def offered_formats(like: Sequence[Format] | None, used: dict[int, Key]) -> tuple[Format, ...]:
    """Return the formats of an offer of ours.

    Args:
        like: the formats to offer, numbered as the other leg numbers them; None: what this node can play.
        used: payload types that already have a meaning in this session, which they keep (RFC 3264 8.3.2).

    Raises:
        MediaError: there is nothing to offer.
    """
    wanted = DEFAULT_FORMATS if like is None else like
    if not any(is_speech(entry) for entry in wanted):
        raise no_common_codec()
    if not used:
        return tuple(wanted)
    taken: set[int] = set()
    offer = []
    for entry in wanted:
        number = _number_for(entry, used, taken)
        if number is not None:
            taken.add(number)
            offer.append(entry if number == entry.payload_type else entry._replace(payload_type=number))
    return tuple(offer)


def _number_for(entry: Format, used: dict[int, Key], taken: set[int]) -> int | None:
    key = entry.key
    if used.get(entry.payload_type, key) == key and entry.payload_type not in taken:
        return entry.payload_type
    for number, meaning in used.items():
        if meaning == key and number not in taken:
            return number
    for number in range(FIRST_DYNAMIC, LAST_PAYLOAD_TYPE + 1):
        if number not in used and number not in taken:
            return number
    return None


def answer_direction(offer: RemoteAudio, peer: RemoteAudio | None) -> Direction:
    """Return the direction of our answer (RFC 3264 6.1), limited by what the peer sends and receives."""
    mirrored = MIRRORED[offer.direction]
    return mirrored if peer is None else COMMON[mirrored, peer.direction]


def payload_map(sender: Agreement, receiver: Agreement) -> dict[int, int]:
    """Return the payload types to rewrite on the way from one leg's remote to the other's.

    A remote sends with the numbers of our description; phones that send with their own numbers instead are
    understood as long as those mean nothing else.
    """
    mapping: dict[int, int] = {}
    theirs: dict[int, int] = {}
    targets = [entry.remote for entry in receiver]
    for entry in sender:
        target = find_format(entry.remote, entry.local.payload_type, targets)
        if target is not None:
            mapping[entry.local.payload_type] = target.payload_type
            theirs[entry.remote.payload_type] = target.payload_type
    for number, own in theirs.items():
        mapping.setdefault(number, own)
    return {number: own for number, own in mapping.items() if number != own}


def playable_format(agreement: Agreement) -> tuple[str, int] | None:
    """Return the engine's codec name and the payload type for prompts to this remote; None when it has neither."""
    for entry in agreement:
        name = PLAYABLE.get(entry.remote.key)
        if name is not None:
            return name, entry.remote.payload_type
    return None
