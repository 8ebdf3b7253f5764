"""A request's `identity`: the record to act on (events socket, 4.5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn, cast

from ringline.domain import limits
from ringline.domain.ids import parse_id
from ringline.domain.spelling import snake
from ringline.rpc.action import Action
from ringline.rpc.kinds import BadValue
from ringline.rpc.resource import Resource
from ringline.wire.rpc import echoed, refuse

_ID = "id"
_PATH = ("identity",)


@dataclass(frozen=True, slots=True)
class Identity:
    """A column that identifies a record, and the record's value."""

    column: str
    value: Any


def read_identity(action: Action, resource: Resource, *, given: object) -> Identity:
    """Read `identity`: a bare id, or an object with the id or a named identity.

    Raises RpcRefused.
    """
    if given is None:
        raise refuse(
            "missing_identity",
            variables={"expectedKeys": ", ".join(_expected(action))},
            path=_PATH,
            details={"expectedKeys": _expected(action)},
        )
    if not isinstance(given, dict):
        return _by_id(resource, given)
    keys = cast("dict[str, object]", given)
    if _ID in keys:
        return _by_id(resource, keys[_ID])
    for name in action.identities:
        for spelling in (name, snake(name)):
            if spelling in keys:
                return _by_name(resource, name, value=keys[spelling])
    _refuse_keys(action, keys)


def _expected(action: Action) -> list[str]:
    return [_ID, *action.identities]


def _by_id(resource: Resource, value: object) -> Identity:
    row_id = parse_id(resource.prefix, value) if isinstance(value, str) else None
    if row_id is None:
        raise refuse("invalid_primary_key")
    return Identity(_ID, row_id)


def _by_name(resource: Resource, name: str, *, value: object) -> Identity:
    field = resource.field_index[name]
    try:
        found = None if value is None else field.kind.cast(value)
    except BadValue:
        found = None
    if found is None:
        raise refuse("invalid_primary_key")
    return Identity(snake(name), found)


def _refuse_keys(action: Action, keys: Iterable[str]) -> NoReturn:
    provided = [echoed(key) for key in islice(keys, limits.PROBLEMS.most)]
    expected = _expected(action)
    raise refuse(
        "invalid_identity",
        variables={"providedKeys": ", ".join(provided), "expectedKeys": ", ".join(expected)},
        path=_PATH,
        details={"providedKeys": provided, "expectedKeys": expected},
    )
