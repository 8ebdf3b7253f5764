"""A conversation in a Live session of OpenAI: orders to frames, reports to signals. No I/O.

The service hears and speaks at the same time, and decides itself when it does: it reports
neither turns nor responses, and cannot be told to stop. So a detector of ours reports when the
caller speaks, and the output is cut into responses at its pauses (`openai_live_output.py`).

Its clock is the audio that it is sent: without any it says nothing. So silence is sent in
place of a caller who sends none.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias
from uuid import uuid4

from ringline.domain import voice_limits
from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    PastCall,
    PastItem,
    PastTurn,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
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
from ringline.voices.deadline import Deadline
from ringline.voices.endpointing import NewDetector, TurnLimits
from ringline.voices.openai_live_calls import BackendCalls
from ringline.voices.openai_live_output import PAUSE_MS, Output, Phase, Step, move
from ringline.voices.thinning import Thinning
from ringline.wire import openai_live as frames
from ringline.wire import openai_live_events as events
from ringline.wire.openai_realtime_events import ErrorReported
from ringline.wire.upstream_failures import STALLED, Loss, ended_session, ending_error

#: After so long without the caller's audio, silence is sent, and then in pieces.
GAP_S = 0.2
FILL_MS = 100
SILENCE = frames.silence(FILL_MS)
#: How long the model has to begin a response that is asked for, unless it works for it.
ANSWER_S = 10.0
#: How long speech may come after its text.
LEAD_MS = 1_000.0
#: How many runs of the backend model are remembered, as the end of one may be told again.
REMEMBERED_RUNS = 8
#: After so long without a further word, a transcript is final though nobody has answered.
WORDS_S = 3.0

_BAD_ARGUMENTS = '{"error":"the arguments are not a JSON object"}'
_REPORTED = "The voice's provider reported an error."
_NO_ANSWER = "The model did not begin the response."

_Job: TypeAlias = AddText | Respond


class Conversation:
    """The state of a conversation; `send` takes frames, `lose` hears why it cannot go on."""

    def __init__(
        self,
        listener: VoiceListener,
        *,
        config: SessionConfig,
        new_detector: NewDetector,
        send: Callable[[bytes], None],
        send_audio: Callable[[bytes, float], None],
        lose: Callable[[Loss], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._config = config
        self._send = send
        self._send_audio = send_audio
        self._lose = lose
        # The caller's turn.
        self._thin = Thinning()
        self._words = CallerWords(self._report)
        self._words_due = Deadline(self._words_over)
        self._turns = CallerTurns(
            self,
            config.turn_detection,
            new_detector=new_detector,
            turn_limits=TurnLimits(turn_ms=voice_limits.UPSTREAM_TURN_MS.most),
            on_start=self._words.begin,
        )
        self._gap = Deadline(self._fill_gap)
        self._gap.start(GAP_S)
        # The model's output.
        self._output = Output()
        self._phase = Phase.PAUSED
        self._pause_due = Deadline(self._pause)
        self._plays_until = 0.0  # by the loop's clock, were it played as it comes
        self._pause_ms = PAUSE_MS
        self._response_id = ""
        self._cut = False  # the last stretch of output was not heard to its end
        self._said_until_ms = -PAUSE_MS
        # What the call has asked for.
        self._jobs: deque[_Job] = deque()
        self._asked: Respond | None = None  # sent, not begun
        self._requested = False  # the running response was asked for
        self._unwanted = False  # what begins next
        self._answer_due = Deadline(self._unanswered)
        # The work of the backend model.
        self._calls = BackendCalls()
        self._past_calls: dict[str, PastCall] = {}  # open, and unknown to the service
        self._results_sent = False
        self._billed_s = 0.0
        self._paid_runs: deque[str] = deque(maxlen=REMEMBERED_RUNS)

    @property
    def owed(self) -> bool:
        """Return whether the service owes something: a response, or the use of a result."""
        return self._asked is not None or self._results_sent

    def stop(self) -> None:
        """Stop all clocks."""
        self._turns.stop()
        for deadline in (self._words_due, self._gap, self._pause_due, self._answer_due):
            deadline.stop()

    def release(self) -> None:
        """Forget what refers to this; nothing is heard, ordered or taken any more."""
        self.stop()
        del self._turns, self._words
        del self._words_due, self._gap, self._pause_due, self._answer_due

    # What the caller says.

    def hear(self, chunk: Chunk) -> None:
        """Take the caller's audio."""
        self._send_audio(frames.append_audio(chunk), chunk.duration_ms)
        self._gap.start(GAP_S)
        self._turns.hear(self._thin(chunk.pcm))

    def _fill_gap(self) -> None:
        self._send_audio(SILENCE, FILL_MS)
        self._gap.start(FILL_MS / 1000)

    def _words_over(self) -> None:
        if not self._turns.in_turn:
            self._words.finish()

    def _clear(self) -> None:
        """Discard the turn; what the service answers to it, it answers to nobody.

        Unless a response was asked for: then what comes next is taken for that.
        """
        lasts = self._turns.in_turn
        self._turns.clear()
        if lasts and self._asked is None:
            self._refuse_next()

    # What the detector of turns reports (ports.VoiceListener).

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Pass a signal on; the caller's speech interrupts the model."""
        match signal:
            case SpeechStarted():
                self._words.finish()
                self._unwanted = False
                self._report(signal)
                if self._phase is Phase.RUNNING:
                    self._stop_response()
            case TurnCleared():
                self._words.drop()
                self._report(signal)
            case SpeechStopped():
                self._unwanted = False  # what was cancelled for this turn is not its answer
                self._words_due.start(WORDS_S)
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

    def _report_trouble(self, code: str, message: str = _REPORTED) -> None:
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
            case ToolResult(call_id, result) if call_id in self._past_calls:
                past = replace(self._past_calls.pop(call_id), result=result)
                for frame in frames.add_past_result(past):
                    self._send(frame)
            case Remember(items):
                self._remember(items)
            case ToolResult(call_id, result):
                self._calls.answer(call_id, result)
                self._send_results()
            case EndTurn():
                self._turns.end()
            case ClearInput():
                self._clear()
            case UpdateConfig(config):
                self._update(config)
            case _:
                pass  # it sees no images

    def expect_results(self, items: Iterable[PastItem]) -> None:
        """Accept results of calls from before this session."""
        for item in items:
            if isinstance(item, PastCall) and item.result is None:
                self._past_calls[item.tool_call_id] = item

    def _remember(self, items: tuple[PastItem, ...]) -> None:
        """Tell the model what was said elsewhere."""
        for item in items:
            if isinstance(item, PastCall) and item.result is not None:
                self._past_calls.pop(item.tool_call_id, None)
            if isinstance(item, PastTurn) and not item.text:
                continue
            for frame in frames.add_past(item):
                self._send(frame)
        self.expect_results(items)

    def _check_waiting(self) -> None:
        characters = sum(len(job.text) for job in self._jobs if isinstance(job, AddText))
        many = len(self._jobs) > voice_limits.HELD_ORDERS.most
        if many or characters > voice_limits.HELD_CHARACTERS.most:
            self._lose(STALLED)

    def _work(self) -> None:
        """Carry out what waits, up to a response that must wait for a pause."""
        while self._jobs and not self._is_answering:
            match self._jobs[0]:
                case AddText(text):
                    for frame in frames.add_text(text):
                        self._send(frame)
                case Respond() if self._phase is not Phase.PAUSED:
                    return  # what comes before the pause would be taken for the answer
                case Respond(response_id, say) as respond:
                    self._asked, self._unwanted = respond, False
                    self._answer_due.start(ANSWER_S)
                    for frame in frames.respond(response_id, say):
                        self._send(frame)
            self._jobs.popleft()

    @property
    def _is_answering(self) -> bool:
        """Return whether what comes next would be answered by a response that was asked for."""
        return self._asked is not None or (self._phase is Phase.RUNNING and self._requested)

    def _cancel(self, response_id: str) -> None:
        for job in self._jobs:
            if isinstance(job, Respond) and job.response_id == response_id:
                self._jobs.remove(job)
                self._work()
                return
        if self._asked is not None and self._asked.response_id == response_id:
            self._asked = None
            self._refuse_next()
            self._work()
        elif self._phase is Phase.RUNNING and self._response_id == response_id:
            self._stop_response()
            self._work()

    def _refuse_next(self) -> None:
        """Swallow the next response, if it comes while it can be the one."""
        self._unwanted = True
        self._answer_due.start(ANSWER_S)

    def _unanswered(self) -> None:
        """Give up a response that the model does not begin."""
        self._unwanted = False
        if self._asked is not None:
            self._report_trouble("no_answer", _NO_ANSWER)
            self._give_up()

    def _give_up(self) -> None:
        asked, self._asked = self._asked, None
        assert asked is not None, "only what was asked for is given up"
        self._answer_due.stop()
        self._report(ResponseDone(asked.response_id, ResponseEnd.FAILED))
        self._work()

    def _update(self, config: SessionConfig) -> None:
        before, self._config = self._config, config
        if config.turn_detection != before.turn_detection:
            self._turns.use(config.turn_detection)
        if (frame := frames.update(before, config)) is not None:
            self._send(frame)

    # What the service sends.

    def take(self, report: events.Report) -> None:
        """Take a report of the service. Raises Unreadable if it is of no use."""
        match report:
            case events.Spoke(audio):
                self._take_audio(audio)
            case events.Said():
                self._take_text(report)
            case events.Heard(text):
                self._words.add(text, finished=False)
                self._words_due.start(WORDS_S)
            case events.RunBegan() | events.FunctionCalled() | events.RunEnded():
                self._take_work(report)
            case events.Metered(seconds):
                self._meter(seconds)
            case events.Closed(reason, seconds):
                self._meter(seconds)
                self._lose(ended_session(reason))
            case ErrorReported():
                self._failed(report)
            case events.Started():
                pass

    def settle(self, report: events.Report) -> None:
        """Take what a conversation that is over has used."""
        match report:
            case events.Metered(seconds) | events.Closed(_, seconds):
                self._meter(seconds)
            case events.RunEnded():
                self._pay(report)
            case _:
                pass

    def _pay(self, run: events.RunEnded) -> None:
        """Report what a run of the backend model used, once."""
        if run.usage == Usage() or (run.run_id and run.run_id in self._paid_runs):
            return
        self._paid_runs.append(run.run_id)
        self._report(UsageReported(UsageKind.RESPONSE, run.usage))

    def _failed(self, failed: ErrorReported) -> None:
        if (loss := ending_error(failed.code)) is not None:
            self._lose(loss)
            return
        self._report_trouble(failed.code)
        if failed.event_id == frames.RESULTS:
            self._results_sent = False
        asked = self._asked
        if asked is not None and failed.event_id == f"{frames.RESPOND}{asked.response_id}":
            self._give_up()

    def _meter(self, seconds: float) -> None:
        """Report what the session has cost since the last time: the service tells the sum."""
        more, self._billed_s = seconds - self._billed_s, max(seconds, self._billed_s)
        if more > 0:
            self._report(UsageReported(UsageKind.SESSION, Usage(seconds=more)))

    # The model's output.

    def _take_audio(self, audio: str) -> None:
        chunk = self._output.take(audio)
        if chunk is None:
            return
        if self._output.sounds:
            self._pause_ms = PAUSE_MS
            heard = self._produces()
        else:
            heard = self._phase is Phase.RUNNING
        self._plays_until = max(self._plays_until, self._loop.time()) + chunk.duration_ms / 1000
        if heard:
            self._listener.on_voice_audio(self._response_id, chunk)
        if self._phase is not Phase.PAUSED:
            if self._output.quiet_ms >= self._pause_ms:
                self._pause()
            else:
                self._await_pause()

    def _await_pause(self) -> None:
        """Let the clock end the stretch, should its audio cease, once that has been played."""
        lead_s = max(0.0, self._plays_until - self._loop.time())
        self._pause_due.start(lead_s + self._pause_ms / 1000)

    def _take_text(self, said: events.Said) -> None:
        """Take words, by whose place in the session it is known what they belong to."""
        goes_on = said.start_ms - self._said_until_ms < PAUSE_MS
        self._said_until_ms = max(self._said_until_ms, float(said.end_ms))
        if goes_on and (self._phase is Phase.MUTED or (self._phase is Phase.PAUSED and self._cut)):
            return  # the rest of what was stopped, or a late word of it
        if self._phase is Phase.MUTED:
            self._pause()
        if said.text and self._produces():
            self._listener.on_voice_text(self._response_id, said.text)
            self._expect_more()

    def _expect_more(self) -> None:
        """Let the pause begin anew: there was output beside the audio."""
        self._output.quiet_ms = 0.0
        if self._phase is not Phase.PAUSED:
            self._await_pause()

    def _produces(self) -> bool:
        """Return whether output is of a response, which begins with it if none has."""
        if self._phase is Phase.PAUSED:
            self._begin()
        return self._phase is Phase.RUNNING

    def _begin(self) -> None:
        if not self._output.sounds:
            self._output.quiet_ms, self._pause_ms = 0.0, LEAD_MS
        self._plays_until = 0.0
        self._await_pause()
        self._answer_due.stop()
        if self._unwanted and not (self._turns.in_turn and self._turns.pauses):
            self._unwanted, self._cut = False, True
            self._phase = move(self._phase, Step.UNWANTED)
            return
        self._phase, self._cut = move(self._phase, Step.OUTPUT), False
        asked, self._asked = self._asked, None
        self._requested = asked is not None
        self._response_id = asked.response_id if asked else f"resp_{uuid4().hex}"
        if self._turns.in_turn and self._turns.pauses:
            self._turns.end()  # it answers: to the service, the caller's turn is over
        if not self._turns.in_turn:  # else it speaks while it listens
            self._words.answer_began()
        self._report(ResponseStarted(self._response_id))

    def _stop_response(self) -> None:
        """End the running response; what comes of it from now on is swallowed."""
        self._phase, self._cut = move(self._phase, Step.STOPPED), True
        self._pause_ms = PAUSE_MS
        self._report(ResponseDone(self._response_id, ResponseEnd.CANCELLED))

    def _pause(self) -> None:
        before, self._phase = self._phase, move(self._phase, Step.PAUSE)
        self._pause_due.stop()
        self._pause_ms = PAUSE_MS
        if before is Phase.RUNNING:
            self._words.answer_produced()
            self._report(ResponseDone(self._response_id))
        self._work()

    # The backend model.

    def _take_work(self, work: events.RunBegan | events.FunctionCalled | events.RunEnded) -> None:
        if self._asked is not None:
            self._answer_due.start(ANSWER_S)  # it works for the answer
        match work:
            case events.RunBegan(delegation_id):
                self._results_sent = False
                self._calls.began(delegation_id)
            case events.FunctionCalled():
                self._calls.called(work)
            case events.RunEnded():
                self._pay(work)
                self._report_calls(self._calls.ended(work))
                self._send_results()

    def _report_calls(self, calls: tuple[events.FunctionCalled, ...]) -> None:
        """Report the calls of one run, in a response: the running one, or one of their own."""
        known: list[tuple[events.FunctionCalled, dict[str, object]]] = []
        for call in calls:
            if call.arguments is None:
                self._calls.answer(call.call_id, _BAD_ARGUMENTS)
                self._report_trouble("invalid_tool_arguments")
            else:
                known.append((call, call.arguments))
        if not known:
            return
        own = not self._produces()  # an interruption does not end delegated work
        response_id = f"resp_{uuid4().hex}" if own else self._response_id
        if own:
            self._report(ResponseStarted(response_id))
        for call, arguments in known:
            self._report(ToolCall(response_id, call.call_id, call.name, arguments))
        if own:
            self._report(ResponseDone(response_id))
        self._expect_more()

    def _send_results(self) -> None:
        """Send the results of all calls once they can be sent; the backend then goes on."""
        results = self._calls.take_results()
        for call_id, result in results:
            self._send(frames.add_tool_result(call_id, result))
        if results:
            self._send(frames.CONTINUE)
            self._results_sent = True
