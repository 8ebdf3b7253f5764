"""A conversation in OpenAI's realtime protocol: orders to frames, events to signals. No I/O.

One class serves every provider that speaks a dialect of the protocol. Its shell
(`upstream_voice.py`) reads and writes the socket, and calls it when time has passed.

The call decides when a response starts. Providers that can be told so only detect turns; one
that answers by itself begins the response that the call asks for at the end of the turn, and
is stopped if the call asks for none. A provider runs one response at a time, so a further
request waits for the end of the one before, and so do the orders after it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from ringline.domain import voice_limits
from ringline.domain.agent import TurnDetectionType
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
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
    ToolCall,
    ToolResult,
    UpdateConfig,
    Usage,
    UsageKind,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
    VoiceOrder,
)
from ringline.ports import VoiceListener
from ringline.voices.heard_clock import HeardClock
from ringline.voices.upstream_responses import REMEMBERED, UpstreamResponse
from ringline.voices.upstream_turns import UpstreamTurns
from ringline.wire import openai_realtime as frames
from ringline.wire import openai_realtime_events as events
from ringline.wire.openai_realtime import Dialect
from ringline.wire.upstream_failures import STALLED, Loss, ending_error

#: What belongs to a response.
_Produced: TypeAlias = events.SpeechDelta | events.TextDelta | events.ToolCalled

_BAD_ARGUMENTS = '{"error":"the arguments are not a JSON object"}'
_REPORTED = "The voice's provider reported an error."
_TOO_LATE = frozenset(
    {"response_cancel_not_active", "item_truncate_invalid", "conversation_item_not_found"}
)
_ACTIVE = "conversation_already_has_active_response"
_EMPTY = "input_audio_buffer_commit_empty"
_VOICE_FIXED = "cannot_update_voice"


def _size_of(order: VoiceOrder) -> int:
    """Return the characters of unbounded text in an order."""
    match order:
        case AddText(text) | AddImage(image_url=text) | ToolResult(result=text):
            return len(text)
        case _:
            return 0


class Conversation:
    """The state of a conversation; `send` takes frames, `lose` hears why it cannot go on."""

    def __init__(
        self,
        dialect: Dialect,
        listener: VoiceListener,
        *,
        config: SessionConfig,
        language: str = "",
        clock: HeardClock,
        send: Callable[[bytes], None],
        lose: Callable[[Loss], None],
    ) -> None:
        self._dialect = dialect
        self._listener = listener
        self._config = config
        self._language = language
        self._send = send
        self._lose = lose
        self._spoke = False
        self.turns = UpstreamTurns(listener.on_voice_signal, send, clock=clock)
        self._answer_due = False
        self._asked: deque[UpstreamResponse] = deque()
        self._running: UpstreamResponse | None = None
        self._finished: deque[UpstreamResponse] = deque(maxlen=REMEMBERED)
        self._held: deque[VoiceOrder] = deque()
        self._held_characters = 0
        self._calls: dict[str, bool] = {}  # whether a call is unanswered
        self._billed_texts = 0
        #: The provider's ids of responses whose usage is reported.
        self._paid: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def unpaid(self) -> bool:
        """Return whether the provider will still say what something has used."""
        return bool(self._asked or self._running or self.turns.unread_since is not None)

    @property
    def owed(self) -> bool:
        """Return whether the provider owes something: a response, or the end of a turn."""
        return bool(self._asked or self._running or self.turns.commits)

    @property
    def answer_due(self) -> bool:
        """Return whether the provider is about to answer a turn by itself."""
        return self._answer_due

    # What the call orders.

    def order(self, order: VoiceOrder) -> None:
        """Carry out an order, or hold it until the response before it is over."""
        match order:
            case Cancel(response_id, played_ms):
                self._cancel(response_id, played_ms)
            case EndTurn():
                self.end_turn()
            case ClearInput():
                self._send(frames.clear_audio())
            case Respond() if self._must_wait(order):
                self._hold(order)
            case _ if self._held:
                self._hold(order)
            case _:
                self._carry_out(order)

    def _must_wait(self, order: Respond) -> bool:
        """Return whether a response is in the way; one that nobody has claimed makes room."""
        running = self._running
        if running is not None and not running.id and not running.cancelled:
            if order.say is None:
                return bool(self._asked)
            self._refuse_unclaimed()
        return bool(self._asked or self._running)

    def _hold(self, order: VoiceOrder) -> None:
        self._held.append(order)
        self._held_characters += _size_of(order)
        many = len(self._held) > voice_limits.HELD_ORDERS.most
        if many or self._held_characters > voice_limits.HELD_CHARACTERS.most:
            self._lose(STALLED)  # no response takes so long

    def _release(self) -> None:
        """Carry out what was held, up to the next response."""
        while self._held:
            order = self._held[0]
            if isinstance(order, Respond) and self._must_wait(order):
                return
            if not self._held or self._held[0] is not order:
                continue  # making room for it has carried it out
            self._held.popleft()
            self._held_characters -= _size_of(order)
            self._carry_out(order)

    def _carry_out(self, order: VoiceOrder) -> None:
        match order:
            case Respond(response_id, say):
                self._ask(UpstreamResponse(response_id, say))
            case AddText(_, role, content) if role is not None:
                self._billed_texts += self._dialect.bills_time
                self._send(frames.add_message(role, content))
            case AddText(text):
                self._billed_texts += self._dialect.bills_time
                self._send(frames.add_text(text))
            case AddImage():
                self._send(frames.add_image(order))
            case ToolResult(call_id, result) if self._calls.get(call_id):
                self._calls[call_id] = False
                self._send(frames.add_tool_result(call_id, result))
            case UpdateConfig(config):
                self._update(config)
            case Remember(items):
                self.remember(items)
            case _:
                pass  # the result of a call that this conversation does not know

    def remember(self, items: Iterable[PastItem]) -> None:
        """Tell the provider what was said before, or elsewhere."""
        for item in items:
            match item:
                case PastTurn(text=text) if text:
                    self._billed_texts += self._dialect.bills_time
                    self._send(frames.add_past_turn(item))
                case PastCall(call_id, result=result):
                    if call_id not in self._calls:
                        self._send(frames.add_past_call(item))
                        self._calls[call_id] = True
                    if result is not None and self._calls[call_id]:
                        self._carry_out(ToolResult(call_id, result))
                case _:
                    pass  # nobody could make out the words

    def _update(self, config: SessionConfig) -> None:
        before, after = (
            frames.session_of(one, self._dialect, language=self._language)
            for one in (self._config, config)
        )
        members = dict(frames.changed(before, after))
        self._config = config
        if self._dialect.voice_is_fixed and self._spoke and frames.VOICE_PATH in members:
            del members[frames.VOICE_PATH]  # the provider would refuse the other members too
            self._report_trouble(_VOICE_FIXED, "The voice cannot change once it has spoken.")
        if members:
            self._send(frames.update_session(members, self._dialect))

    def stop(self) -> None:
        """Stop what is under way: only what it has used is still of interest."""
        self._held.clear()
        self._asked = deque(response for response in self._asked if response.requested)
        for response in self._asked:
            response.cancelled = True
        self.settle()
        if self._running is not None and not self._running.cancelled:
            self._stop_running()

    def settle(self) -> None:
        """Report what has been used and would be told with a response that does not come."""
        unclaimed = self._running.unclaimed if self._running is not None else []
        if unclaimed and isinstance(ended := unclaimed[-1], events.ResponseEnded):
            self._running = None
            self._note_paid(ended)
            self._charge(ended.usage)
        elif self._billed_texts:
            self._charge(Usage())

    def _charge(self, usage: Usage) -> None:
        """Report what was used besides the responses that the call knows of."""
        usage, self._billed_texts = replace(usage, text_items=self._billed_texts), 0
        if usage != events.NO_USAGE:
            self._listener.on_voice_signal(UsageReported(UsageKind.RESPONSE, usage))

    # The caller's turn.

    def end_turn(self) -> None:
        """End the caller's turn now; with turn detection, only if it has begun."""
        self.turns.end(by_order=self._by_order)

    @property
    def _by_order(self) -> bool:
        return self._config.turn_detection.type is TurnDetectionType.NONE

    def _speech_began(self, began: events.SpeechBegan) -> None:
        self._answer_due = False
        if self._running is not None:
            self._running.stops_by_itself = self._dialect.answers_turns
        self._refuse_unclaimed()
        self.turns.began(began, self._config.turn_detection)

    def _speech_ended(self, ended: events.SpeechEnded) -> None:
        if (stopped := self.turns.ended(ended)) is not None:
            self._answer_due = self._dialect.answers_turns
            self._listener.on_voice_signal(stopped)

    # Responses.

    def answer_overdue(self) -> None:
        """Give up waiting for the provider's own answer, or for the call to claim it."""
        self._answer_due = False
        self._refuse_unclaimed()
        if self._running is None:
            self._request_waiting()

    def _request_waiting(self) -> None:
        """Request the response that waits for the provider, unless it was cancelled."""
        if self._asked and not self._asked[0].requested:
            if self._asked[0].cancelled:
                self._asked.popleft()
                self._release()
            else:
                self._request(self._asked[0])

    def _refuse_unclaimed(self) -> None:
        """Stop a response that the provider began by itself and the call did not want."""
        running = self._running
        if running is None or running.id or running.cancelled:
            return
        last = running.unclaimed[-1] if running.unclaimed else None
        self._stop_running()
        if isinstance(last, events.ResponseEnded):
            self._ended(last)

    def _ask(self, response: UpstreamResponse) -> None:
        running = self._running
        if running is not None and not running.id and response.say is None:
            self._claim(running, response.id)
            return
        self._asked.append(response)
        if not (self._answer_due and response.say is None):
            self._request(response)

    def _request(self, response: UpstreamResponse) -> None:
        response.requested = True
        self._send(frames.respond(response.id, self._dialect, say=response.say))

    def _began(self, began: events.ResponseBegan) -> None:
        if self._running is not None:  # its end was never told
            self._ended(events.ResponseEnded(self._running.upstream_id, ResponseEnd.FAILED))
        response = self._take_asked(began.our_id)
        due, self._answer_due = self._answer_due, False
        self._running = response or UpstreamResponse("")
        self._running.upstream_id = began.upstream_id
        if response is None:
            self._answer_due = due  # for so long the call may still claim it
            if not due:
                self._stop_running()
        elif response.cancelled:
            self._stop_running()
        else:
            self._listener.on_voice_signal(ResponseStarted(response.id))

    def _take_asked(self, our_id: str) -> UpstreamResponse | None:
        """Take the asked response with this id, or the oldest one if there is no id."""
        for response in self._asked:
            if not our_id or response.id == our_id:
                self._asked.remove(response)
                return response
        return None

    def _claim(self, running: UpstreamResponse, response_id: str) -> None:
        """Give a response that the provider began by itself the call's id."""
        running.id = response_id
        self._answer_due = False
        unclaimed, running.unclaimed = running.unclaimed, []
        self._listener.on_voice_signal(ResponseStarted(response_id))
        for event in unclaimed:
            self.take(event)

    def _stop_running(self) -> None:
        assert self._running is not None, "only a running response is stopped"
        self._running.cancelled = True
        self._running.unclaimed.clear()
        if not self._running.stops_by_itself:
            self._send(frames.cancel_response(self._running.upstream_id, self._dialect))

    def _cancel(self, response_id: str, played_ms: int) -> None:
        for order in self._held:
            if isinstance(order, Respond) and order.response_id == response_id:
                self._held.remove(order)
                self._release()
                return
        for response in self._asked:
            if response.id == response_id and not response.cancelled:
                response.cancelled = True
                # Where responses have no names, this could stop the next one.
                if response.requested and self._dialect.names_responses:
                    self._send(frames.cancel_response("", self._dialect))
                return
        if self._running is not None and self._running.id == response_id:
            if not self._running.cancelled:
                self._stop_running()
                self._trim(self._running, played_ms)
            return
        for response in self._finished:
            if response.id == response_id and not response.cancelled:
                response.cancelled = True
                self._trim(response, played_ms)

    def _trim(self, response: UpstreamResponse, played_ms: int) -> None:
        for frame in response.trim(played_ms, running=response is self._running):
            self._send(frame)

    def _running_as(self, upstream_id: str) -> UpstreamResponse | None:
        """Return the running response if it has this id, or if there is none to compare."""
        running = self._running
        return running if running and upstream_id in ("", running.upstream_id) else None

    def spoke(self, speech: events.SpeechDelta) -> None:
        """Take a piece of a response's speech."""
        if (running := self._claimed(speech)) is None:
            return
        self._spoke = True
        chunk = running.speech(speech, frames.RATE_HZ)
        if chunk is not None:
            self._listener.on_voice_audio(running.id, chunk)

    def _claimed(self, event: _Produced) -> UpstreamResponse | None:
        """Return the response that produced something, if the call wants to have it.

        What comes before it is known whether the call does is kept; late pieces of other
        responses are dropped.
        """
        running = self._running
        if running is None or running.cancelled:
            return None
        if event.upstream_id != running.upstream_id and event.upstream_id:
            return None
        if running.id:
            return running
        running.unclaimed.append(event)
        if len(running.unclaimed) > voice_limits.UNCLAIMED_EVENTS.most:
            self._stop_running()
        return None

    def _produced(
        self, running: UpstreamResponse, event: events.TextDelta | events.ToolCalled
    ) -> None:
        """Pass on what a response has produced besides speech."""
        match event:
            case events.TextDelta(_, item_id, delta, spoken):
                if not spoken:
                    running.settled.add(item_id)
                if delta:
                    self._listener.on_voice_text(running.id, delta)
            case events.ToolCalled():
                self._called(running.id, event)

    def _called(self, response_id: str, call: events.ToolCalled) -> None:
        if call.call_id in self._calls:  # it is told by two events
            return
        self._calls[call.call_id] = True
        while len(self._calls) > voice_limits.UPSTREAM_CALLS.most:
            del self._calls[next(iter(self._calls))]
        if call.arguments is None:
            self._carry_out(ToolResult(call.call_id, _BAD_ARGUMENTS))
            self._report_trouble("invalid_tool_arguments")
            return
        self._listener.on_voice_signal(
            ToolCall(response_id, call.call_id, call.name, call.arguments)
        )

    def _ended(self, ended: events.ResponseEnded) -> None:
        running = self._running
        if running is None or ended.upstream_id != running.upstream_id:
            self._ended_unknown(ended)
            return
        if not running.id and not running.cancelled:  # nobody has claimed it yet
            running.unclaimed.append(ended)
            return
        self._running = None
        self._finished.append(running)
        if running.cancelled:  # items that came after it was cancelled
            self._trim(running, 0)
        end = ResponseEnd.CANCELLED if running.cancelled else ended.end
        self._note_paid(ended)
        if end is ResponseEnd.FAILED:
            if (loss := ending_error(ended.code)) is not None:
                self._charge(ended.usage)
                self._lose(loss)
                return
            self._report_trouble(ended.code or "response_failed")
        if running.id:
            usage = replace(ended.usage, text_items=self._billed_texts)
            self._billed_texts = 0
            self._listener.on_voice_signal(ResponseDone(running.id, end, usage=usage))
        else:
            self._charge(ended.usage)  # nobody has heard of it, but it costs
        self._release()

    def _ended_unknown(self, ended: events.ResponseEnded) -> None:
        """Take the end of a response that does not run: its usage counts, once."""
        if ended.upstream_id not in self._paid and ended.usage != events.NO_USAGE:
            self._note_paid(ended)
            self._charge(ended.usage)
        if not self._answer_due:
            self._request_waiting()  # a response that we did not know of was in its way

    def _note_paid(self, ended: events.ResponseEnded) -> None:
        if ended.usage != events.NO_USAGE:
            self._paid.append(ended.upstream_id)

    # Errors.

    def _failed(self, failed: events.ErrorReported) -> None:
        code, cause = failed.code, failed.event_id
        if (loss := ending_error(code)) is not None:
            self._lose(loss)
        elif cause in (frames.CANCEL, frames.TRIM) or code in _TOO_LATE:
            pass  # it was over already
        elif cause == frames.COMMIT or code == _EMPTY:
            self.turns.end_failed(by_order=self._by_order, empty=code == _EMPTY)
            if code != _EMPTY:
                self._report_trouble(code)
        elif code == _ACTIVE:
            self._retry_later()
        else:
            self._report_trouble(code)
            if cause.startswith(frames.RESPOND):
                self._give_up(cause.removeprefix(frames.RESPOND))

    def _retry_later(self) -> None:
        """Ask again after the response that the provider still runs."""
        if self._asked and self._running is not None:
            response = self._asked.popleft()
            if not response.cancelled:
                self._held.appendleft(Respond(response.id, response.say))
        elif self._asked:
            self._asked[0].requested = False

    def _give_up(self, response_id: str) -> None:
        response = self._take_asked(response_id)
        if response is not None:
            self._listener.on_voice_signal(ResponseDone(response.id, ResponseEnd.FAILED))
            self._release()

    def _report_trouble(self, code: str, message: str = _REPORTED) -> None:
        self._listener.on_voice_signal(
            VoiceFailed(VoiceFailure.UPSTREAM_ERROR, message, recoverable=True, details=code)
        )

    # What the provider sends.

    def take(self, event: events.UpstreamEvent) -> None:
        """Take an event of the provider. Raises Unreadable if it is of no use."""
        match event:
            case events.SpeechBegan():
                self._speech_began(event)
            case events.SpeechEnded():
                self._speech_ended(event)
            case events.AudioCleared():
                self.turns.cleared()
            case events.Heard():
                self.turns.heard(event)
            case events.ResponseBegan():
                self._began(event)
            case events.ItemAdded(upstream_id, item_id):
                if (running := self._running_as(upstream_id)) is not None:
                    running.came_ms.setdefault(item_id, 0.0)
            case events.SpeechDelta():
                self.spoke(event)
            case events.TextDelta() | events.ToolCalled():
                if (running := self._claimed(event)) is not None:
                    self._produced(running, event)
            case events.ResponseEnded():
                self._ended(event)
            case events.ErrorReported():
                self._failed(event)
            case events.Opened():
                pass
