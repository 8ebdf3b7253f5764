"""Hands queued messages to their providers: one after the other in a thread (live streams, 6.4).

It is served by a durable timer of the thread. A provider that is away is asked again, ever more
seldom, and the messages behind wait, so that they arrive in the order in which they were written.
If the process dies between a provider's answer and its commit, the message is handed over again:
twice is better than never.
"""

from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa
import structlog

from ringline.domain.conversations import MessageStatus, SendFailure
from ringline.domain.events import MessageSendFailed, MessageSent
from ringline.domain.log import Scope
from ringline.domain.messages import Report
from ringline.domain.timers import Timer, TimerKind
from ringline.ports import (
    AlreadyExists,
    Clock,
    MessageProvider,
    MessageProviders,
    MessageRefused,
    NewId,
    OutgoingMessage,
    ProviderAway,
    Transaction,
)
from ringline.schema.sql import Prepared
from ringline.schema.tables import conversation_items
from ringline.services.message_rows import Message, event_members, read_message
from ringline.services.messages import Messages, ProviderReport, lock_message
from ringline.services.repo import Repo
from ringline.services.threads import NoSuchThread, Thread, lock_thread, report
from ringline.services.timers import set_timer

_log = structlog.get_logger(__name__)

#: How long a message is tried to be handed over.
GIVE_UP = timedelta(hours=24)
#: The shortest and the longest wait before a provider is asked again. In between it is as long as
#: the message has waited, so the waits double.
SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=5)
#: How many messages of a thread one turn hands over; the next turn is at once.
_TURN = 20

_items = conversation_items.c
_NEXT = Prepared(
    sa.select(_items.id)
    .where(
        _items.conversation_id == sa.bindparam("conversation_id", type_=sa.Uuid),
        _items.message_status == MessageStatus.QUEUED.value,
    )
    .order_by(_items.occurred_at, _items.id)
    .limit(1)
)
_HANDED_OVER = Prepared(
    sa.update(conversation_items)
    .where(_items.id == sa.bindparam("wanted", type_=sa.Uuid))
    .values(
        provider=sa.bindparam("provider", type_=sa.Text),
        provider_message_id=sa.bindparam("provider_message_id", type_=sa.Text),
    )
)

#: A message to hand over, and its thread.
Next: TypeAlias = tuple[Thread, Message]


class MessageSending:
    """Serves the timers `MESSAGE_SEND`.

    `receipts_after` is set for a provider that makes its receipts itself, as the sandbox does.
    """

    def __init__(
        self,
        repo: Repo,
        messages: Messages,
        *,
        providers: MessageProviders,
        now: Clock,
        new_id: NewId,
        simulated: str,
        receipts_after: timedelta,
    ) -> None:
        self._repo = repo
        self._messages = messages
        self._providers = providers
        self._now = now
        self._new_id = new_id
        self._simulated = simulated
        self._receipts_after = receipts_after

    async def serve(self, timer: Timer) -> datetime | None:
        """Hand over what is queued in a thread; return when to go on, None if nothing is left.

        Raises StoreUnavailable.
        """
        conversation_id = UUID(timer.subject)
        for _ in range(_TURN):
            found = await self._next(timer.scope, conversation_id)
            if found is None:
                return None
            again = await self._hand_over(timer.scope, found)
            if again is not None:
                return again
        return self._now()

    async def _next(self, scope: Scope, conversation_id: UUID) -> Next | None:
        async def work(transaction: Transaction) -> Next | None:
            try:
                thread = await lock_thread(transaction, conversation_id)
            except NoSuchThread:
                return None
            arguments = _NEXT.arguments(conversation_id=conversation_id)
            found = await transaction.fetch(_NEXT.text, arguments)
            if not found:
                return None
            row = await lock_message(transaction, found[0]["id"])
            return thread, read_message(row, thread)

        return await self._repo.write(scope, work)

    async def _hand_over(self, scope: Scope, found: Next) -> datetime | None:
        """Hand a message over; return when to try again if its provider is away."""
        thread, message = found
        if thread.opted_out:
            await self._fail(
                scope, message, failure=SendFailure.OPT_OUT_ENFORCED, reason="they have opted out"
            )
            return None
        provider = self._providers.find(scope, message.channel, from_number=message.our_number)
        if provider is None:
            why = "no provider carries messages of this channel from this number"
            await self._fail(scope, message, failure=SendFailure.INTERNAL, reason=why)
            return None
        try:
            provider_id = await provider.send(_outgoing(scope, message))
        except MessageRefused as refused:
            await self._refused(scope, message, refused=refused)
        except ProviderAway:
            return await self._later(scope, message, provider=provider)
        else:
            await self._sent(scope, message, provider=provider.name, provider_id=provider_id)
        return None

    async def _sent(
        self, scope: Scope, message: Message, *, provider: str, provider_id: str
    ) -> None:
        """Record that a provider has a message; a receipt may have come first.

        An id that another message has already cannot be told from it: this one goes without.
        """
        try:
            await self._record_sent(scope, message, provider=provider, provider_id=provider_id)
        except AlreadyExists:
            _log.warning("message_id_taken", provider=provider, message_id=str(message.id))
            await self._record_sent(scope, message, provider=provider, provider_id=None)

    async def _record_sent(
        self, scope: Scope, message: Message, *, provider: str, provider_id: str | None
    ) -> None:

        async def work(transaction: Transaction) -> None:
            thread = await lock_thread(transaction, message.conversation_id)
            row = await lock_message(transaction, message.id)
            arguments = _HANDED_OVER.arguments(
                wanted=message.id, provider=provider, provider_message_id=provider_id
            )
            await transaction.fetch(_HANDED_OVER.text, arguments)
            if row["message_status"] == MessageStatus.QUEUED.value:
                sent = await self._messages.set_status(
                    transaction, thread, message_id=message.id, status=MessageStatus.SENT
                )
                event = MessageSent(**event_members(thread, sent), segments=sent.segments)
                report(transaction, [event], now=self._now(), new_id=self._new_id)
            if provider == self._simulated:
                await set_timer(
                    transaction,
                    TimerKind.MESSAGE_RECEIPT,
                    subject=str(message.id),
                    due_at=self._now() + self._receipts_after,
                )

        await self._repo.write(scope, work)

    async def _refused(self, scope: Scope, message: Message, *, refused: MessageRefused) -> None:
        reported = ProviderReport(Report.FAILED, error_code=refused.code, reason=refused.reason)
        await self._messages.report(scope, message.id, reported=reported)

    async def _later(
        self, scope: Scope, message: Message, *, provider: MessageProvider
    ) -> datetime | None:
        waited = self._now() - message.created_at
        _log.warning("message_provider_away", provider=provider.name, message_id=str(message.id))
        if waited >= GIVE_UP:
            why = "the provider could not be reached for 24 hours"
            await self._fail(scope, message, failure=SendFailure.SMPP_UNAVAILABLE, reason=why)
            return None
        return self._now() + min(max(waited, SOONEST), LATEST)

    async def _fail(
        self, scope: Scope, message: Message, *, failure: SendFailure, reason: str
    ) -> None:
        async def work(transaction: Transaction) -> None:
            thread = await lock_thread(transaction, message.conversation_id)
            row = await lock_message(transaction, message.id)
            if row["message_status"] != MessageStatus.QUEUED.value:
                return
            failed = await self._messages.set_status(
                transaction,
                thread,
                message_id=message.id,
                status=MessageStatus.FAILED,
                error_code=failure.value,
            )
            event = MessageSendFailed(
                **event_members(thread, failed), error_code=failure, reason=reason
            )
            report(transaction, [event], now=self._now(), new_id=self._new_id)

        await self._repo.write(scope, work)


def _outgoing(scope: Scope, message: Message) -> OutgoingMessage:
    return OutgoingMessage(
        scope,
        message.id,
        message.channel,
        from_number=message.our_number,
        to_number=message.remote_number,
        message_type=message.message_type,
        text=message.text,
        details=message.details,
    )
