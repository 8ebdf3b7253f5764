"""The `sort` grammar (4.8): fields with a direction, and where nulls sort.

| prefix | direction | without a value |
|---|---|---|
| none, `+` | ascending | last |
| `-` | descending | first |
| `++` | ascending | first |
| `--` | descending | last |
"""

from typing import NamedTuple, NoReturn, cast

import msgspec

from ringline.domain import limits
from ringline.rpc.kinds import STRUCTURED, Kind
from ringline.rpc.resource import Field, Resource
from ringline.rpc.resources import RESOURCES, related_resource
from ringline.wire.rpc import RpcRefused, echoed, internal_problem, suggestion

#: Direction (descending or not) and whether null comes first, by prefix.
_PREFIXES = {
    "++": (False, True),
    "--": (True, False),
    "+": (False, False),
    "-": (True, True),
    "": (False, False),
}


class SortKey(NamedTuple):
    """One field of a sort: the relationships that lead to it, and its name."""

    path: tuple[str, ...]
    field: str
    descending: bool = False
    nulls_first: bool = False

    @property
    def reversed(self) -> "SortKey":
        """Return the key that sorts the other way."""
        return SortKey(self.path, self.field, not self.descending, not self.nulls_first)


#: Always the last key, so that no two rows sort the same.
BY_ID = SortKey((), "id")


def read_sort(resource: Resource, sort: object, *, operator: bool = False) -> tuple[SortKey, ...]:
    """Parse `sort`, ending in the id; empty without one. Raises RpcRefused.

    An operator's sort may only follow relationships to what operators may list.
    """
    keys: dict[tuple[tuple[str, ...], str], SortKey] = {}
    steps = 0
    for item in _items(sort):
        # Each step is a sub-select, which a page by cursor repeats, so they are counted together.
        steps += item.count(".")
        if steps > limits.SORT_STEPS.most:
            _fail("invalid_sort")
        key = _read_item(resource, item, operator=operator)
        keys.setdefault((key.path, key.field), key)
        if (key.path, key.field) == ((), "id"):
            break  # no key after it can matter
    if keys:
        keys.setdefault(((), "id"), BY_ID)
    return tuple(keys.values())


def kind_of(resource: Resource, key: SortKey) -> Kind:
    """Return the kind of a key's values."""
    return field_of(resource, key)[1].kind


def field_of(resource: Resource, key: SortKey) -> tuple[Resource, Field]:
    """Return a key's field and its resource."""
    for name in key.path:
        resource = RESOURCES[resource.relationship_index[name].target]
    return resource, resource.field_index[key.field]


def _items(sort: object) -> list[str]:
    if sort is None:
        return []
    if isinstance(sort, str):
        if sort.count(",") >= limits.SORT_ITEMS.most:
            _fail("invalid_sort")
        return sort.split(",") if sort else []
    if not isinstance(sort, list):
        _fail("invalid_sort")
    items = cast("list[object]", sort)
    if len(items) > limits.SORT_ITEMS.most:
        _fail("invalid_sort")
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) != len(items):
        _fail("invalid_sort")
    return texts


def _read_item(resource: Resource, item: str, *, operator: bool) -> SortKey:
    prefix = next(prefix for prefix in _PREFIXES if item.startswith(prefix))
    *steps, name = item[len(prefix) :].split(".")
    path: list[str] = []
    for step in steps:
        relationship = resource.relationship_index.get(step)
        if relationship is None or relationship.many:
            _unknown(resource, item, part=step)
        path.append(relationship.name)
        resource = related_resource(relationship, operator=operator)
    field = resource.field_index.get(name)
    if field is None or isinstance(field.kind, STRUCTURED):
        _unknown(resource, item, part=name)
    return SortKey(tuple(path), field.name, *_PREFIXES[prefix])


def _unknown(resource: Resource, item: str, *, part: str) -> NoReturn:
    shown = echoed(item.lstrip("+-"))
    problem = internal_problem("unknown_sort_field", shown, resource=resource.name)
    details = {"reason": "unknown_sort_field", **suggestion(part, resource.names)}
    raise RpcRefused(msgspec.structs.replace(problem, details=details))


def _fail(reason: str) -> NoReturn:
    raise RpcRefused(internal_problem(reason, limit=limits.SORT_ITEMS.most))
