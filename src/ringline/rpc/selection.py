"""The `fields` grammar: which members of a record and its related records (4.4).

A selection is a value, with canonical names in the request's sequence, so that it can be part
of a cached statement's key. Parsing stops at the first problem.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple, NoReturn, cast

from ringline.domain import limits
from ringline.domain.spelling import camel
from ringline.rpc.resource import Resource
from ringline.rpc.resources import related_resource
from ringline.wire.rpc import echoed, refuse, suggestion


class Selection(NamedTuple):
    """The selected members of a record: its fields, and a selection per relationship."""

    fields: tuple[str, ...]
    related: tuple[tuple[str, "Selection"], ...] = ()

    @property
    def nodes(self) -> int:
        """Return how many fields and relationships it names, nested ones included."""
        inner = sum(selection.nodes for _, selection in self.related)
        return len(self.fields) + len(self.related) + inner

    @property
    def relationships(self) -> int:
        """Return how many relationships it follows, nested ones included."""
        return len(self.related) + sum(inner.relationships for _, inner in self.related)


def select(resource: Resource, fields: object, *, operator: bool = False) -> Selection:
    """Parse `fields`, a non-empty list. Raises RpcRefused with one problem.

    An operator's fields may only follow relationships to what operators may list.
    """
    return _Reading(operator).read(resource, cast("list[object]", fields), path=())


class _Reading:
    def __init__(self, operator: bool) -> None:
        self._operator = operator
        self._members = 0
        self._relationships = 0

    def read(self, resource: Resource, fields: list[object], *, path: tuple[str, ...]) -> Selection:
        depth = limits.FIELDS_DEPTH.most
        if len(path) > depth:
            raise refuse("fields_too_deep", variables={"limit": depth})
        self._count(fields)
        plain: dict[str, None] = {}
        related: dict[str, Selection] = {}
        for name, nested in _items(resource, fields, path=path):
            field = resource.field_index.get(name)
            if field is not None:
                if isinstance(nested, _Nothing):
                    _once(field.name, plain, path=path)
                    plain[field.name] = None
                    continue
                _fail("field_does_not_support_nesting", field.name, path=path)
            relationship = resource.relationship_index.get(name)
            if relationship is None:
                _unknown(resource, name, path=path)
            _once(relationship.name, related, path=path)
            if isinstance(nested, _Nothing) or nested == []:
                _fail("requires_field_selection", relationship.name, path=path)
            if not isinstance(nested, list):
                _fail("unsupported_field_combination", relationship.name, path=path)
            target = related_resource(relationship, operator=self._operator)
            self._relationships += 1  # each is a query
            _bound(self._relationships, limits.FIELDS_RELATIONSHIPS)
            below = (*path, relationship.name)
            related[relationship.name] = self.read(target, cast("list[object]", nested), path=below)
        return Selection(tuple(plain), tuple(related.items()))

    def _count(self, fields: list[object]) -> None:
        """Count a list's members, and those of its objects, before parsing any."""
        self._members += len(fields)
        _bound(self._members, limits.FIELDS_MEMBERS)
        for item in fields:
            if isinstance(item, dict):
                self._members += len(cast("dict[str, object]", item))
        _bound(self._members, limits.FIELDS_MEMBERS)


class _Nothing:
    """Marks a name without a nested selection."""


_ALONE = _Nothing()


def _items(
    resource: Resource, fields: list[object], *, path: tuple[str, ...]
) -> Iterator[tuple[str, object]]:
    for item in fields:
        if isinstance(item, str):
            yield item, _ALONE
        elif isinstance(item, dict):
            for name, nested in cast("dict[str, object]", item).items():
                # A list, or an object in the position of a calculation's arguments.
                yield name, [nested] if isinstance(nested, dict) else nested
        else:
            _unknown(resource, _spelt(item), path=path)


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


def _once(name: str, seen: Collection[str], *, path: tuple[str, ...]) -> None:
    if name in seen:
        _fail("duplicate_field", name, path=path)


def _unknown(resource: Resource, name: str, *, path: tuple[str, ...]) -> NoReturn:
    shown = camel(echoed(name))
    dotted = ".".join((*path, shown))
    raise refuse(
        "unknown_field",
        variables={"field": dotted, "resource": resource.name},
        fields=(dotted,),
        path=path,
        details=suggestion(shown, resource.names) or None,
    )


def _bound(found: int, limit: limits.Limit) -> None:
    if found > limit.most:
        raise refuse("result_too_large", variables={"limit": limit.most})


def _fail(type_: str, name: str, *, path: tuple[str, ...], **more: object) -> NoReturn:
    dotted = ".".join((*path, name))
    raise refuse(type_, variables={"field": dotted, **more}, fields=(dotted,), path=path)
