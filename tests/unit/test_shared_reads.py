"""A thousand clients that come back at once: no event is lost, and the log is asked a few times."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from ringline.bus.memory import MemoryBus
from ringline.domain.log import AfterEvent, Position, Scope
from ringline.domain.topics import ALL_EVENTS, Topic
from ringline.ports import LogHead, LogPage
from ringline.services.follow import OnLoss, Subscription, follow, resolve
from ringline.services.hub import Hub
from ringline.services.outbox import Outbox
from ringline.services.shared_reads import SharedReads
from tests import clock
from tests.faulty import EPOCH, MemoryLog
from tests.samples import LineDialect, RecordingConnection, a_scope, a_subscriber, entry, note

CLIENTS, EVENTS = 1_000, 300


class Counted:
    """A log that counts its queries, and how many run at once."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.asked: Counter[str] = Counter()

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        self.asked["find"] += 1
        return await self.log.find(scope, event_ids)

    async def page(
        self, scope: Scope, after: int, *, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        self.asked["page"] += 1
        return await self.log.page(scope, after, limit=limit, topic=topic)

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        self.asked["heads"] += 1
        return await self.log.heads(scopes)


def test_a_thousand_that_come_back_at_once_ask_the_log_a_few_times() -> None:
    """They missed between 100 and 110 events, one half says so by position, the other by id."""

    async def main() -> None:
        scope, log = a_scope(), MemoryLog()
        events = [note() for _ in range(EVENTS)]
        await log.commit([entry(scope, *events)])
        counted = Counted(log)
        reads, hub = SharedReads(counted), Hub(log, MemoryBus())
        hub.start()

        async def come_back(number: int) -> list[str]:
            last = EVENTS - 100 - number % 10
            by_id = number % 2
            since = AfterEvent(events[last - 1].id) if by_id else Position(EPOCH, last)
            start = await resolve(reads, scope, since=since)
            assert start.recovered
            connection = RecordingConnection()
            outbox = Outbox(connection, hub.tick, overrun=lambda: None)
            subscription = Subscription(
                scope,
                ALL_EVENTS,
                LineDialect(),
                OnLoss.STOP,
                on_gap=lambda follower: None,
                subscriber=a_subscriber(),
            )
            follower = await follow(
                hub, reads, subscription=subscription, since=start.position, outbox=outbox
            )
            await outbox.drained()
            follower.close()
            lines = connection.lines
            assert [line.split()[0] for line in lines] == [
                f"{EPOCH}:{offset}" for offset in range(last + 1, EVENTS + 1)
            ]
            return lines

        await asyncio.gather(*(come_back(number) for number in range(CLIENTS)))
        assert counted.asked["heads"] <= 3
        assert counted.asked["find"] <= 10
        assert counted.asked["page"] <= 40
        await hub.close()

    clock.run(main())
