"""Calls in a test's database, whatever state they are in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ringline.domain.call_vocabulary import (
    TERMINAL_STATUSES,
    CallStatus,
    HangupCause,
    TurnRole,
)
from ringline.domain.log import Environment, Scope
from ringline.domain.records import CallRow, TurnRow
from ringline.storage.call_rows import write_rows
from tests.database import TestDatabase, a_call, a_turn
from tests.serving import Service


def live(service: Service) -> Scope:
    return Scope(service.keys.workspace_id, Environment.LIVE)


def an_ended_call(
    started_at: datetime,
    *,
    answered: bool = True,
    talk_s: int = 30,
    cause: HangupCause = HangupCause.CALLER_HANGUP,
    resolved: bool | None = True,
    **changes: Any,
) -> CallRow:
    return a_call(
        status=CallStatus.COMPLETED if answered else CallStatus.CANCELLED,
        started_at=started_at,
        answered_at=started_at if answered else None,
        ended_at=started_at + timedelta(seconds=talk_s),
        duration_seconds=talk_s if answered else 0,
        hangup_cause=cause,
        resolved=resolved,
        **changes,
    )


def in_state(status: CallStatus, started_at: datetime, *, answered: bool) -> CallRow:
    """Return a call in a state, answered at some time or not."""
    call = an_ended_call(started_at, answered=answered)
    if status not in TERMINAL_STATUSES:
        call = replace(call, ended_at=None, duration_seconds=None, hangup_cause=None, resolved=None)
    return replace(call, status=status)


def turns_of(call: CallRow, *said: tuple[TurnRole, str], **changes: Any) -> list[TurnRow]:
    """Return turns of a call, a second apart."""
    return [
        a_turn(
            call,
            text,
            role=role,
            item_id=f"item_{number}",
            occurred_at=call.started_at + timedelta(seconds=number),
            **changes,
        )
        for number, (role, text) in enumerate(said)
    ]


async def store(database: TestDatabase, scope: Scope, records: Sequence[CallRow | TurnRow]) -> None:
    """Write rows as the journal does, for calls that no process runs."""
    async with database.connection() as superuser:
        await write_rows(superuser, scope, server_id=None, records=records)


async def set_recorded(database: TestDatabase, call: CallRow, duration_ms: int = 1000) -> None:
    """Say in a call's row that there is a recording of it."""
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.calls SET recording_ms = $2 WHERE id = $1", call.id, duration_ms
        )
