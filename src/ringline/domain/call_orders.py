"""The orders that end a call or control its line, and what becomes of an order.

They come from requests, from limits and faults, and from the agent itself (`builtin_tools.py`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ringline.domain.endings import EndCause
from ringline.domain.voice import UpstreamLoss


@dataclass(frozen=True, slots=True)
class EndOrdered:
    """The call must end: by the API, the agent, a limit or a fault."""

    cause: EndCause
    message: str = ""
    lost: UpstreamLoss | None = None


@dataclass(frozen=True, slots=True)
class HoldOrdered:
    """The caller must be put on hold."""


@dataclass(frozen=True, slots=True)
class ResumeOrdered:
    """The hold must end."""


@dataclass(frozen=True, slots=True)
class TransferOrdered:
    """The caller must be connected with a destination in E.164; the call ends with that."""

    destination: str


@dataclass(frozen=True, slots=True)
class DigitsOrdered:
    """DTMF digits must be sent to the caller's side (`leg.SendDigits`)."""

    digits: str


#: The orders that the line of the caller's leg carries out (live streams, 6.3.5).
ControlOrder: TypeAlias = HoldOrdered | ResumeOrdered | TransferOrdered | DigitsOrdered


class Verdict(StrEnum):
    """What became of an order to a call."""

    DONE = "done"  # carried out, or already the case
    NOT_ACTIVE = "not_active"  # the call has not been answered yet, or has ended
    WRONG_STATE = "wrong_state"  # to hold a held call, to resume one that is not held
    LEG_CANNOT = "leg_cannot"  # the caller's leg is of a kind that cannot do it
    NOT_HERE = "not_here"  # no such call of this log runs in this process
