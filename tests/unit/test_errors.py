"""Errors carry their meaning in fields: whether to retry, and why."""

import ast
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import ringline
from ringline.domain.unavailable import UnavailableReason
from ringline.ports import (
    AlreadyExists,
    EntryRefused,
    LogBusy,
    QueryTooSlow,
    StoreUnavailable,
    Violation,
)
from ringline.storage.database_errors import (
    Collided,
    DiskFull,
    TimedOut,
    away,
    refusal_of,
    translate,
)
from tests.expecting import unavailable_for


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreUnavailable, UnavailableReason.STORE_UNAVAILABLE),
        (DiskFull, UnavailableReason.STORE_UNAVAILABLE),
        (TimedOut, UnavailableReason.STORE_UNAVAILABLE),
        (LogBusy, UnavailableReason.LOG_BUSY),
        (Collided, UnavailableReason.LOG_BUSY),
        (QueryTooSlow, UnavailableReason.QUERY_TOO_SLOW),
    ],
)
def test_what_storage_raises_is_unavailable_for_a_reason(
    error: type[StoreUnavailable | LogBusy | QueryTooSlow], reason: UnavailableReason
) -> None:
    with unavailable_for(reason):
        raise error


def test_only_what_was_never_begun_left_no_trace() -> None:
    """Without its answer, an order or a commit may have been carried out or not."""
    assert {reason for reason in UnavailableReason if reason.had_no_effect} == {
        UnavailableReason.NOT_ACCEPTING,
        UnavailableReason.PROCESS_FULL,
        UnavailableReason.LOG_BUSY,
        UnavailableReason.TOO_MANY_ORDERS,
        UnavailableReason.TOO_MANY_PASSWORDS,
    }


@pytest.mark.parametrize(
    ("driver", "means"),
    [
        (asyncpg.DiskFullError, DiskFull),
        (asyncpg.QueryCanceledError, TimedOut),
        (asyncpg.AdminShutdownError, StoreUnavailable),
        (asyncpg.TooManyConnectionsError, StoreUnavailable),
        (asyncpg.LockNotAvailableError, LogBusy),
        (asyncpg.DeadlockDetectedError, Collided),
        (asyncpg.InterfaceError, StoreUnavailable),
        (ConnectionResetError, StoreUnavailable),
        (TimeoutError, StoreUnavailable),
        (KeyError, type(None)),
    ],
)
def test_the_drivers_errors_are_translated(driver: type[Exception], means: type[object]) -> None:
    assert type(translate(driver(""))) is means


@pytest.mark.parametrize(
    ("sqlstate", "means"),
    [("53100", DiskFull), ("57014", TimedOut), ("28P01", StoreUnavailable), ("", StoreUnavailable)],
)
def test_a_database_that_refuses_logins_is_away(
    sqlstate: str, means: type[StoreUnavailable]
) -> None:
    assert type(away(sqlstate)) is means


@pytest.mark.parametrize(
    ("sqlstate", "why"),
    [
        ("23505", Violation.ALREADY_EXISTS),
        ("23503", Violation.REFERENCE),
        ("22003", Violation.BAD_VALUE),
        ("22P05", Violation.BAD_VALUE),
        ("23514", Violation.OTHER),
        ("42501", Violation.OTHER),
        ("25P02", Violation.OTHER),
    ],
)
def test_storage_alone_knows_what_an_sqlstate_means(sqlstate: str, why: Violation) -> None:
    error = refusal_of(sqlstate, "a_constraint")
    assert (error.violation, error.sqlstate, error.constraint) == (why, sqlstate, "a_constraint")
    assert isinstance(error, AlreadyExists) is (why is Violation.ALREADY_EXISTS)


@pytest.mark.parametrize("error", [asyncpg.DataError("too large"), UnicodeError()])
def test_a_value_that_cannot_be_encoded_is_a_bad_value(error: Exception) -> None:
    found = translate(error)
    assert isinstance(found, EntryRefused)
    assert found.violation is Violation.BAD_VALUE


#: The rooms whose errors become answers to clients; elsewhere texts are for operators.
ROOMS = ("domain", "services", "rpc", "rest", "web", "wire")
#: The libraries report a bad value's path, or a mistake's line, only in their text.
FOREIGN = {("domain/session_config.py", "error"), ("wire/prices.py", "error")}


def texts_read(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names and lines of caught errors whose text is read."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for node in ast.walk(handler):
            match node:
                case (
                    ast.Call(func=ast.Name("str" | "repr"), args=[ast.Name(name), *_])
                    | ast.FormattedValue(value=ast.Name(name))
                    | ast.Attribute(value=ast.Name(name), attr="args")
                ) if name == handler.name:
                    yield name, handler.lineno


@pytest.mark.parametrize(
    ("code", "reads"),
    [
        ("except E as e: f(str(e))", True),
        ("except E as e: f(f'{e}')", True),
        ("except E as e: f(e.args == ('busy',))", True),
        ("except E as e: f(e.message, str(other))", False),
        ("except E: f('e')", False),
    ],
)
def test_reading_the_text_of_an_error_is_seen(code: str, reads: bool) -> None:
    tree = ast.parse(f"try:\n    pass\n{code}")
    assert list(texts_read(tree)) == ([("e", 3)] if reads else [])


def test_no_text_of_an_error_is_data() -> None:
    source = Path(ringline.__file__).parent
    files = [path for room in ROOMS for path in (source / room).rglob("*.py")]
    files += (source / "ports").rglob("*.py")
    found = {
        (str(path.relative_to(source)), name)
        for path in files
        for name, _ in texts_read(ast.parse(path.read_text()))
    }
    assert found == FOREIGN
