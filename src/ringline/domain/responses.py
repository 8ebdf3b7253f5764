"""A response of the agent and the table of its phases (realtime voice, 5).

A response ends once its last chunk was played, or as soon as the next one may begin: until
then it can be interrupted. Only `advance` changes its phase.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ringline.domain.call_orders import ControlOrder, EndOrdered
from ringline.domain.latency import Latency
from ringline.domain.voice import ToolCall


class Phase(StrEnum):
    """The phases of a response."""

    WANTED = "wanted"  # requested from the voice
    RUNNING = "running"  # the voice produces it
    DRAINING = "draining"  # complete, and still being sent
    PLAYING = "playing"  # sent, and the leg still plays it
    OVER = "over"  # played, stopped, or never begun; `TurnTaking` keeps none of these


class ResponseStep(StrEnum):
    """The events that change a response's phase."""

    STARTED = "started"
    DONE = "done"
    SENT = "sent"
    PLAYED = "played"
    STOPPED = "stopped"


#: The next phase for each step. Steps that are not listed are ignored.
PHASES: dict[tuple[Phase, ResponseStep], Phase] = {
    (Phase.WANTED, ResponseStep.STARTED): Phase.RUNNING,
    (Phase.WANTED, ResponseStep.DONE): Phase.OVER,
    (Phase.WANTED, ResponseStep.STOPPED): Phase.OVER,
    (Phase.RUNNING, ResponseStep.DONE): Phase.DRAINING,
    (Phase.RUNNING, ResponseStep.STOPPED): Phase.OVER,
    (Phase.DRAINING, ResponseStep.SENT): Phase.PLAYING,
    (Phase.DRAINING, ResponseStep.STOPPED): Phase.OVER,
    (Phase.PLAYING, ResponseStep.PLAYED): Phase.OVER,
    (Phase.PLAYING, ResponseStep.STOPPED): Phase.OVER,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the call does for its agent, once what the agent said has been played, or `at_once`.

    It is the call of a built-in tool; without a `name` the voice wants it by itself. A voice
    that waits for the result has a `tool_call_id`.
    """

    order: ControlOrder | EndOrdered
    name: str = ""
    tool_call_id: str = ""
    at_once: bool = False

    @property
    def ends_call(self) -> bool:
        """Return whether it is a goodbye, which ends where the caller goes on."""
        return isinstance(self.order, EndOrdered)


@dataclass(frozen=True, slots=True)
class Response:
    """One response of the agent."""

    id: str
    turn_id: UUID
    #: No client requested it: it answers a turn, or the voice began it by itself.
    automatic: bool
    phase: Phase = Phase.WANTED
    #: The text to say, instead of the model's own.
    say: str | None = None
    #: The text sent to the caller so far, and the number of its pieces.
    text: str = ""
    pieces: int = 0
    #: Speech or text of it was sent.
    audible: bool = False
    #: When its first speech was sent; its first text, before that.
    began_at: datetime | None = None
    #: How long it took to begin, after the caller's speech.
    latency: Latency | None = None
    #: It also answers a `response.create` that came for the same turn.
    absorbed: bool = False
    #: The voice gave it up: it failed, or was cancelled there.
    cut: bool = False
    #: How much of its text goes with speech, once all of it was sent.
    characters: int = 0
    #: What the call does once the response has been played.
    plans: tuple[Plan, ...] = ()
    #: It called tools, and the agent will respond to their results.
    called: bool = False
    #: Its tool calls, until the client learns of the response.
    held_calls: tuple[ToolCall, ...] = ()
    #: One of its tool calls has its result.
    has_results: bool = False
    #: One of its tool calls is answered without the client, so no client requests what follows.
    own_results: bool = False
    #: It has called tools of the agent: a round of them.
    is_round: bool = False
    #: The caller is on hold: nothing of it is played, unless it ends the hold.
    muted: bool = False

    @property
    def begun(self) -> bool:
        """Return whether the voice has begun it."""
        return self.phase is not Phase.WANTED


def advance(response: Response, step: ResponseStep) -> Response | None:
    """Apply a step by the table; None if the response's phase ignores it."""
    phase = PHASES.get((response.phase, step))
    return None if phase is None else replace(response, phase=phase)
