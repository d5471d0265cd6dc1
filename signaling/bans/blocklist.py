# SPDX-License-Identifier: Apache-2.0
"""Which sources are banned now: asked for each datagram before anything else is done with it.

Pure; time is an argument. Invariants: while nothing is banned a question costs one attribute; a banned address costs
one look-up, whatever the length of the list; what is never banned is not, whatever the list says.
"""

from __future__ import annotations

from collections.abc import Iterable

from signaling.bans.ban import Ban
from signaling.bans.networks import BITS, Networks, packed, parse_network

FOREVER = float("inf")


class Entry:
    """A ban in force, and what it has kept out."""

    __slots__ = ("ban", "deadline", "refused", "told")

    def __init__(self, ban: Ban, deadline: float) -> None:
        self.ban = ban
        self.deadline = deadline
        """Monotonic seconds."""
        self.refused = 0
        """Datagrams and connections refused."""
        self.told = 0
        """How many of them the table knows of."""


class BlockList:
    """The bans in force on one node.

    Args:
        never: networks that are never banned.
    """

    __slots__ = ("_any", "_entries", "_hosts", "_never", "_next_end", "_wide", "refused")

    def __init__(self, never: Networks | None = None) -> None:
        self._never = never or Networks()
        self._entries: dict[str, Entry] = {}
        self._hosts: dict[str, Entry] = {}
        self._wide: dict[int, dict[int, dict[int, Entry]]] = {}
        """IP version → bits that are not compared → number of the network → its ban."""
        self._any = False
        self._next_end = FOREVER
        self.refused = 0
        """Datagrams and connections refused since the start."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, network: str) -> bool:
        return network in self._entries

    def refuses(self, ip: str) -> bool:
        """Whether nothing is read from an address; counts it if so."""
        if not self._any:
            return False
        entry = self._hosts.get(ip) or self._covering(ip)
        if entry is None:
            return False
        entry.refused += 1
        self.refused += 1
        return True

    def covers(self, ip: str) -> Ban | None:
        """Return the ban of an address; counts nothing."""
        entry = (self._hosts.get(ip) or self._covering(ip)) if self._any else None
        return None if entry is None else entry.ban

    def add(self, ban: Ban, now: float, wall: float) -> bool:
        """Put a ban in force; False when it was already, or has ended, or is one of what is never banned.

        Args:
            ban: which.
            now: monotonic seconds.
            wall: seconds since the epoch at the same moment.
        """
        deadline = FOREVER if ban.expires_at is None else now + ban.expires_at - wall
        if deadline <= now or not self._may_be_banned(ban.network):
            return False
        known = self._entries.get(ban.network)
        if known is not None:
            known.ban, known.deadline = ban, deadline
            self._next_end = min(self._next_end, deadline)
            return False
        entry = Entry(ban, deadline)
        self._entries[ban.network] = entry
        self._index(ban.network, entry)
        self._any = True
        self._next_end = min(self._next_end, deadline)
        return True

    def replace(self, bans: Iterable[Ban], now: float, wall: float) -> tuple[list[Ban], list[Ban]]:
        """Make these the bans in force; return those that began and those that are gone. Counts go on."""
        wanted = {ban.network: ban for ban in bans}
        gone = [entry.ban for network, entry in self._entries.items() if network not in wanted]
        for ban in gone:
            del self._entries[ban.network]
        if gone:
            self._index_all()
        begun = [ban for ban in wanted.values() if self.add(ban, now, wall)]
        return begun, gone

    def expire(self, now: float) -> list[Ban]:
        """End the bans whose time has run out by `now`, and return them; cheap when there are none."""
        if now < self._next_end:
            return []
        ended = [entry.ban for entry in self._entries.values() if entry.deadline <= now]
        for ban in ended:
            del self._entries[ban.network]
        self._index_all()
        return ended

    def counts(self) -> dict[str, int]:
        """Return what each ban refused since the last time, as far as it refused anything."""
        found = {}
        for network, entry in self._entries.items():
            if entry.refused != entry.told:
                found[network] = entry.refused - entry.told
                entry.told = entry.refused
        return found

    # --- Inside -------------------------------------------------------------------------------------------------

    def _covering(self, ip: str) -> Entry | None:
        """Return the ban of a network that holds an address, which is not written like a banned host."""
        if not self._wide and ":" not in ip:
            return None
        number = packed(ip)
        if number is None:
            return None
        version, value = number
        for shift, table in self._wide.get(version, {}).items():
            entry = table.get(value >> shift)
            if entry is not None:
                return None if self._never.hold(ip) else entry
        return self._hosts.get(ip.rpartition(":")[2]) if version == 4 else None

    def _index(self, network: str, entry: Entry) -> None:
        if "/" not in network and ":" not in network:
            self._hosts[network] = entry
            return
        parsed = parse_network(network)
        shift = BITS[parsed.version] - parsed.prefixlen
        tables = self._wide.setdefault(parsed.version, {})
        tables.setdefault(shift, {})[int(parsed.network_address) >> shift] = entry

    def _index_all(self) -> None:
        self._hosts, self._wide = {}, {}
        for network, entry in self._entries.items():
            self._index(network, entry)
        self._any = bool(self._entries)
        self._next_end = min((entry.deadline for entry in self._entries.values()), default=FOREVER)

    def _may_be_banned(self, network: str) -> bool:
        try:
            return self._never.around(parse_network(network)) is None
        except ValueError:
            return False
