"""Control of a live call's line: hold, resume, transfer, digits (live streams, 6.3.5).

The caller's leg carries the orders out, if its kind can. While the caller is on hold nobody
hears them and they hear nobody (`routes.py`), and the agent is silent. What it was saying is
cut off as by an interruption; what it owes is said once the hold is over.

The table of states has the last word: a held call cannot be held again, nor one resumed that
is not held (`call_status.py`).
"""

from typing import NamedTuple

from ringline.domain import leg
from ringline.domain.call_orders import (
    ControlOrder,
    DigitsOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
)
from ringline.domain.call_status import TRANSITIONS, CallMove, move
from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.events import CallHeld, CallResumed, CallTransferred
from ringline.domain.leg import LegControl
from ringline.domain.records import CallRow
from ringline.domain.talk import TurnTaking
from ringline.domain.turn_taking import end_hold, hold
from ringline.domain.turns import Draft

#: What a leg must be able to do for each order.
NEEDS: dict[type[ControlOrder], LegControl] = {
    HoldOrdered: LegControl.HOLD,
    ResumeOrdered: LegControl.HOLD,
    TransferOrdered: LegControl.TRANSFER,
    DigitsOrdered: LegControl.DIGITS,
}


#: The move of the call's state that an order is.
MOVES: dict[type[ControlOrder], CallMove] = {
    HoldOrdered: CallMove.HOLD,
    ResumeOrdered: CallMove.RESUME,
}


def is_possible(order: ControlOrder, status: CallStatus) -> bool:
    """Return whether a call in a state may be ordered so."""
    return type(order) not in MOVES or (status, MOVES[type(order)]) in TRANSITIONS


class Line(NamedTuple):
    """What control changes of a call: its row, and its conversation."""

    row: CallRow
    talk: TurnTaking


def hold_line(line: Line, draft: Draft, *, by_agent: bool = False) -> Line:
    """Put the caller on hold."""
    row = _moved(line.row, CallMove.HOLD, draft=draft)
    talk = hold(line.talk, draft, by_agent=by_agent)  # what is playing is cut first
    draft.orders.append(leg.Hold())
    draft.report(CallHeld())
    return Line(row, talk)


def resume_line(line: Line, draft: Draft) -> Line:
    """End the hold."""
    row = _moved(line.row, CallMove.RESUME, draft=draft)
    draft.orders.append(leg.Resume())
    draft.report(CallResumed())
    return Line(row, end_hold(line.talk, draft))


def _moved(row: CallRow, call_move: CallMove, *, draft: Draft) -> CallRow:
    moved = move(row, call_move, at=draft.now)
    if moved is None:
        raise AssertionError(f"a call that is {row.status} was ordered to {call_move}")
    draft.records.append(moved)
    return moved


def transfer_line(destination: str, draft: Draft) -> None:
    """Leave the caller's side to a destination; the call must end with it."""
    draft.orders.append(leg.Transfer(destination))
    draft.report(CallTransferred(destination=destination))
