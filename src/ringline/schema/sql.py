"""Statements: SQLAlchemy Core as the language, asyncpg as what runs them.

A statement is compiled once per shape and kept; values are bound at run time. Two ways in:

- `Prepared` for a statement that is written down once, with named `bindparam`s;
- `compiled` for one that is composed from a request: its shape is SQLAlchemy's cache key,
  and the values in it become the parameters.

What is kept of a composed statement is its text and where its values come from.
SQLAlchemy's own compiled statement would keep the values that it was first composed with:
somebody's note, or a password.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

#: How many shapes of composed statements are kept; the one not used longest goes first.
SHAPES_KEPT = 512

_DIALECT = asyncpg.dialect(paramstyle="numeric_dollar")


@dataclass(frozen=True, slots=True)
class _Shape:
    """The text of a composed statement; its values by their indexes among those extracted."""

    text: str
    indexes: tuple[int, ...]


_shapes: OrderedDict[object, _Shape] = OrderedDict()


class Prepared:
    """A statement whose text is made once; `arguments` lists its values."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        compiler = _compile(statement)
        self._defaults: Mapping[str, Any] = compiler.params
        self._names: Sequence[str] = compiler.positiontup or ()
        #: The SQL with `$1`, `$2` … as asyncpg takes it.
        self.text = str(compiler)

    def arguments(self, **values: object) -> list[Any]:
        """Return the values as the text numbers them; a missing one is a KeyError."""
        defaults = self._defaults
        return [
            values[name] if name in values or defaults[name] is None else defaults[name]
            for name in self._names
        ]


def compiled(statement: sa.ClauseElement) -> tuple[str, list[Any]]:
    """Return the text of a composed statement and the values it was composed with."""
    key = statement._generate_cache_key()  # pyright: ignore[reportPrivateUsage]
    if key is None:
        raise AssertionError("a statement without a cache key would be compiled every time")
    shape = _shapes.get(key.key)
    if shape is None:
        shape = _shapes[key.key] = _shape(_compile(statement, key), key)
        if len(_shapes) > SHAPES_KEPT:
            _shapes.popitem(last=False)
    else:
        _shapes.move_to_end(key.key)
    extracted = key.bindparams
    return shape.text, [extracted[index].effective_value for index in shape.indexes]


def _shape(compiler: SQLCompiler, key: Any) -> _Shape:
    # The compiler may have cloned a parameter, but its key stays (SQLAlchemy's own rule).
    indexes = {parameter.key: index for index, parameter in enumerate(key.bindparams)}
    names = compiler.positiontup or ()
    return _Shape(str(compiler), tuple(indexes[compiler.binds[name].key] for name in names))


def _compile(statement: sa.ClauseElement, key: Any = None) -> SQLCompiler:
    compiler = statement.compile(dialect=_DIALECT, cache_key=key)
    if not isinstance(compiler, SQLCompiler):
        raise AssertionError("only statements that read or write rows are compiled here")
    return compiler
