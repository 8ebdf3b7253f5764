"""How rows of the table of actions are made that are like their resources' (`actions.py`)."""

from dataclasses import replace

from ringline.domain.spelling import snake
from ringline.rpc.action import Action, ActionKind, Input
from ringline.rpc.resource import Resource

_K = ActionKind


def given(resource: Resource, *names: str) -> tuple[Input, ...]:
    """Make inputs from a resource's fields; a star marks required ones."""
    inputs: list[Input] = []
    for name in names:
        field = resource.field_index[name.rstrip("*")]
        column = resource.column(field)
        stored = str(getattr(column, "name", snake(field.name)))
        inputs.append(Input(field.name, field.kind, name.endswith("*"), field.null, stored))
    return tuple(inputs)


def _optional(*inputs: Input) -> tuple[Input, ...]:
    return tuple(replace(input_, required=False, default=None) for input_ in inputs)


_ACRONYMS = {"ai": "AI", "sip": "SIP"}


def list_of(resource: Resource, *, operator: bool = False, people: bool = False) -> Action:
    """Return the row that lists a resource's records."""
    name, summary = f"list_{snake(resource.plural)}", f"List {_plural(resource)}"
    return Action(name, _K.LIST, summary, resource, operator=operator, people=people)


def creates(resource: Resource, *inputs: Input) -> Action:
    """Return the row that creates a record of these inputs."""
    name = f"create_{_singular(resource)}"
    return Action(name, _K.CREATE, f"Create {_one(resource)}", resource, inputs)


def updates(resource: Resource, *inputs: Input) -> Action:
    """Return the row that changes any of these inputs."""
    name = f"update_{_singular(resource)}"
    summary = f"Update {_one(resource)}"
    return Action(name, _K.UPDATE, summary, resource, _optional(*inputs))


def deletes(resource: Resource) -> Action:
    """Return the row that deletes a record."""
    name = f"delete_{_singular(resource)}"
    return Action(name, _K.DESTROY, f"Delete {_one(resource)}", resource)


def _singular(resource: Resource) -> str:
    return snake(resource.name[0].lower() + resource.name[1:])


def _plural(resource: Resource) -> str:
    return _words(snake(resource.plural))


def _one(resource: Resource) -> str:
    words = _words(_singular(resource))
    return f"an {words}" if words[0] in "Aaeio" else f"a {words}"


def _words(name: str) -> str:
    return " ".join(_ACRONYMS.get(word, word) for word in name.split("_"))
