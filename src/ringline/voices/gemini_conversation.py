"""A conversation with Gemini Live: orders to frames, reports to signals. No I/O.

The service answers what it hears by itself, and is interrupted by speech; it does not say when
the caller speaks, so a detector of ours does. The caller's audio goes there as it comes. With
push to talk it waits here until the client ends the turn: thus a turn can be cleared, and an
open microphone interrupts nobody.

A response that is cancelled cannot be stopped there: the rest of it is swallowed. Typed text
waits for the response that answers it, or goes along, unanswered, before the caller speaks.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias
from uuid import uuid4

from ringline.domain import voice_limits
from ringline.domain.agent import TurnDetectionType
from ringline.domain.audio import Chunk, bytes_of_ms
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    GoingAway,
    PastCall,
    PastItem,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    Resumable,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallsCancelled,
    ToolResult,
    TurnCleared,
    UpdateConfig,
    Usage,
    UsageKind,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
    VoiceOrder,
    VoiceSignal,
)
from ringline.ports import VoiceListener
from ringline.voices.caller_turns import CallerTurns
from ringline.voices.caller_words import CallerWords
from ringline.voices.endpointing import NewDetector, TurnLimits
from ringline.voices.gemini_calls import ModelCalls
from ringline.voices.gemini_turns import Phase, Step, move
from ringline.wire import gemini_live as frames
from ringline.wire import gemini_reports as reports
from ringline.wire.gemini_live import Dialect, FunctionResult
from ringline.wire.upstream_failures import STALLED, Loss

#: The pieces in which a turn is sent that waited for its end.
_PIECE_BYTES = bytes_of_ms(100, frames.INPUT_HZ)

_UNWANTED_CALL = '{"error":"the caller has interrupted you"}'
_ENDED_EARLY = "The model ended its turn early."
_BAD_IMAGE = f"An image must be of one of these types: {', '.join(frames.IMAGE_TYPES)}."


_Job: TypeAlias = AddText | Respond


class Conversation:
    """The state of a conversation; `send` takes frames, `lose` hears why it cannot go on."""

    def __init__(
        self,
        dialect: Dialect,
        listener: VoiceListener,
        *,
        config: SessionConfig,
        new_detector: NewDetector,
        send: Callable[[bytes], None],
        send_audio: Callable[[bytes, float], None],
        lose: Callable[[Loss], None],
    ) -> None:
        self._dialect = dialect
        self._listener = listener
        self._by_order = config.turn_detection.type is TurnDetectionType.NONE
        self._send = send
        self._send_audio = send_audio
        self._lose = lose
        # The caller's turn.
        self._words = CallerWords(self._report)
        self._turns = CallerTurns(
            self,
            config.turn_detection,
            new_detector=new_detector,
            turn_limits=TurnLimits(turn_ms=voice_limits.UPSTREAM_TURN_MS.most),
            on_start=self._words.begin,
            on_end=self._turn_ended,
        )
        self._hears_end = False  # the service hears by itself that the turn has ended
        self._spoke = False  # the caller, since the last response began
        self._answer_due = False  # to a turn that is over
        # The model's turn.
        self._phase = Phase.NONE
        self._response_id = ""
        self._requested = False
        self._in_background = False
        self._asked: Respond | None = None  # sent, not begun
        self._unwanted = False  # what begins next
        self._provoked = False  # an interruption is of our own making
        self._contested = False  # what begins next may be that answer, or what was asked for
        self._cut_short = False  # a turn was interrupted before it had any output
        self._jobs: deque[_Job] = deque()
        self._typed: list[str] = []
        self._calls = ModelCalls()
        self._past_calls: dict[str, PastCall] = {}  # open, and unknown to the service
        self._results_sent = False
        self._usage = Usage()

    @property
    def owed(self) -> bool:
        """Return whether the service owes something: a response, or its end."""
        waits = bool(self._calls) or self._in_background
        running = self._phase is Phase.RUNNING and not waits
        return bool(self._asked or self._results_sent or running or self._phase is Phase.MUTED)

    def close(self) -> None:
        """Stop the clock of the caller's turn, and report what is known to be used."""
        self._turns.stop()
        usage, self._usage = self._usage, Usage()
        if usage != Usage():
            self._report(UsageReported(UsageKind.RESPONSE, usage))

    def settle(self, message: Iterable[reports.Report]) -> bool:
        """Take what a conversation that is over has used; return whether that was said."""
        told = False
        for report in message:
            if isinstance(report, reports.Metered):
                self._report(UsageReported(UsageKind.RESPONSE, report.usage))
                told = True
        return told

    def release(self) -> None:
        """Forget what refers to this; nothing is heard, ordered or taken any more."""
        del self._turns, self._words

    # What the caller says.

    def hear(self, chunk: Chunk) -> None:
        """Take the caller's audio."""
        self._hears_end = True
        if not self._by_order:
            if self._typed and not self._turns.in_turn:
                self._tell_typed()
            self._send_audio(frames.audio_frame(chunk), chunk.duration_ms)
        self._turns.hear(chunk.pcm)
        self._hears_end = False

    def _tell_typed(self) -> None:
        """Let the model know what was typed, if it has nothing to say and need not answer."""
        idle = self._phase is Phase.NONE and not self._asked and not self._answer_due
        if idle and not self._dialect.types_in_realtime:
            texts, self._typed = self._typed, []
            self._send(frames.typed_frame(texts, answer=False))

    def _turn_ended(self, item_id: str, pcm: bytes) -> None:
        if self._by_order:
            self._tell_typed()
            self._words.begin(item_id)
            self._provoked = self._phase is not Phase.NONE
            self._send(frames.ACTIVITY_START)
            for start in range(0, len(pcm), _PIECE_BYTES):
                piece = Chunk(pcm[start : start + _PIECE_BYTES], frames.INPUT_HZ)
                self._send(frames.audio_frame(piece))
            self._send(frames.ACTIVITY_END)
        elif not self._hears_end:
            self._send(frames.AUDIO_STREAM_END)
        self._answer_due = True

    def _clear(self) -> None:
        """Discard the turn; what the service has heard of it, it answers to nobody."""
        lasts = self._turns.in_turn and not self._by_order
        self._turns.clear()
        if lasts:
            self._send(frames.AUDIO_STREAM_END)
            self._unwanted = True

    # What the detector of turns reports (ports.VoiceListener).

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Pass a signal on; the caller's speech interrupts the model."""
        match signal:
            case SpeechStarted():
                self._words.finish()
                self._spoke = True
                self._unwanted = False
                self._report(signal)
                if self._phase is Phase.RUNNING:
                    self._stop()
            case SpeechStopped():
                self._unwanted = False  # what was cancelled for this turn is not its answer
                self._report(signal)
            case TurnCleared():
                self._words.drop()
                self._report(signal)
            case _:
                self._report(signal)

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Refuse: turns of a caller are no speech of ours."""
        raise AssertionError("the caller's turns have no speech")

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Refuse: turns of a caller are no text of ours."""
        raise AssertionError("the caller's turns have no text")

    def _report(self, signal: VoiceSignal) -> None:
        self._listener.on_voice_signal(signal)

    def _report_trouble(self, code: str, message: str) -> None:
        self._report(
            VoiceFailed(VoiceFailure.UPSTREAM_ERROR, message, recoverable=True, details=code)
        )

    # What the call orders.

    def order(self, order: VoiceOrder) -> None:
        """Carry out an order, or hold it until the response before it is over."""
        match order:
            case AddText() | Respond():
                self._jobs.append(order)
                self._work()
                self._check_waiting()
            case Cancel(response_id):
                self._cancel(response_id)
            case ToolResult(call_id, result):
                self._take_result(call_id, result)
            case AddImage(image_url, _, text):
                self._add_image(image_url, text)
            case EndTurn():
                self._turns.end()
            case ClearInput():
                self._clear()
            case Remember(items):
                self._remember(items)
            case UpdateConfig():
                pass  # what the service was told at the start cannot be changed

    def expect_results(self, items: Iterable[PastItem]) -> None:
        """Accept results of calls from before this conversation."""
        for item in items:
            if isinstance(item, PastCall) and item.result is None:
                self._past_calls[item.tool_call_id] = item

    def _remember(self, items: tuple[PastItem, ...]) -> None:
        """Tell the service what was said elsewhere."""
        for item in items:
            if isinstance(item, PastCall) and item.result is not None:
                self._past_calls.pop(item.tool_call_id, None)
        self.expect_results(items)
        contents = frames.past_contents(items)
        if contents and not self._dialect.types_in_realtime:  # such a model takes none any more
            self._send(frames.contents_frame(contents, answer=False))

    def _check_waiting(self) -> None:
        waiting = [job.text for job in self._jobs if isinstance(job, AddText)] + self._typed
        many = len(self._jobs) + len(self._typed) > voice_limits.HELD_ORDERS.most
        if many or sum(map(len, waiting)) > voice_limits.HELD_CHARACTERS.most:
            self._lose(STALLED)

    def _work(self) -> None:
        """Carry out what waits, up to a response that must wait for the one before."""
        while self._jobs:
            match self._jobs[0]:
                case AddText(text):
                    self._typed.append(text)
                case Respond() if self._asked or (self._phase is Phase.RUNNING and self._requested):
                    return
                case Respond() as respond:
                    self._ask(respond)
            self._jobs.popleft()

    def _ask(self, respond: Respond) -> None:
        if respond.say is not None:
            texts = [frames.SAY + respond.say]
        else:
            texts, self._typed = self._typed, []
        self._asked, self._unwanted = respond, False
        self._provoked, self._contested = self._phase is not Phase.NONE, self._answer_due
        if not self._dialect.types_in_realtime:
            self._send(frames.typed_frame(texts, answer=True))
            return
        frame = frames.realtime_text_frame("\n".join(texts) or " ")
        edges = (frames.ACTIVITY_START, frames.ACTIVITY_END) if self._by_order else (b"", b"")
        for part in (edges[0], frame, edges[1]):
            if part:
                self._send(part)

    def _cancel(self, response_id: str) -> None:
        for job in self._jobs:
            if isinstance(job, Respond) and job.response_id == response_id:
                self._jobs.remove(job)
                self._work()
                return
        if self._asked is not None and self._asked.response_id == response_id:
            self._asked, self._unwanted = None, True
            self._work()
        elif self._phase is Phase.RUNNING and self._response_id == response_id:
            self._stop()

    def _add_image(self, image_url: str, text: str) -> None:
        found = frames.read_image(image_url)
        if found is None:
            self._report_trouble("unsupported_image", _BAD_IMAGE)
            return
        self._send(frames.image_frame(*found))
        if text:
            self.order(AddText(text))

    # The model's turn.

    def take(self, message: Iterable[reports.Report]) -> None:
        """Take the reports of one message."""
        calls = False
        for report in message:
            match report:
                case reports.Said(text) if self._produces():
                    self._listener.on_voice_text(self._response_id, text)
                case reports.Spoke(chunk) if self._produces():
                    self._listener.on_voice_audio(self._response_id, chunk)
                case reports.FunctionCalled():
                    self._called(report)
                    calls = True
                case _:
                    self._take_other(report)
        if calls and self._dialect.tools_block and self._phase is Phase.RUNNING:
            self._end(Step.GENERATED)  # what comes after the results is another response

    def _take_other(self, report: reports.Report) -> None:
        match report:
            case reports.Heard(text, finished):
                self._words.add(text, finished=finished)
            case reports.CallsCancelled(ids):
                self._calls_cancelled(ids)
            case reports.Generated() if not self._dialect.works_in_background:
                self._generated()
            case reports.Interrupted():
                self._interrupted()
            case reports.Metered(usage):
                self._metered(usage)
            case reports.TurnOver(_, False):
                self._in_background = True
            case reports.TurnOver(reason):
                self._turn_over(reason)
            case reports.Resumable(handle):
                self._report(Resumable(handle))
            case GoingAway():
                self._report(report)
            case _:
                pass

    def _produces(self) -> bool:
        """Return whether output is of a response, which begins with it if none has."""
        self._results_sent = self._in_background = False
        if self._phase in (Phase.NONE, Phase.FINISHED):
            self._begin()
        return self._phase is Phase.RUNNING

    def _begin(self) -> None:
        if self._unwanted and not (self._turns.in_turn and self._turns.pauses):
            self._unwanted = False
            self._phase = move(self._phase, Step.UNWANTED)
            return
        self._phase = move(self._phase, Step.OUTPUT)
        asked, self._asked = self._asked, None
        self._requested = asked is not None
        self._response_id = asked.response_id if asked else f"resp_{uuid4().hex}"
        if asked is None and self._turns.in_turn and not self._by_order:
            self._hears_end = True  # it answers: to the service, the caller's turn is over
            self._turns.end()
            self._hears_end = False
        self._provoked, self._contested = self._contested, False
        self._spoke = self._cut_short = self._answer_due = False
        self._words.answer_began()
        self._report(ResponseStarted(self._response_id))

    def _stop(self) -> None:
        self._end(Step.STOPPED)

    def _end(self, step: Step, end: ResponseEnd = ResponseEnd.COMPLETED) -> None:
        """Report the end of the running response; what comes of it from now on is swallowed."""
        end = ResponseEnd.CANCELLED if step is Step.STOPPED else end
        self._phase = move(self._phase, step)
        usage, self._usage = self._usage, Usage()
        self._report(ResponseDone(self._response_id, end, usage=usage))
        self._work()

    def _metered(self, usage: Usage) -> None:
        """Count what was used to the running response, or report it: it mostly comes later."""
        if self._phase is Phase.RUNNING:
            self._usage += usage
        else:
            self._report(UsageReported(UsageKind.RESPONSE, usage))

    def _generated(self) -> None:
        if self._phase is Phase.RUNNING:
            self._words.answer_produced()
            self._end(Step.GENERATED)
        else:
            self._phase = move(self._phase, Step.GENERATED)

    def _interrupted(self) -> None:
        """Handle an interruption by the service, which our detector may not have noticed."""
        self._cut_short = self._phase is Phase.NONE
        unnoticed = not (
            self._by_order
            or self._spoke
            or self._provoked
            or self._asked  # which interrupts what the service was about to say
            or self._unwanted
            or self._turns.in_turn
            or self._phase is Phase.MUTED
        )
        item_id = ""
        if unnoticed:
            self._spoke = True
            item_id = self._words.item()
            self._report(SpeechStarted(item_id))
        if self._phase is Phase.RUNNING:
            self._end(Step.INTERRUPTED, ResponseEnd.CANCELLED)
        self._phase = move(self._phase, Step.INTERRUPTED)
        if unnoticed:
            self._report(SpeechStopped(item_id))

    def _turn_over(self, reason: str) -> None:
        before, self._in_background = self._phase, False
        cut_short, self._cut_short = self._cut_short, False
        end = ResponseEnd.COMPLETED
        self._provoked = self._answer_due = False
        if reason not in reports.ORDINARY_ENDS:
            end = ResponseEnd.FAILED
            self._report_trouble(reason.lower(), _ENDED_EARLY)
        match before:
            case Phase.RUNNING:
                self._words.answer_produced()
                self._end(Step.OVER, end)
            case Phase.NONE if cut_short:  # what was asked for since comes now
                self._results_sent = False
                self._unwanted = self._unwanted and self._contested  # or is it over as well?
                self._contested = False
            case Phase.NONE:  # it had no output
                self._unwanted = self._results_sent = False
                if self._asked is not None:
                    asked, self._asked = self._asked, None
                    self._report(ResponseDone(asked.response_id, ResponseEnd.FAILED))
            case _:
                self._phase = move(before, Step.OVER)
                self._words.answer_produced()
        self._work()

    # Functions.

    def _called(self, call: reports.FunctionCalled) -> None:
        if call.id in self._calls:
            return
        if not self._produces():  # the model waits for a result, though nobody wants the call
            self._send_results([FunctionResult(call.id, call.name, _UNWANTED_CALL)])
            return
        self._calls.add(call.id, call.name, response_id=self._response_id)
        self._report(ToolCall(self._response_id, call.id, call.name, call.arguments))

    def _take_past_result(self, call: PastCall, result: str) -> None:
        """Tell calls from before this conversation once all of their results are in."""
        self._past_calls[call.tool_call_id] = replace(call, result=result)
        calls = tuple(self._past_calls.values())
        if any(call.result is None for call in calls):
            return
        self._past_calls.clear()
        self._provoked = self._phase is not Phase.NONE
        self._results_sent = True
        if self._dialect.types_in_realtime:
            returned = [f"{call.name} returned {call.result}" for call in calls]
            self._send(frames.realtime_text_frame("\n".join(returned)))
        else:
            self._send(frames.contents_frame(frames.past_contents(calls), answer=True))

    def _take_result(self, call_id: str, result: str) -> None:
        if (past := self._past_calls.get(call_id)) is not None and past.result is None:
            self._take_past_result(past, result)
            return
        if results := self._calls.answer(call_id, result):
            self._send_results(results)
            self._results_sent = True

    def _calls_cancelled(self, ids: Iterable[str]) -> None:
        cancelled, ready = self._calls.cancel(ids)
        if cancelled:
            self._report(ToolCallsCancelled(cancelled))
        for results in ready:
            self._send_results(results)
            self._results_sent = True

    def _send_results(self, results: list[FunctionResult]) -> None:
        self._send(frames.results_frame(results, dialect=self._dialect))
