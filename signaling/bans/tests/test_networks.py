# SPDX-License-Identifier: Apache-2.0
"""One text for each network, whoever writes it."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.bans.networks import Networks, canonical, covering, packed, parse_network, source_of

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
NETWORKS = st.builds(
    lambda address, bits: ipaddress.ip_network((address, bits % (address.max_prefixlen + 1)), strict=False),
    ADDRESSES,
    st.integers(0, 128),
)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
        ("2001:DB8:1:2:0:0:0:0/64", "2001:db8:1:2::/64"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_a_network_has_one_text(written, kept):
    assert canonical(parse_network(written)) == kept


@pytest.mark.parametrize("text", ["", "x", "203.0.113", "203.0.113.7:5060", "1.2.3.4/33", "pbx.example.com"])
def test_what_is_none_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"no address and no network, such as 203\.0\.113\.7"):
        parse_network(text)


def test_an_address_with_a_length_is_asked_which_is_meant():
    with pytest.raises(ValueError, match=r"write 203\.0\.113\.7, or 203\.0\.113\.0/24\."):
        parse_network("203.0.113.7/24")


def test_an_ipv6_source_is_its_64():
    assert source_of("2001:db8:1:2:a:b:c:d") == "2001:db8:1:2::/64"
    assert source_of("203.0.113.7") == "203.0.113.7"
    assert source_of("::ffff:203.0.113.7") == "203.0.113.7"


@given(NETWORKS)
def test_the_text_of_a_network_reads_as_that_network(network):
    text = canonical(network)
    if getattr(network.network_address, "ipv4_mapped", None) is None:
        assert parse_network(text) == network
    assert canonical(parse_network(text)) == canonical(parse_network(canonical(parse_network(text))))


@given(ADDRESSES, NETWORKS)
def test_the_networks_around_an_address_are_those_that_hold_it(address, network):
    if address.version == 6 and address.ipv4_mapped is not None:
        return
    holds = address.version == network.version and address in network
    assert (canonical(network) in covering(str(address))) == holds
    assert Networks([network]).hold(str(address)) == holds


@given(ADDRESSES)
def test_the_fast_number_of_an_address_is_its_number(address):
    plain = getattr(address, "ipv4_mapped", None) or address
    assert packed(str(address)) == (plain.version, int(plain))


def test_a_zone_and_a_name_do_no_harm():
    assert packed("fe80::1%eth0") == (6, int(ipaddress.ip_address("fe80::1")))
    assert packed("pbx.example.com") is None
    assert not Networks([ipaddress.ip_network("0.0.0.0/0")]).hold("pbx.example.com")


def test_it_names_the_network_that_holds_another():
    never = Networks([ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")])
    assert never.around(ipaddress.ip_network("127.0.0.1")) == ipaddress.ip_network("127.0.0.0/8")
    assert never.around(ipaddress.ip_network("126.0.0.0/7")) is None
    assert never.around(ipaddress.ip_network("::2")) is None
