"""What a row of the table of actions says (events socket, 5.2): see `actions.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ringline.rpc.context import ActionContext, Change, Create, Generic, Rule
from ringline.rpc.kinds import Kind
from ringline.rpc.names import by_name
from ringline.rpc.resources import Resource
from ringline.wire.rpc import RpcRefused


class ActionKind(StrEnum):
    """What an action is to the engine, and so what its request holds."""

    LIST = "list"
    GET = "get"
    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    GENERIC = "generic"


#: The kinds of actions that count an idempotency key; elsewhere it is ignored.
KEYED_KINDS = frozenset({ActionKind.CREATE, ActionKind.GENERIC})


@dataclass(frozen=True, slots=True)
class Input:
    """A member of an action's `input`.

    `null` tells whether null may be given; `cleared` is what is stored then. `column` is
    where the engine writes it, its own name in snake_case unless it says otherwise. What is
    `sealed` is encrypted before it is stored. An argument of a read picks the records by
    their own column, or `through` a relationship by a field of its target.
    """

    name: str
    kind: Kind
    required: bool = False
    null: bool = True
    column: str = ""
    cleared: object = None
    default: object = None
    sealed: bool = False
    through: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A member of what a generic action answers; its name is spelt as it is."""

    name: str
    kind: Kind | None = None  # None: any JSON
    null: bool = False
    many: bool = False
    members: tuple["Answer", ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    `one_of` are groups of inputs of which one is required. `identities` are fields that
    may stand in `identity` beside the id. `pages` tells whether a list takes `page`. An
    `operator` may call it with an operator token; a `team` action takes a `sk_live_` key;
    what answers a credential is `secret`. Of several records that a `get` could mean it
    answers the `latest` by that column. `presets` are columns of a new row that are not
    given. `rule` says what the inputs must be together, and raises RpcRefused. `act` does
    what the engine does not.
    """

    name: str
    kind: ActionKind
    summary: str
    resource: Resource | None = None
    inputs: tuple[Input, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    answers: tuple[Answer, ...] = ()
    identities: tuple[str, ...] = ()
    pages: bool = True
    operator: bool = False
    team: bool = False
    secret: bool = False
    needs: str = ""
    latest: str = "inserted_at"
    presets: Callable[[ActionContext], Mapping[str, object]] | None = None
    rule: Rule | None = None
    act: Create | Change | Generic | None = None
    input_index: Mapping[str, Input] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_index", by_name(self.inputs))

    def left_no_trace(self, error: Exception) -> bool:
        """Return whether it is certain that an action which raised this error did nothing.

        A create is one transaction; other work is known to have done nothing if it was refused.
        """
        return self.kind is ActionKind.CREATE or isinstance(error, RpcRefused)

    @property
    def is_read(self) -> bool:
        """Tell whether the action answers records that it only reads."""
        return self.kind in (ActionKind.LIST, ActionKind.GET)
