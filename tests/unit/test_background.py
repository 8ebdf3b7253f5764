"""Work in the background: it ends with the server, and its failure is logged alone."""

import asyncio
from contextlib import AsyncExitStack

from structlog.testing import capture_logs

from ringline.services.background import run_in_background
from tests import clock


def test_work_is_cancelled_when_the_server_stops() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    async def main() -> None:
        async with AsyncExitStack() as stack:
            stack.callback(seen.append, "what was started before it stops after it")
            run_in_background(stack, work())
            await asyncio.sleep(1)
            assert seen == ["begun"]

    with capture_logs() as told:
        clock.run(main())
    assert seen[1:] == ["cancelled", "what was started before it stops after it"]
    assert told == []


def test_work_that_is_done_is_not_missed() -> None:
    async def work() -> None:
        await asyncio.sleep(1)

    async def main() -> None:
        async with AsyncExitStack() as stack:
            run_in_background(stack, work())
            await asyncio.sleep(2)

    with capture_logs() as told:
        clock.run(main())
    assert told == []


def test_a_failure_is_logged_without_its_text_and_ends_nothing() -> None:
    async def work() -> None:
        raise ValueError("what a caller said")

    async def main() -> None:
        async with AsyncExitStack() as stack:
            run_in_background(stack, work())
            await asyncio.sleep(1)

    with capture_logs() as told:
        clock.run(main())
    assert [(line["event"], line["error"]) for line in told] == [
        ("background_work_failed", "ValueError")
    ]
    assert "caller" not in str(told)
