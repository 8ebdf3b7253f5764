"""Control of calls by requests: end, hold, transfer, barge in, hand back, place.

A call that runs in our processes gets an order (`services.orders`). For a call that lives
elsewhere we can only end the record; controlling it would take telephony.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.audit import AuditEntry
from ringline.domain.call import Moment
from ringline.domain.call_signals import ControlOrder, EndOrdered, Verdict
from ringline.domain.call_vocabulary import CallStatus, CallTransport, ParticipantRole
from ringline.domain.endings import EndCause
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.log import Scope
from ringline.domain.routes import Seat
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents
from ringline.services.audit import record
from ringline.services.calls import CallOrder, Calls
from ringline.services.external_calls import (
    BadReference,
    NoSuchRecord,
    end_call,
)
from ringline.services.found_calls import FoundCall, find_call
from ringline.services.repo import Repo

#: A capability that Ringline does not have yet.
TELEPHONY = "telephony"

_AGENT = Prepared(
    sa.select(agents.c.id).where(agents.c.id == sa.bindparam("wanted", type_=sa.Uuid))
)


_ACTIVE = frozenset({CallStatus.ANSWERED, CallStatus.HELD})


class BargeMode(StrEnum):
    """How an operator joins a call: heard by no one, by the agent, or by everyone."""

    LISTEN = Seat.LISTEN.value
    WHISPER = Seat.WHISPER.value
    BARGE = Seat.BARGE.value


class NotConfigured(Exception):
    """The request needs a capability that is not configured."""

    def __init__(self, capability: str) -> None:
        super().__init__(capability)
        self.capability = capability


class NotActive(Exception):
    """The call is not active: it has not been answered, or it has ended."""


class WrongState(Exception):
    """The call's state does not allow the order, e.g. to hold a call that is held."""


class LegCannot(Exception):
    """The call's leg is of a kind that cannot carry out the order."""

    def __init__(self, transport: CallTransport) -> None:
        super().__init__(transport)
        self.transport = transport


def not_audited(_: FoundCall) -> None:
    """Return no entry for the audit log: a program controls the call."""


@dataclass(frozen=True, slots=True)
class CallControl:
    """Controls the calls of one log; all methods raise NoSuchRecord and Unavailable.

    `deed` makes the audit log's entry of what is done to a call.
    """

    repo: Repo
    calls: Calls
    scope: Scope
    deed: Callable[[FoundCall], AuditEntry | None] = not_audited

    async def find(self, call: str | UUID) -> FoundCall:
        """Find a call by its `callUuid` or its id."""
        async with self.repo.read(self.scope) as rows:
            found = await find_call(rows, call)
        if found is None:
            raise NoSuchRecord
        return found

    async def end(self, text: str | UUID, moment: Moment) -> FoundCall:
        """End a call and return it; a call that has already ended is returned unchanged."""
        call = await self.find(text)
        if call.ended_at is not None:
            return call
        if call.runs:
            await self._order(call, EndOrdered(EndCause.ENDED_BY_API))
        else:

            async def work(transaction: Transaction) -> None:
                if await end_call(transaction, call.id, moment=moment):
                    await record(transaction, self.deed(call))

            await self.repo.write(self.scope, work)
        ended = await self.find(call.id)
        if ended.ended_at is None:
            raise Unavailable(UnavailableReason.PROCESS_GONE)
        return ended

    async def control(self, text: str | UUID, order: ControlOrder) -> None:
        """Let a call's line carry out an order. Raises NotActive, WrongState, LegCannot."""
        call = await self.find(text)
        if call.ended_at is not None:
            raise NotActive
        if not call.runs:
            raise LegCannot(call.transport)
        match await self._order(call, order):
            case Verdict.WRONG_STATE:
                raise WrongState
            case Verdict.LEG_CANNOT:
                raise LegCannot(call.transport)
            case verdict:
                await self._check(call, verdict)

    async def barge(
        self, text: str, mode: BargeMode, *, member: str, role: ParticipantRole
    ) -> FoundCall:
        """Let an operator take over a call from its agent. Raises NotConfigured, NotActive."""
        call = await self.find(text)
        if mode is not BargeMode.BARGE or not call.runs:
            raise NotConfigured(TELEPHONY)
        await self._check(call, await self._order(call, TakenOver(member, role)))
        return call

    async def resume(self, text: str) -> FoundCall:
        """Hand a call back to its agent. Raises NotActive, NotConfigured."""
        call = await self.find(text)
        if not call.runs:
            raise NotConfigured(TELEPHONY) if call.status in _ACTIVE else NotActive
        await self._check(call, await self._order(call, HandedBack()))
        return call

    async def place_call(self, agent_id: UUID | None) -> None:
        """Place a call. Raises BadReference, NotConfigured."""
        if agent_id is not None:
            async with self.repo.read(self.scope) as rows:
                if not await rows.fetch(_AGENT.text, _AGENT.arguments(wanted=agent_id)):
                    raise BadReference("ai_agent_id")
        raise NotConfigured(TELEPHONY)

    async def _order(self, call: FoundCall, order: CallOrder) -> Verdict:
        return await self.calls.order(self.scope, call.id, order=order, deed=self.deed(call))

    async def _check(self, call: FoundCall, verdict: Verdict) -> None:
        match verdict:
            case Verdict.DONE:
                pass
            case Verdict.NOT_ACTIVE:
                raise NotActive
            case Verdict.NOT_HERE:
                if (await self.find(call.id)).ended_at is None:
                    raise Unavailable(UnavailableReason.PROCESS_GONE)
                raise NotActive
            case Verdict.WRONG_STATE | Verdict.LEG_CANNOT:
                raise AssertionError("only the control of a line is refused like this")
