"""What counts as an idempotency key, and which actions free theirs when they fail."""

import pytest

from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.rpc.action import KEYED_KINDS, ActionKind
from ringline.rpc.actions import ACTIONS
from ringline.services.idempotency import CONFLICTS, MAX_KEY, Conflict, is_key
from ringline.wire.rpc import refuse


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("k", True),
        ("order 7/~", True),
        ("x" * MAX_KEY, True),
        ("", False),
        ("x" * (MAX_KEY + 1), False),
        ("schl\u00fcssel", False),
        ("a\tb", False),
        ("a\x7f", False),
    ],
)
def test_a_key_is_short_printable_text(text: str, is_one: bool) -> None:
    assert is_key(text) is is_one


def test_every_conflict_has_its_sentence() -> None:
    assert set(CONFLICTS) == set(Conflict)


def test_creates_and_generic_actions_count_a_key() -> None:
    assert {ActionKind.CREATE, ActionKind.GENERIC} == KEYED_KINDS


@pytest.mark.parametrize("action", ["create_contact", "create_call", "create_queue"])
def test_a_create_that_failed_left_no_trace_whatever_failed(action: str) -> None:
    for error in (
        refuse("invalid_changes"),
        ValueError(),
        Unavailable(UnavailableReason.STORE_UNAVAILABLE),
    ):
        assert ACTIONS[action].had_no_effect(error)


@pytest.mark.parametrize("action", ["end_call", "barge_call", "invite_team_member"])
def test_of_other_work_only_a_refusal_tells(action: str) -> None:
    assert ACTIONS[action].had_no_effect(refuse("not_found"))
    for error in (ValueError(), Unavailable(UnavailableReason.ORDER_UNCONFIRMED)):
        assert not ACTIONS[action].had_no_effect(error)
