"""One lookup for all who ask at the same time, and never one that began before they asked."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.services.shared_lookup import SharedLookup
from tests import clock


class Register:
    """Answers, after a second, with the number of changes when the lookup began."""

    def __init__(self) -> None:
        self.changes = 0
        self.lookups: list[str] = []
        self.broken = False

    async def look_up(self, asked: str) -> int:
        self.lookups.append(asked)
        seen, broken = self.changes, self.broken
        await asyncio.sleep(1)
        if broken:
            raise ConnectionError
        return seen


def test_all_who_wait_share_the_next_lookup() -> None:
    async def main() -> None:
        register = Register()
        shared: SharedLookup[int] = SharedLookup()
        first = asyncio.create_task(shared.ask("a", lambda: register.look_up("a")))
        await asyncio.sleep(0.5)
        register.changes = 1
        later = [
            asyncio.create_task(shared.ask("a", lambda: register.look_up("a")))
            for _ in range(1_000)
        ]
        other = asyncio.create_task(shared.ask("b", lambda: register.look_up("b")))
        assert await first == 0
        assert await other == 1
        assert set(await asyncio.gather(*later)) == {1}
        assert register.lookups == ["a", "b", "a"]
        assert await shared.ask("a", lambda: register.look_up("a")) == 1
        assert len(register.lookups) == 4, "nothing is kept"

    clock.run(main())


def test_a_failure_is_everybodys_who_waited_and_nobody_elses() -> None:
    async def main() -> None:
        register = Register()
        shared: SharedLookup[int] = SharedLookup()
        register.broken = True
        failing = [
            asyncio.create_task(shared.ask("a", lambda: register.look_up("a"))) for _ in range(3)
        ]
        await asyncio.sleep(0.5)
        register.broken = False
        lucky = asyncio.create_task(shared.ask("a", lambda: register.look_up("a")))
        for task in failing:
            with pytest.raises(ConnectionError):
                await task
        assert await lucky == 0

    clock.run(main())


@given(st.lists(st.tuples(st.sampled_from("acwx"), st.floats(0, 0.7)), max_size=30))
def test_nobody_gets_an_answer_older_than_their_question(steps: list[tuple[str, float]]) -> None:
    async def main() -> None:
        register = Register()
        shared: SharedLookup[int] = SharedLookup()
        asking: list[tuple[int, asyncio.Task[int]]] = []
        for step, wait_s in steps:
            if step == "a":
                asking.append(
                    (
                        register.changes,
                        asyncio.create_task(shared.ask("a", lambda: register.look_up("a"))),
                    )
                )
            elif step == "c":
                register.changes += 1
            elif step == "x" and asking:
                asking.pop()[1].cancel()
            await asyncio.sleep(wait_s)
        for asked_at, task in asking:
            assert await task >= asked_at
        await asyncio.sleep(3)
        assert len(asyncio.all_tasks()) == 1

    clock.run(main())
