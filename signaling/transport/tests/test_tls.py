# SPDX-License-Identifier: Apache-2.0
"""TLS over real loopback sockets, against Python's own implementation: handshakes, hostile ones, and every limit."""

import asyncio
import shutil
import socket
import ssl

import pytest

from media.control.tests.certificates import Authority
from signaling.sip.flow import Flow
from signaling.transport.errors import ListenError
from signaling.transport.tests.conftest import message
from signaling.transport.tests.tls_peer import client_context, connect, write_certificate


@pytest.fixture
def files(tmp_path):
    return write_certificate(tmp_path)


@pytest.fixture
def tls(start, files):
    """Return a function that starts a manager with TLS."""

    async def run(**changes):
        return await start(**({"tls": files, "tls_port": 0} | changes))

    return run


async def raw(manager):
    """Open a connection to the TLS port without a handshake."""
    return await asyncio.open_connection("127.0.0.1", manager.tls_port)


async def ended(reader):
    """Wait until the other end closed the connection; return what came before."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""


async def test_it_frames_a_stream_and_answers_over_the_same_connection(tls, files):
    manager, recorder = await tls()
    reader, writer = await connect(manager, client_context(files))
    stream = message(b"one") + message(b"two")
    for part in (stream[:10], stream[10:70], stream[70:]):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    (first, flow), (second, again) = await recorder.message(), await recorder.message()
    assert (first, second) == (message(b"one"), message(b"two"))
    assert flow == again
    assert flow.transport == "tls" and flow.connection > 0
    assert flow.remote == writer.get_extra_info("sockname")
    manager.send(b"answer", flow)
    assert await asyncio.wait_for(reader.readexactly(6), 5) == b"answer"
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.readexactly(2), 5) == b"\r\n"
    assert manager.handshakes == {"done": 1, "failed": 0, "refused": 0}
    writer.close()
    assert await recorder.lost_flow() == flow
    assert manager.connections == 0


async def test_a_message_of_many_records_passes_both_ways(tls):
    manager, recorder = await tls()
    reader, writer = await connect(manager)
    long = message(b"x" * 60_000)
    writer.write(long)
    data, flow = await recorder.message()
    assert data == long
    manager.send(long, flow)
    assert await asyncio.wait_for(reader.readexactly(len(long)), 5) == long
    writer.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_it_speaks_the_versions_that_are_safe(tls, files, version):
    manager, recorder = await tls()
    context = client_context(files)
    context.minimum_version = context.maximum_version = version
    _, writer = await connect(manager, context)
    writer.write(message(b"hello"))
    assert (await recorder.message())[0] == message(b"hello")
    cipher, spoken, _ = writer.get_extra_info("cipher")
    assert spoken == version.name.replace("_", ".")
    assert "GCM" in cipher or "CHACHA20" in cipher
    writer.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_it_speaks_no_version_that_is_not(tls, version):
    manager, _ = await tls()
    context = client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        await connect(manager, context)
    assert manager.handshakes["failed"] == 1


@pytest.mark.parametrize(
    "data",
    [
        message(b"in the clear"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 600,
        b"\x16\x03\x01\x40\x01" + b"x" * 17_000,
        b"\0" * 30_000,
    ],
)
async def test_what_is_no_handshake_reaches_nobody(tls, data):
    manager, recorder = await tls()
    reader, writer = await raw(manager)
    writer.write(data)
    assert not (await ended(reader)).startswith(b"SIP")
    await recorder.lost_flow()
    assert recorder.messages.empty()
    assert manager.connections == 0
    assert manager.handshakes["done"] == 0
    writer.close()


@pytest.mark.parametrize("hello", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
async def test_a_handshake_that_does_not_end_is_ended(tls, hello):
    manager, recorder = await tls(tls_handshake_s=0.2, tcp_first_message_s=0.4)
    reader, writer = await raw(manager)
    began = asyncio.get_running_loop().time()
    writer.write(hello)
    assert await ended(reader) == b""
    assert 0.15 < asyncio.get_running_loop().time() - began < 3
    await recorder.lost_flow()
    writer.close()


async def test_after_the_handshake_the_first_message_has_a_time_of_its_own(tls):
    manager, recorder = await tls(tls_handshake_s=0.1, tcp_first_message_s=0.6)
    reader, writer = await connect(manager)
    await asyncio.sleep(0.3)
    assert manager.connections == 1
    assert await ended(reader) == b""
    await recorder.lost_flow()
    writer.close()


def shaken_hands(address):
    """Return a socket and what speaks TLS over it, so that a test can send what no library would."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls_object = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    sock = socket.create_connection(address, 5)
    while True:
        try:
            tls_object.do_handshake()
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
        else:
            sock.sendall(outgoing.read())
            return sock, tls_object, outgoing


async def test_garbage_after_the_handshake_ends_the_connection(tls):
    manager, recorder = await tls()
    sock, peer, outgoing = await asyncio.to_thread(shaken_hands, ("127.0.0.1", manager.tls_port))
    peer.write(message(b"good"))
    sock.sendall(outgoing.read() + b"\x17\x03\x03\x00\x20" + b"g" * 32 + b"more")
    assert (await recorder.message())[0] == message(b"good")
    await recorder.lost_flow()
    assert recorder.messages.empty()
    sock.close()


async def test_a_record_that_was_changed_on_its_way_reaches_nobody(tls):
    manager, recorder = await tls()
    sock, peer, outgoing = await asyncio.to_thread(shaken_hands, ("127.0.0.1", manager.tls_port))
    peer.write(message(b"forged"))
    record = bytearray(outgoing.read())
    record[20] ^= 1
    sock.sendall(record)
    await recorder.lost_flow()
    assert recorder.messages.empty()
    sock.close()


async def test_who_has_nothing_more_to_send_is_let_go(tls):
    manager, recorder = await tls()
    sock, peer, outgoing = await asyncio.to_thread(shaken_hands, ("127.0.0.1", manager.tls_port))
    peer.write(message(b"last"))
    with pytest.raises(ssl.SSLWantReadError):
        peer.unwrap()
    sock.sendall(outgoing.read())
    assert (await recorder.message())[0] == message(b"last")
    await recorder.lost_flow()
    half, _, _ = await asyncio.to_thread(shaken_hands, ("127.0.0.1", manager.tls_port))
    half.shutdown(socket.SHUT_WR)
    await recorder.lost_flow()
    assert manager.connections == 0
    sock.close()
    half.close()


async def test_it_limits_the_handshakes_of_one_source_and_not_its_phones(tls):
    manager, recorder = await tls(tls_half_open_per_source=2)
    phones = [await connect(manager) for _ in range(4)]
    slow = [await raw(manager) for _ in range(2)]
    for _, writer in slow:
        writer.write(b"\x16")
    await asyncio.sleep(0.05)
    refused, late = await raw(manager)
    assert await ended(refused) == b""
    assert manager.handshakes["refused"] == 1
    slow[0][1].close()
    await recorder.lost_flow()
    phones.append(await connect(manager))
    phones[-1][1].write(message(b"in"))
    assert (await recorder.message())[0] == message(b"in")
    for _, writer in (*phones, *slow, (None, late)):
        writer.close()


async def test_handshakes_take_turns(tls):
    manager, _ = await tls(tls_handshakes_per_s=20)
    loop = asyncio.get_running_loop()
    began = loop.time()
    opened = await asyncio.gather(*(connect(manager) for _ in range(20)))
    # Ten may begin at once, and each later one a twentieth of a second after the one before.
    assert 0.45 < loop.time() - began < 3
    assert manager.handshakes == {"done": 20, "failed": 0, "refused": 0}
    for _, writer in opened:
        writer.close()


async def test_a_handshake_whose_turn_would_come_too_late_costs_nothing(tls):
    manager, _ = await tls(tls_handshakes_per_s=2, tls_handshake_s=0.6)
    opened = await asyncio.gather(*(connect(manager) for _ in range(8)), return_exceptions=True)
    assert manager.handshakes["refused"] >= 4
    assert manager.handshakes["done"] >= 2
    for each in opened:
        if isinstance(each, tuple):
            each[1].close()


async def test_strangers_whose_handshakes_take_turns_keep_no_phone_out(tls):
    manager, _ = await tls(tls_handshakes_per_s=10, tls_handshake_s=2, trusts=lambda ip: ip == "127.0.0.1")
    there = ("127.0.0.1", manager.tls_port)
    strangers = [await asyncio.open_connection(*there, local_addr=("127.0.0.2", 0)) for _ in range(40)]
    for _, writer in strangers:
        writer.write(b"\x16")
    await asyncio.sleep(0.1)
    assert manager.handshakes["refused"] >= 20
    _, phone = await asyncio.wait_for(connect(manager), 5)
    assert manager.handshakes["done"] == 1
    for writer in (phone, *(each for _, each in strangers)):
        writer.close()


async def test_nothing_is_read_of_a_handshake_that_waits_but_a_hello(tls):
    manager, recorder = await tls(tls_handshakes_per_s=1)
    first = await connect(manager)
    reader, writer = await raw(manager)
    writer.write(b"\x16\x03\x01" + b"x" * 100_000)
    assert await ended(reader) == b""
    await recorder.lost_flow()
    for each in (first[1], writer):
        each.close()


async def test_a_refused_address_gets_no_handshake(start, files):
    manager, _ = await start(refuses=lambda ip: True, tls=files, tls_port=0)
    reader, writer = await raw(manager)
    assert await ended(reader) == b""
    assert manager.handshakes == {"done": 0, "failed": 0, "refused": 0}
    writer.close()


async def test_it_closes_an_idle_connection_but_not_one_that_a_binding_holds(tls):
    manager, recorder = await tls(tcp_idle_s=0.2)
    (reader, writer), (_, held) = await connect(manager), await connect(manager)
    writer.write(message(b"idle"))
    _, idle_flow = await recorder.message()
    held.write(message(b"held"))
    _, held_flow = await recorder.message()
    manager.hold(held_flow, asyncio.get_running_loop().time() + 60)
    assert await ended(reader) == b""
    assert await recorder.lost_flow() == idle_flow
    assert manager.connections_by_transport == {"tcp": 0, "tls": 1}
    for each in (writer, held):
        each.close()


async def test_who_is_banned_loses_the_connection(tls):
    manager, recorder = await tls()
    reader, writer = await connect(manager)
    writer.write(message())
    _, flow = await recorder.message()
    assert manager.close_from(lambda ip: ip == "127.0.0.1") == 1
    assert await recorder.lost_flow() == flow
    assert await ended(reader) == b""
    writer.close()


async def test_it_has_a_limit_of_its_own(tls):
    manager, recorder = await tls(tls_max_connections=2)
    phones = [await connect(manager) for _ in range(2)]
    for _, writer in phones:
        writer.write(message())
        manager.hold((await recorder.message())[1], asyncio.get_running_loop().time() + 60)
    reader, late = await raw(manager)
    assert await ended(reader) == b""
    _, clear = await asyncio.open_connection(*manager.local)
    clear.write(message(b"still"))
    assert (await recorder.message())[0] == message(b"still")
    for writer in (late, clear, *(each for _, each in phones)):
        writer.close()


async def test_connections_of_tcp_and_tls_have_different_numbers(tls):
    manager, recorder = await tls()
    _, encrypted = await connect(manager)
    _, clear = await asyncio.open_connection(*manager.local)
    for writer in (encrypted, clear):
        writer.write(message())
    flows = [(await recorder.message())[1] for _ in range(2)]
    assert {flow.transport for flow in flows} == {"tls", "tcp"}
    assert flows[0].connection != flows[1].connection
    for writer in (encrypted, clear):
        writer.close()


async def test_it_closes_a_peer_that_does_not_read(tls):
    manager, recorder = await tls(tcp_write_buffer_bytes=64 * 1024)
    sock, peer, outgoing = await asyncio.to_thread(shaken_hands, ("127.0.0.1", manager.tls_port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.write(message())
    sock.sendall(outgoing.read())
    _, flow = await recorder.message()
    for _ in range(10_000):
        manager.send(b"x" * 10_000, flow)
        if not recorder.failed.empty():
            break
        await asyncio.sleep(0)
    assert await recorder.failed_flow() == flow
    assert await recorder.lost_flow() == flow
    sock.close()


async def test_the_port_is_named_when_it_is_taken(start, files):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            sip = free.getsockname()[1]
        with pytest.raises(ListenError, match=f"SIP port {port}/tls on 127.0.0.1 is taken"):
            await start(tls=files, tls_port=port, port=sip)


async def test_it_advertises_the_port_of_tls(tls):
    manager, _ = await tls()
    assert manager.advertised("127.0.0.1", "tls") == ("127.0.0.1", manager.tls_port)
    assert manager.advertised("127.0.0.1", "tcp") == manager.local


# --- Connections that this end opens ----------------------------------------------------------------------------------


async def test_it_opens_a_connection_to_who_has_the_right_certificate_and_uses_it_again(tls):
    manager, recorder = await tls()
    other, received = await tls()
    flow = Flow("tls", ("127.0.0.1", other.tls_port), manager.local, 0, "localhost")
    for body in (b"1", b"2"):
        manager.send(message(body), flow)
    flows = []
    for body in (b"1", b"2"):
        data, where = await received.message()
        assert data == message(body)
        flows.append(where)
    other.send(message(b"answer"), flows[0])
    data, back = await recorder.message()
    assert data == message(b"answer")
    assert back.host == "localhost" and back.remote == flow.remote
    assert flows[0] == flows[1]
    assert manager.connections == other.connections == 1


@pytest.mark.parametrize("host", ["elsewhere.example", "sip.localhost"])
async def test_it_sends_nothing_to_who_has_another_name(tls, host):
    manager, recorder = await tls()
    other, received = await tls()
    flow = Flow("tls", ("127.0.0.1", other.tls_port), manager.local, 0, host)
    manager.send(message(b"secret"), flow)
    assert await recorder.failed_flow() == flow
    assert received.messages.empty()
    assert manager.connections == 0


async def test_a_connection_to_one_name_is_not_used_for_another(tls):
    manager, recorder = await tls()
    other, received = await tls()
    there = ("127.0.0.1", other.tls_port)
    manager.send(message(b"1"), Flow("tls", there, manager.local, 0, "localhost"))
    await received.message()
    stolen = Flow("tls", there, manager.local, 0, "elsewhere.example")
    manager.send(message(b"2"), stolen)
    assert await recorder.failed_flow() == stolen
    assert received.messages.empty()


async def test_what_is_for_an_address_does_not_go_to_whoever_connected_from_there(tls):
    manager, recorder = await tls()
    reader, neighbour = await connect(manager)
    neighbour.write(message(b"hello"))
    _, flow = await recorder.message()
    lost = flow._replace(connection=0)
    manager.send(message(b"secret"), lost)
    assert await recorder.failed_flow() == lost
    manager.send(b"answer", flow)
    assert await asyncio.wait_for(reader.readexactly(6), 5) == b"answer"
    neighbour.close()


async def test_it_sends_nothing_to_who_is_signed_by_a_stranger(tls, start, tmp_path):
    manager, recorder = await tls()
    stranger = write_certificate(tmp_path, Authority("unknown authority"), "stranger")
    other, received = await start(tls=stranger, tls_port=0)
    flow = Flow("tls", ("127.0.0.1", other.tls_port), manager.local, 0, "localhost")
    manager.send(message(b"secret"), flow)
    assert await recorder.failed_flow() == flow
    assert received.messages.empty()


async def test_it_gives_up_a_server_that_does_not_shake_hands(tls):
    manager, recorder = await tls(tcp_connect_timeout_s=0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        flow = Flow("tls", silent.getsockname(), manager.local, 0, "localhost")
        manager.send(message(b"secret"), flow)
        assert await recorder.failed_flow() == flow
        # uvloop and asyncio close on the next turn of the loop.
        await recorder.lost_flow()
        assert manager.connections == 0


async def test_without_a_certificate_there_is_no_tls(start):
    manager, recorder = await start()
    assert manager.tls_port == 0
    assert manager.handshakes == {}
    flow = Flow("tls", ("127.0.0.1", 9999), manager.local, 0, "localhost")
    manager.send(message(), flow)
    assert await recorder.failed_flow() == flow


# --- A new certificate ------------------------------------------------------------------------------------------------


async def test_a_new_certificate_is_shown_to_newcomers_and_nobody_is_cut_off(tls, files):
    manager, recorder = await tls()
    old_trust = client_context(files)
    reader, old = await connect(manager, old_trust)
    old.write(message(b"before"))
    _, flow = await recorder.message()
    new = write_certificate(files.certificate.parent, Authority("another authority"), "second")
    for was, becomes in ((files.certificate, new.certificate), (files.key, new.key)):
        shutil.copy(becomes, was)
    manager.certificate.reload()
    _, newcomer = await connect(manager, client_context(new))
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(manager, old_trust)
    manager.send(b"still", flow)
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"still"
    for writer in (old, newcomer):
        writer.close()
