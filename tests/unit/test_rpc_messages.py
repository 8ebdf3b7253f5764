"""Messages as people read them: filled in, and with what was probably meant (contract, 9)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import ringline
from ringline.domain.log import Environment, Scope
from ringline.rpc.actions import ACTIONS
from ringline.rpc.filters import read_filter
from ringline.rpc.inputs import cast_inputs
from ringline.rpc.request import read_request
from ringline.rpc.resources import RESOURCES
from ringline.rpc.sorting import read_sort
from ringline.services.callers import Caller
from ringline.wire.rpc import INTERNAL_REASONS, PROBLEMS, RpcProblem, RpcRefused

SOURCE = Path(ringline.__path__[0])
TEST_KEY = Caller(Scope(UUID(int=1), Environment.TEST), UUID(int=2))


def refused(name: str, given: Any) -> RpcProblem:
    """Have one part of a request refused for one reason."""
    with pytest.raises(RpcRefused) as raised:
        _read(name, given)
    (problem,) = raised.value.problems
    return problem


def _read(name: str, given: Any) -> object:
    match name:
        case "filter":
            return read_filter(RESOURCES["Call"], given)
        case "sort":
            return read_sort(RESOURCES["Call"], given)
        case "request":
            return read_request(TEST_KEY, given)
        case _:
            return cast_inputs(ACTIONS[name], given)


@pytest.mark.parametrize(
    ("name", "given", "message", "suggestion"),
    [
        (
            "request",
            {"action": "list_contact"},
            "there is no action list_contact",
            "list_contacts",
        ),
        (
            "request",
            {"action": "list_calls", "fields": ["callUid"]},
            "Call has no field callUid",
            "callUuid",
        ),
        (
            "create_contact",
            {"fullName": "Ada", "emial": "x"},
            "create_contact has no input emial",
            "email",
        ),
        (
            "create_conversation",
            {"channel": "emial"},
            "must be one of: chat, call, email, sms, whatsapp, discord",
            "email",
        ),
        (
            "filter",
            {"fromNumer": "x"},
            "Call has no field or relationship fromNumer to filter by",
            "fromNumber",
        ),
        (
            "filter",
            {"durationSeconds": {"greaterThen": 1}},
            "durationSeconds cannot be filtered with greaterThen",
            "greaterThan",
        ),
        ("filter", {"status": "answerd"}, 'status cannot be compared with "answerd"', None),
        ("sort", "-startdAt", "Call has no field startdAt to sort by", "startedAt"),
        ("sort", "zzz", "Call has no field zzz to sort by", None),
    ],
)
def test_a_typing_error_is_told_with_what_was_meant(
    name: str, given: Any, message: str, suggestion: str | None
) -> None:
    problem = refused(name, given)
    assert problem.message == message
    details: Any = problem.details
    if suggestion is None:
        assert "suggestion" not in details
    else:
        assert details["suggestion"] == suggestion


def test_a_right_that_is_missing_says_which_key_would_do() -> None:
    problem = refused("request", {"action": "invite_team_member", "input": {}})
    assert (problem.type, problem.message) == ("forbidden", "forbidden")
    assert "sk_live_" in str(problem.details)


def test_a_long_name_is_not_compared() -> None:
    assert "suggestion" not in str(refused("filter", {"x" * 100_000: 1}).details)


def test_every_reason_has_a_message_of_its_own() -> None:
    assert len(set(INTERNAL_REASONS.values())) == len(INTERNAL_REASONS)


def refusals_in(path: Path) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Find where a module makes a problem of a row: its place, its type, what it fills in."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(
                func=ast.Name(id="refuse" | "problem"), args=[ast.Constant(value=str(type_))]
            ) if type_ in PROBLEMS:
                given = {word.arg: word.value for word in node.keywords}.get("variables")
                keys = given.keys if isinstance(given, ast.Dict) else []
                names = {key.value for key in keys if isinstance(key, ast.Constant)}
                yield f"{path.name}:{node.lineno}", type_, frozenset(map(str, names))
            case _:
                pass


def test_whoever_refuses_fills_in_all_that_the_message_tells() -> None:
    found = [one for path in sorted(SOURCE.rglob("*.py")) for one in refusals_in(path)]
    assert len(found) > 20
    for place, type_, given in found:
        told = set(re.findall(r"%\{(\w+)\}", PROBLEMS[type_].message))
        assert told <= given, f"{place}: {type_} lacks {told - given}"
