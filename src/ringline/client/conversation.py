"""A call from its caller's side: what was said, heard, answered and interrupted.

Pure: it takes the server's frames and the caller's own audio, each with the time on the
caller's clock (milliseconds since the session started), and returns notes of what happened.
It implements the client's rule for interruptions: at `speech.started`, stop playing
(realtime voice, K10).

Latency is measured at the caller: from the last piece with speech before the server ended
the turn to the first audio of the answer. The server's own figure says whose time it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ringline.client.frames import (
    AudioDelta,
    Error,
    ResponseCompleted,
    ResponseStarted,
    ServerEvent,
    SessionStarted,
    SessionTerminating,
    SessionWarning,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    ToolCall,
    TranscriptCommitted,
)
from ringline.client.playback import PlaybackLine
from ringline.client.sound import Piece
from ringline.domain.latency import Latency

SETTLED_MS = 2_000  # after so long without an event, nothing more will happen
ANSWER_LIMIT_MS = 10_000  # how long a finished turn may wait for its answer


@dataclass(slots=True)
class Turn:
    """One exchange: what the caller said, if anything, and what the agent answered."""

    heard: str | None = None
    answer: str = ""
    answered_with_audio: bool = False
    latency_ms: float | None = None
    #: The same by the server's clock, with the shares of voice and gateway.
    ledger: Latency | None = None
    interrupted_after_ms: float | None = None
    cut_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Started:
    """The call has started."""

    session_id: str
    call_id: str
    call_uuid: str
    input_hz: int
    output_hz: int


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The server hears the caller; `cut_ms` of unplayed speech were discarded."""

    at_ms: float
    cut_ms: float


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller's turn is over."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller was understood to say."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class AnswerBegan:
    """The first audio of an answer has arrived; its turn holds the latency."""

    at_ms: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer is over or was interrupted; its turn holds the words."""

    at_ms: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """The server refused something; the call continues."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class LimitNear:
    """A limit of the call is nearly reached; `remaining` is in its unit."""

    reason: str
    remaining: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The server ends the call."""

    code: str
    message: str


Note: TypeAlias = (
    Started
    | CallerStarted
    | CallerStopped
    | Heard
    | AnswerBegan
    | Answered
    | ErrorReported
    | LimitNear
    | Ended
)


@dataclass(slots=True)
class Conversation:
    """The state of one call, updated by `hear` and `speak`."""

    line: PlaybackLine
    turns: list[Turn] = field(default_factory=list[Turn])
    ended: Ended | None = None
    _caller_speaks: bool = False
    _answer: Turn | None = None
    _answer_began_ms: float = 0.0
    _spoke_until_ms: float | None = None
    _waits_since_ms: float | None = None
    _speech_ended_ms: float | None = None
    _last_change_ms: float = 0.0

    def speak(self, piece: Piece, now_ms: float) -> None:
        """Record a piece of the caller's audio that was just sent."""
        if piece.spoken:
            self._spoke_until_ms = now_ms

    def hear(self, event: ServerEvent, now_ms: float) -> Iterator[Note]:
        """Process a frame from the server."""
        self._last_change_ms = now_ms
        match event:
            case SpeechStarted():
                yield self._caller_started(now_ms)
            case SpeechStopped():
                self._caller_speaks = False
                self._waits_since_ms = now_ms
                self._speech_ended_ms = self._spoke_until_ms
                yield CallerStopped(now_ms)
            case TranscriptCommitted(transcript):
                yield Heard(self._understood(transcript))
            case ResponseStarted():
                self._waits_since_ms = None
                self._answer = self._turn_to_answer()
            case TextDelta(delta):
                if self._answer is not None:
                    self._answer.answer += delta
            case AudioDelta(audio):
                yield from self._audio(audio, now_ms)
            case ResponseCompleted(latency):
                if self._answer is not None:
                    done, self._answer = self._answer, None
                    done.ledger = latency
                    yield Answered(now_ms, done)
            case Error(error):
                yield ErrorReported(error.code, error.message)
            case SessionWarning(reason, remaining):
                yield LimitNear(reason, remaining)
            case SessionTerminating(error):
                self.ended = Ended(error.code, error.message)
                yield self.ended
            case SessionStarted() | ToolCall():  # the shell has handled it
                pass

    def is_settled(self, now_ms: float) -> bool:
        """Return whether nobody speaks, nothing plays and nothing is expected."""
        if self._caller_speaks or self._answer is not None or self.line.left_ms(now_ms) > 0:
            return False
        if self._waits_since_ms is not None:
            return now_ms - self._waits_since_ms > ANSWER_LIMIT_MS
        played_ms = self.line.ends_at_ms if self.line.ends_at_ms <= now_ms else now_ms
        return now_ms - max(self._last_change_ms, played_ms) >= SETTLED_MS

    def greeting_is_over(self, now_ms: float, patience_ms: float) -> bool:
        """Return whether the agent has finished its greeting, or will not greet."""
        if not self.turns:
            return now_ms >= patience_ms
        return self._answer is None and self.line.left_ms(now_ms) == 0

    def _caller_started(self, now_ms: float) -> CallerStarted:
        self._caller_speaks = True
        playing = self.line.left_ms(now_ms) > 0 or self._answer is not None
        cut_ms = self.line.flush(now_ms)
        spoken = next((turn for turn in reversed(self.turns) if turn.answered_with_audio), None)
        if playing and spoken is not None and spoken.interrupted_after_ms is None:
            spoken.interrupted_after_ms = now_ms - self._answer_began_ms
            spoken.cut_ms = cut_ms
        return CallerStarted(now_ms, cut_ms)

    def _understood(self, transcript: str) -> Turn:
        # A slow recogniser's text may arrive after its answer has begun (O4).
        if self._answer is not None and self._answer.heard is None and self._speech_ended_ms:
            self._answer.heard = transcript
            return self._answer
        self.turns.append(Turn(heard=transcript))
        return self.turns[-1]

    def _turn_to_answer(self) -> Turn:
        if not self.turns or self.turns[-1].answered_with_audio or self.turns[-1].answer:
            self.turns.append(Turn())
        return self.turns[-1]

    def _audio(self, pcm: bytes, now_ms: float) -> Iterator[Note]:
        self.line.play(pcm, now_ms)
        turn = self._answer
        if turn is None or turn.answered_with_audio:
            return
        turn.answered_with_audio = True
        self._answer_began_ms = now_ms
        if self._speech_ended_ms is not None:
            turn.latency_ms = now_ms - self._speech_ended_ms
            self._speech_ended_ms = None
        yield AnswerBegan(now_ms, turn)
