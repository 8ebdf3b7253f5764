"""Messages as people read them: filled in, and with what was probably meant (contract, 9)."""

from typing import Any
from uuid import UUID

import pytest

from ringline.domain.log import Environment, LogKey
from ringline.rpc.acting import Caller
from ringline.rpc.actions import ACTIONS
from ringline.rpc.filters import read_filter
from ringline.rpc.inputs import cast_inputs
from ringline.rpc.request import read_request
from ringline.rpc.resources import RESOURCES
from ringline.rpc.sorting import read_sort
from ringline.wire.rpc import INTERNAL_REASONS, PROBLEMS, Problem, RpcRefused

TEST_KEY = Caller(LogKey(UUID(int=1), Environment.TEST), UUID(int=2))


def refused(name: str, given: Any) -> Problem:
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
            "must be one of: chat, call, email, sms, discord",
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


def test_every_row_is_a_message_of_its_own() -> None:
    assert "internal_error" in PROBLEMS
    assert len(set(INTERNAL_REASONS.values())) == len(INTERNAL_REASONS)
