"""The TypeScript of realtime sessions, written from the tables of their config, events and errors.

These types need none of a browser or of Node, so the voice part's declarations need none either.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.inspect import (
    AnyType,
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

from ringline.domain.config_members import RequestedConfig
from ringline.domain.leash import Leash
from ringline.domain.members import Member, Shape, described, members_of
from ringline.wire.errors import V3_ERRORS
from ringline.wire.realtime_errors import ERRORS, Ends
from ringline.wire.realtime_events import CLIENT, SERVER, RealtimeEvent
from sdk.event_payloads import words
from sdk.typescript import HEAD

#: The types of members by their shape; any other shape is `unknown`.
_TYPES = {
    Shape.TEXT: "string",
    Shape.INTEGER: "number",
    Shape.NUMBER: "number",
    Shape.BOOLEAN: "boolean",
    Shape.OBJECT: "Record<string, unknown>",
}
#: The types of members with a vocabulary of their own, by event and path, or by path.
_NAMED = {
    "config": "SessionConfig",
    "error.code": "SessionErrorCode",
    "session.terminating error.code": "SessionEndCode",
}


def realtime_module() -> str:
    """Write `realtime.ts`: the config, the events and the errors of realtime sessions."""
    ending = (error.code for error in ERRORS.values() if error.ends is not Ends.NEVER)
    return "\n".join(
        (
            HEAD,
            *_members(
                "SessionConfig",
                "The config of a realtime session; what is absent has its default.",
                RequestedConfig,
            ),
            *_members(
                "SessionLeash",
                "What bounds a session, and who talks in it; the browser has no say in it.",
                Leash,
            ),
            *_union(
                "RealtimeErrorType",
                "The `type` of an error of `createRealtimeSession`.",
                (*V3_ERRORS, "network_error"),
            ),
            *_union("SessionErrorCode", "The code of an error in a session.", ERRORS),
            *_union("SessionEndCode", "The code of an error that ends a session.", ending),
            *_events("Client", "What a client sends, by its `type`.", CLIENT),
            *_events("Server", "What the server sends, by its `type`.", SERVER),
        )
    )


def _members(name: str, means: str, struct: type[Struct]) -> Iterator[str]:
    """Write the members that a client may give as an interface."""
    types = {field.encode_name: field.type for field in described(struct).fields}
    yield f"/** {means} */"
    yield f"export interface {name} {{"
    for member in members_of(struct):
        yield f"  {_documented(member)}"
        yield f"  {member.name}?: {_given(types[member.name])};"
    yield "}\n"


def _union(name: str, means: str, options: Iterable[str]) -> Iterator[str]:
    listed = "".join(f'\n  | "{option}"' for option in dict.fromkeys(options))
    yield f"/** {means} */"
    yield f"export type {name} ={listed};\n"


def _events(side: str, means: str, events: Mapping[str, RealtimeEvent]) -> Iterator[str]:
    """Write the events of one side, as a table and as a union."""
    yield f"/** {means} */"
    yield f"export interface {side}Events {{"
    for event in events.values():
        yield f"  /** {_sentence(event.means)} */"
        yield f'  "{event.name}": {{'
        yield f'    type: "{event.name}";'
        for member in event.members:
            yield f"    {_documented(member)}"
            yield f"    {_member(event.name, member)};"
        yield "  };"
    yield "}\n"
    yield f"export type {side}Event = {side}Events[keyof {side}Events];\n"


def _documented(member: Member) -> str:
    default = "" if member.default is None else f" Default: {member.default}."
    return f"/** {_sentence(member.means)}{default} */"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _member(event: str, member: Member, above: str = "") -> str:
    """Write a member: what has a default, or is only sent at times, may be absent."""
    path = f"{above}{member.name}"
    if member.members:
        inner = "; ".join(_member(event, one, f"{path}.") for one in member.members)
        kind = f"{{ {inner} }}"
    elif member.words:
        kind = words(*member.words)
    else:
        plain = _TYPES.get(member.shape, "unknown")
        kind = _NAMED.get(f"{event} {path}") or _NAMED.get(path) or plain
    if member.many:
        kind = f"readonly ({kind})[]" if " | " in kind else f"readonly {kind}[]"
    absent = "?" if member.optional or member.default is not None else ""
    return f"{member.name}{absent}: {kind}{' | null' if member.null else ''}"


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
        case AnyType():
            return "unknown"
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
            raise AssertionError(f"no member of a mint is {kind}")
