"""JSON Schemas of requests and answers, one pair per action (events socket, 4.2 and 5.3)."""

from collections.abc import Iterator
from typing import Any

from ringline.domain.spelling import camel
from ringline.rpc.action import Action, ActionKind, Answer, Input
from ringline.rpc.descriptions import describe_action
from ringline.rpc.openapi_schemas import Schema, or_null, ref, shown, taken, thing

#: The member that names the lowest role that may call an action in a sign-in; null if none may.
LOWEST_ROLE = "x-lowest-role"
_ANY_JSON: Schema = {}


def pascal(name: str) -> str:
    """Return `ListContacts` for `list_contacts`."""
    camel_name = camel(name)
    return camel_name[0].upper() + camel_name[1:]


def request_name(action: Action) -> str:
    """Return the component's name for an action's request."""
    return f"{pascal(action.name)}Request"


def response_name(action: Action) -> str:
    """Return the component's name for an action's response."""
    return f"{pascal(action.name)}Response"


def action_schemas(action: Action) -> Iterator[tuple[str, Schema]]:
    """Yield an action's components: its input, if any, request and response."""
    if action.inputs:
        yield f"{pascal(action.name)}Input", input_schema(action)
    yield request_name(action), request_schema(action)
    success: dict[str, Schema] = {"success": {"const": True}, "data": data_schema(action)}
    yield response_name(action), thing(success, tuple(success))


# -- requests -------------------------------------------------------------------------------


def request_schema(action: Action) -> Schema:
    """Describe an action's request; unknown members are ignored."""
    members: dict[str, Schema] = {"action": {"type": "string", "const": action.name}}
    required = ["action"]
    if action.kind in (ActionKind.UPDATE, ActionKind.DESTROY):
        members["identity"] = identity_schema(action)
        required.append("identity")
    if action.inputs:
        members["input"] = ref(f"{pascal(action.name)}Input")
        if action.one_of or any(input_.required for input_ in action.inputs):
            required.append("input")
    if action.resource is not None:
        members["fields"] = ref(f"{action.resource.name}Fields")
    if action.resource is not None and action.kind is ActionKind.LIST:
        members["filter"] = ref(f"{action.resource.name}Filter")
        members["sort"] = ref(f"{action.resource.name}Sort")
        if action.pages:
            members["page"] = ref("RpcPage")
    return {
        "type": "object",
        "title": action.summary,
        "description": describe_action(action),
        LOWEST_ROLE: action.role,
        "properties": members,
        "required": required,
    }


def identity_schema(action: Action) -> Schema:
    """Describe `identity` (4.5): an id, bare or named, or another identity."""
    assert action.resource is not None, "only records can be changed"
    own = ref(f"{action.resource.name}Id")
    named = [
        thing({name: taken(action.resource.field_index[name].kind)}, (name,))
        for name in action.identities
    ]
    return {"anyOf": [own, thing({"id": own}, ("id",)), *named]}


def input_schema(action: Action) -> Schema:
    """Describe an action's input."""
    schema = thing(
        {input_.name: _input(input_) for input_ in action.inputs},
        [input_.name for input_ in action.inputs if input_.required],
    )
    groups: list[Schema] = [
        {"anyOf": [{"required": [name]} for name in group]} for group in action.one_of
    ]
    return schema | ({"allOf": groups} if groups else {})


def _input(input_: Input) -> Schema:
    schema = taken(input_.kind)
    if input_.null and not input_.required:
        schema = or_null(schema)
    extras: dict[str, Any] = {}
    if input_.default is not None:
        extras["default"] = input_.default
    if input_.sealed:
        extras["writeOnly"] = True
    return schema | extras


# -- answers --------------------------------------------------------------------------------


def data_schema(action: Action) -> Schema:
    """Describe the `data` of an action's response."""
    if action.kind is ActionKind.GENERIC:
        return _answers(action.answers)
    assert action.resource is not None, "every other kind is about records"
    name = action.resource.name
    if action.kind is not ActionKind.LIST:
        return ref(name)
    plain: Schema = {"type": "array", "items": ref(name)}
    if not action.pages:
        return plain
    return {"anyOf": [plain, ref(f"{name}OffsetPage"), ref(f"{name}KeysetPage")]}


def _answers(answers: tuple[Answer, ...]) -> Schema:
    required = [answer.name for answer in answers]
    return thing({answer.name: _answer(answer) for answer in answers}, required)


def _answer(answer: Answer) -> Schema:
    if answer.members:
        schema = _answers(answer.members)
    else:
        schema = _ANY_JSON if answer.kind is None else shown(answer.kind)
    if answer.many:
        schema = {"type": "array", "items": schema}
    return or_null(schema) if answer.null else schema
