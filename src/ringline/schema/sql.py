"""SQL statements: written with SQLAlchemy Core, run by asyncpg.

A statement is compiled once per shape and cached; values are bound at run time:

- `Prepared` is for a statement that is written once, with named `bindparam`s;
- `compiled` is for one that is composed from a request: its shape is SQLAlchemy's cache key,
  and its values become the parameters.

For a composed statement we cache its text and the sources of its values. SQLAlchemy's own
compiled statement would retain the values that it was first composed with: somebody's note,
or a password.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

#: How many shapes of composed statements are cached; the least recently used is evicted.
SHAPES_KEPT = 512

_DIALECT = asyncpg.dialect(paramstyle="numeric_dollar")


@dataclass(frozen=True, slots=True)
class _Shape:
    """A composed statement's text, and its values' indexes in the cache key."""

    text: str
    indexes: tuple[int, ...]


_shapes: OrderedDict[object, _Shape] = OrderedDict()


class Prepared:
    """A statement that is compiled once; `arguments` lists its values."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        compiler = _compile(statement)
        self._defaults: Mapping[str, Any] = compiler.params
        self._names: Sequence[str] = compiler.positiontup or ()
        #: The SQL with `$1`, `$2` … as asyncpg takes it.
        self.text = str(compiler)

    def arguments(self, **values: object) -> list[Any]:
        """Return the values in the order of `$1`, `$2` …; a missing one is a KeyError."""
        defaults = self._defaults
        return [
            values[name] if name in values or defaults[name] is None else defaults[name]
            for name in self._names
        ]


def compiled(statement: sa.ClauseElement) -> tuple[str, list[Any]]:
    """Return the text of a composed statement and the values it was composed with."""
    key = statement._generate_cache_key()  # pyright: ignore[reportPrivateUsage]
    if key is None:
        raise AssertionError("a statement without a cache key is compiled on every call")
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
    # The compiler may have cloned a parameter, but a clone keeps its key.
    indexes = {parameter.key: index for index, parameter in enumerate(key.bindparams)}
    names = compiler.positiontup or ()
    return _Shape(str(compiler), tuple(indexes[compiler.binds[name].key] for name in names))


def _compile(statement: sa.ClauseElement, key: Any = None) -> SQLCompiler:
    compiler = statement.compile(dialect=_DIALECT, cache_key=key)
    if not isinstance(compiler, SQLCompiler):
        raise AssertionError("only statements that read or write rows are compiled here")
    return compiler
