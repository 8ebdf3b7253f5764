"""A conversation with a test voice: it hears turns, obeys commands and keeps tool results.

What to say is decided in `mock_script.py`, what was heard in `mock_hearing.py`, and when it
is said in `mock_speaking.py`.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from ringline.domain import limits, voice_limits
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    GoingAway,
    PastCall,
    PastItem,
    PastTurn,
    Remember,
    Respond,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
    TurnCleared,
    TurnEmpty,
    UpdateConfig,
    UpstreamLoss,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
    VoiceOrder,
    VoiceSignal,
)
from ringline.ports import VoiceListener
from ringline.voices.endpointing import Edge
from ringline.voices.mock_hearing import ONSET_MS, Hearing
from ringline.voices.mock_script import (
    Answer,
    CallTool,
    CloseIn,
    Drop,
    RaiseError,
    Returned,
    Scene,
    Spoken,
    Text,
    Unanswered,
    answer,
    cut,
    read,
    say,
)
from ringline.voices.mock_sound import Echo
from ringline.voices.mock_speaking import Speaker
from ringline.voices.mock_usage import Meter
from ringline.voices.speech_times import SpeechTimes

#: The frequency of each voice's tones: `b` speaks an octave above `a`.
TONES_HZ = {"a": 440, "b": 880}


@dataclass(slots=True)
class _OpenCall:
    """A tool call; its result is told by the next response."""

    name: str
    result: str | None = None


class MockVoice:
    """A `Voice` (ports) that says back what its caller said."""

    def __init__(
        self,
        opening: VoiceOpening,
        listener: VoiceListener,
        *,
        capabilities: VoiceCapabilities,
    ) -> None:
        self._capabilities = capabilities
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._config = opening.config
        self._hearing = Hearing(opening.config.turn_detection, capabilities.input_hz)
        self._meter = Meter()
        self._speaker = Speaker(
            listener,
            self._meter,
            compose=self._answer_to,
            call_tool=self._call_tool,
            on_defect=self._break_down,
        )
        self._unanswered: deque[Unanswered] = deque(maxlen=voice_limits.TEST_VOICE_UNANSWERED.most)
        self._calls: dict[str, _OpenCall] = {}
        self._remember(opening.history)
        self._images = 0
        self._item_id = ""
        self._times = SpeechTimes()
        self._heard_at = 0.0
        self._silence: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None
        self._over = False

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return self._capabilities

    def send_audio(self, chunk: Chunk) -> None:
        """Take the caller's audio."""
        if self._over:
            return
        assert chunk.rate_hz == self._capabilities.input_hz, "audio is resampled before"
        self._heard_at = self._loop.time()
        for edge in self._hearing.hear(chunk.pcm):
            match edge:
                case Edge.STARTED:
                    self._speech_started()
                case Edge.STOPPED:
                    self._turn_over()
        if self._hearing.heard_speech and (self._hearing.speaking or self._hearing.by_order):
            self._times.spoke()

    def send(self, order: VoiceOrder) -> None:
        """Take an order."""
        if self._over:
            return
        match order:
            case UpdateConfig(config):
                self._config = config
                self._hearing.use(config.turn_detection)
            case EndTurn():
                self._end_turn()
            case ClearInput():
                self._clear_turn()
            case AddText(text):
                self._obey(text)
            case AddImage(_, _, text):
                self._images += 1
                self._meter.read(text)
            case Respond():
                self._respond(order)
            case Cancel(response_id):
                self._leave(self._speaker.cancel(response_id))
            case ToolResult(tool_call_id, result):
                self._take_result(tool_call_id, result)
            case Remember(items):
                self._remember(items)

    async def close(self) -> None:
        """End the conversation."""
        self._stop()
        await self._speaker.stopped()

    def _remember(self, items: Iterable[PastItem]) -> None:
        """Take what was said before: what no answer followed is answered next.

        Texts are echoed, never obeyed: a `/drop` that ended the last voice must not end this
        one too.
        """
        for item in items:
            match item:
                case PastTurn(TurnRole.CALLER, text):
                    if text:
                        self._unanswered.append(Text(text))
                case PastTurn():
                    self._unanswered.clear()
                    self._take_results()
                case PastCall(call_id, name, result=result):
                    call = self._calls.setdefault(call_id, _OpenCall(name))
                    call.result = call.result if result is None else result

    def _stop(self) -> None:
        self._over = True
        self._speaker.stop()
        for timer in (self._silence, self._end):
            if timer is not None:
                timer.cancel()

    def _report(self, signal: VoiceSignal) -> None:
        if not self._over:
            self._listener.on_voice_signal(signal)

    # The caller's turn.

    def _speech_started(self) -> None:
        self._item_id = f"item_{uuid4().hex}"
        self._times.spoke(ONSET_MS)
        self._watch_silence()
        self._report(SpeechStarted(self._item_id, self._times.began_ago_ms))

    def _watch_silence(self) -> None:
        """End the turn of a caller who sends no audio at all (contract, 11)."""
        silent_at = self._heard_at + 2 * self._hearing.silence_ms / 1000
        if self._loop.time() >= silent_at:
            self._turn_over()
        else:
            self._silence = self._loop.call_at(silent_at, self._watch_silence)

    def _end_turn(self) -> None:
        if self._hearing.speaking:
            self._turn_over()
        elif self._hearing.by_order and self._hearing.has_audio:
            self._item_id = f"item_{uuid4().hex}"
            self._turn_over()
        elif self._hearing.by_order:
            self._report(TurnEmpty())

    def _turn_over(self) -> None:
        self._stop_watching()
        turn = self._hearing.finish()
        self._meter.heard_ms += turn.duration_ms
        # Kept before it is reported: a response requested in reaction must answer it.
        spoken = Spoken(turn.text, Echo(turn.pcm, turn.rate_hz))
        self._unanswered.append(cut(spoken, self._unanswered))
        self._report_stop()
        self._report(Transcribed(self._item_id, turn.text, final=True))

    def _clear_turn(self) -> None:
        """Discard the turn's audio; a turn that had begun is over nevertheless."""
        spoke = self._hearing.speaking
        self._stop_watching()
        self._hearing.clear()
        if spoke:
            self._report_stop()
            self._report(TurnCleared(self._item_id))
        self._times.clear()

    def _report_stop(self) -> None:
        times = self._times
        stopped = SpeechStopped(self._item_id, times.ended_ago_ms, times.began_ago_ms)
        times.clear()
        self._report(stopped)

    def _stop_watching(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    # What the caller types.

    def _obey(self, text: str) -> None:
        """Keep a text until it is answered; errors and ends happen at once."""
        self._meter.read(text)
        for line in read(text):
            match line:
                case Drop():
                    return self._hang_up("close_1006", "The test voice hung up.")
                case CloseIn(in_ms):
                    self._announce_end(in_ms)
                case RaiseError(code):
                    self._report(
                        VoiceFailed(
                            VoiceFailure.UPSTREAM_ERROR,
                            f"The test voice reports {code}.",
                            recoverable=True,
                            details=code,
                        )
                    )
                case _:
                    pass
            self._unanswered.append(line)

    def _announce_end(self, in_ms: int) -> None:
        if self._end is not None:
            self._end.cancel()
        message = "The test voice hung up, as it had announced."
        self._end = self._loop.call_later(in_ms / 1000, self._hang_up, "session_expired", message)
        self._report(GoingAway(in_ms))

    def _hang_up(self, cause: str, message: str) -> None:
        """End the conversation as a provider does that closes its connection."""
        lost = UpstreamLoss(self._config.model, cause)
        self._fail(VoiceFailure.UPSTREAM_CLOSED, message, lost=lost)

    def _fail(
        self, failure: VoiceFailure, message: str, *, lost: UpstreamLoss | None = None
    ) -> None:
        """Report a failure that ends the conversation."""
        if not self._over:
            self._stop()
            self._listener.on_voice_signal(
                VoiceFailed(failure, message, recoverable=False, lost=lost)
            )

    def _break_down(self) -> None:
        self._fail(VoiceFailure.INTERNAL_ERROR, "The test voice failed.")

    # Tools, and responses.

    def _take_result(self, tool_call_id: str, result: str) -> None:
        call = self._calls.get(tool_call_id)
        if call is not None and call.result is None:
            self._meter.read(result)
            call.result = result[: limits.RESPONSE_CHARACTERS.most]

    def _call_tool(self, response_id: str, call: CallTool) -> None:
        tool_call_id = f"call_{uuid4().hex}"
        if len(self._calls) >= voice_limits.TEST_VOICE_CALLS.most:
            del self._calls[next(iter(self._calls))]
        self._calls[tool_call_id] = _OpenCall(call.name)
        self._report(ToolCall(response_id, tool_call_id, call.name, call.arguments))

    def _respond(self, order: Respond) -> None:
        """Request a response to all that came before; one with its own text answers nothing."""
        items: list[Unanswered] = []
        if order.say is None:
            items = [*self._take_results(), *self._unanswered]
            self._unanswered.clear()
        self._speaker.request(order, items)

    def _take_results(self) -> list[Returned]:
        """Return the results that are in, in the order of their calls."""
        calls = [
            (call_id, call) for call_id, call in self._calls.items() if call.result is not None
        ]
        for call_id, _ in calls:
            del self._calls[call_id]
        return [Returned(call.name, call.result or "") for _, call in calls]

    def _leave(self, items: Sequence[Unanswered]) -> None:
        """Leave what a response did not come to answer to the next one."""
        if items:
            self._unanswered = deque([*items, *self._unanswered], self._unanswered.maxlen)

    def _answer_to(self, order: Respond, items: Sequence[Unanswered]) -> Answer:
        """Compose a response, as the config is now."""
        hz = TONES_HZ.get(self._config.voice, TONES_HZ["a"])
        scene = Scene(self._config, self._images, hz)
        if order.say is not None:
            return say(order.say, scene)
        return answer(items, scene)
