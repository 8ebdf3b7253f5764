"""Parsing a request before anything runs (events socket, 4.3).

The sequence of steps decides which problem is reported: the action, whether this caller may
run it, its `fields`, the shapes of `input` and `page`. Each raises RpcRefused with one
problem. Values are checked later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ringline.domain.log import Environment
from ringline.domain.permissions import may_do
from ringline.rpc.action import Action, ActionKind
from ringline.rpc.actions import ACTIONS
from ringline.rpc.resource import Resource
from ringline.rpc.selection import Selection, select
from ringline.services.callers import Caller
from ringline.wire.rpc import (
    NOT_IN_SIGN_INS,
    TAKES_LIVE_KEY,
    TAKES_SECRET_KEY,
    TAKES_SIGN_IN,
    echoed,
    forbid,
    json_type,
    refuse,
    suggestion,
    takes_role,
)

_NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """A parsed request.

    `body` is the whole request. Null counts as absent, except in `input`.
    """

    action: Action
    selection: Selection | None
    given: Mapping[str, object]
    body: Mapping[str, object]

    @property
    def resource(self) -> Resource:
        """Return the action's resource; only generic actions have none."""
        resource = self.action.resource
        if resource is None:
            raise AssertionError("an action on records names their resource")
        return resource


def read_request(caller: Caller, body: object, *, validating: bool = False) -> Asked:
    """Parse a request up to its values (4.3, 1 to 7; 4.11). Raises RpcRefused."""
    members = cast("dict[str, object]", body) if isinstance(body, dict) else _NOTHING
    action = _action(members)
    if not may_run(caller, action):
        raise forbid(_what_it_takes(caller, action))
    selection = _selection(caller, action, fields=members.get("fields"), needed=not validating)
    given = members.get("input", _NOTHING)
    if not isinstance(given, dict) and given is not _NOTHING:
        raise refuse("invalid_input_format", variables={"received": json_type(given)})
    page = members.get("page")
    if page is not None and not isinstance(page, dict):
        raise refuse("invalid_pagination", variables={"received": json_type(page)})
    return Asked(action, selection, cast("Mapping[str, object]", given), members)


def find_action(body: object) -> Action | None:
    """Return the action that a body names, or None."""
    name = cast("dict[str, object]", body).get("action") if isinstance(body, dict) else None
    return ACTIONS.get(name) if isinstance(name, str) else None


def may_run(caller: Caller, action: Action) -> bool:
    """Return whether a caller may run an action at all."""
    if caller.person is not None:
        return may_do(caller.person.role, action.name)
    if action.people:
        return False
    if caller.operator is not None:
        return action.operator and not action.team
    return not action.team or caller.scope.environment is Environment.LIVE


def _what_it_takes(caller: Caller, action: Action) -> str:
    """Return what a caller would need to run an action."""
    if caller.person is not None:
        return NOT_IN_SIGN_INS if action.role is None else takes_role(action.role)
    if action.people:
        return TAKES_SIGN_IN
    return TAKES_LIVE_KEY if action.team else TAKES_SECRET_KEY


def _action(members: Mapping[str, object]) -> Action:
    name = members.get("action")
    if name is None or name == "":
        raise refuse("missing_required_parameter", variables={"parameter": "action"})
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        shown = echoed(name) if isinstance(name, str) else ""
        meant = suggestion(shown, ACTIONS)
        raise refuse("action_not_found", variables={"actionName": shown}, details=meant or None)
    return action


def _selection(caller: Caller, action: Action, *, fields: object, needed: bool) -> Selection | None:
    """Parse `fields`, which only reads require, and only on run."""
    if fields is None:
        if needed and action.is_read:
            raise refuse("missing_required_parameter", variables={"parameter": "fields"})
        return None
    if not isinstance(fields, list):
        raise refuse("invalid_fields_type", variables={"received": json_type(fields)})
    if not fields:
        if needed and action.is_read:
            raise refuse("empty_fields_array")
        return None
    if action.resource is None or action.kind is ActionKind.GENERIC:
        raise refuse("invalid_field_selection")
    operator = caller.operator is not None
    return select(action.resource, cast("list[object]", fields), operator=operator)
