"""Sessions leave nothing behind: no task, no call, no occupied slot."""

import asyncio

from ringline.client.http import Api
from tests.faults.embedded import LIMIT_S
from tests.faults.people import calling, watching
from tests.serving import Service

SESSIONS = 200
AT_ONCE = 10


def tasks() -> int:
    return len(asyncio.all_tasks())


async def settled(most: int) -> None:
    """Wait until there are no more tasks than before, since a close does not wait for them."""
    async with asyncio.timeout(LIMIT_S):
        while tasks() > most:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def come_and_go(api: Api, each: int) -> None:
    for _ in range(each):
        async with calling(api) as caller:
            await caller.send("text.input", text="hello")


async def test_two_hundred_sessions_leave_no_task(service: Service) -> None:
    api = Api(service.base_url, service.keys.secret_key, service.http)
    await come_and_go(api, 1)  # what is made once is made
    async with watching(api) as watcher:
        await asyncio.sleep(0.2)
        before = tasks()
        async with asyncio.TaskGroup() as callers:
            for _ in range(AT_ONCE):
                callers.create_task(come_and_go(api, SESSIONS // AT_ONCE))
        await watcher.until_told("call_ended", SESSIONS)
        await settled(before)
    await come_and_go(api, 1)


async def test_watchers_that_come_and_go_leave_no_task(service: Service) -> None:
    api = Api(service.base_url, service.keys.secret_key, service.http)
    async with calling(api) as caller:
        before = 0
        for number in range(SESSIONS):
            async with watching(api, "0") as watcher:
                await watcher.until("call_answered", caller.call_uuid)
            if number == 0:
                await asyncio.sleep(0.5)
                before = tasks()
        await settled(before)
