"""Members of the JSON objects that clients read and write: rows of tables.

The tables stand beside the code that reads or writes the objects. The reference pages, the
SDK's types and the OpenAPI document are made from them; tests hold them against the code.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


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
