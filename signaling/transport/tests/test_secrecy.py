# SPDX-License-Identifier: Apache-2.0
"""Two ends of TLS joined without a socket."""

import os
import ssl
from pathlib import Path

import pytest

from signaling.transport.certificate import load
from signaling.transport.secrecy import SLICE_BYTES, TlsChannel
from signaling.transport.tests.tls_peer import write_certificate


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return load(write_certificate(tmp_path_factory.mktemp("tls")))


def ends(identity, name="localhost"):
    """Return a server and a client before their handshake."""
    server, client = TlsChannel(identity.server), TlsChannel(identity.client, name)
    client.start()
    return server, client


def shake(server, client):
    for _ in range(4):
        server.receive(client.to_send())
        client.receive(server.to_send())
    return server, client


def test_plaintext_passes_both_ways_and_none_before_the_handshake(identity):
    server, client = ends(identity)
    assert server.receive(client.to_send()) == b""
    assert not server.is_up
    shake(server, client)
    assert server.is_up and client.is_up
    assert client.encrypt(b"question")
    wire = client.to_send()
    assert b"question" not in wire
    assert server.receive(wire) == b"question"
    assert server.encrypt(b"answer")
    assert client.receive(server.to_send()) == b"answer"
    assert client.to_send() == server.to_send() == b""


def test_it_makes_no_difference_how_the_wire_cuts_what_passes(identity):
    server, client = ends(identity)
    for byte in client.to_send():
        server.receive(bytes([byte]))
    shake(server, client)
    long = os.urandom(5 * SLICE_BYTES + 7)
    client.encrypt(b"first")
    client.encrypt(long)
    wire = client.to_send()
    got = b"".join(server.receive(wire[begin : begin + 1000]) for begin in range(0, len(wire), 1000))
    assert got == b"first" + long
    client.encrypt(long)
    assert server.receive(client.to_send()) == long


@pytest.mark.parametrize("name", ["elsewhere.example", "127.0.0.2"])
def test_a_client_goes_no_further_with_another_name(identity, name):
    server, client = shake(*ends(identity, name))
    assert not client.is_up and not server.is_up
    assert "mismatch" in client.problem
    assert "alert" in server.problem


def test_what_was_whole_before_a_forged_record_is_still_delivered(identity):
    server, client = shake(*ends(identity))
    client.encrypt(b"good")
    good = client.to_send()
    client.encrypt(b"forged")
    forged = bytearray(client.to_send())
    forged[-1] ^= 1
    assert server.receive(good + bytes(forged)) == b"good"
    assert server.problem == "decryption failed or bad record mac"
    assert server.to_send()


def test_a_goodbye_is_heard_after_what_came_before_it(identity):
    server, client = shake(*ends(identity))
    client.encrypt(b"last")
    client.say_goodbye()
    assert server.receive(client.to_send()) == b"last"
    assert server.is_closed and not server.problem


def test_a_goodbye_before_the_handshake_is_no_error(identity):
    server, _ = ends(identity)
    server.say_goodbye()
    assert not server.is_up


def test_a_client_that_resumes_saves_the_signature(identity):
    server, client = shake(*ends(identity))
    client.receive(server.to_send())
    session = client._tls.session
    again = TlsChannel(identity.server)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    resumed = identity.client.wrap_bio(incoming, outgoing, server_hostname="localhost", session=session)
    for _ in range(4):
        try:
            resumed.do_handshake()
        except ssl.SSLWantReadError:
            again.receive(outgoing.read())
            incoming.write(again.to_send())
    assert resumed.session_reused


def resident_kib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def test_a_connection_does_not_stay_as_large_as_its_largest_message(identity):
    pairs = [shake(*ends(identity)) for _ in range(60)]
    before = resident_kib()
    for server, client in pairs:
        for _ in range(4):
            client.encrypt(b"x" * 60_000)
        assert len(server.receive(client.to_send())) == 240_000
    assert (resident_kib() - before) / len(pairs) < 150
