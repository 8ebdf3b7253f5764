"""An account: what voices use goes to the ledger, and that of a call to its leash and client.

Each report of a voice is one row, which the journal writes as it comes, in order with the
call's own entries and as durably. A client that asked for them is told of rows once they are
written. A voice may report late, when it was replaced or the call has ended. A voice that speaks
outside of any call, in the playground, has an account too.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from ringline.domain.call import Moment
from ringline.domain.leg import UsageWritten
from ringline.domain.log import Scope
from ringline.domain.records import Entry, UsageRow
from ringline.domain.routes import VoiceId
from ringline.domain.usage import plausible
from ringline.domain.voice import Resumed, UsageReported, VoiceSignal, used_in
from ringline.services.backlog import Outcome, Written
from ringline.services.journal import Journal
from ringline.services.pricing import Pricing

_log = structlog.get_logger(__name__)


def spend_nothing(tokens: int, usd: float) -> None:
    """Take what is used where nothing limits it."""


class UsageAccount:
    """The account of one call, or of a voice without one (`call_id` is None).

    `spend` hears tokens and USD, `tell` what was written.
    """

    def __init__(
        self,
        scope: Scope,
        call_id: UUID | None,
        *,
        agent_id: UUID | None,
        journal: Journal,
        pricing: Pricing,
        moment: Callable[[], Moment],
        spend: Callable[[int, float], None] = spend_nothing,
    ) -> None:
        self._scope = scope
        self._call_id = call_id
        self._agent_id = agent_id
        self._journal = journal
        self._pricing = pricing
        self._moment = moment
        self._spend = spend
        self._models: dict[VoiceId, str] = {}
        self._tell: Callable[[UsageWritten], None] | None = None
        self._unwritten = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._ended = False

    def opens(self, voice_id: VoiceId, model: str) -> None:
        """Note the model of a voice, before it is opened."""
        self._models[voice_id] = model

    def tell(self, tell: Callable[[UsageWritten], None]) -> None:
        """Tell of each row from here on, once it is written."""
        self._tell = tell

    def take(self, voice_id: VoiceId, signal: VoiceSignal) -> None:
        """Take any signal of a voice; what it reports as used is charged."""
        if isinstance(signal, Resumed):
            self._models[voice_id] = signal.model
        used = used_in(signal)
        if used is not None:
            self._charge(used.model or self._models[voice_id], used)

    def _charge(self, model: str, used: UsageReported) -> None:
        usage, moment = plausible(used.usage), self._moment()
        usd = self._pricing.usd(model, used.kind, usage=usage)
        row = UsageRow(
            id=moment.new_id(),
            call_id=self._call_id,
            agent_id=self._agent_id,
            model=model,
            kind=used.kind,
            usage=usage,
            usd=usd,
            prices_date=self._pricing.prices.date,
            occurred_at=moment.now,
        )
        self._unwritten += 1
        self._idle.clear()
        # It is no entry of the call: one that is refused must not end the call. The last ones
        # may use the room that is kept for the ends of calls.
        entry = Entry(self._scope, (), (row,))
        self._journal.submit(entry, lambda outcome: self._written(row, outcome), last=self._ended)
        self._spend(usage.tokens, usd)

    def call_ended(self) -> None:
        """Note that the call has ended; what comes now is late."""
        self._ended = True

    async def written(self) -> None:
        """Wait until every row is written, or is known to be lost."""
        await self._idle.wait()

    def close(self) -> None:
        """Tell of nothing more, and forget the call, which refers to this."""
        self._tell = None
        self._spend = spend_nothing

    def _written(self, row: UsageRow, outcome: Outcome) -> None:
        self._unwritten -= 1
        if isinstance(outcome, Written):
            if self._tell is not None:
                self._tell(UsageWritten(row.model, row.kind, row.usage, row.usd))
        else:
            call_id = None if row.call_id is None else str(row.call_id)
            _log.error("usage_lost", call_id=call_id, outcome=type(outcome).__name__)
        if not self._unwritten:
            self._idle.set()
