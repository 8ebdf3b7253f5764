"""Control of calls: what the routes do, and the commands of the call WebSocket.

Live streams, 2.5 and 6.3.5. Both carry out the same commands through the same service, and
refuse them with the same codes.
"""

from collections.abc import Mapping
from uuid import UUID

from ringline.domain.call import Moment
from ringline.ports import EntryRefused
from ringline.rest.route import Act, Refused, Request
from ringline.services.call_control import CallControl, LegCannot, NotActive, WrongState
from ringline.services.external_calls import NoSuchRecord
from ringline.wire.call_commands import COMMANDS, Action, Command

#: Why a command is refused in a state that the call has.
_STATES = {Action.HOLD: "the call is held already", Action.RESUME: "the call is not held"}


def control(action: Action) -> Act:
    """Return what a route does that carries out an action."""

    async def act(request: Request) -> Mapping[str, object]:
        await obey_request(request, Command(action, **request.given))
        return {"status": COMMANDS[action].status}

    return act


async def obey_request(request: Request, command: Command) -> None:
    """Carry out a command of a request to the call in its path. Raises like `obey`."""
    services = request.services
    control = CallControl(services.repo, services.house.calls, request.caller.scope)
    moment = Moment(request.now, services.house.new_id)
    await obey(command, request.ids["call_id"], control=control, moment=moment)


async def obey(command: Command, call_id: UUID, *, control: CallControl, moment: Moment) -> None:
    """Carry out a command; return once its effect is committed.

    Raises Refused, Unavailable, and what the control's repo raises.
    """
    action = command.action
    try:
        if (order := command.order) is not None:
            await control.control(call_id, order)
        elif action is Action.HANGUP:
            await _hang_up(call_id, control=control, moment=moment)
    except NoSuchRecord:
        raise Refused("NOT_FOUND") from None
    except NotActive:
        raise Refused("NOT_FOUND", "the call is not active") from None
    except LegCannot as cannot:
        message = f"the call's leg cannot {action}: it is of the kind {cannot.transport}"
        raise Refused("INVALID_ARGUMENT", message) from None
    except WrongState:
        raise Refused("INTERNAL", _STATES[action]) from None
    except EntryRefused:
        raise Refused("INTERNAL") from None


async def _hang_up(call_id: UUID, *, control: CallControl, moment: Moment) -> None:
    """End a call that has not ended. Raises NotActive."""
    if (await control.find(call_id)).ended_at is not None:
        raise NotActive
    await control.end(call_id, moment)
