"""The in-process bus, beyond the port's contract: it delivers at once."""

import asyncio
from functools import partial

from ringline.bus.memory import MemoryBus
from ringline.domain.publication import Publication
from ringline.ports import ALL_LOGS, Unsubscribe
from tests.samples import a_scope

FIRST, SECOND = (Publication(a_scope(number), ()) for number in (1, 2))


def test_every_subscriber_gets_every_publication_although_one_fails() -> None:
    bus = MemoryBus()
    heard: list[Publication] = []

    def fail(_: Publication) -> None:
        raise RuntimeError

    bus.subscribe(ALL_LOGS, fail)
    bus.subscribe(ALL_LOGS, heard.append)
    bus.publish(FIRST)
    asyncio.run(bus.close())
    bus.publish(SECOND)
    assert heard == [FIRST]


def test_subscribers_of_all_logs_come_before_those_of_the_log() -> None:
    bus = MemoryBus()
    heard: list[str] = []
    bus.subscribe(FIRST.scope, lambda _: heard.append("of the log"))
    bus.subscribe(SECOND.scope, lambda _: heard.append("of another"))
    bus.subscribe(ALL_LOGS, lambda _: heard.append("of all"))
    bus.publish(FIRST)
    assert heard == ["of all", "of the log"]


def test_a_subscriber_removed_during_a_delivery_does_not_get_it() -> None:
    bus = MemoryBus()
    heard: list[Publication] = []
    ends: list[Unsubscribe] = []
    bus.subscribe(FIRST.scope, lambda _: ends[0]())
    ends.append(bus.subscribe(FIRST.scope, heard.append))
    bus.publish(FIRST)
    assert heard == []


def test_a_subscriber_added_during_a_delivery_gets_the_next_one() -> None:
    bus = MemoryBus()
    heard: list[Publication] = []
    subscribe = partial(bus.subscribe, FIRST.scope, heard.append)
    end = bus.subscribe(FIRST.scope, lambda _: subscribe() and None)
    bus.publish(FIRST)
    assert heard == []
    end()
    bus.publish(FIRST)
    assert heard == [FIRST]
