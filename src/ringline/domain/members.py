"""Documentation of the members of JSON objects that clients read and write.

The tables of members are next to the code that reads or writes the objects, or derived from
its classes (`members_of`). The reference pages, the SDK's types and the OpenAPI document are
generated from them; tests compare them with the code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import inspect


class Shape(StrEnum):
    """The type of a value in JSON; UUIDs and times are strings with a format."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ANY = "any JSON"
    UUID = "UUID"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name in JSON, the type of its value, and its meaning."""

    name: str
    shape: Shape
    means: str
    #: The default, as JSON or in words; None if the member is required.
    default: str | None = None
    #: The allowed values; empty if others are possible.
    words: tuple[str, ...] = ()
    #: The members of the object, or of each object in the array.
    members: tuple["Member", ...] = ()
    many: bool = False
    null: bool = False
    #: The member may be missing in what the server sends.
    optional: bool = False


#: The types of parsed JSON that hold other values.
NESTED = frozenset({dict, list})

#: For `means`: clients must send this member, although the class has a default for it.
REQUIRED = "required"

_SHAPES: Mapping[type[inspect.Type], Shape] = {
    inspect.StrType: Shape.TEXT,
    inspect.EnumType: Shape.TEXT,
    inspect.IntType: Shape.INTEGER,
    inspect.FloatType: Shape.NUMBER,
    inspect.BoolType: Shape.BOOLEAN,
    inspect.DictType: Shape.OBJECT,
    inspect.StructType: Shape.OBJECT,
}


def means(text: str, default: str | None = None) -> msgspec.Meta:
    """Document a member of a class: `name: Annotated[str, means("…")]`.

    `default` documents the default, as JSON or in words; without it, the class's own default
    is shown.
    """
    return msgspec.Meta(description=text, extra=None if default is None else {"default": default})


def members_of(struct: type[msgspec.Struct]) -> tuple[Member, ...]:
    """Return the table of a class whose members are all documented by `means`."""
    return tuple(_member(field) for field in described(struct).fields)


@cache
def described(struct: type[msgspec.Struct]) -> inspect.StructType:
    """Return msgspec's description of a class: members with types and documentation."""
    kind = inspect.type_info(struct)
    assert isinstance(kind, inspect.StructType), f"{struct.__name__} is a struct"
    return kind


@cache
def kinds_of(struct: type[msgspec.Struct]) -> Mapping[str, inspect.Type]:
    """Return the types of a class's members, by their names in JSON."""
    return {field.encode_name: field.type for field in described(struct).fields}


def plain(kind: inspect.Type) -> inspect.Type:
    """Return a type without its documentation and without null."""
    match kind:
        case inspect.Metadata(type=inner):
            return plain(inner)
        case inspect.UnionType(types=types):
            (inner,) = (plain(type_) for type_ in types if not isinstance(type_, inspect.NoneType))
            return inner
        case _:
            return kind


def _member(field: inspect.Field) -> Member:
    annotated = field.type
    assert isinstance(annotated, inspect.Metadata), f"{field.name} is documented by `means`"
    kind = plain(annotated)
    many = isinstance(kind, inspect.VarTupleType)
    value = plain(kind.item_type) if isinstance(kind, inspect.VarTupleType) else kind
    meta = cast("Any", annotated)  # msgspec does not type the contents of `Meta`
    return Member(
        field.encode_name,
        _SHAPES[type(value)],
        meta.extra_json_schema["description"],
        _default(field, meta.extra or {}),
        members=members_of(value.cls) if isinstance(value, inspect.StructType) else (),
        many=many,
    )


def _default(field: inspect.Field, extra: Mapping[str, str]) -> str | None:
    if field.required or extra.get("default") == REQUIRED:
        return None
    if "default" in extra:
        return extra["default"]
    factory = field.default_factory
    return msgspec.json.encode(
        field.default if factory is msgspec.NODEFAULT else factory()
    ).decode()


def flattened(members: Sequence[Member], prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Yield members with the paths to them: `tools`, `tools[].name`."""
    for member in members:
        path = prefix + member.name
        yield path, member
        yield from flattened(member.members, f"{path}[]." if member.many else f"{path}.")


def describe_value(member: Member) -> str:
    """Describe a member's type: `array of strings`, `UUID or null`, `"a" or "b"`."""
    *most, last = [f'"{word}"' for word in member.words] or [member.shape.value]
    plain = f"{', '.join(most)} or {last}" if most else last
    if member.many:
        plain = f"array of {member.shape}s"
    return f"{plain} or null" if member.null else plain
