"""Reading calls and their transcripts: the list, one call, its turns (live streams, 6.3).

The list is newest first, and each of its filters has an index in that order, so a page costs
the same however many calls there are.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from ringline.domain import v1_limits
from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    TurnRole,
)
from ringline.domain.events import TranscriptLine
from ringline.domain.log import Scope
from ringline.domain.recording import is_kept
from ringline.ports import Clock, Row, Rows
from ringline.schema.call_tables import CALL_STATE, call_transcripts, calls
from ringline.schema.sql import Prepared
from ringline.schema.tables import workspaces
from ringline.services.recordings import Recordings
from ringline.services.repo import Repo

#: How many turns are fetched at a time.
_PORTION = 500
#: What a row of a transcript weighs beside its texts.
_ROW_BYTES = 256
#: Transcripts up to this weight, as nearly all are, are fetched in one go.
_LIGHT_BYTES = 256 * 1024
#: Words of rows by what they mean; a page has a hundred, and a look-up costs a fifth of a call.
_DIRECTIONS = {word.value: word for word in CallDirection}
_TRANSPORTS = {word.value: word for word in CallTransport}
_STATUSES = {word.value: word for word in CallStatus}
_CAUSES = {word.value: word for word in HangupCause}
_ROLES = {word.value: word for word in TurnRole}
#: How many combinations of filters are remembered as statements.
_LISTS_KEPT = 256


class NoSuchCall(Exception):
    """There is no such call in this workspace and environment."""


class TranscriptTooLong(Exception):
    """A call's turns are too many bytes for one answer."""


class CallRecord(msgspec.Struct, frozen=True):
    """A call as it stands. `metadata` is JSON; `recorded` is whether there is a recording.

    Its file may take another moment to be complete.
    """

    id: UUID
    agent_id: UUID | None
    direction: CallDirection
    from_number: str
    to_number: str
    transport: CallTransport
    status: CallStatus
    model: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_seconds: int | None
    hangup_cause: HangupCause | None
    resolved: bool | None
    metadata: str | None
    recorded: bool


_COLUMNS = (
    calls.c.id,
    calls.c.agent_id,
    calls.c.direction,
    calls.c.from_number,
    calls.c.to_number,
    calls.c.transport,
    calls.c.status,
    calls.c.model,
    calls.c.started_at,
    calls.c.answered_at,
    calls.c.ended_at,
    calls.c.duration_seconds,
    calls.c.hangup_cause,
    calls.c.resolved,
    calls.c.metadata,
    calls.c.recording_ms,
    sa.select(workspaces.c.retention_days).scalar_subquery().label("retention_days"),
)


def _value(name: str, type_: Any = sa.Text) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_)


_AT = calls.c.started_at
_ID = _value("wanted", sa.Uuid)
#: What each filter of a list means.
_FILTERS: Mapping[str, sa.ColumnElement[bool]] = {
    "agent_id": calls.c.agent_id == _value("agent_id", sa.Uuid),
    "status": sa.literal_column(f"({CALL_STATE})", sa.Text) == _value("status"),
    "direction": calls.c.direction == _value("direction"),
    "from_number": calls.c.from_number == _value("from_number"),
    "to_number": calls.c.to_number == _value("to_number"),
    "started_after": _value("started_after", _AT.type) <= _AT,
    "started_before": _value("started_before", _AT.type) > _AT,
}
_AFTER = sa.tuple_(_AT, calls.c.id) < sa.tuple_(
    _value("after_at", _AT.type), _value("after_id", sa.Uuid)
)
_t = call_transcripts.c
#: What a call's turns weigh: the bytes of their texts, and something for each row.
_WEIGHT = (
    sa.select(
        sa.func.coalesce(
            sa.func.sum(
                sa.func.octet_length(_t.text)
                + sa.func.coalesce(sa.func.octet_length(_t.spoken_text), 0)
                + _ROW_BYTES
            ),
            0,
        )
    )
    .where(_t.call_id == calls.c.id)
    .scalar_subquery()
)
_FIND = Prepared(sa.select(*_COLUMNS, _WEIGHT).where(calls.c.id == _ID))
_WEIGH = Prepared(sa.select(_WEIGHT).select_from(calls).where(calls.c.id == _ID))
_TURNS = Prepared(
    sa.select(
        _t.turn_id,
        _t.role,
        _t.text,
        _t.interrupted,
        _t.spoken_text,
        _t.recognized,
        _t.occurred_at,
    )
    .where(_t.call_id == _ID)
    .order_by(_t.occurred_at, _t.id)
)


class CallRecords:
    """The calls of the workspace and environment that a method names."""

    def __init__(self, repo: Repo, recordings: Recordings, *, now: Clock) -> None:
        self._repo = repo
        self._recordings = recordings
        self._now = now

    def with_repo(self, repo: Repo) -> "CallRecords":
        """Return the service over another repo, such as a caller's."""
        return CallRecords(repo, self._recordings, now=self._now)

    async def listed(
        self,
        scope: Scope,
        filters: Mapping[str, object],
        *,
        size: int,
        after: Sequence[Any] | None,
    ) -> Sequence[CallRecord]:
        """Return at most `size` calls, newest first, after (start, id) of another.

        Filters: `agent_id`, `status` as `/v1` spells it, `direction`, `from_number`,
        `to_number`, `started_after` (at or after), `started_before`. Raises Unavailable.
        """
        statement = _list(tuple(sorted(filters)), after is not None)
        values = dict(filters, size=size)
        if after is not None:
            values["after_at"], values["after_id"] = after
        unfinished = frozenset(self._recordings.unfinished)  # before their rows say so
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(statement.text, statement.arguments(**values))
        now = self._now()
        return [_call(row, now, unfinished=unfinished) for row in found]

    async def find(
        self, scope: Scope, call_id: UUID
    ) -> tuple[CallRecord, Sequence[TranscriptLine] | None]:
        """Return a call and its turns, None if they are too long for an answer.

        Raises NoSuchCall, Unavailable.
        """
        unfinished = frozenset(self._recordings.unfinished)
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(_FIND.text, _FIND.arguments(wanted=call_id))
            if not found:
                raise NoSuchCall
            *call, weight = found[0]
            turns = await _turns(rows, call_id, weight=weight)
        return _call(call, self._now(), unfinished=unfinished), turns

    async def transcript(self, scope: Scope, call_id: UUID) -> Sequence[TranscriptLine]:
        """Return a call's turns, in the order in which they were said.

        Raises NoSuchCall, TranscriptTooLong, Unavailable.
        """
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(_WEIGH.text, _WEIGH.arguments(wanted=call_id))
            if not found:
                raise NoSuchCall
            turns = await _turns(rows, call_id, weight=found[0][0])
        if turns is None:
            raise TranscriptTooLong
        return turns


@lru_cache(_LISTS_KEPT)
def _list(filters: tuple[str, ...], goes_on: bool) -> Prepared:
    """Return the statement of a list with these filters; `goes_on` has it begin after a row."""
    query = sa.select(*_COLUMNS).where(*(_FILTERS[name] for name in filters))
    if goes_on:
        query = query.where(_AFTER)
    newest_first = (_AT.desc(), calls.c.id.desc())
    return Prepared(query.order_by(*newest_first).limit(_value("size", sa.Integer)))


async def _turns(rows: Rows, call_id: UUID, *, weight: int) -> Sequence[TranscriptLine] | None:
    if weight <= _LIGHT_BYTES:
        return list(map(_turn, await rows.fetch(_TURNS.text, _TURNS.arguments(wanted=call_id))))
    found = await rows.fetch_within(
        _TURNS.text,
        _TURNS.arguments(wanted=call_id),
        most_bytes=v1_limits.TRANSCRIPT_BYTES.most,
        portion=_PORTION,
    )
    return [_turn(row) for row in found.rows] if found.complete else None


def _call(row: Row, now: datetime, *, unfinished: Set[UUID]) -> CallRecord:
    (
        call_id,
        agent_id,
        direction,
        from_number,
        to_number,
        transport,
        status,
        model,
        started_at,
        answered_at,
        ended_at,
        duration_seconds,
        hangup_cause,
        resolved,
        metadata,
        recording_ms,
        retention_days,
    ) = row
    return CallRecord(
        call_id,
        agent_id,
        _DIRECTIONS[direction],
        from_number,
        to_number,
        _TRANSPORTS[transport],
        _STATUSES[status],
        model,
        started_at,
        answered_at,
        ended_at,
        duration_seconds,
        None if hangup_cause is None else _CAUSES[hangup_cause],
        resolved,
        metadata,
        (recording_ms is not None or (bool(unfinished) and call_id in unfinished))
        and ended_at is not None
        and is_kept(ended_at, now, retention_days=retention_days),
    )


def _turn(row: Row) -> TranscriptLine:
    turn_id, role, text, interrupted, spoken_text, recognized, at = row
    return TranscriptLine(
        turn_id=turn_id,
        role=_ROLES[role],
        text=text,
        at=at,
        interrupted=interrupted,
        spoken_text=spoken_text,
        recognized=recognized,
    )
