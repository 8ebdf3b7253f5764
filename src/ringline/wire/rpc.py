"""RPC's envelope and problems (events socket, 4.2 and 4.6; contract, 9).

`type` and `shortMessage` are wire constants that clients compare. Messages are ours and are
filled in here, so an answer never shows a placeholder; `vars` repeats the values, because
clients of the published surface fill in messages themselves.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import msgspec

from ringline.domain import limits
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import RANKING, is_at_least
from ringline.wire.strict_json import encode


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One row: the names of a kind of problem, and its default message."""

    type: str
    short: str
    message: str


def _table(*rows: ProblemType) -> Mapping[str, ProblemType]:
    return {row.type: row for row in rows}


_R = ProblemType

#: Which credential would work instead of this one.
TAKES_SECRET_KEY = "this takes a secret key: sk_live_… or sk_test_…"
TAKES_LIVE_KEY = "this takes a secret key of the live environment: sk_live_…"
OWN_NAME_ALONE = "operators act for themselves; an admin or a secret key may name anybody"
OWNERS_ALONE = "only an owner decides about owners and admins"
TAKES_SIGN_IN = "this takes a sign-in to the console; no key can do it"
NOT_IN_SIGN_INS = "this takes a secret key; a sign-in cannot do it"

#: Problems of well-formed requests, which are answered with HTTP 200.
PROBLEMS = _table(
    _R("action_not_found", "Action not found", "there is no action %{actionName}"),
    _R("missing_required_parameter", "Missing required parameter", "%{parameter} is missing"),
    _R("invalid_fields_type", "Invalid fields type", "fields must be an array"),
    _R("empty_fields_array", "Empty fields array", "fields must name at least one field"),
    _R("unknown_field", "Unknown field", "%{resource} has no field %{field}"),
    _R("duplicate_field", "Duplicate field", "%{field} is named twice"),
    _R("requires_field_selection", "Field selection required", "%{field} needs its own fields"),
    _R(
        "field_does_not_support_nesting",
        "Field does not support nesting",
        "%{field} has no fields of its own",
    ),
    _R("invalid_field_selection", "Invalid field selection", "fields cannot be chosen here"),
    _R(
        "unsupported_field_combination",
        "Unsupported field combination",
        "the fields of %{field} must be an array",
    ),
    _R("fields_too_deep", "Fields too deep", "fields may be nested %{limit} levels deep"),
    _R("invalid_input_format", "Invalid input format", "input must be an object"),
    _R("invalid_pagination", "Invalid pagination", "page must be an object"),
    _R("invalid_page", "Invalid pagination", "the page is not valid"),
    _R("invalid_keyset", "Invalid keyset", "the cursor is not one of this list"),
    _R("missing_identity", "Missing identity", "identity is missing"),
    _R("invalid_identity", "Invalid identity", "identity lacks %{expectedKeys}"),
    _R("required", "Required field", "is required"),
    _R("invalid_attribute", "Invalid attribute", "is invalid"),
    _R("invalid_argument", "Invalid argument", "is invalid"),
    _R("invalid_changes", "Invalid changes", "the change is not possible"),
    _R("invalid_query", "Invalid query", "the query is not valid"),
    _R("invalid_primary_key", "Invalid primary key", "the id is not valid"),
    _R("not_found", "Not found", "there is no such record"),
    _R("forbidden", "Forbidden", "forbidden"),
    _R("invalid_token", "Invalid token", "the token is not valid"),
    _R("unknown_error", "Unknown error", "this action does not take a page"),
    _R("internal_error", "Internal error", "the request cannot be carried out"),
    _R("not_configured", "Not configured", "%{capability} is not configured"),
    _R("filter_too_complex", "Filter too complex", "the filter is over the limit of %{limit}"),
    _R("result_too_large", "Result too large", "the result is over the limit of %{limit}"),
    _R("query_timeout", "Query timeout", "the query took too long"),
)

#: The values of `details.reason` for `internal_error`, each with its message.
INTERNAL_REASONS: Mapping[str, str] = {
    "unknown_input": "%{action} has no input %{field}",
    "unknown_filter_field": "%{resource} has no field or relationship %{field} to filter by",
    "unknown_filter_operator": "%{field} cannot be filtered with %{operator}",
    "invalid_filter": "a filter is an object of fields and relationships, `and`, `or` and `not`",
    "invalid_filter_value": "%{field} cannot be compared with %{value}",
    "unknown_sort_field": "%{resource} has no field %{field} to sort by",
    "invalid_sort": "sort is a text or an array of texts, of %{limit} fields at most",
}

#: A placeholder in a message, replaced by a value of `vars`.
_PLACEHOLDER = re.compile(r"%\{([A-Za-z]+)\}")
#: Longer names are not typing errors, and are expensive to compare.
_TYPED = 64
_SHOWN_VALUE = 64
_NEAR = 0.7  # of 1; less similar names are not suggested


class RpcProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One error of an answer (4.6)."""

    type: str
    message: str
    short_message: str = msgspec.field(name="shortMessage")
    vars: dict[str, Any] = {}
    fields: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    details: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    code: str | msgspec.UnsetType = msgspec.UNSET


class RpcRefused(Exception):
    """A request is refused with these problems."""

    def __init__(self, *problems: RpcProblem) -> None:
        super().__init__(", ".join(problem.type for problem in problems))
        self.problems = problems

    @property
    def is_forbidden(self) -> bool:
        """Return whether the caller has no right to do this, whatever they send."""
        return any(problem.type == "forbidden" for problem in self.problems)


def problem(
    type_: str,
    message: str | None = None,
    *,
    variables: Mapping[str, object] | None = None,
    fields: Sequence[str] = (),
    path: Sequence[str] = (),
    details: Mapping[str, object] | None = None,
) -> RpcProblem:
    """Make a problem from a row of the table."""
    row = PROBLEMS[type_]
    return RpcProblem(
        type=type_,
        message=filled(message or row.message, variables or {}),
        short_message=row.short,
        vars=dict(variables or {}),
        fields=tuple(fields),
        path=tuple(path),
        details=msgspec.UNSET if details is None else dict(details),
    )


def internal_problem(
    reason: str, field: str = "", *, known: Iterable[str] = (), **variables: object
) -> RpcProblem:
    """Make an internal-error problem (4.6) about a name.

    `known` holds the names that may have been meant.
    """
    row = PROBLEMS["internal_error"]
    values = {"field": field, **variables} if field else variables
    return RpcProblem(
        type=row.type,
        code=row.type,
        message=filled(INTERNAL_REASONS[reason], values),
        short_message=row.short,
        vars=dict(values),
        fields=(field,) if field else (),
        details={"reason": reason, **suggestion(field, known)},
    )


def suggestion(name: str, known: Iterable[str]) -> dict[str, str]:
    """Return the member of `details` with the name that was probably meant, if any."""
    if not 0 < len(name) <= _TYPED:
        return {}
    others = [other for other in known if other != name]
    nearest = get_close_matches(name, others, n=1, cutoff=_NEAR)
    return {"suggestion": nearest[0]} if nearest else {}


def shown_value(value: object) -> str:
    """Show a client's value in a message: as JSON, truncated if long."""
    match value:
        case str():
            text = encode(value[:_SHOWN_VALUE]).decode()
            return text if len(value) <= _SHOWN_VALUE else text + "…"
        case bool() | int() | float():
            return str(value)[:_SHOWN_VALUE]
        case _:
            return json_type(value)


def filled(message: str, variables: Mapping[str, object]) -> str:
    """Fill in the placeholders of a message."""
    return _PLACEHOLDER.sub(lambda found: str(variables.get(found[1], "")), message)


def echoed(text: str) -> str:
    """Truncate a client's name, so that a problem that repeats it stays small."""
    return text[: limits.ECHOED.most]


def refuse(type_: str, message: str | None = None, **more: Any) -> RpcRefused:
    """Return the exception for one problem; arguments as for `problem`."""
    return RpcRefused(problem(type_, message, **more))


def forbid(hint: str) -> RpcRefused:
    """Return the exception for a missing right; the hint names a credential with it."""
    return refuse("forbidden", details={"hint": hint})


def takes_role(lowest: TeamRole) -> str:
    """Return the hint for a person whose role is below the lowest one that has a right."""
    above = [role.value for role in RANKING if is_at_least(role, lowest)]
    return f"this takes the role {' or '.join(reversed(above))}"


def answer_problems(problems: Iterable[RpcProblem]) -> bytes:
    """Write the answer to a refused request."""
    return encode({"success": False, "errors": tuple(problems)})


def json_type(value: object) -> str:
    """Return the JSON type of a value, for `vars.received`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"
