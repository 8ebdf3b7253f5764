"""Loans: a request that keeps others waiting for two seconds is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.limits import DATABASE_EXPENSIVE_MS, DATABASE_SHARE, STATEMENT_CONTENDED_S
from ringline.storage.loans import LoanLimits, Loans
from ringline.storage.pool import CREDENTIALS, INTERNAL, Borrower, Pool
from tests import clock as virtual

ADA, BEA, CIS = (UUID(int=number) for number in range(1, 4))
PATIENCE_S = STATEMENT_CONTENDED_S.most
SHARE, DEAR_S = DATABASE_SHARE.most / 100, DATABASE_EXPENSIVE_MS.most / 1000


class FakeConnection:
    """A fake connection."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self, *, timeout: float | None = None) -> None:
        self.closed = True


class Bank:
    """Ten connections, and the cancelled ones."""

    def __init__(self, loan_limits: LoanLimits | None = None) -> None:
        self.cancelled: list[FakeConnection] = []
        self.fails = False
        self.loans: Loans[FakeConnection] = Loans(
            Pool(self._connect, 10, wait_s=5), self._cancel, loan_limits=loan_limits
        )

    async def _connect(self) -> FakeConnection:
        return FakeConnection()

    async def _cancel(self, lines: Sequence[FakeConnection]) -> None:
        if self.fails:
            raise OSError
        self.cancelled += lines

    async def lend(self, borrower: Borrower, number: int = 1) -> list[FakeConnection]:
        return [await self.loans.borrow(borrower) for _ in range(number)]

    def wait(self, borrower: Borrower) -> "asyncio.Task[FakeConnection]":
        return asyncio.create_task(self.loans.borrow(borrower))


def run(
    main: Callable[[Bank], Coroutine[Any, Any, None]], loan_limits: LoanLimits | None = None
) -> None:
    async def whole() -> None:
        bank = Bank(loan_limits)
        await main(bank)
        await bank.loans.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    virtual.run(whole())


def test_a_request_that_keeps_another_waiting_is_cancelled_after_two_seconds() -> None:
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


def test_a_workspace_that_waits_for_itself_is_not_cancelled() -> None:
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
        await bank.lend(INTERNAL, 7)
        await bank.lend(CREDENTIALS, 2)
        (workspaces,) = await bank.lend(ADA)
        bank.wait(BEA)
        await asyncio.sleep(PATIENCE_S + 1)
        assert set(bank.cancelled) == {workspaces}

    run(main)


def test_a_failed_cancel_is_retried() -> None:
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


def test_an_endless_loan_is_terminated() -> None:
    async def main(bank: Bank) -> None:
        (line,) = await bank.lend(ADA)
        await asyncio.sleep(LoanLimits().longest_s)
        assert not line.closed
        await asyncio.sleep(LoanLimits().longest_s)
        assert line.closed
        bank.loans.give_back(line, clean=False)
        (other,) = await bank.lend(BEA)
        assert not other.closed

    run(main)


def test_limits_are_arguments() -> None:
    async def main(bank: Bank) -> None:
        old = await bank.lend(ADA, 3)
        young = await bank.lend(BEA, 3) + await bank.lend(CIS, 2)
        bank.wait(CIS)
        await asyncio.sleep(0.75)
        assert set(bank.cancelled) == {*old, *young[:3]}, "who keeps another borrower waiting"
        await asyncio.sleep(2)
        assert all(line.closed for line in (*old, *young))

    run(main, LoanLimits(longest_s=2, waited_for_s=0.5, look_s=0.5, look_waited_for_s=0.25))


# -- a workspace's share of the database ------------------------------------------------------


async def borrow_for(bank: Bank, borrower: Borrower, seconds: float) -> None:
    """Hold a connection for a time."""
    line = await bank.loans.borrow(borrower)
    await asyncio.sleep(seconds)
    bank.loans.give_back(line, clean=True)


async def keep_asking(bank: Bank, borrower: Borrower) -> None:
    """Borrow briefly, ten times a second."""
    while True:
        await borrow_for(bank, borrower, 0.001)
        await asyncio.sleep(0.1)


def test_expensive_requests_get_their_share_while_others_are_active() -> None:
    async def main(bank: Bank) -> None:
        loop, finished = asyncio.get_running_loop(), list[float]()

        async def read_on() -> None:
            while True:
                await borrow_for(bank, ADA, 0.45)
                finished.append(loop.time())

        reading = [asyncio.create_task(read_on()) for _ in range(3)]
        await asyncio.sleep(10)
        assert len(finished) == 3 * 22, "nobody else asks"
        asking = asyncio.create_task(keep_asking(bank, BEA))
        await asyncio.sleep(5)  # what was used until then is paid for
        finished.clear()
        await asyncio.sleep(20)
        assert len(finished) * (0.45 - DEAR_S) / 20 == pytest.approx(SHARE, rel=0.1)
        assert min(late - early for early, late in pairwise(finished)) > 0.45, "one at a time"
        asking.cancel()
        await asyncio.sleep(2)
        finished.clear()
        await asyncio.sleep(10)
        assert len(finished) >= 3 * 21, "nobody else asks any more"
        for task in reading:
            task.cancel()

    run(main)


def test_a_long_request_is_expensive_while_it_runs() -> None:
    async def main(bank: Bank) -> None:
        asking = asyncio.create_task(keep_asking(bank, BEA))
        long, short = await bank.lend(ADA, 2)
        await asyncio.sleep(3 * DEAR_S)
        bank.loans.give_back(short, clean=True)
        other = bank.wait(ADA)
        await asyncio.sleep(1)
        assert not other.done(), "one at a time"
        bank.loans.give_back(long, clean=True)
        bank.loans.give_back(await other, clean=True)
        asking.cancel()

    run(main)


def test_short_requests_are_never_expensive() -> None:
    async def main(bank: Bank) -> None:
        asking = asyncio.create_task(keep_asking(bank, BEA))
        started = asyncio.get_running_loop().time()
        for _ in range(100):
            await asyncio.gather(*(borrow_for(bank, ADA, DEAR_S) for _ in range(3)))
        lasted = asyncio.get_running_loop().time() - started
        assert lasted == pytest.approx(100 * DEAR_S, rel=0.01)
        asking.cancel()

    run(main)


def test_a_workspace_in_debt_blocks_nobody() -> None:
    async def main(bank: Bank) -> None:
        await asyncio.gather(*(borrow_for(bank, ADA, 10) for _ in range(3)))
        asking = asyncio.create_task(keep_asking(bank, CIS))
        (line,) = await bank.lend(BEA)
        started = asyncio.get_running_loop().time()
        waiting = bank.wait(ADA)
        await asyncio.sleep(PATIENCE_S + 0.4)
        assert not waiting.done()
        assert bank.cancelled == [], "there are connections for all"
        bank.loans.give_back(line, clean=True)
        await waiting
        assert asyncio.get_running_loop().time() - started < 3, "nobody waits longer"
        asking.cancel()

    run(main)
