"""The rows of the routes that control calls (live streams, 6.3.5)."""

from ringline.domain.members import Member, Shape
from ringline.rest.call_control_actions import control
from ringline.rest.call_inputs import CALL_ID, Digits
from ringline.rest.route import Input, Route
from ringline.rpc.kinds import PhoneNumber
from ringline.wire.call_commands import COMMANDS, DESTINATION, DIGITS, Action

#: What the members of commands may be.
_KINDS = {DIGITS: Digits(), DESTINATION: PhoneNumber()}

#: The operation and the summary of each action that has a route of its own.
_ROUTES = {
    Action.HOLD: ("holdCall", "Put a call on hold"),
    Action.RESUME: ("resumeCall", "Take a call off hold"),
    Action.TRANSFER: ("transferCall", "Transfer a call"),
    Action.DTMF: ("sendDigits", "Send digits to a call"),
}


def _route(action: Action) -> Route:
    command, (operation, summary) = COMMANDS[action], _ROUTES[action]
    does = command.means[0].upper() + command.means[1:]
    return Route(
        "POST",
        f"/v1/calls/{{call_id}}/{action}",
        operation,
        "Calls",
        summary,
        control(action),
        "It is done",
        f"{does}. A call that has not been answered, or has ended, is 404, as an unknown one; one "
        "whose leg cannot do it 400; one in another state 500 `INTERNAL`.",
        ids=(CALL_ID,),
        body=() if command.takes is None else (Input(command.takes, _KINDS[command.takes]),),
        answers=(Member("status", Shape.TEXT, "what was done", words=(command.status,)),),
    )


ROUTES: tuple[Route, ...] = tuple(_route(action) for action in _ROUTES)
