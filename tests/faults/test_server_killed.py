"""A server killed in the middle of its calls, and what the next one makes of it."""

from pathlib import Path

import aiohttp

from ringline.domain.ids import Prefix, show_id
from tests.faults.people import calling, watching
from tests.faults.processes import read_log, server_process


async def test_a_killed_server_ends_its_calls_at_the_next_start(parent: Path) -> None:
    async with aiohttp.ClientSession() as http:
        async with server_process(parent) as first:
            api = first.api(http)
            port = int(first.base_url.rsplit(":", 1)[1])
            async with watching(api) as watcher, calling(api) as one, calling(api) as other:
                await one.ask()
                await watcher.until("call_answered", other.call_uuid)
                assert [member.name() for member in first.family()]
                await first.kill()

                async with server_process(parent, port=port) as second:
                    for call in (one, other):
                        await watcher.until("call_ended", call.call_uuid)
                    assert [join.recovered for join in watcher.joins] == [None, True]
                    log = await read_log(second.dsn(), second.log)
                    told = watcher.durable
                    assert {
                        row.offset: show_id(Prefix.EVENT, row.event.id)
                        for row in log
                        if row.offset in told
                    } == told

                    async with watching(second.api(http), "0") as late:
                        await late.until("call_ended", other.call_uuid)
                        assert late.durable == told

                    for call in (one, other):
                        names = watcher.names(call.call_uuid)
                        assert names[-3:] == [
                            "call_participant_left",
                            "call_participant_left",
                            "call_ended",
                        ]
                        assert names.count("call_ended") == 1
                    assert await second.end() == 0
