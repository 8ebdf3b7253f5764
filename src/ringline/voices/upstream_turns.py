"""The caller's turns as a provider detects and transcribes them: events to signals. No I/O."""

from collections import deque
from collections.abc import Callable

from ringline.domain import voice_limits
from ringline.domain.agent import TurnDetection
from ringline.domain.voice import (
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    TurnCleared,
    TurnEmpty,
    UsageKind,
    UsageReported,
    VoiceSignal,
)
from ringline.voices.heard_clock import HeardClock
from ringline.voices.upstream_responses import REMEMBERED
from ringline.wire.openai_realtime import commit_audio
from ringline.wire.openai_realtime_events import NO_USAGE, Heard, SpeechBegan, SpeechEnded


class UpstreamTurns:
    """Which turn is under way; `report` takes signals, `send` takes frames."""

    def __init__(
        self,
        report: Callable[[VoiceSignal], None],
        send: Callable[[bytes], None],
        *,
        clock: HeardClock,
    ) -> None:
        self._report = report
        self._send = send
        self._clock = clock
        self._speaking = False
        self._item_id: str = ""
        self._ended_item: str = ""
        self._texts: dict[str, str | None] = {}  # by item; None once it is final or cleared
        #: When turns were over whose text is not final, by their items.
        self._unread: dict[str, float] = {}
        #: The items whose transcription is reported as used: it may be told twice, or late.
        self._paid: deque[str] = deque(maxlen=REMEMBERED)
        #: Turns whose end was ordered, and that the provider has not ended yet.
        self.commits = 0
        #: How much silence ends the turn that has begun.
        self.silence_ms = 0

    @property
    def unread_since(self) -> float | None:
        """Return when the oldest turn was over whose text is not final."""
        return next(iter(self._unread.values()), None)

    @property
    def lasts(self) -> bool:
        """Return whether the caller speaks, and nobody has ended the turn."""
        return self._speaking and not self.commits

    def end(self, *, by_order: bool) -> None:
        """End the turn now; where the provider detects turns, only if one has begun."""
        if by_order or self.lasts:
            self.commits += 1
            self._send(commit_audio())

    def end_failed(self, *, by_order: bool, empty: bool) -> None:
        """Report that there was no turn to end, if the order to end it came from the client."""
        ordered, self.commits = self.commits > 0, max(0, self.commits - 1)
        if ordered and by_order and empty:
            self._report(TurnEmpty())

    def began(self, began: SpeechBegan, detection: TurnDetection) -> None:
        """Take the begin of a turn, which the detection will end."""
        if self._speaking and began.item_id == self._item_id:
            return  # it is told again
        if self._speaking and (stopped := self.ended(SpeechEnded(self._item_id))) is not None:
            self._report(stopped)  # its end was never told
        self._speaking, self._item_id, self._ended_item = True, began.item_id, ""
        self.silence_ms = detection.silence_duration_ms
        ago_ms = 0.0
        if began.at_ms is not None:
            ago_ms = self._clock.ago_ms(began.at_ms + detection.prefix_padding_ms)
        self._report(SpeechStarted(began.item_id, ago_ms))

    def ended(self, ended: SpeechEnded) -> SpeechStopped | None:
        """Take the end of a turn, which may be told by two events; None if it is no news."""
        ordered = ended.committed and self.commits > 0
        if ordered:
            self.commits -= 1
        if ended.item_id == self._ended_item or not (self._speaking or ordered):
            return None
        began_ago_ms = 0.0 if self._speaking else self._clock.turn_ago_ms
        # One turn at a time: whichever the provider names, the one that lasts is over.
        item_id = self._item_id if self._speaking else ended.item_id
        self._speaking, self._ended_item = False, ended.item_id
        self._clock.turn_over()
        if self._texts.get(ended.item_id, "") is not None:
            self._unread[ended.item_id] = self._clock.now()
        return SpeechStopped(item_id, self._quiet_ms(ended), began_ago_ms)

    def _quiet_ms(self, ended: SpeechEnded) -> float:
        """Return how long ago the last speech of a turn was given."""
        if ended.at_ms is not None:
            return self._clock.ago_ms(max(0.0, ended.at_ms - self.silence_ms))
        # A detector needs the silence to be sure; an order needs none.
        return self._clock.ago_ms() + (0.0 if ended.committed else self.silence_ms)

    def cleared(self) -> None:
        """Take the end of a turn that was discarded; one whose text is final stays a turn."""
        self._clock.turn_over()
        if self._speaking:
            is_final = self._texts.get(self._item_id, "") is None
            self._speaking, self._ended_item = False, self._item_id
            self._finish(self._item_id)
            self._report(SpeechStopped(self._item_id, self._clock.ago_ms()))
            if not is_final:
                self._report(TurnCleared(self._item_id))

    def heard(self, heard: Heard) -> None:
        """Take a transcript, or a piece of one."""
        if heard.usage != NO_USAGE and heard.item_id not in self._paid:
            self._paid.append(heard.item_id)
            self._report(UsageReported(UsageKind.TRANSCRIPTION, heard.usage))
        known = self._texts.get(heard.item_id, "")
        if known is None:
            return
        text = known + (heard.text or "") if heard.piece else heard.text or ""
        text = text[: voice_limits.UPSTREAM_TRANSCRIPT_CHARACTERS.most]
        self._keep(heard.item_id, text)
        if heard.final:
            self._finish(heard.item_id)
        self._report(Transcribed(heard.item_id, text, heard.final))

    def give_up(self) -> None:
        """Take what came of the oldest unread turn for all of it: its provider lost the end."""
        item_id = next(iter(self._unread))
        text = self._texts.get(item_id) or ""
        self._finish(item_id)
        self._report(Transcribed(item_id, text, final=True))

    def _finish(self, item_id: str) -> None:
        self._unread.pop(item_id, None)
        self._keep(item_id, None)

    def _keep(self, item_id: str, text: str | None) -> None:
        self._texts[item_id] = text
        while len(self._texts) > REMEMBERED:
            oldest = next(iter(self._texts))
            del self._texts[oldest]
            self._unread.pop(oldest, None)
