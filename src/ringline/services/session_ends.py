"""Ending a session by its id: its unused ticket, or the session itself (realtime voice, 2.7).

A ticket and the session that it opens have one id. A session is registered before its ticket
is redeemed, and its end is looked for after the ticket was: so either the ticket is still there
to be deleted, and opens nothing, or whoever redeemed it is registered.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from uuid import UUID

from ringline.domain.call_signals import EndOrdered, Verdict
from ringline.domain.endings import EndCause
from ringline.domain.log import Scope
from ringline.ports import CallStore, Clock, TicketStore
from ringline.services.calls import Calls

#: The source of the calls that sessions are.
SOURCE = "realtime"


class SessionEnds:
    """Ends sessions and tickets, for whoever has a key of their log."""

    def __init__(
        self, tickets: TicketStore, calls: Calls, *, records: CallStore, now: Clock
    ) -> None:
        self._tickets = tickets
        self._calls = calls
        self._records = records
        self._now = now
        self._open: dict[tuple[Scope, UUID], dict[object, Callable[[], None]]] = {}

    @contextmanager
    def registered(
        self, scope: Scope, session_id: UUID, *, end: Callable[[], None]
    ) -> Generator[None]:
        """Register a session while a block runs; `end` ends it, however far it has come."""
        name, token = (scope, session_id), object()
        self._open.setdefault(name, {})[token] = end
        try:
            yield
        finally:
            del self._open[name][token]
            if not self._open[name]:
                del self._open[name]

    async def end(self, scope: Scope, session_id: UUID) -> bool:
        """End a session, or delete the ticket that would open it.

        Returns whether there was one; a session that has ended stays as it is. Raises
        Unavailable.
        """
        if await self._tickets.drop_ticket(scope, session_id, now=self._now()):
            return True
        if running := self._open.get((scope, session_id)):
            for end in tuple(running.values()):
                end()
            return True
        ended = EndOrdered(EndCause.SESSION_REVOKED)
        if await self._calls.order(scope, session_id, order=ended) is not Verdict.NOT_HERE:
            return True  # its socket is closed, and its end is not written yet
        call = await self._records.get_call(scope, session_id)
        return call is not None and call.source == SOURCE
