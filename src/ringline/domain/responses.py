"""One response of the agent and its phases, as one table (realtime voice, 5).

A response lives until its last chunk has left the bridge. Only `advance` moves it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID


class Phase(StrEnum):
    """How far a response has come."""

    WANTED = "wanted"  # requested from the voice
    RUNNING = "running"  # the voice produces it
    DRAINING = "draining"  # complete, and still leaving the bridge
    OVER = "over"  # played out, stopped, or never begun; `TurnTaking` keeps none of these


class ResponseStep(StrEnum):
    """What can happen to a response."""

    STARTED = "started"
    DONE = "done"
    SENT = "played_out"
    STOPPED = "stopped"


#: The phase that each step leads to. A step that is not listed changes nothing.
PHASES: dict[tuple[Phase, ResponseStep], Phase] = {
    (Phase.WANTED, ResponseStep.STARTED): Phase.RUNNING,
    (Phase.WANTED, ResponseStep.DONE): Phase.OVER,
    (Phase.WANTED, ResponseStep.STOPPED): Phase.OVER,
    (Phase.RUNNING, ResponseStep.DONE): Phase.DRAINING,
    (Phase.RUNNING, ResponseStep.STOPPED): Phase.OVER,
    (Phase.DRAINING, ResponseStep.SENT): Phase.OVER,
    (Phase.DRAINING, ResponseStep.STOPPED): Phase.OVER,
}


@dataclass(frozen=True, slots=True)
class Response:
    """One response of the agent."""

    id: str
    turn_id: UUID
    #: No client requested it: a turn ended, or the voice began it by itself.
    automatic: bool
    phase: Phase = Phase.WANTED
    #: Words of our own that the voice is to say.
    say: str | None = None
    #: What has left for the caller, in so many pieces.
    text: str = ""
    pieces: int = 0
    #: Speech or text of it has left.
    audible: bool = False
    #: It stands for a `response.create` that came for the same turn.
    absorbed: bool = False
    #: The call ends once it has been played.
    hang_up: bool = False

    @property
    def begun(self) -> bool:
        """Tell whether the voice has begun it."""
        return self.phase is not Phase.WANTED


def advance(response: Response, step: ResponseStep) -> Response | None:
    """Move a response by the table; None if the step changes nothing in its phase."""
    phase = PHASES.get((response.phase, step))
    return None if phase is None else replace(response, phase=phase)
