"""The `fields` grammar: which members of a record, and of what is related to it (4.4).

A selection is a value: canonical names, in the order they were asked for, so that it can
stand in the key of a kept statement. The first problem ends the reading.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple, NoReturn, cast

from ringline.rpc.names import camel
from ringline.rpc.resources import RESOURCES, Resource
from ringline.wire.rpc import refuse

MAX_DEPTH = 20
#: Most relationships that one request may follow: each is a query.
MAX_RELATIONSHIPS = 100


class Selection(NamedTuple):
    """What was asked of a record: its fields, and of each relationship a selection."""

    fields: tuple[str, ...]
    related: tuple[tuple[str, "Selection"], ...] = ()


def select(resource: Resource, fields: object) -> Selection:
    """Read `fields`, a list that is not empty. Raises RpcRefused with one problem."""
    return _Reading().read(resource, cast("list[object]", fields), ())


class _Reading:
    def __init__(self) -> None:
        self._relationships = 0

    def read(self, resource: Resource, fields: list[object], path: tuple[str, ...]) -> Selection:
        if len(path) > MAX_DEPTH:
            raise refuse("fields_too_deep", variables={"limit": MAX_DEPTH})
        plain: dict[str, None] = {}
        related: dict[str, Selection] = {}
        for name, nested in _items(resource, fields, path):
            field = resource.field_index.get(name)
            if field is not None:
                if isinstance(nested, _Nothing):
                    _once(field.name, plain, path)
                    plain[field.name] = None
                    continue
                _fail("field_does_not_support_nesting", field.name, path)
            relationship = resource.relationship_index.get(name)
            if relationship is None:
                _unknown(resource, name, path)
            _once(relationship.name, related, path)
            if isinstance(nested, _Nothing) or nested == []:
                _fail("requires_field_selection", relationship.name, path)
            if not isinstance(nested, list):
                _fail("unsupported_field_combination", relationship.name, path)
            self._relationships += 1
            if self._relationships > MAX_RELATIONSHIPS:
                raise refuse("result_too_large", variables={"limit": MAX_RELATIONSHIPS})
            target = RESOURCES[relationship.target]
            below = (*path, relationship.name)
            related[relationship.name] = self.read(target, cast("list[object]", nested), below)
        return Selection(tuple(plain), tuple(related.items()))


class _Nothing:
    """The mark of a name that stands alone."""


_ALONE = _Nothing()


def _items(
    resource: Resource, fields: list[object], path: tuple[str, ...]
) -> Iterator[tuple[str, object]]:
    for item in fields:
        if isinstance(item, str):
            yield item, _ALONE
        elif isinstance(item, dict):
            for name, nested in cast("dict[str, object]", item).items():
                # A list, or an object where a calculation's arguments would stand.
                yield name, [nested] if isinstance(nested, dict) else nested
        else:
            _unknown(resource, _spelt(item), path)


def _spelt(item: object) -> str:
    match item:
        case None:
            return "null"
        case bool():
            return "true" if item else "false"
        case int() | float():
            return str(item)
        case _:
            return "[]"


def _once(name: str, seen: Collection[str], path: tuple[str, ...]) -> None:
    if name in seen:
        _fail("duplicate_field", name, path)


def _unknown(resource: Resource, name: str, path: tuple[str, ...]) -> NoReturn:
    _fail("unknown_field", camel(name), path, resource=resource.name)


def _fail(type_: str, name: str, path: tuple[str, ...], **more: object) -> NoReturn:
    dotted = ".".join((*path, name))
    raise refuse(type_, variables={"field": dotted, **more}, fields=(dotted,), path=path)
