"""JSON Schemas of values and resources, generated from the tables (OpenAPI 3.1).

Inputs are described as leniently as the kinds cast them (events socket, 4.12), outputs
exactly as they are written. The wire accepts both spellings of names; only the camelCase ones
are described. Resources refer to each other in cycles, so everything about a resource is a
component of the document, referenced by `$ref`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ringline.domain import limits, v1_limits
from ringline.domain.spelling import camel
from ringline.rpc.descriptions import describe_reach
from ringline.rpc.filters import COMPARISONS, operators_of
from ringline.rpc.kinds import (
    AnswerLatency,
    Boolean,
    Choice,
    Choices,
    Dialogue,
    Id,
    Integer,
    Kind,
    LogPoint,
    Map,
    Number,
    PhoneNumber,
    Text,
    TextList,
    Timestamp,
    ToolList,
)
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES

Schema: TypeAlias = dict[str, Any]

MAX_INT32 = 2**31 - 1
_UUID = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_SINCE = f"[0-9a-z]{{8}}:(?:0|[1-9][0-9]{{0,17}})|[0-9]{{1,18}}|{_UUID}|evt_[0-9A-Za-z]{{22}}"
_SORT_ITEM = r"(?:\+\+|--|\+|-)?[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*"
_NUMBER = "+442079460958, or +44 (0)20 7946 0958"
_PREFIXED = {resource.prefix: resource for resource in RESOURCES.values()}


def ref(name: str) -> Schema:
    """Refer to a schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def thing(properties: Mapping[str, Schema], required: Sequence[str] = (), **more: Any) -> Schema:
    """Describe an object that has no other members."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    return schema | {"additionalProperties": False} | more


def or_null(schema: Schema) -> Schema:
    """Allow null too."""
    match schema:
        case {"type": str(name), **rest} if "enum" not in rest and "const" not in rest:
            return {"type": [name, "null"], **rest}
        case {"anyOf": [*ways], **rest}:
            return {"anyOf": [*ways, {"type": "null"}], **rest}
        case _:
            return {"anyOf": [schema, {"type": "null"}]}


# -- values ---------------------------------------------------------------------------------


def taken(kind: Kind) -> Schema:
    """Describe the inputs that a kind accepts."""
    match kind:
        case Text(max_length, _, pattern, max_bytes):
            schema: Schema = {"type": "string", "minLength": 1}
            if max_length is not None:
                schema["maxLength"] = max_length
            if max_bytes is not None:
                schema |= {"maxLength": max_bytes, "description": _bytes(max_bytes)}
            return schema | ({"pattern": f"^{pattern}$"} if pattern else {})
        case PhoneNumber():
            most = v1_limits.NUMBER_CHARACTERS.most
            written = f"A number with its country's code, kept in E.164: {_NUMBER}."
            return {"type": "string", "minLength": 1, "maxLength": most, "description": written}
        case Id(prefix):
            return ref(f"{_PREFIXED[prefix].name}Id")
        case Integer(minimum, clamped, maximum):
            least = -(2**31) if minimum is None else minimum
            digits = "^-?[0-9]{1,10}$" if least < 0 else "^[0-9]{1,10}$"
            number: Schema = {"type": "integer", "minimum": least}
            if clamped is None:
                number["maximum"] = MAX_INT32 if maximum is None else maximum
            return {"anyOf": [number, {"type": "string", "pattern": digits}]}
        case Number():
            return {"type": "number"}
        case Boolean():
            return {"enum": [True, False, "true", "false", "1", "0"]}
        case Timestamp():
            return {"type": "string", "format": "date-time"}
        case Choice(words):
            return {"type": "string", "enum": list(words)}
        case Map(most):
            return {"type": "object", "description": _bytes(most)}
        case ToolList(most):
            return _listed(ref("Tool"), description=_bytes(most))
        case Dialogue(most):
            return ref("LocalDialogue") | {"description": _bytes(most)}
        case AnswerLatency():
            return shown(kind)
        case TextList(item, most, least, distinct):
            more: Schema = {} if isinstance(item, Choice) else {"description": _bytes(most)}
            if least:
                more["minItems"] = least
            if distinct:
                more["uniqueItems"] = True
            return _listed(taken(item), **more)
        case LogPoint():
            return {
                "anyOf": [
                    {"type": "string", "pattern": f"^(?:{_SINCE})$"},
                    {"type": "integer", "minimum": 0},
                ]
            }
        case Choices(words):
            word = taken(Choice(words))
            return {"anyOf": [word, _listed(word, minItems=1)]}


def _bytes(most: int) -> str:
    return f"At most {most} bytes as stored."


def _listed(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, "maxItems": limits.LIST_MEMBERS.most} | more


def shown(kind: Kind) -> Schema:
    """Describe the output of a kind's values."""
    match kind:
        case Text() | PhoneNumber():
            return {"type": "string"}
        case Id():
            return {"type": "string", "format": "uuid"}
        case Integer():
            return {"type": "integer", "format": "int32"}
        case Boolean():
            return {"type": "boolean"}
        case TextList():
            return {"type": "array", "items": {"type": "string"}}
        case Map():
            return {"type": "object"}
        case ToolList():
            return {"type": "array", "items": ref("Tool")}
        case Dialogue():
            return ref("LocalDialogue")
        case AnswerLatency():
            return ref("AnswerLatency")
        case Timestamp() | Choice() | Number():
            return taken(kind)
        case LogPoint() | Choices():
            raise AssertionError("an argument of a reading, which is never shown")


def value_schemas() -> Iterator[tuple[str, Schema]]:
    """Yield the components that values refer to: ids, tools and dialogues."""
    for resource in RESOURCES.values():
        yield (
            f"{resource.name}Id",
            {
                "type": "string",
                "pattern": f"^(?:{_UUID}|{resource.prefix}_[0-9A-Za-z]{{22}})$",
                "description": "A UUID, or the same id in the form of the other surfaces.",
            },
        )
    yield (
        "Tool",
        {
            "type": "object",
            "description": "A function that the voice may ask the client to run.",
            "properties": {
                "name": {"type": "string"},
                "description": {"type": "string"},
                "parameters": {"type": "object"},
            },
            "required": ["name"],
        },
    )
    milliseconds: Schema = {"type": "integer", "format": "int32", "minimum": 0}
    shares = ("totalMs", "voiceMs", "gatewayMs")
    yield (
        "AnswerLatency",
        thing(
            dict.fromkeys(shares, milliseconds),
            shares,
            description="How long an answer took to begin: in all, by its voice, and by us.",
        ),
    )
    text: Schema = {"type": "string", "minLength": 1}
    phrase = thing({"text": text, "intent": text}, ("text", "intent"))
    yield (
        "LocalDialogue",
        thing(
            {
                "phrases": {"type": "array", "items": phrase, "maxItems": limits.PHRASES.most},
                "replies": {
                    "type": "object",
                    "additionalProperties": text,
                    "maxProperties": limits.REPLIES.most,
                },
            },
            description="What an agent's local voice understands, and its reply to each intent.",
        ),
    )


# -- resources ------------------------------------------------------------------------------


def resource_schemas(resource: Resource) -> Iterator[tuple[str, Schema]]:
    """Yield the components of a resource: record, fields, filter."""
    yield resource.name, record(resource)
    yield f"{resource.name}Fields", fields(resource)
    yield f"{resource.name}Filter", filter_of(resource)


def list_schemas(resource: Resource) -> Iterator[tuple[str, Schema]]:
    """Yield the further components of a resource's lists: sort and pages."""
    yield f"{resource.name}Sort", sort_schema(resource)
    yield f"{resource.name}OffsetPage", page_of(resource.name, "offset")
    yield f"{resource.name}KeysetPage", page_of(resource.name, "keyset")


def record(resource: Resource) -> Schema:
    """Describe a record, which has only the selected members."""
    members: dict[str, Schema] = {
        field.name: or_null(shown(field.kind)) if field.null else shown(field.kind)
        for field in resource.fields
    }
    for relationship in resource.relationships:
        target = ref(relationship.target)
        if relationship.many:
            members[relationship.name] = {"type": "array", "items": target}
        else:
            members[relationship.name] = or_null(target) if relationship.null else target
    there = "Only the selected fields are present."
    return thing(members, description=f"{there} {describe_reach(resource)}")


def fields(resource: Resource) -> Schema:
    """Describe a selection of fields (4.4)."""
    item: Schema = {"type": "string", "enum": [field.name for field in resource.fields]}
    if resource.relationships:
        related = {link.name: ref(f"{link.target}Fields") for link in resource.relationships}
        item = {"anyOf": [item, thing(related, minProperties=1)]}
    return {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}


def operators(kind: Kind) -> list[str]:
    """List the operators of a kind (4.7), each by its first name."""
    names: dict[str, str] = {}
    for name, operator in COMPARISONS.items():
        names.setdefault(operator, camel(name))
    return [names[operator] for operator in operators_of(kind)]


def predicates_name(kind: Kind) -> str | None:
    """Return the component's name for a kind's predicates; None if field-specific."""
    match kind:
        case Choice():
            return None
        case Id(prefix):
            return f"{_PREFIXED[prefix].name}IdPredicates"
        case Timestamp():
            return "MomentPredicates"  # published under this name
        case PhoneNumber():
            return "TextPredicates"  # a part of a number will do
        case _:
            return f"{type(kind).__name__}Predicates"


def predicates(kind: Kind) -> Schema:
    """Describe a field's predicates: operators, or a value that it equals."""
    value = compared(kind)
    said: dict[str, Schema] = {}
    for operator in operators(kind):
        match operator:
            case "in":
                most = limits.FILTER_IN.most
                said[operator] = {"type": "array", "items": value, "maxItems": most}
            case "isNil":
                said[operator] = {"type": "boolean"}
            case _:
                said[operator] = value
    by_operator = thing(said)
    return {"anyOf": [value, by_operator]} if "eq" in said else by_operator


def compared(kind: Kind) -> Schema:
    """Describe the values that a kind is compared with: any text, any number."""
    match kind:
        case Text() | PhoneNumber():
            return {"type": "string"}
        case Integer():
            return taken(Integer())
        case _:
            return taken(kind)


def predicate_schemas() -> Iterator[tuple[str, Schema]]:
    """Yield the components that filters share."""
    for resource in RESOURCES.values():
        for field in resource.fields:
            name = predicates_name(field.kind)
            if name is not None:
                yield name, predicates(field.kind)


def filter_of(resource: Resource) -> Schema:
    """Describe a filter (4.7): fields, relationships and combinators."""
    said: dict[str, Schema] = {}
    for field in resource.fields:
        name = predicates_name(field.kind)
        said[field.name] = predicates(field.kind) if name is None else ref(name)
    for relationship in resource.relationships:
        said[relationship.name] = ref(f"{relationship.target}Filter")
    inner = ref(f"{resource.name}Filter")
    for joint in ("and", "or", "not"):
        said[joint] = {"anyOf": [inner, {"type": "array", "items": inner}]}
    return thing(said)


def sort_schema(resource: Resource) -> Schema:
    """Describe a sort (4.8)."""
    return {
        "description": (
            "Fields by a comma list or an array, each with `+` or none (ascending, null last), "
            "`-` (descending, null first), `++` (ascending, null first) or `--` (descending, "
            "null last) before it; `relationship.field` through to-one relationships."
        ),
        "anyOf": [
            {"type": "string", "pattern": f"^(?:{_SORT_ITEM}(?:,{_SORT_ITEM})*)?$"},
            {
                "type": "array",
                "items": {"type": "string", "pattern": f"^{_SORT_ITEM}$"},
                "maxItems": limits.SORT_ITEMS.most,
            },
        ],
        "examples": [f"-{resource.fields[-1].name}"],
    }


def page_of(name: str, kind: str) -> Schema:
    """Describe a page of a list (4.9)."""
    most = limits.PAGE_RECORDS.most
    count: Schema = {"type": ["integer", "null"], "minimum": 0}
    cursor: Schema = {"type": ["string", "null"]}
    members: dict[str, Schema] = {
        "results": {"type": "array", "items": ref(name), "maxItems": most},
        "hasMore": {"type": "boolean"},
        "limit": {"type": "integer", "minimum": 1, "maximum": most},
        "count": count,
        "type": {"const": kind},
    }
    if kind == "offset":
        members["offset"] = {"type": "integer", "minimum": 0}
    else:
        members |= dict.fromkeys(("after", "before", "previousPage", "nextPage"), cursor)
    return thing(members, tuple(members))


#: The forms of a request's `page` (4.9).
PAGE_REQUEST: Schema = {
    "description": "With `offset` it is a page by offset, otherwise one by cursor.",
    "anyOf": [
        thing(
            {
                "limit": {"type": "integer", "minimum": 1},
                "offset": {"type": "integer", "minimum": 0},
                "count": {"type": "boolean"},
            },
        ),
        thing(
            {
                "limit": {"type": "integer", "minimum": 1},
                "after": {"type": ["string", "null"]},
                "before": {"type": ["string", "null"]},
                "count": {"type": "boolean"},
            },
        ),
    ],
}
