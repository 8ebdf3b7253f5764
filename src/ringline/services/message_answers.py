"""An agent's answers to messages: one turn of its model for what came in (live streams, 6.5).

It is served by a durable timer of the thread, so one answer of a thread is under way at a time,
and what comes in meanwhile is answered after it. Several messages are answered together, joined
by line breaks, as in a session. Nothing is sent if a person has taken the thread over meanwhile,
or the contact has opted out. A model that is away is asked again until the messages are a day old.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog

from ringline.domain import v1_limits
from ringline.domain.agent import Agent
from ringline.domain.agent_models import is_byom
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.conversations import (
    AiMode,
    ItemRole,
    MessageDirection,
    MessageSender,
    MessageType,
)
from ringline.domain.log import Scope
from ringline.domain.messages import WINDOW, may_write, wish_of
from ringline.domain.timers import Timer
from ringline.domain.voice import PastTurn
from ringline.ports import Clock, Row, Rows, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents, conversation_items
from ringline.services.messages import Messages, NewMessage
from ringline.services.repo import Repo
from ringline.services.text_turns import ModelAway, NoTextTurn, TextTurns
from ringline.services.threads import (
    NoSuchThread,
    Thread,
    find_thread,
    lock_thread,
    mark_answered,
)
from ringline.wire.agent_rows import read_agent

_log = structlog.get_logger(__name__)

#: How long a turn may take; less than the lease of its timer.
TURN_S = 45.0
#: The shortest and the longest wait before a model that is away is asked again. In between it is
#: as long as the message has waited.
SOONEST, LATEST = timedelta(seconds=2), timedelta(minutes=5)

_items = conversation_items.c
_AGENT = Prepared(sa.select(agents).where(agents.c.id == sa.bindparam("wanted", type_=sa.Uuid)))
#: The latest messages of a thread, the newest first.
_RECENT = Prepared(
    sa.select(
        _items.id,
        _items.direction,
        _items.role,
        _items.content,
        _items.message_type,
        _items.occurred_at,
    )
    .where(
        _items.conversation_id == sa.bindparam("conversation_id", type_=sa.Uuid),
        _items.direction.is_not(None),
    )
    .order_by(_items.occurred_at.desc(), _items.id.desc())
    .limit(sa.bindparam("most", type_=sa.BigInteger))
)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What waits for an answer: the history before it, its text, its oldest and last message."""

    thread: Thread
    agent: Agent
    history: Sequence[PastTurn] = field(repr=False)
    text: str = field(repr=False)
    since: datetime
    last_id: UUID


class MessageAnswers:
    """Serves the timers `MESSAGE_ANSWER`."""

    def __init__(self, repo: Repo, messages: Messages, *, turns: TextTurns, now: Clock) -> None:
        self._repo = repo
        self._messages = messages
        self._turns = turns
        self._now = now

    async def serve(self, timer: Timer) -> datetime | None:
        """Answer what waits in a thread; return when to try again, None if nothing is left.

        Raises StoreUnavailable.
        """
        async with self._repo.read(timer.scope) as rows:
            waiting = await _find_waiting(rows, UUID(timer.subject))
        if waiting is None:
            return None
        try:
            async with asyncio.timeout(TURN_S):
                reply = await self._ask(timer.scope, waiting)
        except (ModelAway, TimeoutError):
            return self._later(waiting)
        except NoTextTurn:
            _log.warning("message_not_answered", agent_id=str(waiting.agent.id))
            return None
        await self._answer(timer.scope, waiting, reply=reply)
        return None

    async def _ask(self, scope: Scope, waiting: _Waiting) -> str:
        """Return what the agent says. Raises ModelAway, NoTextTurn."""
        opening = await self._turns.opening(
            scope, waiting.agent, history=waiting.history, text_alone=False
        )
        return (
            await self._turns.take(opening, waiting.text, agent_id=waiting.agent.id)
        ).text.strip()

    def _later(self, waiting: _Waiting) -> datetime | None:
        _log.warning("message_model_away", model=waiting.agent.model)
        now = self._now()
        if now - waiting.since >= WINDOW:
            return None
        return now + min(max(now - waiting.since, SOONEST), LATEST)

    async def _answer(self, scope: Scope, waiting: _Waiting, *, reply: str) -> None:
        """Send the reply, unless the thread is no longer the agent's to answer."""

        async def work(transaction: Transaction) -> None:
            thread = await lock_thread(transaction, waiting.thread.id)
            if thread.ai_mode is not AiMode.AI or thread.answered_id != waiting.thread.answered_id:
                return
            await mark_answered(transaction, thread, message_id=waiting.last_id)
            open_now = may_write(thread.channel, thread.window_expires_at, now=self._now())
            if not reply or thread.opted_out or thread.agent_id is None or not open_now:
                return
            new = NewMessage(
                thread.agent_id,
                thread.channel,
                from_number=thread.our_number,
                to_number=thread.remote_number,
                message_type=MessageType.TEXT,
                text=reply,
            )
            await self._messages.write_outgoing(
                transaction, thread, new=new, sender=MessageSender.AI
            )

        await self._repo.write(scope, work)


async def _find_waiting(rows: Rows, conversation_id: UUID) -> _Waiting | None:
    """Return what waits for an agent's answer in a thread, if it is the agent's to answer."""
    try:
        thread = await find_thread(rows, conversation_id)
    except NoSuchThread:
        return None
    if thread.ai_mode is not AiMode.AI or thread.opted_out or thread.agent_id is None:
        return None
    found = await rows.fetch(_AGENT.text, _AGENT.arguments(wanted=thread.agent_id))
    agent = read_agent(found[0]) if found else None
    # The receiver of a byom agent has had `message.received`, and answers by itself.
    if agent is None or not agent.enabled or is_byom(agent.model):
        return None
    arguments = _RECENT.arguments(
        conversation_id=conversation_id, most=v1_limits.MESSAGE_HISTORY.most
    )
    recent = list(reversed(await rows.fetch(_RECENT.text, arguments)))
    answered = [place for place, row in enumerate(recent) if row["id"] == thread.answered_id]
    first = answered[0] + 1 if answered else 0
    waiting = [row for row in recent[first:] if _is_inbound(row)]
    # STOP and START are for us, and have been obeyed.
    asked = [row for row in waiting if wish_of(row["content"]) is None]
    if not asked:
        return None
    before = [row for row in recent if row not in waiting]
    return _Waiting(
        thread,
        agent,
        history=[_turn(row) for row in before],
        text="\n".join(map(_said, asked)),
        since=asked[0]["occurred_at"],
        last_id=waiting[-1]["id"],
    )


def _is_inbound(row: Row) -> bool:
    return row["direction"] == MessageDirection.INBOUND.value


def _turn(row: Row) -> PastTurn:
    role = TurnRole.CALLER if row["role"] == ItemRole.USER.value else TurnRole.AGENT
    return PastTurn(role, _said(row))


def _said(row: Row) -> str:
    """Return a message's text; what has none, such as a picture, is named by its type."""
    return row["content"] or f"[{row['message_type']}]"
