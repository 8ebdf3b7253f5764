"""The statement that appends events to a log, and writes down who is owed them.

An obligation is there if and only if its event is. Where nothing is owed, that costs a
look at two indexes (live streams, 3.5).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ringline.domain.events import Event
from ringline.domain.log import Scope
from ringline.domain.webhook_types import EVERYTHING
from ringline.ports import EntryRefused, Violation
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents, events, logs
from ringline.schema.webhook_tables import NEW_ID
from ringline.schema.webhook_tables import webhook_deliveries as deliveries
from ringline.schema.webhook_tables import webhook_endpoints as endpoints
from ringline.storage.call_rows import arrays
from ringline.wire import envelope

#: The columns of an event, but for its log and its offset.
EVENT_COLUMNS = ("event_id", "type", "call_id", "conversation_id", "call", "data", "occurred_at")

#: What the statement is told of each event besides: the agent that is owed an envelope, and its
#: type there, if one is.
_OWED_COLUMNS = (sa.Column("owed_agent", sa.Uuid), sa.Column("envelope_type", sa.Text))
_ARRAYS = (*EVENT_COLUMNS, *(column.name for column in _OWED_COLUMNS))
_SCOPE = {
    "workspace_id": sa.bindparam("workspace_id", type_=sa.Uuid),
    "environment": sa.bindparam("environment", type_=sa.Text),
}
_COUNT = sa.bindparam("count", type_=sa.BigInteger)

_encode = msgspec.json.Encoder().encode


def _here(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in _SCOPE.items()]


def _append() -> Prepared:
    counter = (
        sa.update(logs)
        .values(newest=logs.c.newest + _COUNT, updated_at=sa.func.now())
        .where(*_here(logs))
        .returning(logs.c.newest)
        .cte("counter")
    )
    new = arrays("new", *(events.c[name] for name in EVENT_COLUMNS))
    rows = sa.select(
        *_SCOPE.values(),
        _offset(counter, new),
        *(new.c[name] for name in EVENT_COLUMNS),
    ).select_from(counter.join(new, sa.true()))
    written = sa.insert(events).from_select([*_SCOPE, "offset", *EVENT_COLUMNS], rows)
    owed = sa.union_all(_to_endpoints(counter), _to_agents(counter)).subquery("owed")
    now = sa.bindparam("now", type_=deliveries.c.next_attempt_at.type)
    obligations = sa.insert(deliveries).from_select(
        [*_SCOPE, "id", "next_attempt_at", *owed.c.keys()],
        sa.select(*_SCOPE.values(), NEW_ID, now, *owed.c),
    )
    return Prepared(
        sa.select(counter.c.newest).add_cte(written.cte("written"), obligations.cte("obligations"))
    )


def _to_endpoints(counter: sa.CTE) -> sa.SelectBase:
    """Select the obligations to endpoints whose filter lets an event through.

    The filter is as in `webhook_types`, but evaluated only where there are endpoints.
    """
    new = arrays("for_endpoints", *(events.c[name] for name in ("event_id", "call_id", "type")))
    sent = sa.case(
        (new.c.type.startswith("message."), "communication." + new.c.type), else_=new.c.type
    )
    family = sa.func.regexp_replace(sent, r"[^.]*$", EVERYTHING)
    everything = sa.literal(EVERYTHING, sa.Text) == sa.any_(endpoints.c.events)
    wanted = everything | endpoints.c.events.overlap(postgresql.array([sent, family]))
    return (
        sa.select(
            new.c.event_id,
            _offset(counter, new),
            sent.label("event_type"),
            new.c.call_id,
            sa.null().label("agent_id"),
            endpoints.c.id.label("endpoint_id"),
            endpoints.c.id.label("target_id"),
        )
        .select_from(endpoints.join(new, wanted).join(counter, sa.true()))
        .where(*_here(endpoints), endpoints.c.enabled)
    )


def _to_agents(counter: sa.CTE) -> sa.SelectBase:
    """Select the obligations to agents that have a webhook."""
    new = arrays(
        "for_agents", *(events.c[name] for name in ("event_id", "call_id")), *_OWED_COLUMNS
    )
    joined = agents.join(new, agents.c.id == new.c.owed_agent).join(counter, sa.true())
    return (
        sa.select(
            new.c.event_id,
            _offset(counter, new),
            new.c.envelope_type,
            new.c.call_id,
            agents.c.id,
            sa.null(),
            agents.c.id,
        )
        .select_from(joined)
        .where(*_here(agents), agents.c.webhook_url.is_not(None))
    )


def _offset(counter: sa.CTE, new: sa.TableValuedAlias) -> sa.Label[int]:
    return (counter.c.newest - _COUNT + new.c.ordinal).label("offset")


APPEND = _append()


def append_arguments(scope: Scope, published: Sequence[Event], *, now: datetime) -> list[Any]:
    """Return the values of `APPEND`. Raises EntryRefused for invalid Unicode.

    Whoever is owed the events may be sent them from `now` on.
    """
    columns: list[list[Any]] = [[] for _ in _ARRAYS]
    for event in published:
        call = event.call
        values = (
            event.id,
            event.type,
            None if call is None else call.id,
            event.thread_id,
            None if call is None else _text(call),
            _text(event.data),
            event.occurred_at,
            *_owed_agent(event),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return APPEND.arguments(
        workspace_id=scope.workspace_id,
        environment=scope.environment.value,
        count=len(published),
        now=now,
        **dict(zip(_ARRAYS, columns, strict=True)),
    )


def _owed_agent(event: Event) -> tuple[UUID | None, str | None]:
    """Return the agent whose webhook an event is for, and its type there, if it is for one."""
    agent_id = event.agent_id
    if agent_id is None:
        return None, None
    name = envelope.name_of(event.data)
    return (None, None) if name is None else (agent_id, name)


def _text(value: msgspec.Struct) -> str:
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        raise EntryRefused(Violation.BAD_VALUE) from None  # it is not Unicode
