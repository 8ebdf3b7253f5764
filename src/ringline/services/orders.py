"""Orders from requests to a live call; each is answered after its commit.

An order goes through the call's inbox like any signal, so the call handles it in a definite
state. The reply waits for the last entry the call had submitted when it handled the order:
the order's own entry, or, if the order changed nothing, the one that already had that effect.
A call's entries are written in order, so everything the reply implies is committed.

A call that ends answers the orders it has not handled. An order is carried out even if its
request was cancelled.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ringline.domain.audit import AuditEntry
from ringline.domain.call_signals import CallSignal, Verdict
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import EntryRefused
from ringline.services.backlog import OnOutcome, Outcome, Refused, StorageLost, Written

#: How long a request waits for its order to be handled and committed.
ORDER_S = 10.0
#: Most orders that one call may have in its inbox; further ones are refused.
MAX_ORDERS = 100


@dataclass(frozen=True, slots=True)
class Handled:
    """The call has handled an order; `written` resolves later."""

    verdict: Verdict
    written: asyncio.Future[Outcome]


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """A signal in a call's inbox, with a request waiting for it.

    `deed` is written with what comes of it.
    """

    signal: CallSignal
    handled: asyncio.Future[Handled]
    deed: AuditEntry | None = None


class Orders:
    """The pending orders of one call, and the outcome of its newest entry."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Ordered] = set()
        self._closed = False
        #: Resolves to the outcome of the newest durable entry.
        self.written: asyncio.Future[Outcome] = self._loop.create_future()

    def check_room(self) -> None:
        """Raise Unavailable if too many orders are waiting to be handled."""
        if len(self._waiting) >= MAX_ORDERS:
            raise Unavailable(UnavailableReason.TOO_MANY_ORDERS)

    async def submit(
        self,
        signal: CallSignal,
        enqueue: Callable[[Ordered], None],
        *,
        deed: AuditEntry | None = None,
    ) -> Verdict:
        """Enqueue an order; return what became of it.

        Returns after the commit. Raises Unavailable if that is not confirmed within
        `ORDER_S`, and EntryRefused. The order is in the inbox before the first await.
        """
        ordered = Ordered(signal, self._loop.create_future(), deed)
        self._waiting.add(ordered)
        if self._closed:
            self.acknowledge(ordered, Verdict.NOT_ACTIVE)
        else:
            enqueue(ordered)
        try:
            async with asyncio.timeout(ORDER_S):
                handled = await ordered.handled
                outcome = await asyncio.shield(handled.written)
        except TimeoutError:
            raise Unavailable(UnavailableReason.ORDER_UNCONFIRMED) from None
        match outcome:
            case Written():
                return handled.verdict
            case Refused(why, sqlstate):
                raise EntryRefused(why, sqlstate)
            case StorageLost():
                raise Unavailable(UnavailableReason.ORDER_UNCONFIRMED)

    def acknowledge(self, ordered: Ordered, verdict: Verdict) -> None:
        """Answer an order that the call has handled, after submitting what came of it."""
        self._waiting.discard(ordered)
        if not ordered.handled.done():  # the request may have been cancelled
            ordered.handled.set_result(Handled(verdict, self.written))

    def track(self, on_outcome: OnOutcome) -> OnOutcome:
        """Track a durable entry about to be submitted; return the callback to submit with it."""
        written = self.written = self._loop.create_future()

        def both(outcome: Outcome) -> None:
            written.set_result(outcome)
            on_outcome(outcome)

        return both

    def close(self) -> None:
        """Answer the orders that the ended call did not handle, and all later ones."""
        self._closed = True
        for ordered in list(self._waiting):
            self.acknowledge(ordered, Verdict.NOT_ACTIVE)
