"""The database of a test, and rows to put into it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from ringline.domain.agent import Agent, LocalSettings, Phrase, Tool
from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    ParticipantRole,
    TurnRole,
)
from ringline.domain.credentials import Key, KeyKind, Ticket, digest
from ringline.domain.events import CallCreated, CallEnded, CallRef, Event, TurnCompleted
from ringline.domain.log import Environment, Scope
from ringline.domain.records import CallRow, Entry, ParticipantRow, TurnRow, UsageRow
from ringline.domain.voice import Usage, UsageKind
from ringline.domain.workspaces import NewWorkspace
from ringline.ports import Clock
from ringline.schema.names import ROLES
from ringline.storage.data_directory import Address
from ringline.storage.loans import LoanLimits
from ringline.storage.stores import Stores, utc_now

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ME = UUID(int=1)
OTHER = UUID(int=2)

_LIMIT_S = 20
_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
_ids = itertools.count(1000)


def new_id() -> UUID:
    return UUID(int=next(_ids))


@dataclass(frozen=True)
class TestDatabase:
    """A database in the run's cluster."""

    __test__ = False

    cluster: Address
    name: str

    @property
    def app_dsn(self) -> str:
        return self.dsn(ROLES.server)

    def dsn(self, role: str) -> str:
        return self.cluster.dsn(role, self.name)

    @asynccontextmanager
    async def connection(self, role: str = "postgres") -> AsyncIterator[asyncpg.Connection[Any]]:
        connection = await asyncpg.connect(self.dsn(role))
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def stores(
        self,
        server_id: UUID = ME,
        *,
        claim: bool = True,
        loan_limits: LoanLimits | None = None,
        now: Clock = utc_now,
    ) -> AsyncIterator[Stores]:
        stores = await Stores.open(
            self.app_dsn, server_id, claim=claim, loan_limits=loan_limits, now=now
        )
        try:
            yield stores
        finally:
            await stores.close()


def a_key(scope: Scope, kind: KeyKind = KeyKind.SECRET, **changes: Any) -> Key:
    key = Key(new_id(), scope, kind, "a key", "wxyz", NOW)
    return replace(key, **changes)


def hash_of(key: Key) -> bytes:
    return digest(f"key {key.id}")


def an_agent() -> Agent:
    return Agent(
        new_id(),
        "Attendant",
        instructions="Be kind.",
        greeting="Hello.",
        tools=(Tool(name="book", parameters={"type": "object"}),),
        local=LocalSettings(phrases=(Phrase(text="good bye", intent="goodbye"),)),
    )


def a_workspace(keys: int = 1) -> NewWorkspace:
    workspace_id = new_id()
    return NewWorkspace(
        id=workspace_id,
        name="Somebody's",
        created_at=NOW,
        agents={environment: an_agent() for environment in Environment},
        queues={environment: new_id() for environment in Environment},
        keys=[
            (key, hash_of(key))
            for environment in Environment
            for key in (a_key(Scope(workspace_id, environment)) for _ in range(keys))
        ],
        epochs={Environment.LIVE: "aaaaaaaa", Environment.TEST: "bbbbbbbb"},
        signing_secret=b"sealed",
    )


async def make_log(stores: Stores) -> Scope:
    workspace = a_workspace()
    await stores.workspaces.create_workspace(workspace)
    return Scope(workspace.id, Environment.LIVE)


async def until_waiting(watcher: asyncpg.Connection[Any], number: int) -> None:
    """Wait until this many statements in the database wait for a lock."""
    async with asyncio.timeout(_LIMIT_S):
        while await watcher.fetchval(_WAITING) < number:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing tells that they wait


async def add_member(
    connection: Any, workspace_id: UUID, email: str, role: str = "operator"
) -> UUID:
    """Add a member to a team directly in the database."""
    user_id = new_id()
    await connection.execute(
        "INSERT INTO ringline.users (workspace_id, id, email, role) VALUES ($1, $2, $3, $4)",
        workspace_id,
        user_id,
        email,
        role,
    )
    return user_id


async def add_thread(
    connection: Any, scope: Scope, agent_id: UUID, *, thread_id: UUID | None = None
) -> UUID:
    """Add an empty thread of messages directly in the database, in either environment."""
    thread_id = thread_id or new_id()
    await connection.execute(
        """
        INSERT INTO ringline.conversations (workspace_id, environment, id, public_id, channel,
            mode, status, agent_id, ai_mode, our_number, remote_number)
        VALUES ($1, $2, $3, $3::uuid::text, 'sms', 'text', 'active', $4, 'ai', '+1', '+2')
        """,
        scope.workspace_id,
        scope.environment.value,
        thread_id,
        agent_id,
    )
    return thread_id


def a_ticket(key: Key, **changes: Any) -> Ticket:
    ticket = Ticket(new_id(), key.scope, key.id, b"binding", NOW + timedelta(seconds=60))
    return replace(ticket, **changes)


def a_call(**changes: Any) -> CallRow:
    call_id = new_id()
    call = CallRow(
        id=call_id,
        uuid=str(call_id),
        direction=CallDirection.INBOUND,
        from_number="web:anonymous",
        to_number="voice:local/attendant",
        source="realtime",
        transport=CallTransport.WEBSOCKET,
        status=CallStatus.INITIATED,
        started_at=NOW,
        model="local/attendant",
    )
    return replace(call, **changes)


def a_participant(call: CallRow) -> ParticipantRow:
    return ParticipantRow(new_id(), call.id, "caller", ParticipantRole.CALLER, NOW)


def a_turn(call: CallRow, text: str = "Hello?", **changes: Any) -> TurnRow:
    turn = TurnRow(new_id(), call.id, new_id(), "item_1", 0, TurnRole.CALLER, text, False, NOW)
    return replace(turn, **changes)


def used(call: CallRow, **changes: Any) -> UsageRow:
    row = UsageRow(
        id=new_id(),
        call_id=call.id,
        agent_id=call.agent_id,
        model="mock/echo",
        kind=UsageKind.RESPONSE,
        usage=Usage(audio_in_tokens=3, text_out_tokens=5, seconds=0.5),
        usd=0.25,
        prices_date=date(2026, 2, 28),
        occurred_at=NOW,
    )
    return replace(row, **changes)


def ref_of(call: CallRow) -> CallRef:
    return CallRef(
        id=call.id,
        uuid=call.uuid,
        direction=call.direction,
        from_number=call.from_number,
        to_number=call.to_number,
        transport=call.transport,
        agent_id=call.agent_id,
        model=call.model,
    )


def created(call: CallRow) -> Event:
    data = CallCreated(status=call.status, source=call.source, started_at=call.started_at)
    return Event(new_id(), NOW, data, ref_of(call))


def said(call: CallRow, turn: TurnRow) -> Event:
    data = TurnCompleted(
        turn_id=turn.turn_id,
        item_id=turn.item_id,
        role=turn.role,
        text=turn.text,
        transcript_id=turn.id,
    )
    return Event(new_id(), NOW, data, ref_of(call))


def ended(call: CallRow) -> Event:
    data = CallEnded(
        status=CallStatus.COMPLETED,
        hangup_cause=HangupCause.CALLER_HANGUP,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=NOW,
        duration_seconds=0,
    )
    return Event(new_id(), NOW, data, ref_of(call))


def first_entry(scope: Scope, call: CallRow | None = None) -> Entry:
    """Return the first entry of a call: its row, its caller and its first event."""
    call = call or a_call()
    return Entry(scope, (created(call),), (call, a_participant(call)), call.id)


def last_entry(scope: Scope, call: CallRow) -> Entry:
    over = replace(
        call,
        status=CallStatus.COMPLETED,
        ended_at=NOW,
        hangup_cause=HangupCause.CALLER_HANGUP,
    )
    return Entry(scope, (ended(over),), (over,), call.id)
