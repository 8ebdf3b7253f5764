"""Members of the JSON objects that clients read and write: rows of tables.

The tables stand beside the code that reads or writes the objects, or are made from the class
that does (`members_of`). The reference pages, the SDK's types and the OpenAPI document are
made from them; tests hold them against the code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import inspect


class Shape(StrEnum):
    """What a value is in JSON; a UUID and a time are strings of a certain form."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"
    UUID = "UUID"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name in JSON, what its value is, and what it means."""

    name: str
    shape: Shape
    means: str
    #: What an absent member counts as, as JSON, or in words; None where it is required.
    default: str | None = None
    #: The only values there are; empty where others are possible.
    words: tuple[str, ...] = ()
    #: The members of the object, or of each object of an array.
    members: tuple["Member", ...] = ()
    many: bool = False
    null: bool = False
    #: Something that is written may lack the member.
    optional: bool = False


#: For `means`: clients must give this member, although the class has a default for it.
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

    `default` says, as JSON or in words, what an absent member counts as; without it the
    class's own default is shown.
    """
    return msgspec.Meta(description=text, extra=None if default is None else {"default": default})


def members_of(struct: type[msgspec.Struct]) -> tuple[Member, ...]:
    """Make the table of a class whose members are all documented by `means`."""
    return tuple(_member(field) for field in described(struct).fields)


@cache
def described(struct: type[msgspec.Struct]) -> inspect.StructType:
    """Return what msgspec knows about a class: its members with types and documentation."""
    kind = inspect.type_info(struct)
    assert isinstance(kind, inspect.StructType), f"{struct.__name__} is a struct"
    return kind


def plain(kind: inspect.Type) -> inspect.Type:
    """Strip a type of its documentation and of null."""
    match kind:
        case inspect.Metadata(type=inner):
            return plain(inner)
        case inspect.UnionType(types=types):
            (given,) = (plain(type_) for type_ in types if not isinstance(type_, inspect.NoneType))
            return given
        case _:
            return kind


def _member(field: inspect.Field) -> Member:
    meant = field.type
    assert isinstance(meant, inspect.Metadata), f"{field.name} is documented by `means`"
    kind = plain(meant)
    many = isinstance(kind, inspect.VarTupleType)
    value = plain(kind.item_type) if isinstance(kind, inspect.VarTupleType) else kind
    noted = cast("Any", meant)  # msgspec does not type what it keeps of `Meta`
    return Member(
        field.encode_name,
        _SHAPES[type(value)],
        noted.extra_json_schema["description"],
        _default(field, noted.extra or {}),
        members=members_of(value.cls) if isinstance(value, inspect.StructType) else (),
        many=many,
    )


def _default(field: inspect.Field, extra: Mapping[str, str]) -> str | None:
    if field.required or extra.get("default") == REQUIRED:
        return None
    if "default" in extra:
        return extra["default"]
    made = field.default_factory
    return msgspec.json.encode(field.default if made is msgspec.NODEFAULT else made()).decode()


def flattened(members: Sequence[Member], prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Yield members with the paths to them: `tools`, `tools[].name`."""
    for member in members:
        path = prefix + member.name
        yield path, member
        yield from flattened(member.members, f"{path}[]." if member.many else f"{path}.")


def describe_value(member: Member) -> str:
    """Tell what a member's value is: `array of strings`, `UUID or null`, `"a" or "b"`."""
    *most, last = [f'"{word}"' for word in member.words] or [member.shape.value]
    plain = f"{', '.join(most)} or {last}" if most else last
    if member.many:
        plain = f"array of {member.shape}s"
    return f"{plain} or null" if member.null else plain
