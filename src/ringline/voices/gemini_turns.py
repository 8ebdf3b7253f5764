"""The turns of a conversation with Gemini Live: the model's phases, the caller's words. Pure.

The service names neither turns nor responses, and cannot be told to stop (upstream protocols,
2.5). Its turn ends twice: when all of it has been produced, and when the service assumes that
it has been played. A turn that was stopped here goes on there, so the rest of it is swallowed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from ringline.domain import voice_limits
from ringline.domain.voice import Transcribed


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


@dataclass(slots=True)
class CallerWords:
    """The transcript of the caller's turns, whose pieces come without an end.

    They come beside the rest, in no promised sequence. A transcript is final when the model
    begins to answer. If nothing of it has come by then, or more of it comes afterwards, that
    is final once the model has produced its answer.
    """

    report: Callable[[Transcribed], None]
    _item_id: str = ""
    _text: str = ""
    _answered: bool = False
    _dropped: bool = False

    def begin(self, item_id: str) -> None:
        """Begin the transcript of another turn."""
        self.finish()
        self._item_id = item_id
        self._dropped = self._answered = False

    def add(self, text: str, *, finished: bool) -> None:
        """Add a piece; `finished` if it is the last one."""
        if self._dropped:
            return
        if not self._item_id:  # late, or of speech that only the service has noticed
            if not text.strip():
                return
            self._item_id = f"item_{uuid4().hex}"
            self._answered = True
        room = voice_limits.UPSTREAM_TRANSCRIPT_CHARACTERS.most - len(self._text)
        piece = (text if self._text else text.lstrip())[:room]
        self._text += piece
        if finished:
            self.finish()
        elif piece:
            self.report(Transcribed(self._item_id, self._text, final=False))

    def item(self) -> str:
        """Return the id of the turn whose transcript grows, or begin one."""
        if not self._item_id:
            self.begin(f"item_{uuid4().hex}")
        self._answered = False
        return self._item_id

    def answer_began(self) -> None:
        """Note that the model begins to answer."""
        self._dropped = False
        if self._text:
            self.finish()
        self._answered = True

    def answer_produced(self) -> None:
        """Note that the model has produced its answer: no more is expected."""
        if self._answered:
            self.finish()

    def finish(self) -> None:
        """Report what there is as final: an empty text if nobody could read it."""
        item_id, text = self._item_id, self._text.rstrip()
        self._item_id, self._text = "", ""
        if item_id:
            self.report(Transcribed(item_id, text, final=True))

    def drop(self) -> None:
        """Discard the transcript of a turn that was cleared, and what still comes of it."""
        self._item_id, self._text = "", ""
        self._dropped = True
