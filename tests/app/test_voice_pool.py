"""The pool of worker processes: its limit, and workers that die or hang."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import msgspec
import pytest

from ringline.voices import speech, workers
from ringline.voices.speech import Sentence
from ringline.voices.workers import WAITING_LIMIT, PoolBusy, WorkerLost, WorkerPool, WorkFailed

WORK = msgspec.msgpack.encode(Sentence("Hello."))


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    opened = WorkerPool(speech.MODULE)
    yield opened
    await opened.close()
    assert opened.process_ids == []


async def ask(pool: WorkerPool, body: bytes = WORK) -> int:
    return sum([len(part) async for part in pool.ask(body)])


async def test_nothing_runs_before_it_is_needed(pool: WorkerPool):
    assert pool.process_ids == []
    assert pool.idle
    assert await ask(pool) > 0
    assert len(pool.process_ids) == 1


async def test_work_beyond_the_bound_is_refused_and_a_death_fails_what_waits(pool: WorkerPool):
    await ask(pool)
    worker = pool.process_ids[0]
    os.kill(worker, signal.SIGSTOP)
    waiting = [asyncio.ensure_future(ask(pool)) for _ in range(WAITING_LIMIT + 1)]
    refused, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in refused] == [PoolBusy]
    assert not pool.idle
    os.kill(worker, signal.SIGKILL)
    await asyncio.wait(waiting)
    lost = [task for task in waiting if isinstance(task.exception(), WorkerLost)]
    assert len(lost) == WAITING_LIMIT
    assert await ask(pool) > 0
    assert pool.process_ids != [worker]


async def test_a_worker_that_hangs_is_killed(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch):
    await ask(pool)
    worker = pool.process_ids[0]
    os.kill(worker, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(workers, "SILENCE_LIMIT_S", 0.2)
        with pytest.raises(WorkerLost):
            await ask(pool)
    assert await ask(pool) > 0
    assert worker not in pool.process_ids


async def test_work_that_fails_does_not_end_the_worker(pool: WorkerPool):
    await ask(pool)
    before = pool.process_ids
    with pytest.raises(WorkFailed, match=r"^KeyError$"):  # the type, never what was said
        await ask(pool, msgspec.msgpack.encode(Sentence("Hello.", "no-such-voice")))
    assert await ask(pool) > 0
    assert pool.process_ids == before


async def test_who_gives_up_does_not_disturb_the_others(pool: WorkerPool):
    await ask(pool)
    whole = await ask(pool)
    given_up = asyncio.ensure_future(ask(pool))
    kept = asyncio.ensure_future(ask(pool))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await kept == pytest.approx(whole, rel=0.05)
    assert pool.idle
