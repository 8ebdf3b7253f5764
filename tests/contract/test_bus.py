"""The port `Bus`: which subscribers get which publications.

The adapters are the one in memory, that one with every publication encoded and decoded as
between processes, and the test doubles.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ringline.bus.memory import MemoryBus
from ringline.domain.log import Environment, Scope
from ringline.domain.publication import Publication, Published
from ringline.ports import ALL_LOGS, AllLogs, Bus, Subscriber, Unsubscribe
from ringline.wire.publication import decode_publication, encode_publication
from tests.faulty import FaultyBus
from tests.payload_examples import SCOPE, STORED
from tests.samples import a_scope, new_id, note, partial
from tests.world import ProcessBus

LIMIT_S = 10.0
OTHER = a_scope(2)


class BytesBus:
    """A bus in memory that encodes and decodes every publication."""

    def __init__(self) -> None:
        self._bus = MemoryBus()

    def publish(self, publication: Publication) -> None:
        self._bus.publish(decode_publication(encode_publication(publication)))

    def subscribe(self, logs: Scope | AllLogs, subscriber: Subscriber) -> Unsubscribe:
        return self._bus.subscribe(logs, subscriber)

    async def close(self) -> None:
        await self._bus.close()


ADAPTERS: dict[str, Callable[[], Bus]] = {
    "memory": MemoryBus,
    "bytes": BytesBus,
    "faulty": FaultyBus,
    "process": lambda: ProcessBus(FaultyBus()),
}


@pytest.fixture(params=ADAPTERS)
def bus(request: pytest.FixtureRequest) -> Bus:
    return ADAPTERS[request.param]()


@dataclass
class Recorder:
    """A subscriber that records what it gets."""

    heard: list[Publication] = field(default_factory=list[Publication])
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, publication: Publication) -> None:
        self.heard.append(publication)
        self.changed.set()

    async def gets(self, *expected: Publication) -> None:
        """Wait for this many publications, and check that they are the expected ones."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.heard) < len(expected):
                self.changed.clear()
                await self.changed.wait()
        assert self.heard == list(expected)


def a_publication(scope: Scope = SCOPE) -> Publication:
    return Publication(scope, (Published(1, note()), Published(1, partial(new_id(), "so far", 0))))


async def test_a_subscriber_gets_the_publications_of_its_log_alone(bus: Bus) -> None:
    mine, other = Recorder(), Recorder()
    bus.subscribe(SCOPE, mine)
    bus.subscribe(OTHER, other)
    test = Scope(SCOPE.workspace_id, Environment.TEST)
    sent = [a_publication(scope) for scope in (SCOPE, OTHER, test, SCOPE)]
    for publication in sent:
        bus.publish(publication)
    await mine.gets(sent[0], sent[3])
    await other.gets(sent[1])


async def test_a_subscriber_of_all_logs_gets_what_this_process_publishes(bus: Bus) -> None:
    all_logs = Recorder()
    bus.subscribe(ALL_LOGS, all_logs)
    sent = [a_publication(scope) for scope in (SCOPE, OTHER, a_scope(3))]
    for publication in sent:
        bus.publish(publication)
    await all_logs.gets(*sent)


async def test_every_subscriber_of_a_log_gets_its_publications(bus: Bus) -> None:
    ears = [Recorder() for _ in range(3)]
    for ear in ears:
        bus.subscribe(SCOPE, ear)
    bus.subscribe(ALL_LOGS, ears[2])
    sent = a_publication()
    bus.publish(sent)
    await ears[0].gets(sent)
    await ears[1].gets(sent)
    await ears[2].gets(sent, sent)  # once for each subscription


async def test_events_of_every_type_arrive_as_they_were_published(bus: Bus) -> None:
    ear = Recorder()
    bus.subscribe(SCOPE, ear)
    events = tuple(Published(stored.offset, stored.event) for stored in STORED)
    bus.publish(Publication(SCOPE, events))
    bus.publish(Publication(SCOPE, ()))
    await ear.gets(Publication(SCOPE, events), Publication(SCOPE, ()))


async def test_a_subscriber_that_fails_hurts_neither_the_publisher_nor_others(bus: Bus) -> None:
    def fail(_: Publication) -> None:
        raise RuntimeError

    ear = Recorder()
    bus.subscribe(ALL_LOGS, fail)
    bus.subscribe(SCOPE, fail)
    bus.subscribe(SCOPE, ear)
    sent = [a_publication(), a_publication()]
    for publication in sent:
        bus.publish(publication)
    await ear.gets(*sent)


async def test_a_removed_subscriber_gets_nothing_more_but_others_do(bus: Bus) -> None:
    left, stayed = Recorder(), Recorder()
    ends = [bus.subscribe(SCOPE, left), bus.subscribe(ALL_LOGS, left)]
    bus.subscribe(SCOPE, stayed)
    for end in ends:
        end()
        end()  # harmless
    sent = a_publication()
    bus.publish(sent)
    await stayed.gets(sent)
    await left.gets()


async def test_the_same_subscriber_may_come_again(bus: Bus) -> None:
    ear, other = Recorder(), Recorder()
    bus.subscribe(SCOPE, other)
    first = bus.subscribe(SCOPE, ear)
    bus.subscribe(SCOPE, ear)
    first()
    sent = a_publication()
    bus.publish(sent)
    await other.gets(sent)
    await ear.gets(sent)


async def test_a_subscriber_may_unsubscribe_while_it_takes_a_publication(bus: Bus) -> None:
    ends: list[Unsubscribe] = []
    once, stayed = Recorder(), Recorder()

    def hear_once(publication: Publication) -> None:
        once(publication)
        ends[0]()

    ends.append(bus.subscribe(SCOPE, hear_once))
    bus.subscribe(SCOPE, stayed)
    sent = [a_publication(), a_publication()]
    for publication in sent:
        bus.publish(publication)
    await stayed.gets(*sent)
    await once.gets(sent[0])


async def test_a_closed_bus_sends_nothing_and_takes_publications_all_the_same(bus: Bus) -> None:
    ear = Recorder()
    end = bus.subscribe(SCOPE, ear)
    sent = a_publication()
    bus.publish(sent)
    await ear.gets(sent)
    await bus.close()
    bus.publish(a_publication())
    end()
    await asyncio.sleep(0.01)
    await ear.gets(sent)
