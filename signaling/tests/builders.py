# SPDX-License-Identifier: Apache-2.0
"""Tenants, phones and their requests, for tests of the registrar and of authentication."""

import itertools
from dataclasses import replace

from signaling.authentication import AuthenticationConfig, Authenticator, Refused
from signaling.configuration import AccountInfo, UserInfo
from signaling.directory import Directory
from signaling.guard import GuardConfig, MemoryGuard
from signaling.sip import (
    Challenge,
    Credentials,
    Flow,
    Headers,
    SipRequest,
    SipUri,
    compute_ha1,
    parse_message,
)
from signaling.snapshot import Snapshot

NOW = 5000.0
WALL = 1_790_000_000.0
PASSWORD = "correct horse"
SERVER = ("192.0.2.1", 5060)


def make_account(name, **changes):
    values = {"name": name, "domain": f"{name}.example", "realm": f"{name}.example"}
    return AccountInfo(**({"id": name, "enabled": True, "max_concurrent_calls": 0} | values | changes))


def make_user(account, username, extension, **changes):
    realm = account.realm
    user = UserInfo(
        f"{account.id}-{username}",
        account.id,
        username,
        extension,
        "",
        True,
        compute_ha1(username, realm, PASSWORD, "MD5"),
        compute_ha1(username, realm, PASSWORD, "SHA-256"),
        None,
    )
    return user._replace(**changes)


ALPHA, BETA = make_account("alpha"), make_account("beta")
CLOSED = make_account("closed", enabled=False)
ALICE = make_user(ALPHA, "alice", "1001")
BOB = make_user(ALPHA, "bob", "1002")
GONE = make_user(ALPHA, "gone", "1003", enabled=False)
MALLORY = make_user(BETA, "mallory", "1001")
CAROL = make_user(CLOSED, "carol", "1001")


def make_directory():
    """Return a directory with the tenants above; alpha.example is the default domain."""
    directory = Directory(source=None, default_domain="alpha.example", poll_s=60)
    directory._snapshot = Snapshot.empty("alpha.example").replace(
        accounts=[BETA, ALPHA, CLOSED], users=[ALICE, BOB, GONE, MALLORY, CAROL], routes=[]
    )
    return directory


def make_authenticator(directory=None, guard=None, **config):
    salts = itertools.count(1)
    return Authenticator(
        directory or make_directory(),
        guard or MemoryGuard(GuardConfig()),
        AuthenticationConfig(**({"secret": b"s" * 32} | config)),
        salt=lambda: f"salt{next(salts)}",
        epoch_offset_s=WALL - NOW,
    )


def udp(ip="198.51.100.7", port=5060):
    return Flow("udp", (ip, port), SERVER)


def tcp(ip="198.51.100.7", port=40000, connection=9):
    return Flow("tcp", (ip, port), SERVER, connection)


def make_request(
    method="REGISTER",
    uri="sip:alpha.example",
    *,
    from_="sip:alice@alpha.example",
    to=None,
    call_id="call-1",
    cseq=1,
    via="SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1;rport",
    **headers,
):
    """Return a request that went through the parser, so that what is tested is what comes from the wire.

    Keyword names with underscores become header names; a list becomes several lines.
    """
    fields = Headers(
        [
            ("Via", via),
            ("From", f"<{from_}>;tag=f"),
            ("To", f"<{to or from_}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Max-Forwards", "70"),
        ]
    )
    for name, value in headers.items():
        for line in value if isinstance(value, list) else [value]:
            fields.add(name.replace("_", "-"), line)
    return parse_message(SipRequest(method, SipUri.parse(uri), fields).to_bytes())


def challenges(response):
    name = "Proxy-Authenticate" if response.status == 407 else "WWW-Authenticate"
    return [Challenge.parse(line) for line in response.headers.get_all(name)]


def answer(
    challenge, user, password=PASSWORD, *, method="REGISTER", uri="sip:alpha.example", nc=1, **changes
):
    """Return the Authorization value that a phone gives to a challenge."""
    username = user if isinstance(user, str) else user.username
    ha1 = compute_ha1(username, challenge.realm, password, challenge.algorithm)
    credentials = Credentials.answer(
        challenge, username=username, ha1=ha1, method=method, uri=uri, cnonce="c", nc=nc
    )
    return str(replace(credentials, **changes))


def challenge_for(authenticator, flow=None, *, index=0, proxy=False, now=NOW, **request):
    """Ask without credentials and return one of the challenges."""
    result = authenticator.check(make_request(**request), flow or udp(), now, proxy=proxy)
    assert isinstance(result, Refused)
    return challenges(result.response)[index]
