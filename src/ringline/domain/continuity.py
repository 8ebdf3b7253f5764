"""How a session outlives its upstream: the table of states (voices, 5). Pure.

A provider closes every connection after some time, and may lose one at any time. A planned
rollover opens the next connection while the one in use goes on. A lost connection is dialled
once more, then each model of the fallback list once. Only `advance` changes the state; the
shell (`voices/lasting_voice.py`) carries out what it returns.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """Where a conversation stands with its provider."""

    OPENING = "opening"  # its first connection is being opened
    STEADY = "steady"  # it has one, for a while yet
    DUE = "due"  # the next one is opened at a quiet moment
    PREPARING = "preparing"  # the next one is being opened beside it
    READY = "ready"  # the next one is open, and taken at a quiet moment
    RECONNECTING = "reconnecting"  # it has none: the same model is dialled again
    FALLING_BACK = "falling_back"  # it has none: another model is dialled
    OVER = "over"


class Step(StrEnum):
    """What changes the phase."""

    OPENED = "opened"  # the connection that was being opened
    AGED = "aged"  # the connection in use: it is time for the next one
    QUIET = "quiet"  # nobody speaks, no response, no open tool call
    LATE = "late"  # there is no time left to wait for a quiet moment
    UNPREPARED = "unprepared"  # the next connection could not be opened, or was lost again
    LOST = "lost"  # the connection in use, while there is or will be a next one
    RETRY = "retry"  # these three follow from a loss: see `after_loss`
    FALL_BACK = "fall_back"
    GIVE_UP = "give_up"


class Action(StrEnum):
    """What the shell must do."""

    NONE = "none"
    PREPARE = "prepare"  # open the next connection beside the one in use
    WAIT = "wait"  # before preparing again
    REDIAL = "redial"  # the same model
    DIAL_NEXT = "dial_next"  # the model that `advance` has moved to
    USE = "use"  # the connection that was opened
    END = "end"


_P, _S, _A = Phase, Step, Action

_AFTER_A_LOSS = {
    _S.RETRY: (_P.RECONNECTING, _A.REDIAL),
    _S.FALL_BACK: (_P.FALLING_BACK, _A.DIAL_NEXT),
    _S.GIVE_UP: (_P.OVER, _A.END),
}

#: The next phase and what to do, for each step. Steps that are not listed are ignored.
TRANSITIONS: dict[tuple[Phase, Step], tuple[Phase, Action]] = {
    **{
        (phase, step): after
        for phase in (_P.OPENING, _P.STEADY, _P.DUE, _P.RECONNECTING, _P.FALLING_BACK)
        for step, after in _AFTER_A_LOSS.items()
    },
    (_P.OPENING, _S.OPENED): (_P.STEADY, _A.USE),
    (_P.RECONNECTING, _S.OPENED): (_P.STEADY, _A.USE),
    (_P.FALLING_BACK, _S.OPENED): (_P.STEADY, _A.USE),
    (_P.STEADY, _S.AGED): (_P.DUE, _A.NONE),
    (_P.DUE, _S.QUIET): (_P.PREPARING, _A.PREPARE),
    (_P.DUE, _S.LATE): (_P.PREPARING, _A.PREPARE),
    (_P.PREPARING, _S.OPENED): (_P.READY, _A.NONE),
    (_P.PREPARING, _S.UNPREPARED): (_P.DUE, _A.WAIT),
    (_P.PREPARING, _S.LOST): (_P.RECONNECTING, _A.NONE),  # by what is being opened
    (_P.READY, _S.QUIET): (_P.STEADY, _A.USE),
    (_P.READY, _S.LATE): (_P.STEADY, _A.USE),
    (_P.READY, _S.LOST): (_P.STEADY, _A.USE),
    (_P.READY, _S.UNPREPARED): (_P.DUE, _A.WAIT),
}


@dataclass(frozen=True, slots=True)
class Continuity:
    """The state: the model in use or dialled, and what may be tried if it is lost."""

    model: str
    #: The models to fall back to that have not been tried, in order.
    fallbacks: tuple[str, ...] = ()
    phase: Phase = Phase.OPENING
    #: The same model may be dialled once more; granted anew by a completed response.
    may_retry: bool = True


def advance(state: Continuity, step: Step) -> tuple[Continuity, Action]:
    """Apply a step by the table; a phase that ignores it stays as it is."""
    found = TRANSITIONS.get((state.phase, step))
    if found is None:
        return state, Action.NONE
    phase, action = found
    match action:
        case Action.DIAL_NEXT:
            model, *rest = state.fallbacks
            state = replace(state, model=model, fallbacks=tuple(rest), may_retry=False)
        case Action.REDIAL:
            state = replace(state, may_retry=False)
        case Action.NONE if phase is Phase.RECONNECTING:
            state = replace(state, may_retry=False)
        case _:
            pass
    return replace(state, phase=phase), action


def after_loss(state: Continuity, *, again: bool) -> Step:
    """Return what follows from a connection that was lost, or could not be opened.

    `again` says whether another connection to the same model may succeed.
    """
    if state.phase in (Phase.PREPARING, Phase.READY):
        return Step.LOST
    redials = state.phase not in (Phase.RECONNECTING, Phase.FALLING_BACK)
    if again and redials and state.may_retry:
        return Step.RETRY
    return Step.FALL_BACK if state.fallbacks else Step.GIVE_UP


def completed(state: Continuity) -> Continuity:
    """Grant another retry: a response was completed."""
    return state if state.may_retry else replace(state, may_retry=True)
