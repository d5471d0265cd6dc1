# SPDX-License-Identifier: Apache-2.0
"""TCP over real loopback sockets: framing, reuse of connections, and every limit."""

import asyncio
import socket

import pytest

from signaling.sip.flow import Flow
from signaling.sip.parser import ParseLimits
from signaling.transport.config import TransportConfig
from signaling.transport.errors import ListenError
from signaling.transport.manager import TransportManager
from signaling.transport.tcp import UNWANTED_S
from signaling.transport.tests.conftest import message


async def connect(manager):
    return await asyncio.open_connection(*manager.local)


async def closed(reader):
    """Wait until the other end closed the connection."""
    try:
        assert await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        return True
    return True


async def test_it_frames_a_stream_and_answers_over_the_same_connection(start):
    manager, recorder = await start()
    reader, writer = await connect(manager)
    stream = message(b"one") + message(b"two")
    for part in (stream[:10], stream[10:70], stream[70:]):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    (first, flow), (second, again) = await recorder.message(), await recorder.message()
    assert (first, second) == (message(b"one"), message(b"two"))
    assert flow == again
    assert flow.transport == "tcp" and flow.connection > 0
    assert flow.remote == writer.get_extra_info("sockname")
    manager.send(b"answer", flow)
    assert await asyncio.wait_for(reader.readexactly(6), 5) == b"answer"
    writer.close()
    assert await recorder.lost_flow() == flow


async def test_it_answers_a_keep_alive_with_one_line_end(start):
    manager, recorder = await start()
    reader, writer = await connect(manager)
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.readexactly(2), 5) == b"\r\n"
    writer.write(message())
    assert (await recorder.message())[0] == message()
    writer.close()


@pytest.mark.parametrize(
    "broken",
    [
        b"OPTIONS sip:x SIP/2.0\r\nVia: x\r\n\r\n",
        b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 9999999\r\n\r\n",
        b"x" * 5000,
    ],
)
async def test_it_closes_a_stream_that_cannot_be_framed(start, broken):
    manager, recorder = await start(limits=ParseLimits(max_message_bytes=4096))
    reader, writer = await connect(manager)
    writer.write(message(b"good") + broken)
    assert (await recorder.message())[0] == message(b"good")
    assert await closed(reader)
    await recorder.lost_flow()
    assert manager.connections == 0
    writer.close()


@pytest.mark.parametrize(
    ("length", "status"),
    [(b"", b"400"), (b"Content-Length: -1\r\n", b"400"), (b"Content-Length: 99999\r\n", b"513")],
)
async def test_it_answers_a_request_whose_end_cannot_be_known_before_it_closes(start, length, status):
    manager, recorder = await start(limits=ParseLimits(max_message_bytes=4096))
    reader, writer = await connect(manager)
    writer.write(
        b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
        b"To: <sip:x@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n" + length + b"\r\n"
    )
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"SIP/2.0 " + status)
    assert b"Via: SIP/2.0/TCP h;branch=z9hG4bK1\r\n" in answer
    await recorder.lost_flow()
    writer.close()


async def test_it_opens_a_connection_on_demand_and_uses_it_again(start):
    manager, _ = await start()
    other, received = await start()
    flow = Flow("tcp", other.local, manager.local, 0)
    for body in (b"1", b"2", b"3"):
        manager.send(message(body), flow)
    flows = []
    for body in (b"1", b"2", b"3"):
        data, where = await received.message()
        assert data == message(body)
        flows.append(where)
    manager.send(message(b"4"), flow)
    flows.append((await received.message())[1])
    assert len(set(flows)) == 1
    assert manager.connections == other.connections == 1


async def test_it_receives_over_a_connection_that_it_opened(start):
    manager, recorder = await start()
    other, received = await start()
    manager.send(message(b"request"), Flow("tcp", other.local, manager.local, 0))
    _, flow = await received.message()
    other.send(message(b"response"), flow)
    data, back = await recorder.message()
    assert data == message(b"response")
    assert back.remote == other.local


async def test_it_reports_once_each_flow_that_nobody_listens_at(start):
    manager, recorder = await start()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        flow = Flow("tcp", unused.getsockname(), manager.local, 0)
        manager.send(message(b"1"), flow)
        manager.send(message(b"2"), flow)
        assert await recorder.failed_flow() == flow
        await asyncio.sleep(0)
        assert recorder.failed.empty()
        assert recorder.lost.empty()


async def test_it_reports_a_flow_whose_connection_is_gone(start):
    manager, recorder = await start()
    flow = Flow("tcp", ("127.0.0.1", 4000), manager.local, 77)
    manager.send(message(), flow)
    assert recorder.failed.empty()
    assert await recorder.failed_flow() == flow


async def test_it_gives_up_a_connection_that_does_not_open_in_time(start):
    manager, recorder = await start(tcp_connect_timeout_s=0.05)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        flow = Flow("tcp", full.getsockname(), manager.local, 0)
        manager.send(message(), flow)
        assert await recorder.failed_flow() == flow
        for filler in fillers:
            filler.close()


async def test_it_bounds_what_waits_for_a_connection(start):
    manager, recorder = await start(tcp_write_buffer_bytes=1000)
    flow = Flow("tcp", ("127.0.0.1", 9), manager.local, 0)
    for _ in range(3):
        manager.send(b"x" * 600, flow)
    await recorder.failed_flow()


async def test_it_closes_a_connection_without_a_first_message(start):
    manager, recorder = await start(tcp_first_message_s=0.05)
    reader, writer = await connect(manager)
    writer.write(b"\r\n\r\nOPTIONS sip:x SIP/2.0\r\n")
    await asyncio.wait_for(reader.readexactly(2), 5)
    assert await closed(reader)
    assert recorder.messages.empty()
    writer.close()


async def test_it_closes_an_idle_connection_but_not_one_that_a_binding_holds(start):
    manager, recorder = await start(tcp_idle_s=0.05)
    (reader, writer), (_, held) = await connect(manager), await connect(manager)
    writer.write(message(b"idle"))
    _, idle_flow = await recorder.message()
    held.write(message(b"held"))
    _, held_flow = await recorder.message()
    manager.hold(held_flow, asyncio.get_running_loop().time() + 60)
    assert await closed(reader)
    assert await recorder.lost_flow() == idle_flow
    assert manager.connections == 1
    writer.close()
    held.close()


async def test_it_limits_connections_per_source(start):
    manager, _ = await start(tcp_max_per_source=2)
    first, second = await connect(manager), await connect(manager)
    third, writer = await connect(manager)
    assert await closed(third)
    assert manager.connections == 2
    for _, opened in (first, second, (None, writer)):
        opened.close()


async def test_it_makes_room_by_closing_the_oldest_without_a_message(start):
    manager, recorder = await start(tcp_max_connections=3)
    idle, proven, other = await connect(manager), await connect(manager), await connect(manager)
    proven[1].write(message(b"proven"))
    _, flow = await recorder.message()
    newcomer = await connect(manager)
    newcomer[1].write(message(b"new"))
    assert (await recorder.message())[0] == message(b"new")
    assert await closed(idle[0])
    assert manager.connections == 3
    manager.send(b"still here", flow)
    assert await asyncio.wait_for(proven[0].readexactly(10), 5) == b"still here"
    for _, writer in (idle, proven, other, newcomer):
        writer.close()


async def test_it_keeps_few_of_those_that_say_nothing(start):
    manager, recorder = await start(tcp_max_connections=1000)
    phone = await connect(manager)
    phone[1].write(message(b"proven"))
    await recorder.message()
    silent = [await connect(manager) for _ in range(220)]
    assert manager.connections == 201
    assert all([await closed(reader) for reader, _ in silent[:20]])
    phone[1].write(message(b"again"))
    assert (await recorder.message())[0] == message(b"again")
    for _, writer in (phone, *silent):
        writer.close()


async def test_strangers_make_room_before_who_is_known(start):
    manager, recorder = await start(tcp_max_connections=3, trusts=lambda ip: ip == "127.0.0.1")
    _, phone = await connect(manager)
    strangers = [await asyncio.open_connection(*manager.local, local_addr=("127.0.0.2", 0)) for _ in range(8)]
    assert all([await closed(each) for each, _ in strangers[:6]])
    phone.write(message(b"known"))
    assert (await recorder.message())[0] == message(b"known")
    others = [await connect(manager) for _ in range(4)]
    others[-1][1].write(message(b"all known"))
    assert (await recorder.message())[0] == message(b"all known")
    for writer in (phone, *(each for _, each in (*strangers, *others))):
        writer.close()


async def test_it_answers_all_pings_of_one_read_at_once(start):
    manager, _ = await start()
    reader, writer = await connect(manager)
    writer.write(b"\r\n\r\n" * 10_000)
    await asyncio.sleep(0.05)
    writer.write_eof()
    pongs = await asyncio.wait_for(reader.read(), 5)
    assert 0 < len(pongs) <= 2 * 200


async def test_it_reads_nothing_for_a_moment_from_who_is_made_to_wait(start):
    manager, recorder = await start()
    _, writer = await connect(manager)
    writer.write(message(b"first"))
    _, flow = await recorder.message()
    manager.make_wait(flow)
    manager.make_wait(flow)
    began = asyncio.get_running_loop().time()
    writer.write(message(b"second"))
    assert (await recorder.message())[0] == message(b"second")
    assert asyncio.get_running_loop().time() - began > UNWANTED_S / 2
    manager.make_wait(flow._replace(connection=9999))
    manager.make_wait(flow)
    writer.close()
    await asyncio.sleep(1.5 * UNWANTED_S)
    assert manager.connections == 0


async def test_it_lets_a_phone_in_while_strangers_with_messages_fill_the_table(start):
    manager, recorder = await start(tcp_max_connections=2)
    phone, stranger = await connect(manager), await connect(manager)
    for _, writer in (phone, stranger):
        writer.write(message())
    flows = {(await recorder.message())[1] for _ in range(2)}
    held = next(f for f in flows if f.remote == phone[1].get_extra_info("sockname"))
    manager.hold(held, asyncio.get_running_loop().time() + 60)
    second_phone = await connect(manager)
    second_phone[1].write(message(b"second"))
    assert (await recorder.message())[0] == message(b"second")
    assert await closed(stranger[0])
    manager.send(b"x", held)
    assert await asyncio.wait_for(phone[0].readexactly(1), 5) == b"x"
    for _, writer in (phone, stranger, second_phone):
        writer.close()


async def test_it_refuses_a_newcomer_when_bindings_hold_every_connection(start):
    manager, recorder = await start(tcp_max_connections=1)
    phone = await connect(manager)
    phone[1].write(message())
    manager.hold((await recorder.message())[1], asyncio.get_running_loop().time() + 60)
    reader, writer = await connect(manager)
    assert await closed(reader)
    assert manager.connections == 1
    for opened in (phone[1], writer):
        opened.close()


async def test_it_closes_a_peer_that_does_not_read(start):
    manager, recorder = await start(tcp_write_buffer_bytes=64 * 1024)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(manager.local)
        sock.sendall(message())
        _, flow = await recorder.message()
        for _ in range(10_000):
            manager.send(b"x" * 10_000, flow)
            if not recorder.failed.empty() or manager.connections == 0:
                break
            await asyncio.sleep(0)
        assert await recorder.failed_flow() == flow
        assert await recorder.lost_flow() == flow


async def test_it_delivers_nothing_after_it_closed_a_connection(start):
    manager, recorder = await start()
    _, writer = await connect(manager)
    writer.write(message())
    await recorder.message()
    await manager.stop()
    writer.write(message())
    await asyncio.sleep(0.01)
    assert recorder.messages.empty()
    writer.close()


async def test_it_names_port_and_protocol_when_the_tcp_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        manager = TransportManager(TransportConfig(bind="127.0.0.1", port=port))
        with pytest.raises(ListenError, match=f"SIP port {port}/tcp on 127.0.0.1 is taken"):
            await manager.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free_again:
            free_again.bind(("127.0.0.1", port))


async def test_it_serves_others_while_thousands_of_connections_idle(start):
    manager, recorder = await start(tcp_max_connections=200, tcp_max_per_source=10_000)
    idle = [await connect(manager) for _ in range(300)]
    reader, writer = await connect(manager)
    writer.write(message(b"a real call"))
    assert (await recorder.message())[0] == message(b"a real call")
    assert manager.connections <= 200
    for _, opened in [*idle, (reader, writer)]:
        opened.close()
