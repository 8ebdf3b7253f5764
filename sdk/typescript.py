"""The TypeScript of the SDK, written from the tables of resources, actions and problems."""

from collections.abc import Iterable, Iterator, Mapping

from ringline.domain.spelling import camel
from ringline.rpc.action import Action, ActionKind, Answer, Input
from ringline.rpc.actions import ACTIONS
from ringline.rpc.descriptions import describe_action
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
from ringline.rpc.resource import Field, Resource
from ringline.rpc.resources import RESOURCES
from ringline.wire.errors import RPC_ERRORS
from ringline.wire.events_socket import NAMES
from ringline.wire.rpc import PROBLEMS
from sdk.event_payloads import payload_types, words

HEAD = "// Made by `python -m sdk.generate` from the server's tables. Do not edit.\n"
_TYPES = (
    "ByBoolean",
    "ById",
    "ByNil",
    "ByNumber",
    "ByText",
    "ByTime",
    "ByWord",
    "Fields",
    "Known",
    "Joined",
    "Listed",
    "LocalDialogue",
    "Nullable",
    "OneOf",
    "PageRequest",
    "Relation",
    "Result",
    "Selected",
    "Sort",
    "Timestamp",
    "Tool",
    "UntypedMap",
    "Uuid",
    "ValidationResult",
)


def types_module() -> str:
    """Write `generated.ts`: what there is, as types, and the table of actions."""
    imports = "".join(f"  {name},\n" for name in _TYPES)
    return "\n".join(
        (
            HEAD,
            f'import type {{\n{imports}}} from "./types.js";',
            'import type { TransportOptions } from "./transport.js";\n',
            *_errors(),
            *(line for resource in RESOURCES.values() for line in _resource(resource)),
            *(line for action in ACTIONS.values() for line in _input_and_answer(action)),
            *_actions(),
            *_events(),
        )
    )


def functions_module() -> str:
    """Write `functions.ts`: the function of every action, on the configured server."""
    names = sorted(
        name
        for action in ACTIONS.values()
        for name in (camel(action.name), f"validate{pascal(action.name)}")
    )
    listed = "".join(f"  {name},\n" for name in names)
    return (
        f'{HEAD}\nimport {{ makeActions }} from "./client.js";\n'
        'import { configuredOptions } from "./transport.js";\n\n'
        f"export const {{\n{listed}}} = makeActions(configuredOptions);\n"
    )


def pascal(name: str) -> str:
    """Return `ListContacts` for `list_contacts`."""
    spelt = camel(name)
    return spelt[0].upper() + spelt[1:]


# -- pieces ---------------------------------------------------------------------------------


def _errors() -> Iterator[str]:
    names = dict.fromkeys((*PROBLEMS, *RPC_ERRORS, "network_error"))
    yield "/** The `type` of an error. */"
    yield "export type ErrorType =" + "".join(f'\n  | "{name}"' for name in names) + ";\n"


def _interface(name: str, members: Mapping[str, str], *, optional: Iterable[str] = ()) -> str:
    left_out = set(optional)
    lines = "".join(
        f"  {member}{'?' if member in left_out else ''}: {kind};\n"
        for member, kind in members.items()
    )
    return f"export interface {name} {{\n{lines}}}\n"


def _shown(kind: Kind | None) -> str:
    """Write the type of a value that is read."""
    match kind:
        case None:
            return "unknown"
        case Text() | PhoneNumber():
            return "string"
        case Id():
            return "Uuid"
        case Integer() | Number():
            return "number"
        case Boolean():
            return "boolean"
        case Timestamp():
            return "Timestamp"
        case Choice(options):
            return words(*options)
        case Map():
            return "UntypedMap"
        case ToolList():
            return "Tool[]"
        case Dialogue():
            return "LocalDialogue"
        case AnswerLatency():
            return "{ totalMs: number; voiceMs: number; gatewayMs: number }"
        case TextList(Choice(options)):
            return f"({words(*options)})[]"
        case TextList():
            return "string[]"
        case LogPoint() | Choices():
            raise AssertionError("an argument of a reading, which is never shown")


def _taken(kind: Kind) -> str:
    """Write the type of a value that is given."""
    match kind:
        case Timestamp():
            return "Timestamp | Date"
        case LogPoint():
            return "string | number"
        case Choices(options):
            return f"{words(*options)} | readonly ({words(*options)})[]"
        case _:
            return _shown(kind)


def _or_null(kind: str, null: bool) -> str:
    return f"{kind} | null" if null else kind


# -- resources ------------------------------------------------------------------------------


def _resource(resource: Resource) -> Iterator[str]:
    fields = {one.name: _or_null(_shown(one.kind), one.null) for one in resource.fields}
    yield _interface(resource.name, fields)
    yield _interface(
        f"{resource.name}Relationships",
        {
            one.name: f'Relation<{one.target}Resource, "{_arity(one.many, one.null)}">'
            for one in resource.relationships
        },
    )
    said = {one.name: _predicate(one) for one in resource.fields}
    said |= {one.name: f"{one.target}Filter" for one in resource.relationships}
    filters = _interface(f"{resource.name}Filter", said, optional=said)
    yield filters.replace(" {", f" extends Joined<{resource.name}Filter> {{", 1)
    sorts = [one.name for one in resource.fields if not _without_order(one)]
    yield _interface(
        f"{resource.name}Resource",
        {
            "fields": resource.name,
            "relationships": f"{resource.name}Relationships",
            "filter": f"{resource.name}Filter",
            "sorts": words(*sorts),
        },
    )


def _arity(many: bool, null: bool) -> str:
    return "many" if many else "maybe" if null else "one"


def _without_order(one: Field) -> bool:
    return isinstance(one.kind, Map | ToolList | Dialogue | TextList | AnswerLatency)


def _predicate(one: Field) -> str:
    match one.kind:
        case Text() | PhoneNumber():
            by = "ByText"
        case Id():
            by = "ById"
        case Integer() | Number():
            by = "ByNumber"
        case Boolean():
            by = "ByBoolean"
        case Timestamp():
            by = "ByTime"
        case Choice(options):
            by = f"ByWord<{words(*options)}>"
        case Map() | ToolList() | Dialogue() | TextList() | AnswerLatency():
            return "ByNil"
        case LogPoint() | Choices():
            return "ByNil"
    return f"Nullable<{by}>" if one.null else by


# -- actions --------------------------------------------------------------------------------


def _input_and_answer(action: Action) -> Iterator[str]:
    if action.inputs:
        yield _input(action)
    if action.kind is ActionKind.GENERIC:
        yield _interface(f"{pascal(action.name)}Answer", _members(action.answers))


def _input(action: Action) -> str:
    name = f"{pascal(action.name)}Input"
    members = {one.name: _given(one) for one in action.inputs}
    optional = [one.name for one in action.inputs if not one.required]
    if not action.one_of:
        return _interface(name, members, optional=optional)
    plain = _interface(f"{name}Members", members, optional=optional)
    groups = [f"OneOf<{name}Members, {words(*group)}>" for group in action.one_of]
    return f"{plain}\nexport type {name} = {' & '.join(groups)};\n"


def _given(one: Input) -> str:
    return _or_null(_taken(one.kind), one.null and not one.required)


def _members(answers: Iterable[Answer]) -> dict[str, str]:
    return {one.name: _answer(one) for one in answers}


def _answer(one: Answer) -> str:
    if one.members:
        inner = " ".join(f"{name}: {kind};" for name, kind in _members(one.members).items())
        kind = f"{{ {inner} }}"
    else:
        kind = _shown(one.kind)
    if one.many:
        kind = f"({kind})[]" if " | " in kind else f"{kind}[]"
    return _or_null(kind, one.null)


def _actions() -> Iterator[str]:
    yield "/** The names of the actions on the wire. */"
    names = "".join(f'  {camel(name)}: "{name}",\n' for name in ACTIONS)
    yield f"export const ACTIONS = {{\n{names}}} as const;\n"
    yield "/** A function per action, and one that only validates what it would be given. */"
    yield "export interface Actions {"
    for action in ACTIONS.values():
        yield f"  /** {describe_action(action)} */"
        yield _signature(action)
        yield f"  /** Says whether `{camel(action.name)}` would take this. */"
        yield _validation(action)
    yield "}\n"


def _signature(action: Action) -> str:
    name = camel(action.name)
    if action.kind is ActionKind.GENERIC:
        answer = f"{pascal(action.name)}Answer"
        return f"  {name}({_config(action)}): Promise<Result<{answer}, ErrorType>>;"
    assert action.resource is not None, "everything else is about records"
    resource = f"{action.resource.name}Resource"
    record = f"Selected<{resource}, F>"
    none = "" if action.is_read else " = readonly []"
    generics = f"const F extends Fields<{resource}>{none}"
    if action.kind is ActionKind.LIST:
        if action.pages:
            generics += ", P extends PageRequest | undefined = undefined"
            record = f"Listed<{record}, P>"
        else:
            record += "[]"
    return f"  {name}<{generics}>({_config(action)}): Promise<Result<{record}, ErrorType>>;"


def _config(action: Action) -> str:
    """Write the argument of an action's function; optional if nothing in it is required."""
    members, checks = _identity(action) + _inputs(action), ""
    if action.resource is not None:
        resource = f"{action.resource.name}Resource"
        members.append(f"fields{'' if action.is_read else '?'}: F")
        checks = f" & Known<{resource}, F>"
        if action.kind is ActionKind.LIST:
            members += [f"filter?: {action.resource.name}Filter", f"sort?: Sort<{resource}>"]
            members += ["page?: P"] if action.pages else []
    return _argument(members, checks)


def _validation(action: Action) -> str:
    members = _identity(action)
    if action.inputs:
        members.append(f"input?: Partial<{pascal(action.name)}Input>")
    name = f"validate{pascal(action.name)}"
    return f"  {name}({_argument(members)}): Promise<ValidationResult<ErrorType>>;"


def _argument(members: list[str], checks: str = "") -> str:
    optional = all("?:" in member for member in members)
    own = f"{{ {'; '.join(members)} }}{checks} & " if members else ""
    return f"config{'?' if optional else ''}: {own}TransportOptions"


def _identity(action: Action) -> list[str]:
    if action.kind not in (ActionKind.UPDATE, ActionKind.DESTROY):
        return []
    named = "".join(f" | {{ {name}: string }}" for name in action.identities)
    return [f"identity: Uuid | {{ id: Uuid }}{named}"]


def _inputs(action: Action) -> list[str]:
    if not action.inputs:
        return []
    needed = bool(action.one_of) or any(one.required for one in action.inputs)
    return [f"input{'' if needed else '?'}: {pascal(action.name)}Input"]


# -- events ---------------------------------------------------------------------------------


def _events() -> Iterator[str]:
    for data, name in NAMES.items():
        yield _interface(f"{pascal(name)}Event", payload_types(data))
    yield "/** The events of a workspace by their names. */"
    yield _interface("Events", {name: f"{pascal(name)}Event" for name in NAMES.values()})
