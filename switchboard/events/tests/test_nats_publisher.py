# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Callable, Iterator

import pytest

from switchboard.events import CATALOGUE
from switchboard.events.catalogue import to_json
from switchboard.events.nats_publisher import NatsPublisher
from switchboard.events.subjects import subject_of
from switchboard.events.tests.samples import sample
from switchboard.nats_link import NatsLink
from tests.nats import NatsServer, nats_server  # noqa: F401 - a fixture
from tests.nats_listener import NatsListener

pytestmark = pytest.mark.nats


def wait_until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def link(nats_server: NatsServer) -> Iterator[NatsLink]:  # noqa: F811
    made = NatsLink(nats_server.url, "test")
    yield made
    made.close()


@pytest.fixture
def publisher(link: NatsLink) -> Iterator[NatsPublisher]:
    made = NatsPublisher(link, limit=100)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def listener(nats_server: NatsServer) -> Iterator[NatsListener]:  # noqa: F811
    with NatsListener(nats_server.port) as made:
        yield made


def publish(publisher: NatsPublisher, count: int) -> list[str]:
    """Publish events and return their ids."""
    events = [sample("call.received") for _ in range(count)]
    for event in events:
        publisher.publish(event)
    return [event.event_id for event in events]


def ids(listener: NatsListener) -> list[str]:
    return [heard.body["event_id"] for heard in listener.of("switchboard.")]


def test_every_event_comes_on_its_subject_as_its_json_with_its_id_as_message_id(
    publisher: NatsPublisher, listener: NatsListener
) -> None:
    events = [sample(event_type) for event_type in CATALOGUE]
    for event in events:
        publisher.publish(event)
    wait_until(lambda: len(listener.messages) == len(events))
    for event, heard in zip(events, listener.messages, strict=True):
        assert (heard.subject, heard.body) == (subject_of(event), to_json(event))
        assert f"Nats-Msg-Id: {event.event_id}\r\n" in heard.headers
    wait_until(lambda: publisher.published == len(events))
    assert publisher.waiting == publisher.dropped == 0


def test_events_wait_for_a_server_that_is_started_late(nats_server: NatsServer) -> None:  # noqa: F811
    nats_server.stop()
    link = NatsLink(nats_server.url, "test")
    publisher = NatsPublisher(link, limit=100)
    publisher.start()
    wanted = publish(publisher, 10)
    wait_until(lambda: link.problem is not None)
    nats_server.start()
    wait_until(lambda: publisher.published == len(wanted))
    assert link.problem is None
    publisher.stop()
    link.close()


@pytest.mark.parametrize("fault", ["kill", "stop"])
def test_nothing_is_lost_when_the_server_is_restarted(
    publisher: NatsPublisher,
    listener: NatsListener,
    link: NatsLink,
    nats_server: NatsServer,  # noqa: F811
    fault: str,
) -> None:
    first = publish(publisher, 5)
    wait_until(lambda: publisher.published == 5)
    getattr(nats_server, fault)()
    wait_until(lambda: link.problem is not None)
    second = publish(publisher, 5)
    assert publisher.waiting == 5
    nats_server.start()
    wait_until(lambda: publisher.published == 10)
    assert ids(listener)[:5] == first and set(ids(listener)) <= {*first, *second}


def test_a_frozen_server_gets_everything_in_order_when_it_goes_on(
    publisher: NatsPublisher,
    listener: NatsListener,
    nats_server: NatsServer,  # noqa: F811
) -> None:
    wanted = publish(publisher, 3)
    wait_until(lambda: publisher.published == 3)
    with nats_server.frozen():
        wanted += publish(publisher, 50)
        time.sleep(3.0)
        assert publisher.waiting == 50
    wait_until(lambda: publisher.published == 53)
    wait_until(lambda: ids(listener) == wanted)


def test_the_oldest_give_way_when_too_many_wait_and_are_counted(nats_server: NatsServer) -> None:  # noqa: F811
    link = NatsLink("nats://127.0.0.1:1", "test")
    publisher = NatsPublisher(link, limit=10)
    publisher.start()
    publish(publisher, 25)
    assert publisher.dropped + publisher.waiting == 25
    assert publisher.waiting <= 20
    publisher.stop(0.1)
    link.close()


def test_publishing_costs_the_caller_microseconds(link: NatsLink) -> None:
    publisher = NatsPublisher(link, limit=100_000)
    publisher.start()
    event = sample("call.received")
    begun = time.thread_time()
    for _ in range(5000):
        publisher.publish(event)
    assert (time.thread_time() - begun) / 5000 < 20e-6
    publisher.stop(10)
    assert publisher.published == 5000


def test_what_is_left_is_sent_at_the_stop(publisher: NatsPublisher, listener: NatsListener) -> None:
    wanted = publish(publisher, 20)
    publisher.stop(5)
    assert publisher.waiting == 0
    wait_until(lambda: ids(listener) == wanted)
