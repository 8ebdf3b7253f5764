"""A request's `input`: which values are accepted, and how they are cast (4.12).

All bad members are reported at once. On run, an unknown member is a problem; a validation
ignores it, as the forms of the published surface do (4.11).
"""

from collections.abc import Mapping
from typing import Any

from ringline.domain import limits
from ringline.rpc.action import Action, ActionKind, Input
from ringline.rpc.kinds import BadValue
from ringline.wire.rpc import RpcProblem, RpcRefused, echoed, internal_problem, problem

_RECORD_KINDS = (ActionKind.CREATE, ActionKind.UPDATE, ActionKind.DESTROY)


def bad_value_type(action: Action) -> str:
    """Return the problem type for a bad value of an action's input."""
    return "invalid_attribute" if action.kind in _RECORD_KINDS else "invalid_argument"


def cast_inputs(
    action: Action, given: Mapping[str, object], *, validating: bool = False
) -> dict[str, Any]:
    """Cast the given inputs, under canonical names, and add the defaults.

    Raises RpcRefused with a problem per bad member.
    """
    if not given and not action.inputs:
        return {}
    casting = _Casting(action, validating)
    for name, value in given.items():
        known = action.input_index.get(name)
        if known is None:
            if not validating and len(casting.problems) < limits.PROBLEMS.most:
                casting.problems.append(_unknown(action, echoed(name)))
        else:
            casting.take(known, value)
    casting.complete()
    if casting.problems:
        raise RpcRefused(*casting.problems[: limits.PROBLEMS.most])
    return casting.values


def _unknown(action: Action, name: str) -> RpcProblem:
    known = [input_.name for input_ in action.inputs]
    return internal_problem("unknown_input", name, known=known, action=action.name)


class _Casting:
    def __init__(self, action: Action, validating: bool) -> None:
        self._action = action
        self._validating = validating
        self._bad: set[str] = set()
        self.values: dict[str, Any] = {}
        self.problems: list[RpcProblem] = []

    def take(self, known: Input, value: object) -> None:
        """Cast one member; blank text is null."""
        try:
            cast = None if value is None else known.kind.cast(value)
        except BadValue as bad:
            type_ = "invalid_attribute" if self._validating else bad_value_type(self._action)
            self._add_bad(type_, known, bad=bad)
            return
        if cast is not None:
            self.values[known.name] = cast
        elif known.required or not known.null:
            self._add("required", known)
        elif known.default is None:  # otherwise null counts as absent
            self.values[known.name] = known.cleared

    def complete(self) -> None:
        """Add the defaults, and problems for missing members."""
        for known in self._action.inputs:
            if known.name in self.values:
                continue
            if known.required:
                self._add("required", known)
            elif known.default is not None:
                self.values[known.name] = known.default
        for group in self._action.one_of:
            nothing = all(self.values.get(name) is None for name in group)
            if nothing and self._bad.isdisjoint(group):
                self._add("required", self._action.input_index[group[0]])

    def _add_bad(self, type_: str, known: Input, *, bad: BadValue) -> None:
        """Add a bad value, or each bad value inside it with its path."""
        if known.name not in self._bad:
            self._bad.add(known.name)
            for flaw in (bad, *bad.others):
                self._tell(
                    type_,
                    known,
                    message=flaw.message,
                    inside=flaw.path,
                    details=flaw.details,
                    **flaw.vars,
                )

    def _add(self, type_: str, known: Input) -> None:
        if known.name not in self._bad:
            self._bad.add(known.name)
            self._tell(type_, known)

    def _tell(
        self,
        type_: str,
        known: Input,
        *,
        message: str | None = None,
        inside: tuple[str, ...] = (),
        details: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        self.problems.append(
            problem(
                type_,
                message,
                variables={"field": known.name, **more},
                fields=(known.name,),
                path=(known.name, *inside) if inside or self._validating else (),
                details=details or None,
            )
        )
