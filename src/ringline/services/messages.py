"""Messages: accepted from clients, received from contacts, reported on by providers.

Each is one transaction, which locks the message's thread, writes the rows, sets the timers that
carry it on (`domain/timers.py`) and appends the events. So a message that was accepted is sent
even if the process dies in the next moment, and what was refused has left nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa

from ringline.domain.conversations import (
    RECEIPT_STATES,
    SENDER_ROLES,
    AiMode,
    ConversationChannel,
    ItemModality,
    ItemRole,
    MessageDirection,
    MessageSender,
    MessageStatus,
    MessageType,
    ReceiptStatus,
)
from ringline.domain.events import (
    EventData,
    MessageDelivered,
    MessageFailed,
    MessageOptOut,
    MessageRead,
    MessageReceipt,
    MessageReceived,
)
from ringline.domain.gsm7 import segment
from ringline.domain.log import Environment, Scope
from ringline.domain.messages import (
    CLOSING,
    TRANSITIONS,
    Report,
    Wish,
    may_write,
    sender_in,
    window_end,
    wish_of,
)
from ringline.domain.timers import TimerKind
from ringline.ports import Clock, MessageProviders, NewId, Row, Rows, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents, conversation_items, phone_numbers
from ringline.services.message_rows import Message, event_members, read_message
from ringline.services.opt_outs import add_opt_out, remove_opt_out
from ringline.services.repo import Repo
from ringline.services.threads import (
    Parties,
    Thread,
    find_or_open,
    find_thread,
    lock_thread,
    mark_answered,
    report,
    set_mode,
    touch,
)
from ringline.services.timers import set_timer


class NoSuchMessage(Exception):
    """There is no such message in this workspace and environment."""


class NoSuchAgent(Exception):
    """There is no such agent in this workspace and environment."""


class NotOurNumber(Exception):
    """The workspace has no such number, or does not use it for messages of the channel."""


class OptedOut(Exception):
    """The contact wants no more messages of the agent."""


class WindowClosed(Exception):
    """A free-form message may be sent within 24 hours of the contact's last one only."""


class NoProvider(Exception):
    """No provider carries messages of the channel from the number."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to send; the numbers are in E.164.

    `details` is what else it is sent with: media, an interactive object, a template.
    """

    agent_id: UUID
    channel: ConversationChannel
    from_number: str
    to_number: str
    message_type: MessageType
    text: str = field(repr=False)
    details: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message that came in for a number of ours, to be answered by an agent.

    `provider_message_id` is the provider's own id, None if it has none: one that comes twice is
    one message.
    """

    provider: str
    provider_message_id: str | None
    agent_id: UUID
    channel: ConversationChannel
    our_number: str
    remote_number: str
    message_type: MessageType
    text: str = field(repr=False)
    details: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """What a provider reports of a message that it was handed.

    Of an SMS, `receipt` is its final receipt, and `error_code` that one's three digits.
    """

    report: Report
    receipt: ReceiptStatus | None = None
    error_code: str = ""
    reason: str = ""


#: Stores an answer in the transaction of its request (live streams, 1.8).
KeepMessage: TypeAlias = Callable[[Rows, Message], Awaitable[None]]

_items = conversation_items.c


def _value(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=_items[name].type)


_WRITTEN = (
    "workspace_id",
    "environment",
    "id",
    "conversation_id",
    "role",
    "modality",
    "content",
    "occurred_at",
    "direction",
    "message_type",
    "message_status",
    "our_number",
    "agent_id",
    "channel",
    "details",
    "provider",
    "provider_message_id",
    "inserted_at",
    "updated_at",
)
_INSERT = Prepared(
    sa.insert(conversation_items)
    .values({name: _value(name) for name in _WRITTEN})
    .returning(conversation_items)
)
_MESSAGE = sa.select(conversation_items).where(
    _items.id == _value("id"), _items.direction.is_not(None)
)
_FIND = Prepared(_MESSAGE)
_LOCK = Prepared(_MESSAGE.with_for_update())
_LATEST = Prepared(
    sa.select(_items.id)
    .where(
        _items.conversation_id == _value("conversation_id"),
        _items.direction == MessageDirection.INBOUND.value,
    )
    .order_by(_items.occurred_at.desc(), _items.id.desc())
    .limit(1)
)
_OF_PROVIDER = Prepared(
    sa.select(_items.id, _items.conversation_id).where(
        _items.provider == _value("provider"),
        _items.provider_message_id == _value("provider_message_id"),
    )
)
_SET_STATUS = Prepared(
    sa.update(conversation_items)
    .where(_items.id == _value("id"))
    .values(
        message_status=_value("message_status"),
        error_code=sa.func.coalesce(_value("error_code"), _items.error_code),
        updated_at=_value("updated_at"),
    )
    .returning(conversation_items)
)
#: The agent stays until the transaction ends.
_AGENT = Prepared(
    sa.select(agents.c.id)
    .where(agents.c.id == sa.bindparam("wanted", type_=sa.Uuid))
    .with_for_update(read=True, key_share=True)
)
_OWNED = Prepared(
    sa.select(phone_numbers.c.id).where(
        phone_numbers.c.phone_e164 == sa.bindparam("number", type_=sa.Text),
        phone_numbers.c.outbound_enabled,
        sa.bindparam("channel", type_=sa.Text) == sa.any_(phone_numbers.c.channels),
    )
)


class Messages:
    """The messages of the workspace and environment that a call names."""

    def __init__(
        self, repo: Repo, providers: MessageProviders, *, now: Clock, new_id: NewId
    ) -> None:
        self._repo = repo
        self._providers = providers
        self._now = now
        self._new_id = new_id

    def with_repo(self, repo: Repo) -> "Messages":
        """Return the service over another repo, such as a caller's."""
        return Messages(repo, self._providers, now=self._now, new_id=self._new_id)

    async def send(self, scope: Scope, new: NewMessage, *, also: KeepMessage) -> Message:
        """Accept a message, which is sent as soon as may be; `also` runs in its transaction.

        Raises NoSuchAgent, NotOurNumber, OptedOut, WindowClosed, NoProvider, Unavailable.
        """
        provider = self._providers.find(scope, new.channel, from_number=new.from_number)

        async def work(transaction: Transaction) -> Message:
            await self._check(transaction, new)
            if provider is None:
                raise NoProvider
            now = self._now()
            parties = Parties(new.agent_id, new.channel, new.from_number, new.to_number)
            thread = await find_or_open(transaction, parties, now=now, new_id=self._new_id)
            if thread.opted_out:
                raise OptedOut
            free_form = new.message_type is not MessageType.TEMPLATE
            if free_form and not may_write(new.channel, thread.window_expires_at, now=now):
                raise WindowClosed
            sender = sender_in(thread.ai_mode)
            message = await self.write_outgoing(transaction, thread, new=new, sender=sender)
            # What the contact wrote before is answered by this.
            latest = await latest_inbound(transaction, thread.id)
            await mark_answered(transaction, thread, message_id=latest)
            await also(transaction, message)
            return message

        return await self._repo.write(scope, work)

    async def write_outgoing(
        self, transaction: Transaction, thread: Thread, *, new: NewMessage, sender: MessageSender
    ) -> Message:
        """Write a message of ours to its locked thread, and see that it is sent."""
        now = self._now()
        thread = await touch(
            transaction,
            thread,
            our_number=new.from_number,
            window_expires_at=thread.window_expires_at,
            now=now,
        )
        message = await self._insert(
            transaction,
            thread,
            role=SENDER_ROLES[sender],
            direction=MessageDirection.OUTBOUND,
            message_type=new.message_type,
            status=MessageStatus.QUEUED,
            text=new.text,
            details=new.details,
        )
        await set_timer(transaction, TimerKind.MESSAGE_SEND, subject=str(thread.id), due_at=now)
        return message

    async def receive(self, scope: Scope, inbound: InboundMessage) -> Message:
        """Take in a message of a contact; one that its provider sends twice is taken in once.

        Raises NoSuchAgent if the agent was deleted meanwhile, Unavailable.
        """

        async def work(transaction: Transaction) -> Message:
            return await self.take_in(transaction, inbound)

        return await self._repo.write(scope, work)

    async def take_in(self, transaction: Transaction, inbound: InboundMessage) -> Message:
        """Take in a message of a contact in a transaction. Raises NoSuchAgent."""
        if not await transaction.fetch(_AGENT.text, _AGENT.arguments(wanted=inbound.agent_id)):
            raise NoSuchAgent
        now = self._now()
        parties = Parties(
            inbound.agent_id, inbound.channel, inbound.our_number, inbound.remote_number
        )
        thread = await find_or_open(transaction, parties, now=now, new_id=self._new_id)
        # Under the thread's lock: of two that come at once, the second finds the first.
        known = await self.known(
            transaction, inbound.provider, provider_message_id=inbound.provider_message_id
        )
        if known is not None:
            return known
        if thread.ai_mode is AiMode.CLOSED:
            thread = await set_mode(
                transaction,
                thread,
                mode=AiMode.AI,
                actor_user_id=None,
                now=now,
                new_id=self._new_id,
            )
        return await self._write_inbound(transaction, thread, inbound=inbound)

    async def known(
        self, transaction: Transaction, provider: str, *, provider_message_id: str | None
    ) -> Message | None:
        """Return the message that a provider calls by an id; None if it is a new one."""
        if provider_message_id is None:
            return None
        arguments = _OF_PROVIDER.arguments(
            provider=provider, provider_message_id=provider_message_id
        )
        found = await transaction.fetch(_OF_PROVIDER.text, arguments)
        if not found:
            return None
        (row,) = await transaction.fetch(_FIND.text, _FIND.arguments(id=found[0]["id"]))
        return read_message(row, await find_thread(transaction, row["conversation_id"]))

    async def find(self, scope: Scope, message_id: UUID) -> Message:
        """Return a message. Raises NoSuchMessage, Unavailable."""
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(_FIND.text, _FIND.arguments(id=message_id))
            if not found:
                raise NoSuchMessage
            thread = await find_thread(rows, found[0]["conversation_id"])
        return read_message(found[0], thread)

    async def report(
        self, scope: Scope, message_id: UUID, *, reported: ProviderReport
    ) -> Message | None:
        """Apply a provider's report of a message; None if it changes nothing.

        Raises NoSuchMessage, Unavailable.
        """

        async def work(transaction: Transaction) -> Message | None:
            found = await transaction.fetch(_FIND.text, _FIND.arguments(id=message_id))
            if not found or found[0]["direction"] != MessageDirection.OUTBOUND.value:
                raise NoSuchMessage
            # Whatever changes a thread locks it first, so nobody waits for each other.
            thread = await lock_thread(transaction, found[0]["conversation_id"])
            message = read_message(await lock_message(transaction, message_id), thread)
            return await self.apply(transaction, thread, message=message, reported=reported)

        return await self._repo.write(scope, work)

    async def apply(
        self,
        transaction: Transaction,
        thread: Thread,
        *,
        message: Message,
        reported: ProviderReport,
    ) -> Message | None:
        """Apply a report to a locked message of a locked thread; None if it changes nothing."""
        after = TRANSITIONS.get((message.status, reported.report))
        if after is None:
            return None
        changed = await self.set_status(
            transaction, thread, message_id=message.id, status=after, error_code=reported.error_code
        )
        now = self._now()
        report(
            transaction, _reports(thread, changed, reported=reported), now=now, new_id=self._new_id
        )
        return changed

    async def set_status(
        self,
        transaction: Transaction,
        thread: Thread,
        *,
        message_id: UUID,
        status: MessageStatus,
        error_code: str = "",
    ) -> Message:
        """Write a message's next state, and return the message."""
        arguments = _SET_STATUS.arguments(
            id=message_id,
            message_status=status.value,
            error_code=error_code or None,
            updated_at=self._now(),
        )
        (row,) = await transaction.fetch(_SET_STATUS.text, arguments)
        return read_message(row, thread)

    async def _check(self, transaction: Transaction, new: NewMessage) -> None:
        if not await transaction.fetch(_AGENT.text, _AGENT.arguments(wanted=new.agent_id)):
            raise NoSuchAgent
        # In the sandbox any number is ours.
        if transaction.scope.environment is Environment.LIVE and not await transaction.fetch(
            _OWNED.text, _OWNED.arguments(number=new.from_number, channel=new.channel.value)
        ):
            raise NotOurNumber

    async def _write_inbound(
        self, transaction: Transaction, thread: Thread, *, inbound: InboundMessage
    ) -> Message:
        now = self._now()
        expires_at = window_end(inbound.channel, now)
        thread = await touch(
            transaction,
            thread,
            our_number=inbound.our_number,
            window_expires_at=expires_at,
            now=now,
        )
        message = await self._insert(
            transaction,
            thread,
            role=ItemRole.USER,
            direction=MessageDirection.INBOUND,
            message_type=inbound.message_type,
            status=MessageStatus.RECEIVED,
            text=inbound.text,
            details=inbound.details,
            provider=inbound.provider,
            provider_message_id=inbound.provider_message_id,
        )
        events: list[EventData] = [_received(thread, message)]
        wish = wish_of(inbound.text)
        if wish is not None:
            events += await self._obey(transaction, thread, message=message, wish=wish)
        report(transaction, events, now=now, new_id=self._new_id)
        if expires_at is not None:
            await set_timer(
                transaction,
                TimerKind.WINDOW_CLOSING,
                subject=str(thread.id),
                due_at=expires_at - CLOSING,
                moved=True,
            )
        if thread.ai_mode is AiMode.AI and wish is None:
            await set_timer(
                transaction, TimerKind.MESSAGE_ANSWER, subject=str(thread.id), due_at=now
            )
        return message

    async def _obey(
        self,
        transaction: Transaction,
        thread: Thread,
        *,
        message: Message,
        wish: tuple[Wish, str],
    ) -> list[EventData]:
        """Do what a contact asked for with a keyword; return what is reported of it."""
        if thread.agent_id is None:
            return []
        wanted, keyword = wish
        if wanted is Wish.START:
            await remove_opt_out(
                transaction, thread.agent_id, number=thread.remote_number, channel=thread.channel
            )
            return []
        await add_opt_out(
            transaction,
            thread.agent_id,
            number=thread.remote_number,
            channel=thread.channel,
            now=self._now(),
        )
        return [MessageOptOut(**event_members(thread, message), keyword=keyword)]

    async def _insert(
        self,
        transaction: Transaction,
        thread: Thread,
        *,
        role: ItemRole,
        direction: MessageDirection,
        message_type: MessageType,
        status: MessageStatus,
        text: str,
        details: Mapping[str, object] | None,
        provider: str | None = None,
        provider_message_id: str | None = None,
    ) -> Message:
        now, scope = self._now(), transaction.scope
        arguments = _INSERT.arguments(
            workspace_id=scope.workspace_id,
            environment=scope.environment.value,
            id=self._new_id(),
            conversation_id=thread.id,
            role=role.value,
            modality=ItemModality.TEXT.value,
            content=text,
            occurred_at=now,
            direction=direction.value,
            message_type=message_type.value,
            message_status=status.value,
            our_number=thread.our_number,
            agent_id=thread.agent_id,
            channel=thread.channel.value,
            details=None if details is None else msgspec.json.encode(details).decode(),
            provider=provider,
            provider_message_id=provider_message_id,
            inserted_at=now,
            updated_at=now,
        )
        (row,) = await transaction.fetch(_INSERT.text, arguments)
        return read_message(row, thread)


async def latest_inbound(rows: Rows, conversation_id: UUID) -> UUID | None:
    """Return the contact's latest message of a thread, if any."""
    found = await rows.fetch(_LATEST.text, _LATEST.arguments(conversation_id=conversation_id))
    return found[0]["id"] if found else None


async def lock_message(transaction: Transaction, message_id: UUID) -> Row:
    """Return a message's row, locked; its thread must be locked already."""
    (row,) = await transaction.fetch(_LOCK.text, _LOCK.arguments(id=message_id))
    return row


def _received(thread: Thread, message: Message) -> MessageReceived:
    sms = message.channel is ConversationChannel.SMS
    return MessageReceived(
        **event_members(thread, message),
        encoding=segment(message.text).encoding if sms else None,
        media_url=message.details.get("media_url"),
        mime_type=message.details.get("mime_type"),
    )


def _reports(thread: Thread, message: Message, *, reported: ProviderReport) -> list[EventData]:
    """Return what a report that changed a message is told as: a receipt comes first."""
    members = event_members(thread, message)
    events: list[EventData] = []
    if reported.receipt is not None:
        parts = message.segments or 1
        arrived = RECEIPT_STATES[reported.receipt] is MessageStatus.DELIVERED
        events.append(
            MessageReceipt(
                **members,
                receipt=reported.receipt,
                error_code=reported.error_code or "000",
                submitted=parts,
                delivered=parts if arrived else 0,
            )
        )
    match reported.report:
        case Report.DELIVERED:
            events.append(MessageDelivered(**members))
        case Report.READ:
            events.append(MessageRead(**members))
        case Report.FAILED | Report.REJECTED | Report.EXPIRED:
            reason = reported.reason or f"the provider reports: {reported.report}"
            events.append(MessageFailed(**members, error_code=reported.error_code, reason=reason))
        case Report.SENT:
            pass
    return events
