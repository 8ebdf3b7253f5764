"""The payloads of the events socket, as TypeScript has them (events socket, 6)."""

from collections.abc import Sequence

from ringline.domain.events import EventData
from ringline.domain.members import Member, Shape
from ringline.wire.payload_members import payload_of

_TYPES = {
    Shape.TEXT: "string",
    Shape.INTEGER: "number",
    Shape.NUMBER: "number",
    Shape.BOOLEAN: "boolean",
    Shape.OBJECT: "UntypedMap",
    Shape.ANY: "unknown",
    Shape.UUID: "Uuid",
    Shape.TIME: "Timestamp",
}


def words(*options: str) -> str:
    """Write a union of words."""
    return " | ".join(f'"{option}"' for option in dict.fromkeys(options))


def payload_types(data: type[EventData]) -> dict[str, str]:
    """Return the members of an event's payload and their types."""
    return member_types(payload_of(data))


def member_types(members: Sequence[Member]) -> dict[str, str]:
    """Return members that a server sends, and their types."""
    return {member.name + ("?" if member.optional else ""): type_of(member) for member in members}


def type_of(member: Member) -> str:
    """Write the type of a member's value."""
    plain = words(*member.words) if member.words else _TYPES[member.shape]
    if member.members:
        inner = "; ".join(f"{name}: {one}" for name, one in member_types(member.members).items())
        plain = f"{{ {inner} }}"
    if member.many:
        plain = f"readonly ({plain})[]"
    return f"{plain} | null" if member.null else plain
