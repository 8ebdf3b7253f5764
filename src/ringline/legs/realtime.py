"""The leg of a realtime voice session: one WebSocket of a browser or a backend.

The shell in `web/` reads and writes the socket; this leg knows the session's rules. What
the client is told keeps its order; only speech may be lost, the oldest first, and only
where the client does not read (realtime voice, 5; contract, 11).
"""

import asyncio
from collections import deque
from typing import Protocol

import structlog

from ringline.domain import limits
from ringline.domain.audio import Chunk
from ringline.domain.config_members import Modality
from ringline.domain.endings import EndCause
from ringline.domain.leg import (
    AgentSaid,
    CancelWanted,
    ClearWanted,
    HangUp,
    Left,
    LegOrder,
    LegSignal,
    Overrun,
    ResponseWanted,
    SessionStarted,
    TurnEndWanted,
    TurnHeard,
    Typed,
)
from ringline.domain.session_config import EffectiveConfig
from ringline.ports import LegListener
from ringline.wire import realtime
from ringline.wire.realtime_errors import RealtimeError, SessionProblem, ends_session, error_of

_log = structlog.get_logger(__name__)

#: Speech that waits for a client that does not read; more and the oldest is dropped.
MAX_WAITING_SPEECH_MS = limits.WAITING_SPEECH_MS.most
#: News that wait for such a client; more, or more bytes, and it is no session any more.
MAX_WAITING_NEWS = limits.WAITING_NEWS.most
MAX_WAITING_NEWS_BYTES = limits.WAITING_NEWS_BYTES.most
#: Audio may come at most this much faster than real time, over the window.
AUDIO_SPEEDUP = 2.0
WINDOW_S = 10.0


class Socket(Protocol):
    """The writing side of the client's connection."""

    @property
    def paused(self) -> bool:
        """Tell whether the kernel takes nothing more."""
        ...

    def send_text(self, payload: bytes) -> None:
        """Send one text message."""
        ...


class RealtimeLeg:
    """A line into a call that speaks the realtime voice protocol (ports.Leg).

    Of the client's events, audio aside, `events_per_window` are taken; 0 is no bound.
    """

    def __init__(self, socket: Socket, session: EffectiveConfig, events_per_window: int) -> None:
        config = session.config
        self._socket = socket
        self._events_per_window = events_per_window
        self._input_hz = session.capabilities.input_hz
        self._output_hz = session.capabilities.output_hz
        self._shows_heard = config.input_transcription
        self._shows_said = config.output_transcription or Modality.TEXT in config.modalities
        self._warnings = session.warnings
        self._loop = asyncio.get_running_loop()
        self._listener: LegListener | None = None
        self._aligner = realtime.SampleAligner()
        self._waiting: deque[Chunk | bytes] = deque()
        self._waiting_ms = 0.0
        self._waiting_news = self._waiting_news_bytes = 0
        self._dropped_ms = 0.0
        self._recent: deque[float] = deque()
        self._audio_credit_ms = AUDIO_SPEEDUP * WINDOW_S * 1000
        self._audio_at = self._loop.time()
        self._binary = 0
        self._over = False  # nothing is reported any more
        self._gone = False  # nothing is sent any more
        #: What the session ended with, once it has: the shell closes with it.
        self.hung_up: asyncio.Future[RealtimeError] = self._loop.create_future()

    def report_to(self, listener: LegListener) -> None:
        """Say who hears what this leg reports."""
        self._listener = listener

    # From the shell.

    def receive(self, frame: str) -> None:
        """Take a text frame of the client."""
        event = realtime.decode(frame)
        match event:
            case realtime.AudioAppend(audio):
                self._hear(audio)
            case _ if not self._within_limit():
                self._answer(realtime.problem("rate_limited", limit=self._events_per_window))
            case SessionProblem():
                self._answer(event)
            case realtime.SessionStart():
                self._answer(realtime.problem("session_already_started"))
            case realtime.TextInput(text):
                self._report(Typed(text))
            case realtime.ResponseCreate():
                self._report(ResponseWanted())
            case realtime.ResponseCancel():
                self._report(CancelWanted())
            case realtime.AudioCommit():
                self._report(TurnEndWanted())
            case realtime.AudioClear():
                self._aligner.clear()
                self._report(ClearWanted())

    def receive_binary(self) -> None:
        """Take a binary frame: an error, and in the end one too many."""
        self._binary += 1
        if ends_session("binary_not_supported", times=self._binary):
            self._end_with(Overrun(EndCause.LEG_UNSUPPORTED_DATA))
        else:
            self._answer(realtime.problem("binary_not_supported"))

    def receive_oversized(self) -> None:
        """Take note of a frame that is too large; the session ends."""
        self._end_with(Overrun(EndCause.LEG_MESSAGE_TOO_LARGE))

    def lost(self) -> None:
        """Note that the client's connection is gone."""
        self._stop_sending()
        self._end_with(Left())

    def drained(self) -> None:
        """Send what waited; the socket takes bytes again."""
        while self._waiting and not self._socket.paused:
            self._send_first()

    # From the call (ports.Leg).

    @property
    def input_hz(self) -> int:
        """Tell the rate of the client's microphone."""
        return self._input_hz

    @property
    def output_hz(self) -> int:
        """Tell the rate of what the client plays."""
        return self._output_hz

    def play(self, chunk: Chunk) -> None:
        """Send speech."""
        assert chunk.rate_hz == self._output_hz, "speech is resampled before it gets here"
        if self._gone:
            return
        if not self._waiting and not self._socket.paused:
            self._socket.send_text(realtime.encode_audio(chunk))
            return
        self._waiting.append(chunk)
        self._waiting_ms += chunk.duration_ms
        while self._waiting_ms > MAX_WAITING_SPEECH_MS:
            self._drop_oldest()

    def flush(self) -> None:
        """Throw away speech that has not left; what the client has played it alone knows."""
        self._waiting = deque(item for item in self._waiting if not isinstance(item, Chunk))
        self._waiting_ms = 0.0

    def tell(self, order: LegOrder) -> None:
        """Tell the client; transcripts only where its config asks for them."""
        match order:
            case TurnHeard() if not self._shows_heard:
                return
            case AgentSaid() if not self._shows_said:
                return
            case SessionStarted():
                self._send(
                    realtime.encode_started(
                        order,
                        input_hz=self._input_hz,
                        output_hz=self._output_hz,
                        warnings=self._warnings,
                    )
                )
            case HangUp(cause):
                self._send(realtime.encode(order))
                self._hang_up(error_of(cause))
            case _:
                self._send(realtime.encode(order))

    def _answer(self, problem: SessionProblem) -> None:
        self._send(realtime.encode_problem(problem))

    def _send(self, payload: bytes) -> None:
        if self._gone:
            return
        if not self._waiting and not self._socket.paused:
            self._socket.send_text(payload)
            return
        self._waiting.append(payload)
        self._waiting_news += 1
        self._waiting_news_bytes += len(payload)
        if (
            self._waiting_news > MAX_WAITING_NEWS
            or self._waiting_news_bytes > MAX_WAITING_NEWS_BYTES
        ):
            self._end_with(Overrun(EndCause.LEG_TOO_SLOW))

    def _send_first(self) -> None:
        item = self._waiting.popleft()
        if isinstance(item, Chunk):
            self._waiting_ms -= item.duration_ms
            item = realtime.encode_audio(item)
        else:
            self._waiting_news -= 1
            self._waiting_news_bytes -= len(item)
        self._socket.send_text(item)

    def _hang_up(self, error: RealtimeError) -> None:
        """Hand over what waits, paused or not: the close frame comes right behind it."""
        while self._waiting:
            self._send_first()
        self._over = True
        self._stop_sending()
        if not self.hung_up.done():
            self.hung_up.set_result(error)

    def _stop_sending(self) -> None:
        if not self._gone and self._dropped_ms:
            _log.warning("speech_dropped", dropped_ms=round(self._dropped_ms))
        self._gone = True
        self._waiting.clear()
        self._waiting_ms, self._waiting_news, self._waiting_news_bytes = 0.0, 0, 0

    def _hear(self, audio: str) -> None:
        heard = self._aligner.append(audio, self._input_hz)
        match heard:
            case SessionProblem():
                self._answer(heard)
            case Chunk() if not self._takes(heard.duration_ms):
                self._answer(realtime.problem("invalid_audio", reason="it comes too fast"))
            case Chunk() if self._listener is not None and not self._over:
                self._listener.leg_hears(heard)
            case _:
                pass

    def _takes(self, duration_ms: float) -> bool:
        """Keep input near real time: a bucket that fills with the clock."""
        now = self._loop.time()
        most = AUDIO_SPEEDUP * WINDOW_S * 1000
        earned = (now - self._audio_at) * 1000 * AUDIO_SPEEDUP
        self._audio_credit_ms = min(most, self._audio_credit_ms + earned)
        self._audio_at = now
        if duration_ms > self._audio_credit_ms:
            return False
        self._audio_credit_ms -= duration_ms
        return True

    def _within_limit(self) -> bool:
        """Count an event; tell whether the window has room for it."""
        if not self._events_per_window:
            return True
        now = self._loop.time()
        while self._recent and self._recent[0] <= now - WINDOW_S:
            self._recent.popleft()
        if len(self._recent) >= self._events_per_window:
            return False
        self._recent.append(now)
        return True

    def _drop_oldest(self) -> None:
        for index, item in enumerate(self._waiting):
            if isinstance(item, Chunk):
                del self._waiting[index]
                duration_ms = item.duration_ms
                self._waiting_ms -= duration_ms
                self._dropped_ms += duration_ms
                return

    def _end_with(self, signal: Left | Overrun) -> None:
        if not self._over:
            self._over = True
            if self._listener is not None:
                self._listener.leg_reports(signal)

    def _report(self, signal: LegSignal) -> None:
        if self._listener is not None and not self._over:
            self._listener.leg_reports(signal)
