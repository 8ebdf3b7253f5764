"""The leg of a realtime voice session: one WebSocket of a browser or a backend.

The shell in `web/` reads and writes the socket; this leg applies the session's rules. What may
be sent and received is bounded by `outgoing.py` and `incoming.py`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

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
    LegControl,
    LegFailed,
    LegOrder,
    LegSignal,
    ResponseRequested,
    SessionStarted,
    ToolAnswered,
    TurnTranscribed,
    Typed,
)
from ringline.domain.session_config import ConfigProblem, EffectiveConfig, update
from ringline.legs.incoming import Incoming
from ringline.legs.outgoing import Outgoing, Socket
from ringline.ports import LegListener
from ringline.wire import realtime
from ringline.wire.realtime_errors import RealtimeError, SessionProblem, error_of


class RealtimeLeg:
    """A leg that speaks the realtime voice protocol (ports.Leg).

    It accepts `events_per_window` of the client's events other than audio; 0 is no limit.
    """

    def __init__(self, socket: Socket, session: EffectiveConfig, *, events_per_window: int) -> None:
        self._outgoing = Outgoing(socket)
        self._incoming = Incoming(events_per_window)
        self._session = session
        self._events_per_window = events_per_window
        self._input_hz = session.capabilities.input_hz
        self._output_hz = session.capabilities.output_hz
        self._follow(session.config)
        self._warnings = session.warnings
        self._listener: LegListener | None = None
        self._aligner = realtime.SampleAligner(self._input_hz)
        self._over = False  # it reports nothing more
        #: The session's end, once it has ended: the shell closes the socket with it.
        self.hung_up: asyncio.Future[RealtimeError] = asyncio.get_running_loop().create_future()

    def report_to(self, listener: LegListener) -> None:
        """Set the listener that this leg reports to."""
        self._listener = listener

    # From the shell.

    def receive(self, frame: str) -> None:
        """Handle a text frame from the client."""
        event = realtime.decode(frame)
        self._note_frame()
        match event:
            case realtime.AudioAppend(audio):
                self._receive_audio(audio)
            case _ if not self._incoming.takes_event():
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

    def receive_audio(self, frame: bytearray) -> bool:
        """Handle a text frame if it is audio as most clients write it; return whether it was."""
        heard = self._aligner.read(frame)
        if heard is None:
            return False
        self._hear(heard)
        return True

    def receive_binary(self) -> None:
        """Answer a binary frame with an error; end the session after too many of them."""
        self._note_frame()
        if self._incoming.takes_binary():
            self._send_problem(realtime.problem("binary_not_supported"))
        else:
            self._end_with(LegFailed(EndCause.LEG_UNSUPPORTED_DATA))

    def receive_oversized(self) -> None:
        """End the session because of a frame that is too large."""
        self._end_with(LegFailed(EndCause.LEG_MESSAGE_TOO_LARGE))

    def lost(self) -> None:
        """Report that the client's connection is gone."""
        self._outgoing.stop()
        self._end_with(Left())

    def drained(self) -> None:
        """Send queued frames, now that the socket takes bytes again."""
        self._outgoing.drained()

    # From the call (ports.Leg).

    @property
    def input_hz(self) -> int:
        """Return the rate of the client's microphone."""
        return self._input_hz

    @property
    def output_hz(self) -> int:
        """Return the rate of the speech that the client plays."""
        return self._output_hz

    @property
    def controls(self) -> frozenset[LegControl]:
        """Return nothing: a WebSocket has no line that could be held or transferred."""
        return frozenset()

    def play(self, chunk: Chunk) -> None:
        """Send speech."""
        assert chunk.rate_hz == self._output_hz, "speech is resampled before it gets here"
        self._outgoing.speak(chunk, realtime.encode_audio)

    def flush(self) -> float | None:
        """Discard queued speech; return how much was not played, if the leg can know."""
        return self._outgoing.flush()

    def send(self, order: LegOrder) -> None:
        """Send an order to the client; transcripts only if its config asks for them."""
        match order:
            case TurnTranscribed() if not self._shows_heard:
                return
            case AgentStarted():
                self._outgoing.response_began()
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
        self._report(ConfigChanged(updated.config, updated.warnings, updated.tools_of_agent))

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
        if not self._outgoing.send(payload):
            self._end_with(LegFailed(EndCause.LEG_TOO_SLOW))

    def _hang_up(self, error: RealtimeError) -> None:
        self._outgoing.send_all()
        self._over = True
        self._listener = None
        self._outgoing.stop()
        if not self.hung_up.done():
            self.hung_up.set_result(error)

    def _receive_audio(self, audio: str) -> None:
        heard = self._aligner.append(audio)
        if isinstance(heard, SessionProblem):
            self._send_problem(heard)
        elif heard is not None:
            self._hear(heard)

    def _hear(self, heard: Chunk) -> None:
        """Pass audio on; it also says that somebody is there."""
        if not self._incoming.takes_audio(heard.duration_ms):
            self._note_frame()
            self._send_problem(realtime.problem("invalid_audio", reason="it comes too fast"))
        elif self._listener is not None:
            self._listener.on_leg_audio(heard)

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
