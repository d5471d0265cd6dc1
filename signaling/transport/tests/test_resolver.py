# SPDX-License-Identifier: Apache-2.0
"""RFC 3263 against a name server on loopback that answers from a table."""

import asyncio

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from signaling.sip.uri import SipUri
from signaling.transport.config import TransportConfig
from signaling.transport.errors import ResolveError
from signaling.transport.resolver import Resolver
from signaling.transport.srv import Target

ZONE = {
    ("plain.test.", "A"): ["192.0.2.10", "192.0.2.11"],
    ("_sip._udp.srv.test.", "SRV"): ["20 0 5070 two.test.", "10 0 5080 one.test."],
    ("_sip._tcp.srv.test.", "SRV"): ["10 0 5090 one.test."],
    ("_sips._tcp.srv.test.", "SRV"): ["10 0 5071 two.test."],
    ("one.test.", "A"): ["192.0.2.1"],
    ("two.test.", "A"): ["192.0.2.2"],
    ("srv.test.", "A"): ["192.0.2.99"],
    ("naptr.test.", "NAPTR"): [
        '10 50 "s" "SIPS+D2T" "" _sips._tcp.naptr.test.',
        '20 50 "s" "SIP+D2T" "" _sip._tcp.srv.test.',
    ],
    ("naptr.test.", "A"): ["192.0.2.98"],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from ZONE; counts questions; `silent` answers nothing."""

    def __init__(self):
        self.asked = []
        self.silent = False

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((question.name.to_text(), kind))
        if self.silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        found = ZONE.get((question.name.to_text(), kind))
        if found:
            response.answer.append(dns.rrset.from_text(question.name, 30, "IN", kind, *found))
        elif not any(name == question.name.to_text() for name, _ in ZONE):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(response.to_wire(), addr)


@pytest.fixture
async def server():
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    protocol.port = transport.get_extra_info("sockname")[1]
    yield protocol
    transport.close()


@pytest.fixture
def resolver(server, monkeypatch):
    async def nothing(self, host):
        return []

    monkeypatch.setattr(Resolver, "_system_addresses", nothing)
    return make_resolver(server)


def make_resolver(server, clock=lambda: 100.0, **changes):
    client = dns.asyncresolver.Resolver(configure=False)
    client.nameservers = ["127.0.0.1"]
    client.port = server.port
    client.timeout = 0.1
    config = TransportConfig(**({"dns_timeout_s": 0.2} | changes))
    return Resolver(config, dns_resolver=client, clock=clock, draw=lambda: 0.0)


def uri(text):
    return SipUri.parse(text)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("sip:a@192.0.2.5", Target("udp", "192.0.2.5", 5060)),
        ("sip:a@192.0.2.5:5070;transport=tcp", Target("tcp", "192.0.2.5", 5070)),
        ("sip:a@[2001:db8::1]:5070", Target("udp", "2001:db8::1", 5070)),
        ("sip:a@localhost:5090", Target("udp", "127.0.0.1", 5090)),
        ("sip:a@x.test;maddr=192.0.2.7", Target("udp", "192.0.2.7", 5060)),
    ],
)
async def test_it_asks_nobody_for_a_numeric_host(resolver, server, text, target):
    assert await resolver.resolve(uri(text)) == [target]
    assert server.asked == []


async def test_it_uses_address_records_when_there_is_no_service(resolver):
    # The name server shuffles them.
    assert set(await resolver.resolve(uri("sip:a@plain.test"))) == {
        Target("udp", "192.0.2.10", 5060),
        Target("udp", "192.0.2.11", 5060),
    }


async def test_it_prefers_services_in_their_order(resolver):
    assert await resolver.resolve(uri("sip:a@srv.test")) == [
        Target("udp", "192.0.2.1", 5080),
        Target("udp", "192.0.2.2", 5070),
        Target("tcp", "192.0.2.1", 5090),
    ]


async def test_it_keeps_to_the_transport_of_the_uri(resolver):
    assert await resolver.resolve(uri("sip:a@srv.test;transport=tcp")) == [Target("tcp", "192.0.2.1", 5090)]


async def test_it_skips_services_when_the_uri_has_a_port(resolver, server):
    assert await resolver.resolve(uri("sip:a@srv.test:5062")) == [Target("udp", "192.0.2.99", 5062)]
    assert server.asked == [("srv.test.", "A")]


async def test_it_follows_the_naptr_records_that_it_can_use(resolver):
    assert await resolver.resolve(uri("sip:a@naptr.test")) == [Target("tcp", "192.0.2.1", 5090)]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("sip:a@one.test;transport=tls", Target("tls", "192.0.2.1", 5061, "one.test")),
        ("sips:a@srv.test", Target("tls", "192.0.2.2", 5071, "srv.test")),
        ("sip:a@192.0.2.5:7000;transport=tls", Target("tls", "192.0.2.5", 7000, "192.0.2.5")),
    ],
)
async def test_with_tls_it_tells_whom_the_certificate_must_name(resolver, text, target):
    resolver._opened = ("udp", "tcp", "tls")
    assert (await resolver.resolve(uri(text)))[0] == target


async def test_it_says_that_a_name_does_not_exist(resolver):
    with pytest.raises(ResolveError, match="no address") as caught:
        await resolver.resolve(uri("sip:a@missing.test"))
    assert not caught.value.temporary


@pytest.mark.parametrize("text", ["sips:a@plain.test", "sip:a@plain.test;transport=ws", "tel:+4930"])
async def test_it_refuses_what_it_cannot_open(resolver, text):
    with pytest.raises(ResolveError):
        await resolver.resolve(uri(text))


async def test_it_gives_up_in_time_when_nobody_answers(resolver, server):
    server.silent = True
    with pytest.raises(ResolveError, match="do not answer") as caught:
        await asyncio.wait_for(resolver.resolve(uri("sip:a@plain.test")), 2)
    assert caught.value.temporary


async def test_it_remembers_answers_for_their_time_to_live(server, resolver):
    now = [100.0]
    resolver._clock = lambda: now[0]
    await resolver.resolve(uri("sip:a@plain.test:5060"))
    await resolver.resolve(uri("sip:b@plain.test:5060"))
    assert len(server.asked) == 1
    now[0] += 31
    await resolver.resolve(uri("sip:a@plain.test:5060"))
    assert len(server.asked) == 2


async def test_it_asks_once_for_many_at_the_same_time(resolver, server):
    targets = await asyncio.gather(*(resolver.resolve(uri("sip:a@plain.test:5060")) for _ in range(50)))
    assert len(targets) == 50
    assert len(server.asked) == 1


async def test_it_bounds_its_cache(server, resolver):
    resolver._cache_entries = 3
    for port in range(5060, 5080):
        await resolver.resolve(uri(f"sip:a@plain.test:{port}"))
    assert len(resolver._cache) == 3


async def test_it_bounds_lookups_at_once(resolver, monkeypatch):
    monkeypatch.setattr("signaling.transport.resolver.MAX_LOOKUPS", 5)
    results = await asyncio.gather(
        *(resolver.resolve(uri(f"sip:a@plain.test:{6000 + n}")) for n in range(10)), return_exceptions=True
    )
    refused = [r for r in results if isinstance(r, ResolveError)]
    assert len(refused) == 5 and all(error.temporary for error in refused)


async def test_it_asks_the_system_for_names_that_dns_does_not_know(server):
    resolver = make_resolver(server)

    async def hosts_file(host):
        return ["192.0.2.55"] if host == "printer" else []

    resolver._system_addresses = hosts_file
    assert await resolver.resolve(uri("sip:a@printer")) == [Target("udp", "192.0.2.55", 5060)]
