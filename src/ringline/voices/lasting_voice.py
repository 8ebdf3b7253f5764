"""A voice that outlives its provider's connections: one around the voices of every model.

The call sees one conversation. Behind it, connections follow each other: before a provider's
time limit as planned, after a loss, or to another model. When, is decided by the table in
`domain/continuity.py`; what the next connection is told, by `lasting_talk.py`. Nothing but
the order in which things reach the connections is decided here.

A planned rollover that cannot wait for a quiet moment leaves the old connection in two steps:
the caller is heard by the new one at once, and a response under way is finished by the old one.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

import structlog

from ringline.domain import continuity, voice_limits
from ringline.domain.agent import TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.continuity import Action, Continuity, Phase, Step, advance, after_loss
from ringline.domain.recollection import Knowledge
from ringline.domain.rollover import announced, sooner
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    GoingAway,
    KeyRefused,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    Resumable,
    Resumed,
    ResumeReason,
    Resumption,
    ToolCall,
    ToolCallsCancelled,
    ToolResult,
    Transcribed,
    UpdateConfig,
    UpstreamLoss,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
    VoiceOrder,
    VoiceSignal,
)
from ringline.ports import Voice, VoiceListener, VoiceUnavailable
from ringline.voices.lasting_connection import Connection
from ringline.voices.lasting_talk import LastingTalk
from ringline.voices.lasting_ways import Ways
from ringline.wire.upstream_failures import NO_KEY

_log = structlog.get_logger(__name__)

_REASONS = {
    Phase.READY: ResumeReason.ROLLOVER,
    Phase.RECONNECTING: ResumeReason.RECONNECT,
    Phase.FALLING_BACK: ResumeReason.FALLBACK,
}


class LastingVoice:
    """A conversation that goes on from connection to connection (ports.Voice)."""

    def __init__(
        self,
        ways: Ways,
        opening: VoiceOpening,
        *,
        listener: VoiceListener,
        fallbacks: Iterable[str] = (),
    ) -> None:
        self._ways = ways
        self._listener = listener
        self._config = opening.config
        self._scope, self._call = opening.scope, opening.call
        self._language = opening.language
        model = opening.config.model
        able = tuple(name for name in fallbacks if ways.capabilities(name) is not None)
        self._state = Continuity(model, able)
        self._capabilities = ways.capabilities(model)
        by_order = opening.config.turn_detection.type is TurnDetectionType.NONE
        self._talk = LastingTalk(opening.history, by_order=by_order)
        self._held: deque[VoiceOrder] = deque()
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[bool] = self._loop.create_future()
        self._active: Connection | None = None
        self._next: Connection | None = None  # it is open, and not in use yet
        self._leaving: Connection | None = None  # it finishes a response
        self._dialling: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._failure = VoiceFailed(VoiceFailure.UPSTREAM_CLOSED, "", recoverable=False)
        self._timer: asyncio.TimerHandle | None = None
        self._replay_timer: asyncio.TimerHandle | None = None
        self._prepare_from = 0.0
        #: The model and the handle by which its provider can resume, and what that knows.
        self._handle = "", "", Knowledge()
        #: The last key that was refused, which is reported once.
        self._blamed: KeyRefused | None = None
        #: A provider was lost that was about to answer by itself.
        self._owes = False
        self._is_over = False

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities: those of the config's model, whichever one speaks."""
        assert self._capabilities is not None, "it is used once it is open"
        return self._capabilities

    async def start(self) -> None:
        """Wait until the first connection is open. Raises VoiceUnavailable."""
        self._dial(after_s=0.0)
        if not await self._started:
            raise VoiceUnavailable(self._failure.message, self._failure.lost)

    def send_audio(self, chunk: Chunk) -> None:
        """Send the caller's audio; it is kept while there is no connection."""
        if self._is_over:
            return
        self._talk.hear(chunk, self._loop.time())
        if self._active is not None:
            self._active.hear(chunk)

    def send(self, order: VoiceOrder) -> None:
        """Send an order; those that must reach a connection wait for the next one."""
        if self._is_over:
            return
        self._talk.moved(self._loop.time())
        active = self._active
        match order:
            case UpdateConfig(config):
                self._config = config
                self._talk.by_order = config.turn_detection.type is TurnDetectionType.NONE
                if active is not None:
                    self._configure(active)
            case EndTurn():
                self._talk.recent.end_turn()
                if active is not None:
                    active.send(order)
            case ClearInput():
                signals = self._talk.clear()
                if active is not None:
                    active.send(order)
                else:
                    self._report_all(signals)
            case AddText(text):
                number = self._talk.memory.typed(text)
                if active is not None:
                    active.knows.learn(number)
                    active.send(order)
            case Cancel():
                self._cancel(order)
            case ToolResult(call_id, result) if active is None:
                self._talk.answer(call_id, result, now=self._loop.time())
                self._owes = self._owes or self._talk.answers_by_itself
            case Respond() | AddImage() | ToolResult() | Remember():
                if isinstance(order, Respond):
                    self._talk.request(order)
                self._hold(order)
        self._look()

    async def close(self) -> None:
        """End the conversation."""
        self._is_over = True
        self._stop()
        dialling = () if self._dialling is None else (self._dialling,)
        for task in dialling:
            task.cancel()
        await asyncio.gather(*dialling, return_exceptions=True)
        self._dialling = None
        self._part_all()
        await asyncio.gather(*self._closing, return_exceptions=True)

    # What waits for a connection.

    def _hold(self, order: VoiceOrder) -> None:
        self._held.append(order)
        images = sum(len(item.image_url) for item in self._held if isinstance(item, AddImage))
        many = len(self._held) > voice_limits.HELD_ORDERS.most
        if many or images > voice_limits.HELD_CHARACTERS.most:
            self._end("The voice has too much to do.", UpstreamLoss(self._state.model, "stalled"))
            return
        self._release()

    def _release(self) -> None:
        """Send what waits, unless the connection must hear or learn something before."""
        active = self._active
        if active is None or self._leaving is not None or self._awaits_turn(active):
            return
        while self._held and self._active is active:
            self._carry_out(self._held.popleft(), active)

    def _awaits_turn(self, connection: Connection) -> bool:
        """Return whether a turn that has ended is still being heard again."""
        return any(turn.end_ms is not None for turn in connection.replayed)

    def _carry_out(self, order: VoiceOrder, active: Connection) -> None:
        match order:
            case Respond(response_id):
                if (response := self._talk.responses.get(response_id)) is None:
                    return
                response.connection = active
            case ToolResult(call_id, result):
                number = self._talk.answer(call_id, result, now=self._loop.time())
                active.knows.learn(number)
            case AddImage(_, _, text) if text:
                active.knows.learn(self._talk.memory.typed(text))
            case _:
                pass
        active.send(order)

    def _cancel(self, order: Cancel) -> None:
        self._talk.cancel(order.response_id, order.played_ms, now=self._loop.time())
        for held in self._held:
            if isinstance(held, Respond) and held.response_id == order.response_id:
                self._held.remove(held)
                return
        for connection in (self._active, self._leaving):
            if connection is not None:
                connection.send(order)
        self._check_leaving()

    # What the connections report (lasting_connection.ConnectionOwner).

    def on_signal(self, connection: Connection, signal: VoiceSignal) -> None:
        """Take a signal of the connection in use, or what counts of others."""
        match signal:
            case GoingAway(in_ms):
                age_s = self._loop.time() - connection.opened_at if connection.opened_at else 0.0
                times = announced(age_s, in_ms / 1000)
                connection.times = sooner(connection.times, times)
            case Resumable(handle) if connection is not self._leaving:
                used = connection is self._active
                knows = self._talk.memory.learnt() if used else connection.knows.copy()
                self._handle = connection.model, handle, knows
            case VoiceFailed(recoverable=False):
                self._lose(connection, signal)
            case KeyRefused() if signal != self._blamed:  # a rollover is tried again and again
                self._blamed = signal
                self._listener.on_voice_signal(signal)
            case KeyRefused():
                pass
            case _ if connection is self._active or self._finishes(connection, signal):
                self._take(connection, signal)
            case _:
                return
        self._look()

    def _finishes(self, connection: Connection, signal: VoiceSignal) -> bool:
        """Return whether a signal belongs to what a connection finishes that is being left."""
        if connection is not self._leaving:
            return False
        match signal:
            case ResponseStarted(response_id) | ResponseDone(response_id):
                return response_id in self._talk.responses
            case Transcribed(item_id):
                active = self._active
                again = () if active is None else (*active.replayed, *active.renamed.values())
                return all(turn.item_id != item_id for turn in again)
            case ToolCall() | ToolCallsCancelled() | VoiceFailed():
                return True
            case _:
                return False

    def _take(self, connection: Connection, signal: VoiceSignal) -> None:
        news = self._talk.take(connection, signal, now=self._loop.time())
        if isinstance(signal, ResponseDone) and signal.reason is ResponseEnd.COMPLETED:
            self._state = continuity.completed(self._state)
        if news is not None:
            self._listener.on_voice_signal(news)
        self._check_leaving()
        self._release()

    def on_audio(self, connection: Connection, response_id: str, *, chunk: Chunk) -> None:
        """Pass speech on."""
        ms, now = chunk.duration_ms, self._loop.time()
        if self._talk.spoke(connection, response_id, ms=ms, now=now):
            self._listener.on_voice_audio(response_id, chunk)

    def on_text(self, connection: Connection, response_id: str, *, delta: str) -> None:
        """Pass text on."""
        if self._talk.said(connection, response_id, delta=delta):
            self._listener.on_voice_text(response_id, delta)

    def _lose(self, connection: Connection, failed: VoiceFailed) -> None:
        connection.lost = failed
        if connection is self._active:
            self._active = None
            self._part(connection)
            self._failure = failed
            if failed.code is VoiceFailure.INTERNAL_ERROR:  # a defect of ours
                self._is_over = True
                self._stop()
                self._listener.on_voice_signal(failed)
                return
            self._owes = self._talk.answer_due(self._loop.time())
            self._report_all(self._talk.settle_answered())
            self._end_responses(connection)
            again = failed.lost is None or failed.lost.again
            self._step(after_loss(self._state, again=again))
        elif connection is self._leaving:
            self._end_responses(connection)
            self._check_leaving()
        elif connection is self._next:
            self._next = None
            self._part(connection)
            self._step(Step.UNPREPARED)

    def _end_responses(self, connection: Connection) -> None:
        ended, again = self._talk.lose(connection)
        self._held.extendleft(reversed(again))
        self._report_all(ended)

    # Connections.

    def _step(self, step: Step) -> None:
        before = self._state.phase
        self._state, action = advance(self._state, step)
        match action:
            case Action.PREPARE | Action.DIAL_NEXT:
                self._dial(after_s=0.0)
            case Action.REDIAL:
                self._dial(after_s=self._ways.limits.redial_s)
            case Action.USE if self._next is not None:
                self._use(self._next, _REASONS.get(before))
            case Action.WAIT:
                self._prepare_from = self._loop.time() + self._ways.limits.prepare_again_s
            case Action.END:
                self._end(self._failure.message, self._failure.lost)
            case _:
                pass

    def _dial(self, *, after_s: float) -> None:
        self._dialling = asyncio.create_task(self._open(self._state.model, after_s))

    async def _open(self, model: str, after_s: float) -> None:
        try:
            if after_s:
                await asyncio.sleep(after_s)
            connection = Connection(
                self,
                model,
                knows=Knowledge(),
                new_resampler=self._ways.new_resampler,
                charge=self._listener.on_voice_signal,
            )
            refused = await self._ways.open(connection, self._opening(connection))
            self._dialling = None
            if refused is None:
                self._next = connection
                self._step(Step.OPENED)
            else:
                self._part(connection)
                self._refused(refused)
            self._look()
        except Exception as error:  # a defect must end only this voice, and be logged
            _log.error("voice_failed", error=type(error).__name__)
            self._end("The voice failed.", None)

    def _opening(self, connection: Connection) -> VoiceOpening:
        """Return what a connection is opened with, which it then knows."""
        memory, resumption = self._talk.memory, None
        model, handle, knows = self._handle
        if handle and model == connection.model:
            resumption = Resumption(handle, memory.tell(knows.copy()))
        history = memory.tell(connection.knows)
        connection.config = self._ways.config_for(self._config, connection.model)
        return VoiceOpening(
            connection.config,
            history,
            resumption,
            self._scope,
            call=self._call,
            language=self._language,
        )

    def _refused(self, failed: VoiceFailed) -> None:
        if not self._is_skipped(failed):
            self._failure = failed
        if self._state.phase is Phase.PREPARING:
            self._step(Step.UNPREPARED)
        else:
            again = failed.lost is not None and failed.lost.again
            self._step(after_loss(self._state, again=again))

    def _is_skipped(self, failed: VoiceFailed) -> bool:
        """Return whether a fallback was not tried, as there is no key for it."""
        lost = failed.lost
        falls_back = self._state.phase is Phase.FALLING_BACK
        return falls_back and lost is not None and lost.cause == NO_KEY.cause

    def _use(self, connection: Connection, reason: ResumeReason | None) -> None:
        """Let a connection take over: it learns what it missed, then it hears the caller."""
        talk, before, first = self._talk, self._active, not self._started.done()
        self._active, self._next = connection, None
        if self._replay_timer is not None:
            self._replay_timer.cancel()
        if self._capabilities is None:
            self._capabilities = connection.capabilities
        connection.hear_at(self._capabilities.input_hz)
        if before is not None and talk.under_way(before):
            self._leaving = before
        elif before is not None:
            self._part(before)
        turns = talk.to_hear_again(connection, leaving=self._leaving is not None)
        if self._leaving is None:
            self._report_all(talk.settle(turns))
        self._tell_news(connection)
        self._configure(connection)
        owes = (self._owes or talk.answer_due(self._loop.time())) and not turns
        self._owes = False
        talk.answers_by_itself = connection.capabilities.responds_by_itself
        self._announce(connection, reason, owes=owes, first=first)
        connection.replayed.extend(turns)
        for item in talk.recent.since(talk.replay_from(turns)):
            connection.hear_again(item)
        if turns:
            self._replay_timer = self._loop.call_later(
                self._ways.limits.replay_s, self._replay_over, connection
            )
        self._release()

    def _announce(
        self, connection: Connection, reason: ResumeReason | None, *, owes: bool, first: bool
    ) -> None:
        """Tell the call which connection it is; of the first one only if the model is another."""
        if first:
            self._started.set_result(True)
        if reason is None or (first and reason is not ResumeReason.FALLBACK):
            return
        _log.info("upstream_resumed", model=connection.model, reason=reason.value)
        by_itself = connection.capabilities.responds_by_itself
        resumed = Resumed(reason, connection.model, by_itself, owes)
        self._listener.on_voice_signal(resumed)

    def _configure(self, connection: Connection) -> None:
        config = self._ways.config_for(self._config, connection.model)
        if config != connection.config:
            connection.config = config
            connection.send(UpdateConfig(config))

    def _tell_news(self, connection: Connection) -> None:
        if news := self._talk.memory.tell(connection.knows):
            connection.send(Remember(news))

    def _check_leaving(self) -> None:
        """Leave the old connection for good once it has finished its response."""
        leaving = self._leaving
        if leaving is None or (self._talk.under_way(leaving) and leaving.lost is None):
            return
        self._leaving = None
        self._part(leaving)
        if self._active is not None:
            self._tell_news(self._active)
        self._release()

    def _replay_over(self, connection: Connection) -> None:
        """Give up turns that the connection did not find in the audio it heard again."""
        self._replay_timer = None
        turns = [turn for turn in connection.replayed if turn not in connection.renamed.values()]
        for turn in turns:
            connection.replayed.remove(turn)
        self._report_all(self._talk.give_up(turns, self._loop.time()))
        if connection is self._active:
            self._tell_news(connection)
        self._release()
        self._look()

    def _part(self, connection: Connection) -> None:
        """Leave a connection, and close its voice in the background."""
        if (voice := connection.part()) is not None:
            task = asyncio.create_task(_close(voice))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    # The clock.

    def _look(self) -> None:
        """Take the next step of a planned rollover if it is time, and set the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection = self._active
        if self._is_over or connection is None or connection.times is None:
            return
        if (at := self._due_at(connection)) is None:
            return
        now = self._loop.time()
        if at > now:
            self._timer = self._loop.call_at(at, self._look)
            return
        late_at = self._late_at(connection)
        match self._state.phase:
            case Phase.STEADY:
                self._step(Step.AGED)
            case Phase.DUE | Phase.READY:
                self._step(Step.LATE if now >= late_at else Step.QUIET)
            case _:
                return
        self._look()

    def _due_at(self, connection: Connection) -> float | None:
        """Return when the next step of a planned rollover may be due; None if only signals say."""
        assert connection.times is not None, "it is asked only where something ends connections"
        match self._state.phase:
            case Phase.STEADY:
                return connection.opened_at + connection.times.after_s
            case Phase.DUE | Phase.READY:
                now, late_at = self._loop.time(), self._late_at(connection)
                quiet_in_s = self._talk.quiet_in_s(now)
                at = late_at if quiet_in_s is None else min(late_at, now + quiet_in_s)
                if self._state.phase is Phase.DUE:
                    at = max(at, self._prepare_from)
                return at
            case _:
                return None

    def _late_at(self, connection: Connection) -> float:
        """Return when a step can no longer wait for a quiet moment."""
        assert connection.times is not None, "it is asked only where something ends connections"
        late_at = connection.opened_at + connection.times.latest_s
        if self._state.phase is Phase.DUE:
            late_at -= self._ways.limits.prepare_s
        return max(late_at, connection.opened_at + connection.times.after_s)

    # The end.

    def _end(self, message: str, lost: UpstreamLoss | None) -> None:
        """Give up: no model of the list can be reached."""
        if self._is_over:
            return
        self._is_over = True
        self._stop()
        self._part_all()
        self._failure = VoiceFailed(
            VoiceFailure.UPSTREAM_CLOSED, message, recoverable=False, lost=lost
        )
        if self._started.done():
            self._listener.on_voice_signal(self._failure)
        else:
            self._started.set_result(False)

    def _stop(self) -> None:
        for timer in (self._timer, self._replay_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._replay_timer = None
        self._held.clear()

    def _part_all(self) -> None:
        for connection in (self._active, self._next, self._leaving):
            if connection is not None:
                self._part(connection)
        self._active = self._next = self._leaving = None

    def _report_all(self, signals: Iterable[VoiceSignal]) -> None:
        for signal in signals:
            self._listener.on_voice_signal(signal)


async def _close(voice: Voice) -> None:
    """Close the voice of a connection that was left; it must not disturb the conversation."""
    try:
        await voice.close()
    except Exception as error:
        _log.error("voice_failed", error=type(error).__name__)
