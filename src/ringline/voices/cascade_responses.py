"""The responses of a cascade: one at a time, each a task that can be cancelled at any stage.

A sentence is spoken once it is complete, while the chat model writes on; its text is reported
with the first sound of it. Cancelling the task closes the requests under way, so that the
endpoints stop working on them. Any report may lead to the response's end, so each is made only
while it still runs.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn

from ringline.domain import voice_limits
from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk, bytes_of_ms
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.voice import (
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    ToolCall,
    Usage,
    UsageKind,
    UsageReported,
)
from ringline.ports import VoiceListener
from ringline.voices.cascade_history import AgentTurn, Conversation
from ringline.voices.endpoints import EndpointFailed
from ringline.voices.parts import Outcome, Parts, sentences_of

#: The longest chunk that is reported.
CHUNK_MS = 100


@dataclass(frozen=True, slots=True)
class _Running:
    """The response under way."""

    id: str
    task: asyncio.Task[None]
    outcome: Outcome


def _ask_nobody(*_: object) -> NoReturn:
    raise AssertionError("responses that are closed ask for nothing")


class Responses:
    """Speaks the responses of one conversation; `run` returns at the end of each.

    `on_failure` reports a failure and returns whether the conversation goes on.
    """

    def __init__(
        self,
        listener: VoiceListener,
        parts: Parts,
        *,
        conversation: Conversation,
        config: Callable[[], SessionConfig],
        on_failure: Callable[[EndpointFailed], bool],
    ) -> None:
        self._listener = listener
        self._parts = parts
        self._rate_hz = parts.capabilities.output_hz
        self._chunk_bytes = bytes_of_ms(CHUNK_MS, self._rate_hz)
        self._conversation = conversation
        self._config = config
        self._on_failure = on_failure
        self._running: _Running | None = None

    async def run(self, order: Respond) -> None:
        """Begin a response and wait for its end, or until it is cancelled."""
        outcome = Outcome()
        task = asyncio.create_task(self._respond(order, outcome))
        self._running = _Running(order.response_id, task, outcome)
        self._listener.on_voice_signal(ResponseStarted(order.response_id))
        try:
            await asyncio.wait([task])
        finally:  # if the conversation ends, its requests end with it
            task.cancel()
            await asyncio.wait([task])
            if self._is_running(order.response_id):
                self._running = None
        if not task.cancelled():
            task.result()

    def cancel(self, response_id: str) -> bool:
        """Cancel a response if it is under way; return whether it was."""
        running = self._running
        if running is None or running.id != response_id:
            return False
        running.task.cancel()
        self._running = None
        # What the chat model used is known once it has written its answer.
        done = ResponseDone(response_id, ResponseEnd.CANCELLED, usage=running.outcome.usage)
        self._listener.on_voice_signal(done)
        return True

    def stop(self) -> None:
        """Stop the response under way, and report nothing but what it has used."""
        if self._running is not None:
            self._running.task.cancel()
            self._charge(self._running.outcome)
            self._running = None

    def _charge(self, outcome: Outcome) -> None:
        if outcome.usage != Usage():
            used = UsageReported(UsageKind.RESPONSE, outcome.usage)
            self._listener.on_voice_signal(used)

    def close(self) -> None:
        """Stop for good, and forget the voice, which refers to this."""
        self.stop()
        self._config = self._on_failure = _ask_nobody

    def _is_running(self, response_id: str) -> bool:
        return self._running is not None and self._running.id == response_id

    async def _respond(self, order: Respond, outcome: Outcome) -> None:
        config, conversation = self._config(), self._conversation
        if order.say is None:
            answer = self._parts.brain.answer
            sentences = answer(conversation, order, config=config, outcome=outcome)
        else:
            sentences = sentences_of(order.say)
        turn = conversation.begin(order.response_id)
        try:
            async with aclosing(sentences):
                await self._say(turn, sentences, config=config)
        except EndpointFailed as failed:
            if self._is_running(turn.response_id):
                self._running = None
                if self._on_failure(failed):
                    done = ResponseDone(turn.response_id, ResponseEnd.FAILED, usage=outcome.usage)
                    self._listener.on_voice_signal(done)
                else:
                    self._charge(outcome)
            return
        for call in outcome.calls:
            if self._is_running(turn.response_id):
                call_id = self._conversation.call(turn, call)
                self._listener.on_voice_signal(
                    ToolCall(turn.response_id, call_id, call.name, dict(call.arguments))
                )
        if outcome.order is not None and self._is_running(turn.response_id):
            self._listener.on_voice_signal(outcome.order.called_in(turn.response_id))
        if self._is_running(turn.response_id):
            self._running = None
            turn.is_complete = True
            self._parts.completed()
            self._listener.on_voice_signal(
                ResponseDone(
                    turn.response_id,
                    hang_up=outcome.hang_up,
                    usage=outcome.usage,
                    gives_up=outcome.gives_up,
                )
            )

    async def _say(
        self, turn: AgentTurn, sentences: AsyncGenerator[str], *, config: SessionConfig
    ) -> None:
        """Say sentences; what holds no word, such as a dash, goes with the next one."""
        spoken = Modality.AUDIO in config.modalities
        silent = ""
        async for sentence in sentences:
            text = silent + sentence
            silent = ""
            if not spoken:
                self._write(turn, text)
            elif not any(character.isalnum() for character in sentence):
                silent = text
            elif turn.spoken_ms < voice_limits.CASCADE_SPEECH_MS.most:
                await self._speak(turn, text, voice=config.voice)
        if silent:
            self._write(turn, silent)

    async def _speak(self, turn: AgentTurn, text: str, *, voice: str) -> None:
        begun = False
        async with aclosing(self._parts.mouth.speak(text.strip(), voice)) as speech:
            async for pcm in speech:
                if not begun:
                    begun = True
                    self._write(turn, text)
                for start in range(0, len(pcm), self._chunk_bytes):
                    self._sound(turn, pcm[start : start + self._chunk_bytes])
                if turn.spoken_ms >= voice_limits.CASCADE_SPEECH_MS.most:
                    break
        if not begun:
            self._write(turn, text)

    def _write(self, turn: AgentTurn, text: str) -> None:
        if self._is_running(turn.response_id):
            turn.say(text)
            self._listener.on_voice_text(turn.response_id, text)

    def _sound(self, turn: AgentTurn, pcm: bytes) -> None:
        if self._is_running(turn.response_id):
            turn.speak(len(pcm) / BYTES_PER_SAMPLE * 1000 / self._rate_hz)
            self._listener.on_voice_audio(turn.response_id, Chunk(pcm, self._rate_hz))
