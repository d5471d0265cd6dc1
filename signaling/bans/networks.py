# SPDX-License-Identifier: Apache-2.0
"""Addresses and networks as bans write them: one text for each, so that texts can be compared.

Pure. A single address is written without its length, an IPv4 address that came as IPv6 as IPv4. Invariant:
`canonical` of what `canonical` returned is the same.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from socket import AF_INET, AF_INET6, inet_pton

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SHORTEST = {4: 8, 6: 16}
"""IP version → shortest length of a network that may be banned: a slip must not shut half the world out."""
BITS = {4: 32, 6: 128}
SOURCE_LENGTH = {4: 32, 6: 64}
"""IP version → length of the network that counts as one source."""
_MAPPED = "::ffff:"


def parse_network(text: str) -> Network:
    """Return the network that a text writes: an address, or an address and a length.

    Raises:
        ValueError: it is neither, or bits are set behind the length; the message is a sentence.
    """
    word = text.strip()
    address, slash, length = word.partition("/")
    address = address.strip("[]")
    plain = plain_ip(address)
    if slash and plain != address:
        # An IPv4 network that is written as IPv6 is that much shorter.
        plain, length = (
            (plain, str(int(length) - 96)) if length.isdigit() and int(length) >= 96 else (address, length)
        )
    try:
        return ipaddress.ip_network(f"{plain}{slash}{length}")
    except ValueError as error:
        if "has host bits set" in str(error):
            meant = canonical(ipaddress.ip_network(f"{plain}/{length}", strict=False))
            raise ValueError(f"{word} is an address within {meant}: write {plain}, or {meant}.") from error
        raise ValueError(
            f"{word or 'An empty text'} is no address and no network, such as 203.0.113.7, 203.0.113.0/24 or "
            "2001:db8:1:2::/64."
        ) from error


def canonical(network: Network) -> str:
    """Return the one text of a network."""
    whole = network.prefixlen == BITS[network.version]
    return str(network.network_address) if whole else str(network)


def plain_ip(ip: str) -> str:
    """Return an address as sockets report it without its zone, and as IPv4 when it is mapped."""
    if ":" not in ip:
        return ip
    ip = ip.partition("%")[0]
    if ip[: len(_MAPPED)].lower() != _MAPPED:
        return ip
    try:
        return str(ipaddress.IPv6Address(ip).ipv4_mapped or ip)
    except ValueError:
        return ip


def source_of(ip: str) -> str:
    """Return the source that an address counts as: itself, or the /64 of an IPv6 address.

    Raises:
        ValueError: it is no address.
    """
    address = ipaddress.ip_address(plain_ip(ip))
    length = SOURCE_LENGTH[address.version]
    return canonical(ipaddress.ip_network(f"{address}/{length}", strict=False))


def covering(ip: str) -> list[str]:
    """Return the texts of every network that holds an address, itself first.

    Raises:
        ValueError: it is no address.
    """
    address = ipaddress.ip_address(plain_ip(ip))
    bits = BITS[address.version]
    return [
        canonical(ipaddress.ip_network(f"{address}/{length}", strict=False)) for length in range(bits, -1, -1)
    ]


def packed(ip: str) -> tuple[int, int] | None:
    """Return the IP version and the number of an address, None when it is none. Made for speed."""
    ip = plain_ip(ip)
    try:
        if ":" in ip:
            return 6, int.from_bytes(inet_pton(AF_INET6, ip), "big")
        return 4, int.from_bytes(inet_pton(AF_INET, ip), "big")
    except OSError:
        return None


class Networks:
    """A set of networks that tells whether it holds an address.

    Args:
        networks: which.
    """

    __slots__ = ("_networks", "_tables")

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._tables: dict[tuple[int, int], set[int]] = {}
        for network in self._networks:
            shift = BITS[network.version] - network.prefixlen
            self._tables.setdefault((network.version, shift), set()).add(
                int(network.network_address) >> shift
            )

    def hold(self, ip: str) -> bool:
        """Whether one of the networks holds an address."""
        number = packed(ip)
        return number is not None and any(
            version == number[0] and number[1] >> shift in known
            for (version, shift), known in self._tables.items()
        )

    def around(self, network: Network) -> Network | None:
        """Return one of the networks that holds a whole network, or None."""
        for own in self._networks:
            if own.version == network.version and network.subnet_of(own):  # type: ignore[arg-type]
                return own
        return None
