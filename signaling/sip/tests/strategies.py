# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for legal SIP values."""

from __future__ import annotations

from hypothesis import strategies as st

from signaling.sip import CSeq, NameAddr, SipUri, Via
from signaling.sip.grammar import quote_string

TOKEN_CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"

tokens = st.text(TOKEN_CHARS, min_size=1, max_size=12)
lower_tokens = tokens.map(str.lower)
# Anything a user can type, without lone surrogates, which have no UTF-8 form.
free_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
printable_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
ports = st.none() | st.integers(1, 65535)
ipv6 = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
ipv4 = st.ip_addresses(v=4).map(str)
host_names = st.from_regex(r"[a-z0-9]([a-z0-9\-]{0,8}[a-z0-9])?(\.[a-z]{2,5}){0,2}", fullmatch=True)
hosts = host_names | ipv4 | ipv6


def _params(names: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple]:
    return st.dictionaries(names, st.none() | values, max_size=3).map(lambda found: tuple(found.items()))


uri_params = _params(free_text.map(str.lower).filter(lambda name: name.lower() == name), free_text)
header_params = _params(lower_tokens, tokens | printable_text.map(quote_string))

sip_uris = st.builds(
    SipUri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=st.none() | free_text,
    host=hosts,
    port=ports,
    params=uri_params,
    headers=st.lists(st.tuples(free_text, st.text(max_size=5).filter(str.isascii)), max_size=2).map(tuple),
) | st.builds(
    SipUri,
    user=free_text,
    password=free_text,
    host=hosts,
)
tel_uris = st.builds(SipUri, scheme=st.just("tel"), user=st.from_regex(r"\+[0-9\-]{1,15}", fullmatch=True))
uris = sip_uris | tel_uris

name_addrs = st.builds(
    NameAddr, uri=uris, display_name=printable_text.map(lambda text: text), params=header_params
)
vias = st.builds(
    Via,
    transport=st.sampled_from(["UDP", "TCP", "TLS", "WS", "WSS", "SCTP"]),
    host=hosts,
    port=ports,
    params=header_params,
)
cseqs = st.builds(CSeq, number=st.integers(0, 2**31 - 1), method=tokens)
