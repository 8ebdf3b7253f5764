"""The leg of a session in OpenAI's protocol: the same call, told in another language.

The codecs in `wire/openai_server_*.py` know the protocol; this leg applies the session's rules
as `realtime.py` does for ours. Both directions have 24 kHz, whatever the voice hears.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ringline.domain.agent import TurnDetectionType
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
    Hold,
    Left,
    LegControl,
    LegFailed,
    LegOrder,
    LegSignal,
    LimitWarned,
    PlaybackTold,
    Refusal,
    RequestRefused,
    ResponseRequested,
    Resume,
    SendDigits,
    SessionResumed,
    SessionStarted,
    SpeechInterrupts,
    ToolAnswered,
    ToolCalled,
    Transfer,
    TurnTranscribed,
    UsageWritten,
    VoiceError,
)
from ringline.domain.voice import MessageRole
from ringline.legs.incoming import Incoming
from ringline.legs.openai_items import WaitingItems
from ringline.legs.outgoing import Outgoing, Socket
from ringline.ports import LegListener
from ringline.wire import openai_server_events as events
from ringline.wire.openai_realtime import RATE_HZ
from ringline.wire.openai_server_conversation import Conversation
from ringline.wire.openai_server_errors import ServerProblem, problem
from ringline.wire.openai_server_items import Added, Takes, read_item
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


@dataclass(frozen=True, slots=True)
class _Commit:
    """An end of the caller's turn: the client's event, or the message whose audio the turn is."""

    request: str
    item_id: str = ""


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
        self._aligner = SampleAligner(RATE_HZ, event=events.AudioAppend.name)
        self._heard_ms = self._committed_ms = 0.0
        self._speaking = self._cleared = False  # the caller
        self._commits: deque[_Commit] = deque(maxlen=_MOST_COMMITS)
        self._waiting = WaitingItems()
        self._metadata: Mapping[str, object] | None = None
        self._over = False  # it reports nothing more
        #: The session's end, once it has ended: the shell closes the socket with it.
        self.hung_up: asyncio.Future[RealtimeError] = asyncio.get_running_loop().create_future()

    def report_to(self, listener: LegListener) -> None:
        """Set the listener that this leg reports to, and say what it will request."""
        self._listener = listener
        self._report_habits()

    def _report_habits(self) -> None:
        """Report that the client requests its answers, as the protocol has it, or also turns."""
        self._report(AnswersOnRequest(turns=not self._session.answers_turns, results=True))
        self._report(SpeechInterrupts(self._session.speech_interrupts))

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

    def receive_audio(self, frame: bytearray) -> bool:
        """Handle a text frame if it is audio as most clients write it; return whether it was."""
        heard = self._aligner.read(frame)
        if heard is None:
            return False
        if self._takes_audio(heard, ""):
            self._hear(heard)
        else:
            self._note_frame()
        return True

    def _handle(self, event: events.ClientEvent) -> None:
        match event:
            case events.SessionUpdate():
                self._update(event)
            case events.ItemCreate():
                self._add_item(event)
            case events.ItemRetrieve():
                self._retrieve(event)
            case events.ItemDelete():
                self._delete(event)
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
                self._commit(_Commit(event.request))
            case events.AudioClear():
                self._aligner.clear()
                self._committed_ms = self._heard_ms
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

    @property
    def controls(self) -> frozenset[LegControl]:
        """Return nothing: a WebSocket has no line that could be held or transferred."""
        return frozenset()

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
            case Hold() | Resume() | Transfer() | SendDigits():
                raise AssertionError("a realtime session has no line to control")
            case SessionStarted():
                if self._updates:
                    self._confirm()
            case ConfigUpdated():
                self._confirm()
            case CallerStarted(turn_id, ago_ms, interrupts):
                self._speaking = True
                self._give_items()
                at_ms = self._heard_ms - ago_ms
                self._send_all(told.speech_started(turn_id, at_ms=at_ms, interrupts=interrupts))
            case CallerStopped():
                self._caller_stopped(order)
            case TurnTranscribed(text, turn_id):
                if self._session.transcribes:
                    self._send(told.transcribed(turn_id, text))
            case AgentStarted(turn_id):
                self._give_items()
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
        commit = self._commits.popleft() if self._commits else None
        if commit is not None and commit.item_id:
            lasted_ms = stopped.began_ago_ms - stopped.ago_ms
            self._conversation.spoke_in(commit.item_id, stopped.turn_id, lasted_ms=lasted_ms)
            return
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

    def _refuse_request(self, refusal: Refusal, request: str) -> None:
        refused = REFUSALS[refusal]
        if refusal is Refusal.NOTHING_TO_COMMIT and self._commits:
            request = self._commits.popleft().request
        message = refused.message or ERRORS[refused.code].message
        self._refuse(ServerProblem(refused.code, message, event_id=request))

    def _update(self, event: events.SessionUpdate) -> None:
        """Change the session; one that the model cannot have leaves it as it is."""
        updated = self._session.updated(event.session, event.request)
        if isinstance(updated, ServerProblem):
            self._refuse(updated)
            return
        before, self._session = self._session, updated
        if updated.habits != before.habits:
            self._report_habits()
        effective = updated.effective
        self._report(
            ConfigChanged(
                effective.config, effective.warnings, effective.tools_of_agent, event.request
            )
        )

    def _add_item(self, event: events.ItemCreate) -> None:
        effective, told = self._session.effective, self._conversation
        by_order = effective.config.turn_detection.type is TurnDetectionType.NONE
        takes = Takes(images=effective.capabilities.images, speech=by_order)
        item = read_item(event.item, event.request, takes=takes)
        if isinstance(item, ServerProblem):
            self._refuse(item)
            return
        if told.knows(item.id):
            reason = "id: there is an item of this id"
            wrong = problem("invalid_value", param="item.id", event_id=event.request, reason=reason)
            self._refuse(wrong)
            return
        speech = [added for added in item.adds if isinstance(added, Chunk)]
        if speech and not self._takes_speech(speech[0], event.request):
            return
        item_id = item.id or told.new_item_id()
        self._send_all(told.created(item.shown, item_id))
        signals = tuple(added for added in item.adds if not isinstance(added, Chunk))
        if speech or any(isinstance(signal, ToolAnswered) for signal in signals):
            self._give_items()
            self._add_at_once(item.adds, _Commit(event.request, item_id))
        else:
            self._report_all(self._waiting.add(item_id, signals))

    def _add_at_once(self, adds: Iterable[Added], commit: _Commit) -> None:
        """Give the call an item that cannot wait: speech is a turn of its own."""
        for added in adds:
            if isinstance(added, Chunk):
                self._hear(added)
                self._commit(commit)
            else:
                self._report(added)

    def _takes_speech(self, chunk: Chunk, request: str) -> bool:
        """Return whether the speech of a message may be heard now; refuse it if not."""
        if self._heard_ms > self._committed_ms:
            reason = "audio of a message: commit or clear the input audio buffer first"
            wrong = problem(
                "unsupported_value", param="item.content", event_id=request, reason=reason
            )
            self._refuse(wrong)
            return False
        return self._takes_audio(chunk, request)

    def _commit(self, commit: _Commit) -> None:
        """End the caller's turn."""
        self._give_items()
        self._committed_ms = self._heard_ms
        self._commits.append(commit)
        self._report(EndTurnRequested())

    def _give_items(self) -> None:
        """Give the call the items that wait: they count from now on."""
        self._report_all(self._waiting.take_all())

    def _delete(self, event: events.ItemDelete) -> None:
        if self._waiting.delete(event.item_id):
            self._send(self._conversation.deleted(event.item_id))
            return
        code = "item_in_use" if self._conversation.knows(event.item_id) else "item_not_found"
        self._refuse(problem(code, param="item_id", event_id=event.request))

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
        self._give_items()
        if asked.instructions:
            told = ContextGiven(MessageRole.SYSTEM, asked.instructions, event.request)
            self._report(told)
        self._report(ResponseRequested(event.request))

    def _receive_audio(self, event: events.AudioAppend) -> None:
        heard = self._aligner.append(event.audio)
        if isinstance(heard, SessionProblem):
            self._refuse(ServerProblem(heard.code, heard.message, "audio", event.request))
        elif heard is not None and self._takes_audio(heard, event.request):
            self._hear(heard)

    def _takes_audio(self, heard: Chunk, request: str) -> bool:
        """Count audio; refuse it if it comes faster than it may."""
        takes = self._incoming.takes_audio(heard.duration_ms)
        if not takes:
            reason = "it comes too fast"
            self._refuse(problem("invalid_audio", event_id=request, reason=reason))
        return takes

    def _hear(self, heard: Chunk) -> None:
        """Give the call what the caller says."""
        if self._listener is not None:
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
            self._give_items()
            self._over = True
            if self._listener is not None:
                self._listener.on_leg_signal(signal)
                self._listener = None  # a cycle would keep the call until the next collection

    def _report_all(self, signals: Iterable[LegSignal]) -> None:
        for signal in signals:
            self._report(signal)

    def _note_frame(self) -> None:
        if self._listener is not None:
            self._listener.on_leg_frame()

    def _report(self, signal: LegSignal) -> None:
        if self._listener is not None and not self._over:
            self._listener.on_leg_signal(signal)
