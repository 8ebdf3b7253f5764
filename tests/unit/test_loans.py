"""Loans: who keeps others waiting for two seconds is cancelled, and nobody else."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

from ringline.domain.limits import STATEMENT_WAITED_FOR_S
from ringline.storage.loans import LONGEST_LOAN_S, Loans
from ringline.storage.pool import DOOR, HOUSE, Lane, Pool
from tests import clock as virtual

ADA, BEA, CIS = (UUID(int=number) for number in range(1, 4))
PATIENCE_S = STATEMENT_WAITED_FOR_S.most


class Line:
    """A connection to nothing."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self, *, timeout: float | None = None) -> None:
        self.closed = True


class Bank:
    """Ten connections, and which of them were cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[Line] = []
        self.fails = False
        self.loans: Loans[Line] = Loans(Pool(self._connect, 10, 5), self._cancel)

    async def _connect(self) -> Line:
        return Line()

    async def _cancel(self, lines: Sequence[Line]) -> None:
        if self.fails:
            raise OSError
        self.cancelled += lines

    async def lend(self, lane: Lane, number: int = 1) -> list[Line]:
        return [await self.loans.borrow(lane) for _ in range(number)]

    def wait(self, lane: Lane) -> "asyncio.Task[Line]":
        return asyncio.create_task(self.loans.borrow(lane))


def run(main: Callable[[Bank], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        bank = Bank()
        await main(bank)
        await bank.loans.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    virtual.run(whole())


def test_who_keeps_another_waiting_is_cancelled_after_two_seconds() -> None:
    async def main(bank: Bank) -> None:
        old = await bank.lend(ADA, 3)
        await asyncio.sleep(PATIENCE_S + 1)
        assert bank.cancelled == [], "nobody waits"
        await bank.lend(BEA, 3)
        await bank.lend(CIS, 2)
        waiting = bank.wait(CIS)
        await asyncio.sleep(1)
        assert set(bank.cancelled) == set(old), "the others are younger"
        for line in old:
            bank.loans.give_back(line, clean=True)
        assert (await waiting) not in old
        assert all(line.closed for line in old), "what was cancelled is not lent again"

    run(main)


def test_who_waits_for_their_own_is_not_waited_for() -> None:
    async def main(bank: Bank) -> None:
        await bank.lend(ADA, 3)
        await bank.lend(BEA, 3)
        waiting = [bank.wait(ADA), bank.wait(BEA)]
        await asyncio.sleep(PATIENCE_S + 1)
        assert bank.cancelled == []
        for one in waiting:
            one.cancel()

    run(main)


def test_the_servers_own_statements_are_not_cancelled() -> None:
    async def main(bank: Bank) -> None:
        await bank.lend(HOUSE, 7)
        await bank.lend(DOOR, 2)
        (workspaces,) = await bank.lend(ADA)
        bank.wait(BEA)
        await asyncio.sleep(PATIENCE_S + 1)
        assert set(bank.cancelled) == {workspaces}

    run(main)


def test_a_cancel_that_failed_is_tried_again() -> None:
    async def main(bank: Bank) -> None:
        old = await bank.lend(ADA, 3)
        await bank.lend(BEA, 3)
        await bank.lend(CIS, 2)
        bank.wait(CIS)
        bank.fails = True
        await asyncio.sleep(PATIENCE_S + 1)
        bank.fails = False
        await asyncio.sleep(1)
        assert set(old) <= set(bank.cancelled)

    run(main)


def test_a_loan_without_end_is_given_up() -> None:
    async def main(bank: Bank) -> None:
        (line,) = await bank.lend(ADA)
        await asyncio.sleep(LONGEST_LOAN_S)
        assert not line.closed
        await asyncio.sleep(LONGEST_LOAN_S)
        assert line.closed
        bank.loans.give_back(line, clean=False)
        (other,) = await bank.lend(BEA)
        assert not other.closed

    run(main)
