"""JSON Schemas of objects whose members are listed in a table (OpenAPI 3.1)."""

from collections.abc import Sequence

from ringline.domain.members import Member, Shape
from ringline.rpc.openapi_schemas import Schema, or_null

#: The schema of each type of value.
SHAPES: dict[Shape, Schema] = {
    Shape.TEXT: {"type": "string"},
    Shape.INTEGER: {"type": "integer"},
    Shape.NUMBER: {"type": "number"},
    Shape.BOOLEAN: {"type": "boolean"},
    Shape.OBJECT: {"type": "object"},
    Shape.ANY: {},
    Shape.UUID: {"type": "string", "format": "uuid"},
    Shape.TIME: {"type": "string", "format": "date-time"},
}


def written(members: Sequence[Member]) -> Schema:
    """Describe an object that the server writes, which has no other members."""
    return _object(members, closed=True) | {"additionalProperties": False}


def read(members: Sequence[Member]) -> Schema:
    """Describe an object that the server reads, ignoring other members."""
    return _object(members, closed=False)


def _object(members: Sequence[Member], *, closed: bool) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {member.name: _value(member, closed=closed) for member in members},
    }
    required = [member.name for member in members if member.default is None and not member.optional]
    return schema | ({"required": required} if required else {})


def _value(member: Member, *, closed: bool) -> Schema:
    schema = dict(SHAPES[member.shape])
    if member.words:
        schema["enum"] = list(member.words)
    if member.members:
        schema = (written if closed else read)(member.members)
    if member.many:
        schema = {"type": "array", "items": schema}
    return (or_null(schema) if member.null else schema) | {"description": member.means}
