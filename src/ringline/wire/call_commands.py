"""The commands that control a call: on its WebSocket, and the same over REST.

Live streams, 2.5 and 6.3.5. A command on the WebSocket is one JSON object,
`{"request_id", "action", …}`, and is answered with `command.result` or `command.error`. The
tables here are what the reference shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from ringline.domain import v1_limits
from ringline.domain.call_signals import (
    ControlOrder,
    DigitsOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
)
from ringline.domain.digits import are_digits
from ringline.domain.members import Member, Shape
from ringline.domain.phone_numbers import BAD_NUMBER, read_e164
from ringline.wire.strict_json import JsonProblem, StrictDecoder


class Action(StrEnum):
    """What a command does."""

    DTMF = "dtmf"
    HOLD = "hold"
    RESUME = "resume"
    TRANSFER = "transfer"
    HANGUP = "hangup"
    PING = "ping"


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command: what it does, the word that its result says, and what it takes."""

    means: str
    status: str
    takes: Member | None = None


DIGITS = Member(
    "digits",
    Shape.TEXT,
    f"1 to {v1_limits.DIGITS.most} of `0-9`, `A-D`, `*`, `#`, and `,` for a pause",
)
DESTINATION = Member("destination", Shape.TEXT, "a number in E.164")

#: Every command.
COMMANDS: Mapping[Action, CommandRow] = {
    Action.DTMF: CommandRow("sends digits to the other side", "sent", DIGITS),
    Action.HOLD: CommandRow(
        "puts the other side on hold; the agent hears nothing and is silent until `resume`", "held"
    ),
    Action.RESUME: CommandRow("ends the hold", "resumed"),
    Action.TRANSFER: CommandRow(
        "connects the other side with a number and leaves it to them: the call ends",
        "transferring",
        DESTINATION,
    ),
    Action.HANGUP: CommandRow("ends the call", "ending"),
    Action.PING: CommandRow("does nothing: it shows that the socket is alive", "pong"),
}

BAD_DIGITS = f"must be {DIGITS.means}".replace("`", "")

_FRAME = StrictDecoder(object)


@dataclass(frozen=True, slots=True)
class Command:
    """A command that a client sent, with its own id of it; the other members as needed."""

    action: Action
    request_id: str | None = None
    digits: str = ""
    destination: str = ""

    @property
    def order(self) -> ControlOrder | None:
        """Return the order that the call's line carries out; None for `hangup` and `ping`."""
        match self.action:
            case Action.DTMF:
                return DigitsOrdered(self.digits)
            case Action.HOLD:
                return HoldOrdered()
            case Action.RESUME:
                return ResumeOrdered()
            case Action.TRANSFER:
                return TransferOrdered(self.destination)
            case Action.HANGUP | Action.PING:
                return None


@dataclass(frozen=True, slots=True)
class BadCommand:
    """A frame that is no command, and what is wrong with it; never its contents."""

    message: str
    action: Action | None = None
    request_id: str | None = None


def read_command(frame: str) -> Command | BadCommand:
    """Read a client's frame; unknown members are ignored."""
    try:
        value = _FRAME.decode(frame.encode())
    except JsonProblem as problem:
        return BadCommand(f"the frame: {problem.message}")
    if not isinstance(value, dict):
        return BadCommand("the frame must be a JSON object")
    members = cast("dict[str, object]", value)
    action = _action_of(members.get("action"))
    if action is None:
        return BadCommand(f"action must be one of {', '.join(Action)}")
    request_id = members.get("request_id")
    most = v1_limits.REQUEST_ID.most
    if request_id is not None and not (isinstance(request_id, str) and len(request_id) <= most):
        return BadCommand(f"request_id must be a string of at most {most} characters", action)
    digits, destination = members.get("digits"), _number_of(members.get("destination"))
    if action is Action.DTMF and not (isinstance(digits, str) and are_digits(digits)):
        return BadCommand(f"digits {BAD_DIGITS}", action, request_id)
    if action is Action.TRANSFER and destination is None:
        return BadCommand(f"destination {BAD_NUMBER}", action, request_id)
    return Command(action, request_id, str(digits or ""), destination or "")


def _number_of(value: object) -> str | None:
    return read_e164(value) if isinstance(value, str) else None


def _action_of(value: object) -> Action | None:
    return next((action for action in Action if action == value), None)
