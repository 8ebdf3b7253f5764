"""The transcripts of the caller's turns, for providers that never say that one has ended. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from ringline.domain import voice_limits
from ringline.domain.voice import Transcribed


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
