"""What a request to `/v1` sends: its ids, its query and its body, cast by the route's row.

Unknown members are ignored (live streams, 1.1). The first bad one is reported, by its name
and never with its value.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from ringline.domain.ids import parse_id
from ringline.domain.members import Member, Shape
from ringline.rest.route import Input, Refused, Route
from ringline.rpc.kinds import BadValue, Integer, Text
from ringline.wire.rpc import filled
from ringline.wire.strict_json import JsonProblem, StrictDecoder

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100

PAGE_SIZE = Input(
    Member(
        "page_size",
        Shape.INTEGER,
        f"how many at most, 1 to {MAX_PAGE_SIZE}",
        str(DEFAULT_PAGE_SIZE),
    ),
    Integer(minimum=1),
)
PAGE_TOKEN = Input(
    Member(
        "page_token",
        Shape.TEXT,
        "`next_page_token` of the page before; only with the same parameters",
        "none",
    ),
    Text(max_length=None, trim=False),
)
#: The parameters of every list.
PAGED = (PAGE_SIZE, PAGE_TOKEN)

_BODY = StrictDecoder(object)


def read_ids(route: Route, found: Mapping[str, str]) -> dict[str, UUID]:
    """Read the ids in a path. Raises Refused."""
    ids: dict[str, UUID] = {}
    for asked in route.ids:
        id_ = parse_id(asked.prefix, found[asked.name])
        if id_ is None:
            raise Refused("NOT_FOUND")
        ids[asked.name] = id_
    return ids


def read_parts(route: Route, found: Mapping[str, str]) -> dict[str, Any]:
    """Read what a path holds besides ids. Raises Refused."""
    return _cast(route.parts, {one.name: found[one.name] for one in route.parts})


def read_query(route: Route, parameters: Callable[[str], Sequence[str]]) -> dict[str, Any]:
    """Read a query's parameters; an empty one is absent. Raises Refused.

    `parameters` returns the values of a name; several that differ are refused.
    """
    asked = (*route.query, *PAGED) if route.paging else route.query
    if not asked:
        return {}
    given: dict[str, object] = {}
    for one in asked:
        texts = {text for text in parameters(one.name) if text}
        if len(texts) > 1:
            raise bad(one.name, "must be given once")
        if any("\0" in text for text in texts):
            raise bad(one.name, "must not contain U+0000")
        if texts:
            given[one.name] = texts.pop()
    query = _cast(asked, given)
    if query.get(PAGE_SIZE.name, 1) > MAX_PAGE_SIZE:
        raise bad(PAGE_SIZE.name, f"must be 1 to {MAX_PAGE_SIZE}")
    return query


def read_body(route: Route, body: bytes) -> dict[str, Any]:
    """Read a body; an empty one is `{}`. Raises Refused."""
    if not body.strip():
        return _cast(route.body, {})
    try:
        value = _BODY.decode(body)
    except JsonProblem as problem:
        raise Refused("INVALID_ARGUMENT", f"the body: {problem.message}") from None
    if not isinstance(value, dict):
        raise Refused("INVALID_ARGUMENT", "the body must be a JSON object")
    for name in route.unsettable:
        if name in value:
            raise bad(name, "cannot be set")
    return _cast(route.body, cast("dict[str, object]", value))


def bad(name: str, message: str) -> Refused:
    """Return the refusal of a member or a parameter."""
    return Refused("INVALID_ARGUMENT", f"{name} {message}")


def _cast(asked: Sequence[Input], given: Mapping[str, object]) -> dict[str, Any]:
    cast_: dict[str, Any] = {}
    for one in asked:
        value = given.get(one.name)
        try:
            value = None if value is None else one.kind.cast(value)
        except BadValue as problem:
            raise bad(one.name, filled(problem.message, problem.vars)) from None
        if value is not None:
            cast_[one.name] = value
        elif one.required:
            raise bad(one.name, "is required")
        elif one.name in given and one.member.null:
            cast_[one.name] = None
    return cast_
