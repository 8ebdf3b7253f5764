"""Orders of requests to a live call: told means committed.

An order goes through the call's inbox like every signal, so it meets the call in one
certain state. Its answer waits for the newest entry that the call had submitted once it was
taken: the order's own, or, where it changed nothing, the one that had made it so. A call's
entries are written in order, so nothing that the answer speaks of is still unwritten.

A call that ends answers the orders that it has not taken. An order whose request has gone
away is carried out all the same.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ringline.domain.call_signals import CallSignal
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import EntryRefused
from ringline.services.backlog import Outcome, Refused, StorageLost, Told, Written

#: How long a request waits for its order to be carried out and committed.
ORDER_S = 10.0
#: Most orders that one call has yet to take; more are refused.
MAX_ORDERS = 100


class Verdict(StrEnum):
    """What became of an order to a call."""

    DONE = "done"  # carried out, or it was so already
    NOT_ACTIVE = "not_active"  # the call is not answered yet, or is over
    NOT_HERE = "not_here"  # no such call of this log runs in this process


@dataclass(frozen=True, slots=True)
class Taken:
    """An order has met its call, which was `active` or not; `written` comes later."""

    active: bool
    written: asyncio.Future[Outcome]


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """A signal in a call's inbox that a request waits for."""

    signal: CallSignal
    taken: asyncio.Future[Taken]


class Orders:
    """The orders to one call, and the fate of its newest entry."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Ordered] = set()
        self._closed = False
        #: What became of the newest durable entry, once that is known.
        self.written: asyncio.Future[Outcome] = self._loop.create_future()

    def check_room(self) -> None:
        """Raise Unavailable where too many orders wait to be taken."""
        if len(self._waiting) >= MAX_ORDERS:
            raise Unavailable(UnavailableReason.TOO_MANY_ORDERS)

    async def give(self, signal: CallSignal, put: Callable[[Ordered], None]) -> bool:
        """Put an order into the inbox; tell whether the call was active when it took it.

        Returns when that is committed; raises Unavailable if this is not known within
        `ORDER_S`, and EntryRefused. Nothing is awaited before it is in the inbox.
        """
        ordered = Ordered(signal, self._loop.create_future())
        self._waiting.add(ordered)
        if self._closed:
            self.answer(ordered, active=False)
        else:
            put(ordered)
        try:
            async with asyncio.timeout(ORDER_S):
                taken = await ordered.taken
                outcome = await asyncio.shield(taken.written)
        except TimeoutError:
            raise Unavailable(UnavailableReason.ORDER_UNCONFIRMED) from None
        match outcome:
            case Written():
                return taken.active
            case Refused(why, sqlstate):
                raise EntryRefused(why, sqlstate)
            case StorageLost():
                raise Unavailable(UnavailableReason.ORDER_UNCONFIRMED)

    def answer(self, ordered: Ordered, *, active: bool) -> None:
        """Note that an order has been taken, and with it what the call submitted."""
        self._waiting.discard(ordered)
        if not ordered.taken.done():  # its request may have gone away
            ordered.taken.set_result(Taken(active, self.written))

    def follow(self, told: Told) -> Told:
        """Note that a durable entry is submitted; return whom the journal is to tell."""
        written = self.written = self._loop.create_future()

        def both(outcome: Outcome) -> None:
            written.set_result(outcome)
            told(outcome)

        return both

    def close(self) -> None:
        """Answer what the call, which is over, has not taken; nothing waits from here on."""
        self._closed = True
        for ordered in list(self._waiting):
            self.answer(ordered, active=False)
