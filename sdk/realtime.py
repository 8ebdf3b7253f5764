"""The TypeScript of realtime sessions, written from the tables of their config and errors."""

from collections.abc import Iterator

from msgspec.inspect import (
    BoolType,
    CustomType,
    DictType,
    FloatType,
    IntType,
    ListType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
)

from ringline.domain.config_members import MEMBERS, RequestedConfig
from ringline.domain.members import described
from ringline.wire.errors import V3_ERRORS


def realtime_types() -> Iterator[str]:
    """Write the config of a session, and the errors of its mint."""
    types = {field.encode_name: field.type for field in described(RequestedConfig).fields}
    yield "/** The config of a realtime session; what is absent has its default. */"
    yield "export interface SessionConfig {"
    for member in MEMBERS:
        default = "" if member.default is None else f" Default: {member.default}."
        yield f"  /** {member.means[:1].upper()}{member.means[1:]}.{default} */"
        yield f"  {member.name}?: {_given(types[member.name])};"
    yield "}\n"
    yield "/** The `type` of an error of `createRealtimeSession`. */"
    words = "".join(f'\n  | "{name}"' for name in dict.fromkeys((*V3_ERRORS, "network_error")))
    yield f"export type RealtimeErrorType ={words};\n"


def _given(kind: Type) -> str:
    """Write the type of a value that is given. Null is absent, so it is left out."""
    match kind:
        case Metadata(type=inner):
            return _given(inner)
        case UnionType(types):
            return " | ".join(_given(one) for one in types if not isinstance(one, NoneType))
        case StrType():
            return "string"
        case IntType() | FloatType():
            return "number"
        case BoolType():
            return "boolean"
        case CustomType(cls=cls) if cls is object:
            return "unknown"
        case ListType(item_type=item) | VarTupleType(item_type=item):
            return f"readonly {_given(item)}[]"
        case DictType(value_type=value):
            return f"Record<string, {_given(value)}>"
        case StructType(fields=fields):
            members = (
                f"{field.encode_name}{'' if field.required else '?'}: {_given(field.type)}"
                for field in fields
            )
            return f"{{ {'; '.join(members)} }}"
        case _:
            raise AssertionError(f"no member of a config is {kind}")
