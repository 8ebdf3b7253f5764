"""The leg of a realtime voice session: one WebSocket of a browser or a backend.

The shell in `web/` reads and writes the socket; this leg applies the session's rules. Frames
to the client keep their order. Only speech may be dropped, the oldest first, and only while
the client does not read (realtime voice, 5; contract, 11).
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from ringline.domain import limits
from ringline.domain.audio import Chunk
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.leg import (
    AgentFinished,
    AgentSaid,
    AgentStarted,
    CancelRequested,
    ClearRequested,
    ConfigChanged,
    ConfigUpdated,
    EndTurnRequested,
    HangUp,
    ImageShown,
    Left,
    LegFailed,
    LegOrder,
    LegSignal,
    ResponseRequested,
    SessionStarted,
    ToolAnswered,
    TurnTranscribed,
    Typed,
)
from ringline.domain.playout import PlaybackClock
from ringline.domain.session_config import ConfigProblem, EffectiveConfig, update
from ringline.ports import LegListener
from ringline.wire import realtime
from ringline.wire.realtime_errors import RealtimeError, SessionProblem, ends_session, error_of

_log = structlog.get_logger(__name__)

#: Speech queued for a client that does not read; beyond it the oldest is dropped.
MAX_WAITING_SPEECH_MS = limits.WAITING_SPEECH_MS.most
#: Other frames queued for such a client; beyond either bound the session ends.
MAX_WAITING_FRAMES = limits.WAITING_NOTIFICATIONS.most
MAX_WAITING_BYTES = limits.WAITING_NOTIFICATION_BYTES.most
#: How much faster than real time audio may arrive, averaged over the window.
AUDIO_SPEEDUP = 2.0
WINDOW_S = 10.0


class Socket(Protocol):
    """The writing side of the client's connection."""

    @property
    def paused(self) -> bool:
        """Return whether the kernel's send buffer is full."""
        ...

    def send_text(self, payload: bytes) -> None:
        """Send one text message."""
        ...


class RealtimeLeg:
    """A leg that speaks the realtime voice protocol (ports.Leg).

    It accepts `events_per_window` of the client's events other than audio; 0 is no limit.
    """

    def __init__(self, socket: Socket, session: EffectiveConfig, *, events_per_window: int) -> None:
        self._socket = socket
        self._session = session
        self._events_per_window = events_per_window
        self._input_hz = session.capabilities.input_hz
        self._output_hz = session.capabilities.output_hz
        self._follow(session.config)
        self._warnings = session.warnings
        self._loop = asyncio.get_running_loop()
        self._listener: LegListener | None = None
        self._aligner = realtime.SampleAligner(self._input_hz)
        self._waiting: deque[Chunk | bytes] = deque()
        self._waiting_ms = 0.0
        self._waiting_frames = self._waiting_bytes = 0
        self._dropped_ms = 0.0
        #: The playback clock of a client that has lagged; without it, the bridge's is right.
        self._late: PlaybackClock | None = None
        self._unsent_ms = 0.0  # what was dropped since the current response began
        self._recent: deque[float] = deque()
        self._audio_credit_ms = AUDIO_SPEEDUP * WINDOW_S * 1000
        self._audio_at = self._loop.time()
        self._binary = 0
        self._over = False  # it reports nothing more
        self._gone = False  # it sends nothing more
        #: The session's end, once it has ended: the shell closes the socket with it.
        self.hung_up: asyncio.Future[RealtimeError] = self._loop.create_future()

    def report_to(self, listener: LegListener) -> None:
        """Set the listener that this leg reports to."""
        self._listener = listener

    # From the shell.

    def receive(self, frame: str) -> None:
        """Handle a text frame from the client."""
        audio = realtime.audio_of(frame)
        if audio is not None:
            heard = self._aligner.append(audio)
            if isinstance(heard, Chunk):
                self._hear(heard)
                return
            if heard is None:
                self._note_frame()
                return
        event = realtime.decode(frame)
        self._note_frame()
        match event:
            case realtime.AudioAppend(audio):
                self._receive_audio(audio)
            case _ if not self._within_limit():
                self._send_problem(realtime.problem("rate_limited", limit=self._events_per_window))
            case SessionProblem():
                self._send_problem(event)
            case realtime.SessionStart():
                self._send_problem(realtime.problem("session_already_started"))
            case realtime.SessionUpdate(config):
                self._update(config)
            case realtime.TextInput(text):
                self._report(Typed(text))
            case realtime.ImageInput():
                self._show(event)
            case realtime.ToolResult(tool_call_id):
                self._report(ToolAnswered(tool_call_id, event.text))
            case realtime.ResponseCreate():
                self._report(ResponseRequested())
            case realtime.ResponseCancel():
                self._report(CancelRequested())
            case realtime.AudioCommit():
                self._report(EndTurnRequested())
            case realtime.AudioClear():
                self._aligner.clear()
                self._report(ClearRequested())

    def receive_binary(self) -> None:
        """Answer a binary frame with an error; end the session after too many of them."""
        self._note_frame()
        self._binary += 1
        if ends_session("binary_not_supported", times=self._binary):
            self._end_with(LegFailed(EndCause.LEG_UNSUPPORTED_DATA))
        else:
            self._send_problem(realtime.problem("binary_not_supported"))

    def receive_oversized(self) -> None:
        """End the session because of a frame that is too large."""
        self._end_with(LegFailed(EndCause.LEG_MESSAGE_TOO_LARGE))

    def lost(self) -> None:
        """Report that the client's connection is gone."""
        self._stop_sending()
        self._end_with(Left())

    def drained(self) -> None:
        """Send queued frames, now that the socket takes bytes again."""
        while self._waiting and not self._socket.paused:
            self._send_first()

    # From the call (ports.Leg).

    @property
    def input_hz(self) -> int:
        """Return the rate of the client's microphone."""
        return self._input_hz

    @property
    def output_hz(self) -> int:
        """Return the rate of the speech that the client plays."""
        return self._output_hz

    def play(self, chunk: Chunk) -> None:
        """Send speech."""
        assert chunk.rate_hz == self._output_hz, "speech is resampled before it gets here"
        if self._gone:
            return
        if not self._waiting and not self._socket.paused:
            self._send_speech(chunk)
            return
        self._late = self._late or PlaybackClock()
        self._waiting.append(chunk)
        self._waiting_ms += chunk.duration_ms
        while self._waiting_ms > MAX_WAITING_SPEECH_MS:
            self._drop_oldest()

    def flush(self) -> float | None:
        """Discard queued speech; return how much of all speech was not played (ports.Leg).

        Only the client knows, but one that has lagged cannot have played what it had not got.
        """
        unplayed_ms = self._waiting_ms + self._unsent_ms
        self._waiting = deque(item for item in self._waiting if not isinstance(item, Chunk))
        self._waiting_ms = self._unsent_ms = 0.0
        if self._late is None:
            return None
        now_ms = self._loop.time() * 1000
        unplayed_ms += self._late.lead_ms(now_ms)
        self._late.flushed(now_ms)
        return unplayed_ms

    def send(self, order: LegOrder) -> None:
        """Send an order to the client; transcripts only if its config asks for them."""
        match order:
            case TurnTranscribed() if not self._shows_heard:
                return
            case AgentStarted():
                self._unsent_ms = 0.0
                self._send(realtime.encode(order))
            case AgentSaid() if not self._shows_said:
                return
            case AgentFinished(spoken_text=str()) if not self._shows_said:
                self._send(realtime.encode(replace(order, spoken_text=None)))
            case SessionStarted():
                self._send(
                    realtime.encode_started(
                        order,
                        input_hz=self._input_hz,
                        output_hz=self._output_hz,
                        warnings=self._warnings,
                    )
                )
            case ConfigUpdated(config):
                self._follow(config)
                self._send(realtime.encode(order))
            case HangUp(cause):
                self._send(realtime.encode(order))
                self._hang_up(error_of(cause))
            case _:
                self._send(realtime.encode(order))

    def _follow(self, config: SessionConfig) -> None:
        """Show the transcripts that a config asks for."""
        self._shows_heard = config.input_transcription
        self._shows_said = config.output_transcription or Modality.TEXT in config.modalities

    def _update(self, changes: Mapping[str, object]) -> None:
        """Change the config; one that the model cannot have leaves it as it is."""
        updated = update(self._session, changes)
        if isinstance(updated, ConfigProblem):
            self._send_problem(SessionProblem(updated.code, updated.message))
            return
        self._session = updated
        self._report(ConfigChanged(updated.config, updated.warnings))

    def _show(self, image: realtime.ImageInput) -> None:
        problem = None
        if not self._session.capabilities.images:
            problem = realtime.problem("image_input_unsupported")
        if problem := problem or realtime.check_image(image):
            self._send_problem(problem)
            return
        detail, text = image.image_detail or "auto", image.text or ""
        self._report(ImageShown(str(image.image_url), detail, text))

    def _send_problem(self, problem: SessionProblem) -> None:
        self._send(realtime.encode_problem(problem))

    def _send(self, payload: bytes) -> None:
        if self._gone:
            return
        if not self._waiting and not self._socket.paused:
            self._socket.send_text(payload)
            return
        self._waiting.append(payload)
        self._waiting_frames += 1
        self._waiting_bytes += len(payload)
        if self._waiting_frames > MAX_WAITING_FRAMES or self._waiting_bytes > MAX_WAITING_BYTES:
            self._end_with(LegFailed(EndCause.LEG_TOO_SLOW))

    def _send_first(self) -> None:
        item = self._waiting.popleft()
        if isinstance(item, Chunk):
            self._waiting_ms -= item.duration_ms
            self._send_speech(item)
        else:
            self._waiting_frames -= 1
            self._waiting_bytes -= len(item)
            self._socket.send_text(item)

    def _send_speech(self, chunk: Chunk) -> None:
        if self._late is not None:
            self._late.sent(chunk.duration_ms, self._loop.time() * 1000)
        self._socket.send_text(realtime.encode_audio(chunk))

    def _hang_up(self, error: RealtimeError) -> None:
        """Send queued frames even if the socket is paused: the close frame follows them."""
        while self._waiting:
            self._send_first()
        self._over = True
        self._listener = None
        self._stop_sending()
        if not self.hung_up.done():
            self.hung_up.set_result(error)

    def _stop_sending(self) -> None:
        if not self._gone and self._dropped_ms:
            _log.warning("speech_dropped", dropped_ms=round(self._dropped_ms))
        self._gone = True
        self._unsent_ms += self._waiting_ms
        self._waiting.clear()
        self._waiting_ms, self._waiting_frames, self._waiting_bytes = 0.0, 0, 0

    def _receive_audio(self, audio: str) -> None:
        heard = self._aligner.append(audio)
        if isinstance(heard, SessionProblem):
            self._send_problem(heard)
        elif heard is not None:
            self._hear(heard)

    def _hear(self, heard: Chunk) -> None:
        """Pass audio on; it also says that somebody is there."""
        if not self._within_real_time(heard.duration_ms):
            self._note_frame()
            self._send_problem(realtime.problem("invalid_audio", reason="it comes too fast"))
        elif self._listener is not None and not self._over:
            self._listener.on_leg_audio(heard)

    def _within_real_time(self, duration_ms: float) -> bool:
        """Keep input near real time, with a token bucket."""
        now = self._loop.time()
        burst_ms = AUDIO_SPEEDUP * WINDOW_S * 1000
        earned_ms = (now - self._audio_at) * 1000 * AUDIO_SPEEDUP
        self._audio_credit_ms = min(burst_ms, self._audio_credit_ms + earned_ms)
        self._audio_at = now
        if duration_ms > self._audio_credit_ms:
            return False
        self._audio_credit_ms -= duration_ms
        return True

    def _within_limit(self) -> bool:
        """Count an event; return whether the window has room for it."""
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
                self._unsent_ms += duration_ms
                self._dropped_ms += duration_ms
                return

    def _end_with(self, signal: Left | LegFailed) -> None:
        if not self._over:
            self._over = True
            if self._listener is not None:
                self._listener.on_leg_signal(signal)
                self._listener = None  # a cycle would keep the call until the next collection

    def _note_frame(self) -> None:
        if self._listener is not None:
            self._listener.on_leg_frame()

    def _report(self, signal: LegSignal) -> None:
        if self._listener is not None and not self._over:
            self._listener.on_leg_signal(signal)
