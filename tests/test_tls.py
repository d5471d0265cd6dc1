# SPDX-License-Identifier: Apache-2.0
"""SIP over TLS, whole: phones that register and call over it, sips URIs, hostile peers, and a certificate that is renewed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import audio
from tests.certificates import Certificate, certificate
from tests.phones.process import PhoneProcess
from tests.rawsip import Message, Peer, authorization, target_of
from tests.stack import Phone, Stack, running_stack
from tests.test_audio_calls import CALLEE_HZ, CALLER_HZ, connect

pytestmark = pytest.mark.e2e

KEPT_S = 1.0
"""After this long, what is needed to go on with a call has been written."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def stack(shown: Certificate, tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Stack]:
    with running_stack(
        tmp_path_factory.mktemp("tls"),
        template,
        SIP_TLS_CERT=str(shown.path),
        SIP_TLS_KEY=str(shown.key),
        SIP_TLS_CA=str(shown.authority),
        SIP_TLS_HANDSHAKE_S="1",
        CALLS_ON_STOP="keep",
    ) as running:
        yield running


def trusting(shown: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(shown.authority)
    return context


@pytest.fixture
def open_peer(stack: Stack, shown: Certificate) -> Iterator[object]:
    """Return a function that opens a peer over TLS."""
    peers = []

    def opened() -> Peer:
        peer = Peer(("127.0.0.1", stack.ports.tls), tls=trusting(shown))
        peers.append(peer)
        return peer

    yield opened
    for peer in peers:
        peer.socket.close()


def invite(peer: Peer, phone: Phone, uri: str) -> Message:
    """Call any URI with digest and return the final answer, acknowledged."""
    credentials: tuple[str, ...] = ()
    for cseq in (1, 2):
        identity = f"<{phone.aor}>;tag={peer.tag}"
        text = peer.request(
            "INVITE",
            uri,
            from_=identity,
            to=f"<{uri}>",
            cseq=cseq,
            headers=(peer.contact(phone.username), *credentials, "Content-Type: application/sdp"),
            body=peer.sdp(),
        )
        peer.send(text)
        final = peer.answer("INVITE", timeout_s=15)
        if final.status == 407:
            credentials = (authorization(final, phone, "INVITE", uri),)
            continue
        return final
    raise AssertionError("the credentials were refused")


def begin(peer: Peer, phone: Phone, uri: str) -> None:
    """Call any URI with digest; the answer is the test's."""
    headers = (peer.contact(phone.username), "Content-Type: application/sdp")
    facts = {"from_": f"<{phone.aor}>;tag={peer.tag}", "to": f"<{uri}>", "body": peer.sdp()}
    peer.send(peer.request("INVITE", uri, cseq=1, headers=headers, **facts))
    challenge = peer.answer("INVITE")
    assert challenge.status == 407
    credentials = authorization(challenge, phone, "INVITE", uri)
    peer.send(peer.request("INVITE", uri, cseq=2, headers=(*headers, credentials), **facts))


def incoming(peer: Peer) -> Message:
    """Return the INVITE that reaches a phone; the ACK to an earlier refusal may come before it."""
    request = peer.receive(5)
    while request is not None and request.method == "ACK":
        request = peer.receive(5)
    assert request is not None and request.method == "INVITE" and not request.status
    return request


def answered(caller: Peer, callee: Peer, contact: str = "") -> tuple[Message, Message]:
    """Answer the call that reaches the callee; return the INVITE there and the answer here, both acknowledged."""
    request = incoming(callee)
    callee.reply(
        request, "200 OK", tag="callee", body=callee.sdp(), contact=contact or callee.contact("callee")
    )
    ok = caller.answer("INVITE", timeout_s=10)
    assert ok.status == 200
    ack = callee.receive(5)
    assert ack is not None and ack.method == "ACK"
    return request, ok


# --- Calls ------------------------------------------------------------------------------------------------------------


def test_a_phone_on_tls_calls_one_on_udp(stack: Stack, open_peer):
    caller, callee = stack.phone(), stack.phone()
    here = open_peer()
    with Peer(stack.address, port=callee.port) as there:
        assert here.register(caller).status == 200
        assert there.register(callee).status == 200
        begin(here, caller, f"sip:{callee.username}@{callee.domain}")
        request, ok = answered(here, there)
        assert request.get("via").startswith("SIP/2.0/UDP")
        assert target_of(ok) == f"sip:127.0.0.1:{stack.ports.tls};transport=tls"
        here.ack(caller, callee.username, ok)
        there.send(
            there.request(
                "BYE",
                target_of(request),
                from_=f"{request.get('to')};tag=callee",
                to=request.get("from"),
                call_id=request.get("call-id"),
            )
        )
        bye = here.receive(5)
        assert bye is not None and bye.method == "BYE"
        assert bye.get("via").startswith(f"SIP/2.0/TLS 127.0.0.1:{stack.ports.tls};")
        here.reply(bye, "200 OK")
        assert there.answer("BYE").status == 200
    assert stack.cdr(here.call_id)["disposition"] == "ANSWERED"


def test_a_phone_on_udp_calls_one_on_tls_by_the_connection_that_it_registered_over(stack: Stack, open_peer):
    caller, callee = stack.phone(), stack.phone()
    there = open_peer()
    assert there.register(callee).status == 200
    with Peer(stack.address, port=caller.port) as here:
        begin(here, caller, f"sip:{callee.username}@{callee.domain}")
        request, ok = answered(here, there)
        assert request.get("via").startswith(f"SIP/2.0/TLS 127.0.0.1:{stack.ports.tls};")
        assert target_of(request) == f"sip:127.0.0.1:{stack.ports.tls};transport=tls"
        assert request.first.startswith(f"INVITE sip:{callee.username}@127.0.0.1:{there.port};transport=tls ")
        here.ack(caller, callee.username, ok)
        here.send(here.in_dialog("BYE", ok, cseq=3))
        bye = there.receive(5)
        assert bye is not None and bye.method == "BYE"
        there.reply(bye, "200 OK")
        assert here.answer("BYE").status == 200


def test_a_phone_whose_connection_is_gone_is_not_called_in_the_clear(stack: Stack, open_peer):
    caller, callee = stack.phone(), stack.phone()
    there = open_peer()
    # A contact without a word on its transport: it would be called over UDP if it had registered over UDP.
    contact = f"Contact: <sip:{callee.username}@127.0.0.1:{callee.port}>"
    assert there.register(callee, contact=contact).status == 200
    there.socket.close()
    with (
        Peer(stack.address, port=caller.port) as here,
        Peer(stack.address, port=callee.port) as listener,
    ):
        stack.wait_until(
            lambda: not stack.rows("SELECT 1 FROM registrations WHERE aor = ?", callee.aor), 5, "it is gone"
        )
        assert invite(here, caller, f"sip:{callee.username}@{callee.domain}").status == 480
        assert listener.receive(0.3) is None


def test_the_live_list_tells_the_transport(stack: Stack, open_peer):
    phone = stack.phone()
    peer = open_peer()
    assert peer.register(phone).status == 200
    stack.wait_until(
        lambda: (
            stack.rows("SELECT transport FROM registrations WHERE aor = ?", phone.aor)
            == [{"transport": "tls"}]
        ),
        5,
        "the row",
    )


# --- sips URIs --------------------------------------------------------------------------------------------------------


def test_a_sips_call_reaches_a_phone_on_tls_and_stays_there(stack: Stack, open_peer):
    caller, callee = stack.phone(), stack.phone()
    here, there = open_peer(), open_peer()
    assert there.register(callee).status == 200
    begin(here, caller, f"sips:{callee.username}@{callee.domain}")
    _, ok = answered(here, there)
    assert target_of(ok) == f"sips:127.0.0.1:{stack.ports.tls}"
    here.ack(caller, callee.username, ok)
    with Peer(stack.address, port=caller.port) as clear:
        clear.call_id = here.call_id
        clear.send(clear.in_dialog("BYE", ok, cseq=9))
        assert clear.answer("BYE").status == 403
    here.send(here.in_dialog("BYE", ok, cseq=3))
    bye = there.receive(5)
    assert bye is not None and bye.method == "BYE"
    there.reply(bye, "200 OK")
    assert here.answer("BYE").status == 200


def test_a_sips_call_does_not_reach_a_phone_on_udp(stack: Stack, open_peer):
    caller, callee = stack.phone(), stack.phone()
    with Peer(stack.address, port=callee.port) as there:
        assert there.register(callee).status == 200
        refused = invite(open_peer(), caller, f"sips:{callee.username}@{callee.domain}")
        assert refused.status == 480
        assert refused.get("warning") == '380 switchboard "SIPS Not Allowed"'
        assert there.receive(0.3) is None


@pytest.mark.parametrize("tcp", [False, True])
def test_a_sips_uri_is_not_served_in_the_clear(stack: Stack, tcp: bool):
    phone = stack.phone()
    with Peer(stack.address, port=phone.port, tcp=tcp) as peer:
        assert invite(peer, phone, f"sips:600@{phone.domain}").status == 416


def test_a_sips_contact_takes_sips_all_the_way(stack: Stack, open_peer):
    phone, caller = stack.phone(), stack.phone()
    peer = open_peer()
    sips = f"Contact: <sips:{phone.username}@127.0.0.1:{peer.port}>"
    refused = peer.register(phone, contact=sips)
    assert refused.status == 400
    uri, identity = f"sips:{phone.domain}", f"<{phone.aor}>"
    facts = {"from_": f"{identity};tag={peer.tag}", "to": identity}
    peer.send(peer.request("REGISTER", uri, headers=(sips,), **facts))
    credentials = authorization(peer.answer("REGISTER"), phone, "REGISTER", uri)
    peer.send(peer.request("REGISTER", uri, headers=(sips, credentials), **facts))
    ok = peer.answer("REGISTER")
    assert ok.status == 200 and f"<sips:{phone.username}@127.0.0.1" in ok.get("contact")
    with Peer(stack.address, port=caller.port) as here:
        begin(here, caller, f"sip:{phone.username}@{phone.domain}")
        # What began with sip does not become sips on its way.
        request = incoming(peer)
        assert request.first.startswith(f"INVITE sip:{phone.username}@127.0.0.1:{peer.port} ")
        peer.reply(request, "486 Busy Here", tag="callee")
        assert here.answer("INVITE", timeout_s=10).status == 486
    second = open_peer()
    begin(second, caller, f"sips:{phone.username}@{phone.domain}")
    request = incoming(peer)
    assert request.first.startswith(f"INVITE sips:{phone.username}@127.0.0.1:{peer.port} ")
    assert target_of(request) == f"sips:127.0.0.1:{stack.ports.tls}"
    peer.reply(request, "486 Busy Here", tag="callee")
    assert second.answer("INVITE", timeout_s=10).status == 486


def test_a_dialog_on_tls_is_not_led_away_by_a_datagram(stack: Stack, open_peer):
    caller = stack.phone()
    here = open_peer()
    begin(here, caller, f"sip:600@{caller.domain}")
    ok = here.answer("INVITE", timeout_s=10)
    assert ok.status == 200
    here.ack(caller, "600", ok)
    with Peer(stack.address, port=caller.port) as datagrams:
        datagrams.send(datagrams.in_dialog("BYE", ok, cseq=9))
        assert datagrams.answer("BYE").status == 407
    here.send(here.in_dialog("BYE", ok, cseq=10))
    assert here.answer("BYE").status == 200


# --- Servers that routes dial -----------------------------------------------------------------------------------------


@pytest.fixture
def provider(stack: Stack, shown: Certificate) -> Iterator[socket.socket]:
    """A server that listens with the certificate, and a route to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    target = f"sip:desk@localhost:{port};transport=tls"
    action = {"type": "dial", "params": {"target": target, "timeout": 10}}
    stack.seed({"routes": [{"id": "provider", "pattern": "7001", "priority": 1, "actions": [action]}]})
    time.sleep(0.5)
    yield listener
    listener.close()


def accepted(listener: socket.socket, shown: Certificate) -> Peer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.path, shown.key)
    listener.settimeout(5)
    raw, _ = listener.accept()
    peer = Peer.__new__(Peer)
    peer.socket = context.wrap_socket(raw, server_side=True)
    peer.transport, peer.ip, peer.host, peer.port = "TLS", "127.0.0.1", "127.0.0.1", listener.getsockname()[1]
    peer._buffer, peer._cseq = b"", 0
    return peer


def test_a_route_leads_to_a_server_on_tls_whose_certificate_is_right(
    stack: Stack, shown: Certificate, provider: socket.socket, open_peer
):
    caller = stack.phone()
    here = open_peer()
    begin(here, caller, f"sip:7001@{caller.domain}")
    there = accepted(provider, shown)
    _, ok = answered(here, there)
    here.ack(caller, "7001", ok)
    here.send(here.in_dialog("BYE", ok, cseq=3))
    bye = there.receive(5)
    assert bye is not None and bye.method == "BYE"
    there.reply(bye, "200 OK")
    assert here.answer("BYE").status == 200
    there.socket.close()


def test_a_route_leads_to_no_server_with_another_certificate(
    stack: Stack, provider: socket.socket, open_peer, tmp_path: Path
):
    caller = stack.phone()
    here = open_peer()
    begin(here, caller, f"sip:7001@{caller.domain}")
    with pytest.raises(ssl.SSLError):
        accepted(provider, certificate(tmp_path, "stranger"))
    assert here.answer("INVITE", timeout_s=15).status in (408, 480, 503)


# --- Hostile peers ----------------------------------------------------------------------------------------------------


def s_client(
    stack: Stack, *flags: str, text: str = "", timeout_s: float = 10
) -> subprocess.CompletedProcess[str]:
    program = shutil.which("openssl")
    assert program is not None, "openssl is not installed"
    return subprocess.run(
        [program, "s_client", "-connect", f"127.0.0.1:{stack.ports.tls}", *flags],
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


OPTIONS = (
    "OPTIONS sip:switchboard.local SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKs;rport\r\n"
    "From: <sip:a@b>;tag=1\r\nTo: <sip:switchboard.local>\r\nCall-ID: s-client\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize(("flag", "spoken"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_openssl_sees_a_verified_certificate_and_a_safe_cipher(
    stack: Stack, shown: Certificate, flag: str, spoken: str
):
    done = s_client(stack, flag, "-CAfile", str(shown.authority), "-verify_return_error", "-brief")
    assert done.returncode == 0, done.stderr
    assert f"Protocol version: {spoken}" in done.stderr
    assert "Verification: OK" in done.stderr
    assert re.search("Ciphersuite: .*(GCM|CHACHA20)", done.stderr)


@pytest.mark.parametrize("flag", ["-tls1", "-tls1_1"])
def test_openssl_gets_no_old_version(stack: Stack, flag: str):
    done = s_client(stack, flag, "-cipher", "ALL:@SECLEVEL=0")
    assert done.returncode != 0
    assert "alert protocol version" in done.stderr


def test_a_renegotiation_is_refused(stack: Stack):
    done = s_client(stack, "-tls1_2", "-crlf", text="R\n")
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert "no renegotiation" in done.stderr


def test_strangers_on_the_port_do_no_harm(stack: Stack, open_peer):
    phone = stack.phone()
    steady = open_peer()
    assert steady.register(phone).status == 200
    rubbish = [
        b"",
        OPTIONS.encode(),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        os.urandom(3000),
    ]
    opened = []
    for data in rubbish * 15:
        sock = socket.create_connection(("127.0.0.1", stack.ports.tls), 5)
        sock.sendall(data)
        opened.append(sock)
    steady.send(steady.request("OPTIONS", f"sip:{phone.domain}", from_="<sip:a@b>;tag=1", to="<sip:b@b>"))
    assert steady.answer("OPTIONS", timeout_s=5).status == 200
    for sock in opened:
        sock.settimeout(10)
        try:
            while sock.recv(4096):
                continue
        except ConnectionError:
            continue
        finally:
            sock.close()
    assert steady.register(phone).status == 200


@pytest.mark.parametrize("seed", range(3))
def test_mutated_messages_over_tls_leave_the_node_alive(stack: Stack, open_peer, seed: int):
    import random

    draw = random.Random(seed)
    phone = stack.phone()
    for _ in range(40):
        peer = open_peer()
        text = bytearray(peer.register_request(phone).encode())
        for _ in range(draw.randrange(1, 8)):
            text[draw.randrange(len(text))] = draw.randrange(256)
        peer.send(bytes(text))
        peer.socket.close()
    assert open_peer().register(phone).status == 200


# --- The certificate --------------------------------------------------------------------------------------------------


def test_a_bad_file_ends_the_start_with_the_name_of_the_setting(
    stack: Stack, shown: Certificate, tmp_path: Path
):
    other = certificate(tmp_path, "other")
    environment = {**stack.environment(), "SIP_TLS_KEY": str(other.key)}
    command = [sys.executable, "manage.py", "runsip"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        f"SIP_TLS_KEY='{other.key}' is not accepted: expected a PEM file that can be used; "
        f"it is not the key of {shown.path}"
    )


def test_the_doctor_and_the_figures_tell_of_it(stack: Stack, shown: Certificate):
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, env=stack.environment(), capture_output=True, text=True, timeout=60)
    findings = json.loads(done.stdout)["findings"]
    told = [each for each in findings if each["check"] == "TLS certificate"]
    assert [each["level"] for each in told] == ["warning"]
    assert "localhost, 127.0.0.1; days left: 0" in told[0]["detail"]
    assert any(
        each["detail"] == f"SIP over TLS: 127.0.0.1:{stack.ports.tls}/tcp is served" for each in findings
    )


def test_a_new_certificate_is_shown_after_a_signal_while_calls_stay(
    shown: Certificate, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, template: Path
):
    mine = certificate(tmp_path, "mine")
    with running_stack(
        tmp_path_factory.mktemp("renewed"), template, SIP_TLS_CERT=str(mine.path), SIP_TLS_KEY=str(mine.key)
    ) as stack:
        caller = stack.phone()
        with Peer(("127.0.0.1", stack.ports.tls), tls=trusting(mine)) as here:
            begin(here, caller, f"sip:600@{caller.domain}")
            ok = here.answer("INVITE", timeout_s=10)
            here.ack(caller, "600", ok)
            shutil.copy(shown.path, mine.path)
            shutil.copy(shown.key, mine.key)
            stack.processes["runsip"].send_signal(signal.SIGHUP)
            stack.wait_until(lambda: _takes(stack, shown), 5, "the new certificate")
            here.send(here.in_dialog("BYE", ok, cseq=3))
            assert here.answer("BYE").status == 200


def _takes(stack: Stack, shown: Certificate) -> bool:
    try:
        Peer(("127.0.0.1", stack.ports.tls), tls=trusting(shown)).socket.close()
    except ssl.SSLError:
        return False
    return True


# --- After a crash ----------------------------------------------------------------------------------------------------


def test_a_phone_that_connects_again_has_its_call_back_after_a_crash(stack: Stack, open_peer):
    caller = stack.phone()
    here = open_peer()
    assert here.register(caller).status == 200
    begin(here, caller, f"sip:600@{caller.domain}")
    ok = here.answer("INVITE", timeout_s=10)
    here.ack(caller, "600", ok)
    time.sleep(KEPT_S)
    stack.kill("runsip")
    stack.run("runsip")
    again = open_peer()
    again.call_id, again.tag = here.call_id, here.tag
    with Peer(stack.address, port=caller.port) as datagrams:
        datagrams.send(datagrams.in_dialog("BYE", ok, cseq=8))
        assert datagrams.answer("BYE").status == 407
    fresh = open_peer()
    contact = f"Contact: <sip:{caller.username}@127.0.0.1:{here.port};transport=tls>"
    fresh.send(fresh.register_request(caller, contact=contact))
    credentials = authorization(fresh.answer("REGISTER"), caller, "REGISTER", f"sip:{caller.domain}")
    fresh.send(fresh.register_request(caller, credentials, contact=contact))
    came = [message for _ in range(2) if (message := fresh.receive(5)) is not None]
    # Whether it still has the call is asked over its new connection, which the answer to its REGISTER follows.
    assert [message.method for message in came] == ["OPTIONS", "REGISTER"]
    probe = came[0]
    fresh.reply(probe, "200 OK")
    again.send(again.in_dialog("BYE", ok, cseq=9))
    assert again.answer("BYE").status == 200
    assert stack.cdr(here.call_id)["disposition"] == "ANSWERED"


# --- Phones that people use -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transports", [("tls", "tls"), ("tls", "udp"), ("udp", "tls")])
def test_baresip_hears_the_other_phone(stack: Stack, tmp_path: Path, transports: tuple[str, str]):
    frequencies = (CALLER_HZ, CALLEE_HZ)
    phones = [
        PhoneProcess(stack, stack.phone(), frequency, tmp_path, transport=transport)
        for frequency, transport in zip(frequencies, transports, strict=True)
    ]
    with phones[0] as caller, phones[1] as callee:
        connect(caller, callee)
        time.sleep(2.5)
        heard = [each.heard() for each in (caller, callee)]
        caller.order("hangup")
        callee.wait_for("call_closed")
    tones = [audio.strongest_tone(signal_[-audio.RATE_HZ :]).frequency_hz for signal_ in heard]
    assert tones == pytest.approx([CALLEE_HZ, CALLER_HZ], abs=2)
