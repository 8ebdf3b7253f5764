"""The commands of a call's WebSocket: every frame is a command, or says what is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import v1_limits
from ringline.domain.call_signals import (
    DigitsOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
)
from ringline.domain.digits import are_digits
from ringline.wire.call_commands import COMMANDS, Action, BadCommand, Command, read_command

NUMBER = "+2348000001234"
#: What each command takes.
GOOD: dict[Action, dict[str, str]] = {
    Action.DTMF: {"digits": "12#"},
    Action.TRANSFER: {"destination": NUMBER},
}
ORDERS = {
    Action.DTMF: DigitsOrdered("12#"),
    Action.HOLD: HoldOrdered(),
    Action.RESUME: ResumeOrdered(),
    Action.TRANSFER: TransferOrdered(NUMBER),
    Action.HANGUP: None,
    Action.PING: None,
}


def read(**members: Any) -> Command | BadCommand:
    return read_command(json.dumps(members))


def test_the_tables_have_a_row_for_every_action() -> None:
    assert set(COMMANDS) == set(Action) == set(ORDERS)
    taking = {action: [row.takes.name] for action, row in COMMANDS.items() if row.takes}
    assert taking == {action: list(members) for action, members in GOOD.items()}


@pytest.mark.parametrize("action", Action)
def test_a_command_is_read_with_its_own_id_or_without(action: Action) -> None:
    for request_id in ("c-1", "", "x" * v1_limits.REQUEST_ID.most, None):
        command = read(action=action, request_id=request_id, more=[1], **GOOD.get(action, {}))
        assert isinstance(command, Command)
        assert (command.action, command.request_id) == (action, request_id)
        assert command.order == ORDERS[action]
    assert read(action=action, **GOOD.get(action, {})) == Command(action, **GOOD.get(action, {}))


@pytest.mark.parametrize(
    "frame", ["", "garbage", "[]", "null", '"hold"', '{"action": "hold"', "[" * 30_000, "{}"]
)
def test_a_frame_that_is_no_command_has_no_id(frame: str) -> None:
    bad = read_command(frame)
    assert isinstance(bad, BadCommand)
    assert (bad.action, bad.request_id) == (None, None)


@pytest.mark.parametrize("action", ["HOLD", "mute", "", None, 7, ["hold"], {"hold": 1}])
def test_an_unknown_action_has_no_id_and_is_not_repeated(action: object) -> None:
    bad = read(action=action, request_id="c-1")
    assert bad == BadCommand("action must be one of dtmf, hold, resume, transfer, hangup, ping")


@pytest.mark.parametrize("request_id", [7, True, [], {}, "x" * (v1_limits.REQUEST_ID.most + 1)])
def test_an_id_that_is_no_string_of_a_bounded_length_is_null(request_id: object) -> None:
    bad = read(action="hold", request_id=request_id)
    assert isinstance(bad, BadCommand)
    assert (bad.action, bad.request_id) == (Action.HOLD, None)
    assert bad.message == "request_id must be a string of at most 255 characters"


@pytest.mark.parametrize(
    ("action", "members", "message"),
    [
        ("dtmf", {}, "digits must be"),
        ("dtmf", {"digits": ""}, "digits must be"),
        ("dtmf", {"digits": "1" * (v1_limits.DIGITS.most + 1)}, "digits must be"),
        ("dtmf", {"digits": "e"}, "digits must be"),
        ("dtmf", {"digits": "12\n"}, "digits must be"),
        ("dtmf", {"digits": "\u0661"}, "digits must be"),
        ("dtmf", {"digits": 12}, "digits must be"),
        ("transfer", {}, "destination must be"),
        ("transfer", {"destination": "0803"}, "destination must be"),
        ("transfer", {"destination": "sip:a@b"}, "destination must be"),
        ("transfer", {"destination": None}, "destination must be"),
    ],
)
def test_a_bad_member_is_named_and_not_repeated(
    action: str, members: dict[str, Any], message: str
) -> None:
    bad = read(action=action, request_id="c-1", **members)
    assert isinstance(bad, BadCommand)
    assert (bad.action, bad.request_id) == (action, "c-1")
    assert bad.message.startswith(message)


def test_a_destination_is_read_as_people_write_it() -> None:
    command = read(action="transfer", destination="+234 800-000-1234")
    assert isinstance(command, Command)
    assert command.order == TransferOrdered(NUMBER)


def test_digits() -> None:
    for text in ("0", "0123456789ABCD*#,", "1" * 64):
        assert are_digits(text)
    for text in ("", "a", " 1", "1 ", "1" * 65, "p"):
        assert not are_digits(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner),
    max_leaves=5,
)


@given(
    st.text()
    | st.fixed_dictionaries(
        {},
        optional={
            "action": st.sampled_from(list(Action)) | _JSON,
            "request_id": _JSON,
            "digits": st.text(alphabet="12#x") | _JSON,
            "destination": st.just(NUMBER) | _JSON,
        },
    ).map(json.dumps)
)
def test_any_frame_is_a_command_or_says_why_not(frame: str) -> None:
    read = read_command(frame)
    if isinstance(read, BadCommand):
        assert read.message
    else:
        assert read.order == ORDERS[read.action] or read.action in GOOD
