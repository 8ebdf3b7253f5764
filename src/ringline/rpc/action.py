"""The types of rows in the table of actions (events socket, 5.2; `actions.py`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from ringline.domain.log import Scope
from ringline.domain.operators import TeamRole
from ringline.rpc.context import (
    ActionContext,
    Change,
    Create,
    Generic,
    RowRule,
    Rule,
    Services,
)
from ringline.rpc.kinds import Kind
from ringline.rpc.names import by_name
from ringline.rpc.resource import Resource
from ringline.services.callers import Caller
from ringline.wire.rpc import RpcRefused

#: Columns, and the values that a read is restricted to.
Fixed: TypeAlias = tuple[tuple[str, object], ...]


class ActionKind(StrEnum):
    """How the engine runs an action, which determines its request's members."""

    LIST = "list"
    GET = "get"
    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    GENERIC = "generic"


#: The kinds of actions that use an idempotency key; others ignore it.
KEYED_KINDS = frozenset({ActionKind.CREATE, ActionKind.GENERIC})


#: The kinds of actions that change a record.
_CHANGES = frozenset({ActionKind.CREATE, ActionKind.UPDATE, ActionKind.DESTROY})


@dataclass(frozen=True, slots=True)
class Input:
    """A member of an action's `input`.

    `null` says whether null is allowed; `cleared` is what is stored then. `column` is
    where the engine writes it, by default its name in snake_case. A `sealed` input is
    encrypted before it is stored; its last four characters go to the column `tail`, if that
    is set. An argument of a read selects records by their own
    column, or `through` a relationship by a field of its target.
    """

    name: str
    kind: Kind
    required: bool = False
    null: bool = True
    column: str = ""
    cleared: object = None
    default: object = None
    sealed: bool = False
    tail: str = ""
    through: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A member of a generic action's result; its name is used unchanged."""

    name: str
    kind: Kind | None = None  # None: any JSON
    null: bool = False
    many: bool = False
    members: tuple["Answer", ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    `one_of` holds groups of inputs of which one is required. `identities` are fields that
    `identity` may hold besides the id. `pages` says whether a list takes `page`. Operator
    tokens may call an `operator` action; a `team` action requires a `sk_live_` key; a
    `secret` action returns a credential. `role` is the lowest one that may call it in a sign-in
    (`domain/permissions.py`), of either environment; None keeps it from people. No API key may
    call an action for `people`. `audited` names what a generic action changes, if anything.
    `seen` restricts a list to what its caller may see. If a `get` could mean several records, it
    returns the `latest` by that column. `presets` are columns of a new row that clients do not
    set. `rule` checks the inputs together, and raises RpcRefused; `row_rule` checks a plain row
    against what is stored. `act` does what the engine does not; `after` runs once a record's
    change is committed.
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
    people: bool = False
    role: TeamRole | None = None
    seen: Callable[[Caller], Fixed] | None = None
    audited: str = ""
    needs: str = ""
    latest: str = "inserted_at"
    presets: Callable[[ActionContext], Mapping[str, object]] | None = None
    rule: Rule | None = None
    row_rule: RowRule | None = None
    act: Create | Change | Generic | None = None
    after: Callable[[Services, Scope], None] | None = None
    input_index: Mapping[str, Input] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_index", by_name(self.inputs))

    def had_no_effect(self, error: Exception) -> bool:
        """Return whether an action that raised this error certainly did nothing.

        A create is one transaction; other work certainly did nothing if it was refused.
        """
        return self.kind is ActionKind.CREATE or isinstance(error, RpcRefused)

    @property
    def is_audited(self) -> bool:
        """Return whether the audit log tells that a member of the team ran the action."""
        changes = bool(self.audited) or self.kind in _CHANGES
        return changes and (self.role is not None or self.operator)

    @property
    def is_read(self) -> bool:
        """Return whether the action only reads records."""
        return self.kind in (ActionKind.LIST, ActionKind.GET)
