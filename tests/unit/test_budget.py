"""What a key has under way, and that its reads wait for room, in virtual time."""

import asyncio

import pytest

from ringline.domain import limits
from ringline.domain.ids import uuid7
from ringline.web.budget import ROOM_S, SMALL_BYTES, ByteBudget, OverBudget, Share
from ringline.web.fair_share import BYTE_OUT_S, SHARE, FairShare
from tests import clock

KEY, OTHER = uuid7(0, 1), uuid7(0, 2)
PIECE = 256 * 1024
MOST = 3 * limits.ANSWER_BYTES.most


def share(budget: ByteBudget, key_id: object = KEY) -> Share:
    return Share(budget, FairShare(lambda: 0.0), key_id=key_id, workspace_id=key_id)  # type: ignore[arg-type]


def test_large_ones_of_a_key_are_counted_together() -> None:
    budget = ByteBudget(MOST)
    one, two, small = share(budget), share(budget), share(budget)
    one.hold(2 * MOST // 3)
    one.hold(MOST // 3)  # an answer that is smaller than its body was
    with pytest.raises(OverBudget):
        two.hold(MOST // 2)
    small.hold(SMALL_BYTES)
    share(budget, OTHER).hold(MOST)
    assert budget.under_way(KEY) == 2 * MOST // 3
    one.close()
    one.close()
    assert budget.under_way(KEY) == 0
    two.hold(MOST // 2)


def test_what_an_answer_holds_is_known_better_as_it_is_made() -> None:
    budget = ByteBudget(MOST)
    one = share(budget)
    one.hold(MOST // 3)
    one.settle(MOST)
    assert budget.under_way(KEY) == MOST
    one.settle(MOST // 2)
    assert budget.under_way(KEY) == MOST // 2
    one.settle(SMALL_BYTES)
    assert budget.under_way(KEY) == 0


def test_a_large_answer_is_made_at_its_workspaces_pace() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        budget, fair = ByteBudget(MOST), FairShare(loop.time)
        one = Share(budget, fair, key_id=KEY, workspace_id=KEY)

        async def make(size: int) -> float:
            started = loop.time()
            for _ in range(size // PIECE):
                await one.pace(size, PIECE)
                fair.charge("others", 0.0)
            one.charge_answer(size)
            return loop.time() - started

        size = limits.ANSWER_BYTES.most // PIECE * PIECE
        assert await make(size) == pytest.approx(size * BYTE_OUT_S / SHARE, rel=0.2)
        assert budget.under_way(KEY) == size
        alone = Share(budget, FairShare(loop.time), key_id=OTHER, workspace_id=OTHER)
        started = loop.time()
        for _ in range(size // PIECE):
            await alone.pace(size, PIECE)
        assert loop.time() == started

    clock.run(main())


def test_a_read_waits_for_room_and_not_for_ever() -> None:
    async def main() -> None:
        budget = ByteBudget(MOST)
        unread, reading = share(budget), share(budget)
        await reading.room()
        unread.hold(MOST)
        waiting = asyncio.create_task(reading.room())
        await asyncio.sleep(1)
        assert not waiting.done()
        unread.close()
        await waiting
        unread.hold(MOST)
        started = asyncio.get_running_loop().time()
        with pytest.raises(OverBudget):
            await reading.room()
        assert asyncio.get_running_loop().time() - started < ROOM_S + 1

    clock.run(main())


def test_a_read_that_came_too_late_gets_room_of_its_own() -> None:
    answer = limits.ANSWER_BYTES.most

    async def main() -> None:
        budget = ByteBudget(MOST)
        *early, late = (share(budget) for _ in range(4))
        for one in (*early, late):
            await one.room()
        for one in early:
            await one.pace(answer, 0)
        with pytest.raises(OverBudget):
            await late.pace(answer, 0)
        waiting = asyncio.create_task(late.take_room())
        await asyncio.sleep(1)
        assert not waiting.done()
        early[0].close()
        await waiting
        for size in (answer, 1, answer):  # one statement after another
            await late.pace(size, 0)
            assert budget.under_way(KEY) == MOST
        late.settle(1)  # the answer is known
        assert budget.under_way(KEY) == 2 * answer

    clock.run(main())
