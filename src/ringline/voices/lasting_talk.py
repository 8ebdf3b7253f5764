"""What a lasting voice keeps of its conversation: for the next connection, and to be quiet. Pure.

Responses under way, turns of the caller that are not transcribed yet, the caller's latest
audio, and the memory of what was said. A turn that its connection did not live to transcribe
is heard again by the next one, under the item id that the call knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ringline.domain import voice_limits
from ringline.domain.audio import Chunk
from ringline.domain.recent_audio import RecentAudio
from ringline.domain.recollection import Recollection
from ringline.domain.voice import (
    PastCall,
    PastItem,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallsCancelled,
    Transcribed,
    TurnCleared,
    VoiceSignal,
)
from ringline.voices.lasting_connection import Connection, OpenTurn

#: How long nothing must happen for a moment to be quiet, and how long audio with push to talk.
QUIET_S = 0.2
PRESSED_S = 1.0
#: How long a transcript, or the answer of a provider that answers by itself, is waited for.
OWED_S = 5.0
#: How much audio before the begin of speech is heard again, and how much is kept while nobody
#: is known to speak: a provider needs some time to notice.
PREROLL_MS = 500.0
KEPT_MS = 1_500.0
#: How much audio comes between two times that the oldest is dropped: doing it for each chunk
#: would cost as much as keeping it.
_TRIM_MS = 200.0


@dataclass(slots=True)
class ResponseUnderWay:
    """A response that was requested or begun, and is not over."""

    order: Respond
    #: Where it was requested; None if it waits for a connection.
    connection: Connection | None = None
    #: Its start was reported.
    begun: bool = False
    #: Speech, text or a tool call of it was reported.
    heard: bool = False
    number: int = 0


class LastingTalk:
    """The conversation as the call has seen it."""

    def __init__(self, past: tuple[PastItem, ...], *, by_order: bool) -> None:
        self.memory = Recollection(past)
        self.recent = RecentAudio(voice_limits.LASTING_AUDIO_MS.most)
        self.responses: dict[str, ResponseUnderWay] = {}
        #: The client ends the caller's turns.
        self.by_order = by_order
        #: The connection in use answers by itself.
        self.answers_by_itself = False
        self._turns: dict[str, OpenTurn] = {}
        self._unended_ms = 0.0  # where the audio begins that no turn has ended
        self._trim_at_ms = 0.0  # when the audio reaches so far
        self._heard_at = self._moved_at = self._plays_until = 0.0
        self._answer_due_until = self._transcript_due_until = 0.0

    def moved(self, now: float) -> None:
        """Note that something happens in the conversation."""
        self._moved_at = now

    # The caller.

    def hear(self, chunk: Chunk, now: float) -> None:
        """Keep the caller's audio for as long as it may have to be heard again."""
        recent = self.recent
        recent.hear(chunk)
        self._heard_at = now
        if recent.end_ms >= self._trim_at_ms:
            self._trim()

    def _trim(self) -> None:
        """Drop the audio that nobody has to hear again."""
        end_ms = self.recent.end_ms
        self._trim_at_ms = end_ms + _TRIM_MS
        if self._turns:
            self.recent.keep_from(min(turn.start_ms for turn in self._turns.values()))
        elif self.by_order:
            self.recent.keep_from(self._unended_ms)
        else:
            self.recent.keep_from(max(self._unended_ms, end_ms - KEPT_MS))

    def clear(self) -> list[VoiceSignal]:
        """Discard the unfinished turn; return what no voice is there to report."""
        self.recent.clear()
        self._unended_ms = self.recent.end_ms
        signals: list[VoiceSignal] = []
        for turn in [turn for turn in self._turns.values() if turn.end_ms is None]:
            signals += [SpeechStopped(turn.item_id), TurnCleared(turn.item_id)]
            self._forget_turn(turn)
        return signals

    def to_hear_again(self, connection: Connection, *, leaving: bool) -> list[OpenTurn]:
        """Return the turns that a new connection must hear again.

        A turn that has ended is one of them if nobody has answered it. `leaving` says that the
        connection before still reports what it has heard.
        """
        self._trim()
        asked = any(not response.heard for response in self.responses.values())
        answers = connection.capabilities.responds_by_itself and asked
        return [
            turn
            for turn in self._turns.values()
            if turn.end_ms is None
            or not (leaving or answers or turn.answered or turn.end_ms <= self.recent.start_ms)
        ]

    def settle_answered(self) -> list[VoiceSignal]:
        """Finish the turns that are answered already, when their connection is lost."""
        return self.settle([turn for turn in self._turns.values() if not turn.answered])

    def settle(self, but: Iterable[OpenTurn]) -> list[VoiceSignal]:
        """Finish the turns that nobody will transcribe any more, with the text that there is."""
        kept = {turn.item_id for turn in but}
        lost = [turn for turn in self._turns.values() if turn.item_id not in kept]
        for turn in lost:
            self._finish_turn(turn, turn.text)
        return [Transcribed(turn.item_id, turn.text, final=True) for turn in lost]

    def give_up(self, turns: Iterable[OpenTurn], now: float) -> list[VoiceSignal]:
        """Finish turns that were not found in the audio when it was heard again."""
        signals: list[VoiceSignal] = []
        for turn in turns:
            if turn.end_ms is None:
                signals.append(SpeechStopped(turn.item_id))
                self._stopped(turn, now)
            if turn.item_id in self._turns:
                self._finish_turn(turn, turn.text)
                signals.append(Transcribed(turn.item_id, turn.text, final=True))
        return signals

    def replay_from(self, turns: Iterable[OpenTurn]) -> float:
        """Return the position from which a new connection hears the audio again."""
        if starts := [turn.start_ms for turn in turns]:
            return min(starts)
        if self.by_order:
            return self._unended_ms
        return max(self._unended_ms, self.recent.end_ms - PREROLL_MS)

    # Responses.

    def request(self, order: Respond) -> None:
        """Note a response that the call requests."""
        self.responses[order.response_id] = ResponseUnderWay(order)

    def cancel(self, response_id: str, played_ms: int, *, now: float) -> None:
        """Note that the call has cancelled a response, which may have been over."""
        self.responses.pop(response_id, None)
        self.memory.agent_cut(response_id, played_ms)
        self._plays_until = now

    def under_way(self, connection: Connection) -> bool:
        """Return whether a connection has a response to finish."""
        return any(item.connection is connection for item in self.responses.values())

    def lose(self, connection: Connection) -> tuple[list[VoiceSignal], list[Respond]]:
        """Take the loss of a connection: end what was heard in part, ask again for the rest."""
        ended: list[VoiceSignal] = []
        again: list[Respond] = []
        for response in [r for r in self.responses.values() if r.connection is connection]:
            response.connection = None
            if response.heard:
                self._over(response.order.response_id)
                ended.append(ResponseDone(response.order.response_id, ResponseEnd.FAILED))
            else:
                again.append(response.order)
        return ended, again

    def spoke(self, connection: Connection, response_id: str, *, ms: float, now: float) -> bool:
        """Note speech of a response; return whether it is to be heard."""
        response = self.responses.get(response_id)
        if response is None or response.connection is not connection:
            return False
        if not response.heard:
            self._note_heard(response)
        self._plays_until = max(self._plays_until, now) + ms / 1000
        self.memory.agent_spoke(response.number, ms)
        return True

    def said(self, connection: Connection, response_id: str, *, delta: str) -> bool:
        """Note a piece of text of a response; return whether it is to be heard."""
        if not self._hears(connection, response_id):
            return False
        self.memory.agent_said(response_id, delta)
        return True

    def _hears(self, connection: Connection, response_id: str) -> bool:
        response = self.responses.get(response_id)
        if response is None or response.connection is not connection:
            return False
        self._note_heard(response)
        return True

    def _note_heard(self, response: ResponseUnderWay) -> None:
        if not response.heard:
            response.heard = True
            for turn in self._turns.values():
                turn.answered = turn.answered or turn.end_ms is not None

    def _over(self, response_id: str) -> None:
        self.responses.pop(response_id, None)
        self.memory.agent_over(response_id)

    # Tools.

    def answer(self, call_id: str, result: str, *, now: float) -> int:
        """Note the result of a tool call; return its number in the memory, 0 if unknown."""
        if self.answers_by_itself:
            self._answer_due_until = now + OWED_S
        return self.memory.answered(call_id, result)

    # Quiet moments.

    def answer_due(self, now: float) -> bool:
        """Return whether a provider that answers by itself is about to."""
        return now < self._answer_due_until

    def quiet_in_s(self, now: float) -> float | None:
        """Return in how many seconds it will be quiet; None while somebody is active."""
        if self.responses or self.memory.has_open_calls:
            return None
        if any(turn.end_ms is None for turn in self._turns.values()):
            return None
        at = [self._moved_at + QUIET_S, self._plays_until + QUIET_S, self._answer_due_until]
        if self._turns:
            at.append(self._transcript_due_until)
        if self.by_order:
            at.append(self._heard_at + PRESSED_S)
        return max(0.0, max(at) - now)

    # What a voice reports.

    def take(
        self, connection: Connection, signal: VoiceSignal, *, now: float
    ) -> VoiceSignal | None:
        """Keep what a signal says; return it as the call may see it, None if it is no news."""
        self._moved_at = now
        match signal:
            case SpeechStarted():
                return self._started(connection, signal)
            case SpeechStopped():
                return self._turn_over(connection, signal, now=now)
            case Transcribed():
                return self._transcribed(connection, signal)
            case TurnCleared(item_id):
                turn = connection.renamed.pop(item_id, None) or self._turns.get(item_id)
                if turn is None:
                    return signal
                if turn in connection.replayed:
                    connection.replayed.remove(turn)
                self._forget_turn(turn)
                return TurnCleared(turn.item_id)
            case ResponseStarted(response_id):
                return self._response_began(connection, response_id)
            case ToolCall(response_id, call_id, name, arguments):
                if self._hears(connection, response_id):
                    number = self.memory.called(PastCall(call_id, name, arguments))
                    connection.knows.learn(number, is_open=True)
                return signal
            case ToolCallsCancelled(call_ids):
                self.memory.calls_cancelled(call_ids)
                return signal
            case ResponseDone(response_id):
                self._over(response_id)
                return signal
            case _:
                return signal

    def _started(self, connection: Connection, started: SpeechStarted) -> VoiceSignal | None:
        again = [t for t in connection.replayed if t not in connection.renamed.values()]
        if again:
            connection.renamed[started.item_id] = again[0]
            return None  # the call knows
        self._answer_due_until = 0.0
        start_ms = self.recent.end_ms - started.ago_ms - PREROLL_MS
        self._begin_turn(connection, OpenTurn(started.item_id, start_ms))
        return started

    def _turn_over(
        self, connection: Connection, stopped: SpeechStopped, *, now: float
    ) -> VoiceSignal | None:
        turn = connection.renamed.get(stopped.item_id)
        if turn is None and connection.replayed and stopped.item_id not in self._turns:
            turn = connection.renamed[stopped.item_id] = connection.replayed[0]
        if turn is not None:
            ended = turn.end_ms is not None
            if turn in connection.replayed:
                connection.replayed.remove(turn)
            self._stopped(turn, now)
            return None if ended else replace(stopped, item_id=turn.item_id)
        turn = self._turns.get(stopped.item_id)
        if turn is None:  # a turn whose begin is not reported
            turn = OpenTurn(stopped.item_id, self._unended_ms)
            self._begin_turn(connection, turn)
        self._stopped(turn, now)
        return stopped

    def _stopped(self, turn: OpenTurn, now: float) -> None:
        turn.end_ms = self._unended_ms = self.recent.end_ms
        if turn.is_final:
            self._turns.pop(turn.item_id, None)
        self._transcript_due_until = now + OWED_S
        if self.answers_by_itself:
            self._answer_due_until = now + OWED_S

    def _transcribed(self, connection: Connection, heard: Transcribed) -> VoiceSignal:
        turn = connection.renamed.get(heard.item_id) or self._turns.get(heard.item_id)
        if turn is None:  # more of a turn that was final already
            if heard.final and heard.text:
                connection.knows.learn(self.memory.typed(heard.text))
            return heard
        turn.text = heard.text
        if heard.final:
            turn.is_final = True
            self.memory.caller_said(turn.item_id, heard.text)
            if turn.end_ms is not None:
                connection.renamed.pop(heard.item_id, None)
                self._turns.pop(turn.item_id, None)
        return replace(heard, item_id=turn.item_id)

    def _begin_turn(self, connection: Connection, turn: OpenTurn) -> None:
        self._turns[turn.item_id] = turn
        connection.knows.learn(self.memory.caller_began(turn.item_id))
        while len(self._turns) > voice_limits.LASTING_TURNS.most:
            self._forget_turn(next(iter(self._turns.values())))

    def _finish_turn(self, turn: OpenTurn, text: str) -> None:
        self._turns.pop(turn.item_id, None)
        self.memory.caller_said(turn.item_id, text)

    def _forget_turn(self, turn: OpenTurn) -> None:
        self._finish_turn(turn, "")

    def _response_began(self, connection: Connection, response_id: str) -> VoiceSignal | None:
        self._answer_due_until = 0.0
        response = self.responses.get(response_id)
        if response is None:  # the voice begins it by itself
            response = self.responses[response_id] = ResponseUnderWay(Respond(response_id))
        response.connection = connection
        known, response.begun = response.begun, True
        if not known:
            response.number = self.memory.agent_began(response_id)
        connection.knows.learn(response.number)
        return None if known else ResponseStarted(response_id)
