"""The phases of the model's turns in a conversation with Gemini Live. Pure.

The service names neither turns nor responses, and cannot be told to stop (upstream protocols,
2.5). Its turn ends twice: when all of it has been produced, and when the service assumes that
it has been played. A turn that was stopped here goes on there, so the rest of it is swallowed.
"""

from enum import StrEnum


class Phase(StrEnum):
    """Where the model's turn is."""

    NONE = "none"
    RUNNING = "running"  # it produces a response
    MUTED = "muted"  # it produces one that was stopped here
    FINISHED = "finished"  # no more of it comes, but the service says that it is not over


class Step(StrEnum):
    """What moves the model's turn."""

    OUTPUT = "output"
    UNWANTED = "unwanted"  # output of a response that was cancelled before it began
    STOPPED = "stopped"  # by us
    GENERATED = "generated"
    INTERRUPTED = "interrupted"
    OVER = "over"


#: The next phase for each step. Steps that are not listed are ignored.
PHASES: dict[tuple[Phase, Step], Phase] = {
    (Phase.NONE, Step.OUTPUT): Phase.RUNNING,
    (Phase.NONE, Step.UNWANTED): Phase.MUTED,
    (Phase.RUNNING, Step.STOPPED): Phase.MUTED,
    (Phase.RUNNING, Step.GENERATED): Phase.FINISHED,
    (Phase.RUNNING, Step.INTERRUPTED): Phase.FINISHED,
    (Phase.RUNNING, Step.OVER): Phase.NONE,
    (Phase.MUTED, Step.GENERATED): Phase.FINISHED,
    (Phase.MUTED, Step.INTERRUPTED): Phase.FINISHED,
    (Phase.MUTED, Step.OVER): Phase.NONE,
    # The end of a turn may be left out: what comes now is the next one.
    (Phase.FINISHED, Step.OUTPUT): Phase.RUNNING,
    (Phase.FINISHED, Step.UNWANTED): Phase.MUTED,
    (Phase.FINISHED, Step.OVER): Phase.NONE,
}


def move(phase: Phase, step: Step) -> Phase:
    """Return the phase after a step."""
    return PHASES.get((phase, step), phase)
