"""The leg of a session in OpenAI's protocol: the same call, told in another language.

The codecs in `wire/openai_server_*.py` know the protocol; this leg applies the session's rules
as `realtime.py` does for ours. Both directions have 24 kHz, whatever the voice hears.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping

from ringline.domain.audio import Chunk
from ringline.domain.config_members import Modality
from ringline.domain.endings import EndCause
from ringline.domain.leg import (
    AgentFinished,
    AgentSaid,
    AgentStarted,
    AnswersOnRequest,
    CallerStarted,
    CallerStopped,
    CancelRequested,
    ClearRequested,
    ConfigChanged,
    ConfigUpdated,
    ContextGiven,
    EndTurnRequested,
    HangUp,
    Left,
    LegFailed,
    LegOrder,
    LegSignal,
    LimitWarned,
    PlaybackTold,
    Refusal,
    RequestRefused,
    ResponseRequested,
    SessionResumed,
    SessionStarted,
    ToolCalled,
    TurnTranscribed,
    UsageWritten,
    VoiceError,
)
from ringline.domain.voice import MessageRole
from ringline.legs.incoming import Incoming
from ringline.legs.outgoing import Outgoing, Socket
from ringline.ports import LegListener
from ringline.wire import openai_server_events as events
from ringline.wire.openai_realtime import RATE_HZ
from ringline.wire.openai_server_conversation import Conversation
from ringline.wire.openai_server_errors import ServerProblem, problem
from ringline.wire.openai_server_items import read_item
from ringline.wire.openai_server_responses import read_response
from ringline.wire.openai_server_session import Shown
from ringline.wire.realtime import SampleAligner
from ringline.wire.realtime_errors import (
    ERRORS,
    REFUSALS,
    VOICE_TROUBLES,
    RealtimeError,
    SessionProblem,
    error_of,
)
from ringline.wire.strict_json import encode

#: Commits whose effect is not known yet, to name the one that a refusal answers.
_MOST_COMMITS = 16


class OpenAIServerLeg:
    """A leg that speaks OpenAI's realtime protocol as its server does (ports.Leg).

    It accepts `events_per_window` of the client's events other than audio; 0 is no limit.
    """

    def __init__(
        self,
        socket: Socket,
        session: Shown,
        *,
        conversation: Conversation,
        events_per_window: int,
        updated: bool = False,
    ) -> None:
        self._outgoing = Outgoing(socket)
        self._incoming = Incoming(events_per_window)
        self._session = session
        self._conversation = conversation
        self._events_per_window = events_per_window
        self._updates = 1 if updated else 0  # not confirmed yet
        self._listener: LegListener | None = None
        self._aligner = SampleAligner(RATE_HZ)
        self._heard_ms = 0.0
        self._speaking = self._cleared = False  # the caller
        self._commits: deque[str] = deque(maxlen=_MOST_COMMITS)
        self._metadata: Mapping[str, object] | None = None
        self._over = False  # it reports nothing more
        #: The session's end, once it has ended: the shell closes the socket with it.
        self.hung_up: asyncio.Future[RealtimeError] = asyncio.get_running_loop().create_future()

    def report_to(self, listener: LegListener) -> None:
        """Set the listener that this leg reports to, and say what it will request."""
        self._listener = listener
        self._report_answers()

    def _report_answers(self) -> None:
        """Report that the client requests its answers, as the protocol has it."""
        self._report(AnswersOnRequest(turns=not self._session.answers_turns, results=True))

    # From the shell.

    def receive(self, frame: str) -> None:
        """Handle a text frame from the client."""
        event = events.decode(frame)
        self._note_frame()
        if isinstance(event, events.AudioAppend):
            self._receive_audio(event)
        elif not self._incoming.takes_event():
            request = event.event_id or ""
            limit = self._events_per_window
            self._refuse(problem("rate_limited", event_id=request, limit=limit))
        elif isinstance(event, ServerProblem):
            self._refuse(event)
        else:
            self._handle(event)

    def _handle(self, event: events.ClientEvent) -> None:
        match event:
            case events.SessionUpdate():
                self._update(event)
            case events.ItemCreate():
                self._add_item(event)
            case events.ItemRetrieve():
                self._retrieve(event)
            case events.ItemTruncate():
                self._truncate(event)
            case events.ResponseCreate():
                self._respond(event)
            case events.ResponseCancel(response_id=str(response_id)) if (
                response_id != self._conversation.response_id
            ):
                self._refuse(problem("response_cancel_not_active", event_id=event.request))
            case events.ResponseCancel():
                self._conversation.cancelling()
                self._report(CancelRequested(event.request))
            case events.AudioCommit():
                self._commits.append(event.request)
                self._report(EndTurnRequested())
            case events.AudioClear():
                self._aligner.clear()
                self._cleared = self._speaking
                self._send(self._conversation.cleared())
                self._report(ClearRequested())
            case events.AudioAppend():
                raise AssertionError("audio is no event of the window")

    def receive_binary(self) -> None:
        """Answer a binary frame with an error; end the session after too many of them."""
        self._note_frame()
        if self._incoming.takes_binary():
            self._refuse(problem("binary_not_supported"))
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
        return RATE_HZ

    @property
    def output_hz(self) -> int:
        """Return the rate of the speech that the client plays."""
        return RATE_HZ

    def play(self, chunk: Chunk) -> None:
        """Send speech."""
        assert chunk.rate_hz == RATE_HZ, "speech is resampled before it gets here"
        frames, speech = self._conversation.speak(chunk.duration_ms)
        self._send_all(frames)
        self._outgoing.speak(chunk, speech.encode)

    def flush(self) -> float | None:
        """Discard queued speech; return how much was not played, if the leg can know."""
        return self._outgoing.flush()

    def send(self, order: LegOrder) -> None:
        """Send an order to the client; the caller's transcripts only if the session asks."""
        told = self._conversation
        match order:
            case SessionStarted():
                if self._updates:
                    self._confirm()
            case ConfigUpdated():
                self._confirm()
            case CallerStarted(turn_id, ago_ms):
                self._speaking = True
                self._send_all(told.speech_started(turn_id, at_ms=self._heard_ms - ago_ms))
            case CallerStopped():
                self._caller_stopped(order)
            case TurnTranscribed(text, turn_id):
                if self._session.transcribes:
                    self._send(told.transcribed(turn_id, text))
            case AgentStarted(turn_id):
                self._outgoing.response_began()
                config, metadata = self._session.effective.config, self._metadata
                self._metadata = None
                spoken = Modality.AUDIO in config.modalities
                self._send_all(
                    told.begin(turn_id, spoken=spoken, voice=config.voice, metadata=metadata)
                )
            case AgentSaid(delta):
                self._send_all(told.say(delta))
            case ToolCalled(tool_call_id, name, arguments):
                text = encode(arguments).decode()
                self._send_all(told.call_tool(tool_call_id, name, arguments=text))
            case AgentFinished(interrupted, spoken_text, usage=usage):
                self._send_all(
                    told.end(interrupted=interrupted, spoken_text=spoken_text, usage=usage)
                )
            case RequestRefused(refusal, request):
                self._refuse_request(refusal, request)
            case VoiceError(failure, message):
                code = VOICE_TROUBLES[failure]
                self._refuse(ServerProblem(code, message or ERRORS[code].message))
            case LimitWarned() | SessionResumed() | UsageWritten():
                pass  # the protocol has no such event
            case HangUp(cause, message):
                self._hang_up(error_of(cause), message)

    def _confirm(self) -> None:
        """Tell the session as it is now."""
        self._send(self._conversation.session_event("session.updated", self._session.members))

    def _caller_stopped(self, stopped: CallerStopped) -> None:
        heard_ms = self._heard_ms
        self._send_all(
            self._conversation.speech_stopped(
                stopped.turn_id,
                began_at_ms=heard_ms - stopped.began_ago_ms,
                at_ms=heard_ms - stopped.ago_ms,
                heard_to_ms=heard_ms,
                kept=not self._cleared,
            )
        )
        self._speaking = self._cleared = False
        if self._commits:
            self._commits.popleft()

    def _refuse_request(self, refusal: Refusal, request: str) -> None:
        refused = REFUSALS[refusal]
        if refusal is Refusal.NOTHING_TO_COMMIT and self._commits:
            request = self._commits.popleft()
        message = refused.message or ERRORS[refused.code].message
        self._refuse(ServerProblem(refused.code, message, event_id=request))

    def _update(self, event: events.SessionUpdate) -> None:
        """Change the session; one that the model cannot have leaves it as it is."""
        updated = self._session.updated(event.session, event.request)
        if isinstance(updated, ServerProblem):
            self._refuse(updated)
            return
        before, self._session = self._session, updated
        if updated.answers_turns != before.answers_turns:
            self._report_answers()
        effective = updated.effective
        self._report(ConfigChanged(effective.config, effective.warnings, event.request))

    def _add_item(self, event: events.ItemCreate) -> None:
        images = self._session.effective.capabilities.images
        item = read_item(event.item, event.request, images=images)
        if isinstance(item, ServerProblem):
            self._refuse(item)
            return
        self._send_all(self._conversation.created(item.shown, item.id))
        for added in item.adds:
            self._report(added)

    def _retrieve(self, event: events.ItemRetrieve) -> None:
        retrieved = self._conversation.retrieved(event.item_id)
        if retrieved is None:
            self._refuse(problem("item_not_found", param="item_id", event_id=event.request))
        else:
            self._send(retrieved)

    def _truncate(self, event: events.ItemTruncate) -> None:
        """Move the playback clock to where the client stopped playing."""
        length_ms = self._conversation.length_of(event.item_id)
        if length_ms is None or event.content_index != 0:
            self._refuse(problem("item_not_found", param="item_id", event_id=event.request))
            return
        if not 0 <= event.audio_end_ms <= length_ms:
            reason = f"audio_end_ms: the item has {int(length_ms)} ms of speech"
            wrong = problem(
                "invalid_value", param="audio_end_ms", event_id=event.request, reason=reason
            )
            self._refuse(wrong)
            return
        if self._conversation.is_speaking(event.item_id):
            self._report(PlaybackTold(event.audio_end_ms))
        self._send(self._conversation.truncated(event.item_id, event.audio_end_ms))

    def _respond(self, event: events.ResponseCreate) -> None:
        asked = read_response(event.response or {}, event.request)
        if isinstance(asked, ServerProblem):
            self._refuse(asked)
            return
        self._metadata = asked.metadata
        if asked.instructions:
            told = ContextGiven(MessageRole.SYSTEM, asked.instructions, event.request)
            self._report(told)
        self._report(ResponseRequested(event.request))

    def _receive_audio(self, event: events.AudioAppend) -> None:
        heard = self._aligner.append(event.audio)
        if isinstance(heard, SessionProblem):
            self._refuse(ServerProblem(heard.code, heard.message, "audio", event.request))
        elif heard is not None and not self._incoming.takes_audio(heard.duration_ms):
            reason = "it comes too fast"
            self._refuse(problem("invalid_audio", event_id=event.request, reason=reason))
        elif heard is not None and self._listener is not None and not self._over:
            self._heard_ms += heard.duration_ms
            self._listener.on_leg_audio(heard)

    def _hang_up(self, error: RealtimeError, message: str) -> None:
        """Tell why the session ends; queued frames go before, even if the socket is paused."""
        self._send_all(self._conversation.end(interrupted=True))
        self._refuse(ServerProblem(error.code, message or error.message))
        self._outgoing.send_all()
        self._over = True
        self._listener = None
        self._outgoing.stop()
        if not self.hung_up.done():
            self.hung_up.set_result(error)

    def _refuse(self, found: ServerProblem) -> None:
        self._send(self._conversation.error(found))

    def _send_all(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self._send(frame)

    def _send(self, payload: bytes) -> None:
        if not self._outgoing.send(payload):
            self._end_with(LegFailed(EndCause.LEG_TOO_SLOW))

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
