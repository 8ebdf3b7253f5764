"""SQL statements: SQLAlchemy's expressions as text and values for asyncpg."""

import gc
import weakref
from collections.abc import Iterator
from uuid import UUID

import pytest
import sqlalchemy as sa

from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import contacts, events, sip_users

A, B = UUID(int=1), UUID(int=2)


def one_call(call_id: UUID, after: int) -> sa.Select[int]:
    return (
        sa.select(events.c.offset)
        .where(events.c.call_id == call_id, events.c.offset > after)
        .limit(5)
    )


def test_a_composed_statement_becomes_text_and_values() -> None:
    text, values = compiled(one_call(A, 7))
    assert "WHERE ringline.events.call_id = $1::UUID" in text
    assert 'ringline.events."offset" > $2::BIGINT' in text
    assert values == [A, 7, 5]


def test_a_shape_is_compiled_once_and_takes_other_values() -> None:
    first, _ = compiled(one_call(A, 7))
    second, values = compiled(one_call(B, 8))
    assert first is second
    assert values == [B, 8, 5]


def test_another_shape_has_another_text() -> None:
    narrower = one_call(A, 7).where(events.c.type == "call.ended")
    text, values = compiled(narrower)
    assert text != compiled(one_call(A, 7))[0]
    assert values == [A, 7, "call.ended", 5]


def test_a_prepared_statement_puts_values_in_the_order_of_its_text() -> None:
    wanted = sa.bindparam("wanted", type_=sa.Uuid)
    after = sa.bindparam("after", type_=sa.BigInteger)
    query = sa.select(events.c.type).where(events.c.offset > after, events.c.call_id == wanted)
    statement = Prepared(query.limit(3))
    assert statement.arguments(wanted=A, after=1) == [1, A, 3]
    with pytest.raises(KeyError):
        statement.arguments(wanted=A)


class Secret(str):
    """A value that supports weak references."""

    __slots__ = ("__weakref__",)


def statements(value: str) -> Iterator[sa.ClauseElement]:
    place = {"workspace_id": B, "environment": "live", "id": A, "user_id": B}
    yield sa.insert(sip_users).values({**place, "sip_username": value, "sip_password": b"x"})
    notes = sa.bindparam(None, value, type_=contacts.c.notes.type, unique=True)
    yield (
        sa.update(contacts)
        .values({"notes": notes, "updated_at": sa.func.now()})
        .where(contacts.c.id == A, contacts.c.notes.is_distinct_from(notes))
    )
    yield sa.select(contacts.c.id).where(contacts.c.full_name == value)


@pytest.mark.parametrize("place", range(3))
def test_a_cached_statement_retains_no_values(place: int) -> None:
    value = Secret("somebody's password")
    gone = weakref.ref(value)
    first, values = compiled(list(statements(value))[place])
    assert any(one is value for one in values)
    del value, values
    gc.collect()
    assert gone() is None
    again, values = compiled(list(statements("another"))[place])
    assert again is first
    assert "another" in values
