"""The bus of a single process."""

import asyncio

from ringline.bus.memory import MemoryBus
from ringline.domain.publication import Publication
from tests.samples import a_scope


def test_every_subscriber_gets_every_publication_and_a_broken_one_hurts_nobody() -> None:
    bus = MemoryBus()
    heard: list[Publication] = []

    def fail(_: Publication) -> None:
        raise RuntimeError

    bus.subscribe(fail)
    bus.subscribe(heard.append)
    first, second = (Publication(a_scope(number), ()) for number in (1, 2))
    bus.publish(first)
    asyncio.run(bus.close())
    bus.publish(second)
    assert heard == [first]
