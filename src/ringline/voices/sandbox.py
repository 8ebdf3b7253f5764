"""The voice of a sandbox call: it is told what the caller says, and answers with lines.

It stands for the agent's own model, which is not opened: nothing is dialled and nothing costs.
It is silent: what it says is text. What it answers is another's decision (`AnswerTurn`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid4

import structlog

from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.sandbox_script import ANSWER, CAPABILITIES, Speaks
from ringline.domain.voice import (
    AddText,
    Cancel,
    PastTurn,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    VoiceCapabilities,
    VoiceOpening,
    VoiceOrder,
    VoiceSignal,
)
from ringline.ports import VoiceListener
from ringline.voices.parts import LineOrder

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SandboxTurn:
    """What an agent answers: the caller's words, and all that was said, these included."""

    opening: VoiceOpening
    order: Respond
    text: str
    history: tuple[PastTurn, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What the agent says, which may be nothing; with `hang_up` the call ends after it.

    With `gives_up` too, because the agent cannot go on; an `order` to its line follows as well.
    """

    text: str
    hang_up: bool = False
    gives_up: bool = False
    order: LineOrder | None = None


#: Answer a turn with a line.
AnswerTurn: TypeAlias = Callable[[SandboxTurn], Awaitable[Line]]


async def answer_by_script(_: SandboxTurn) -> Line:
    """Answer a turn as the script has it."""
    return Line(ANSWER)


class SandboxVoice:
    """A `Voice` (ports) that neither hears nor makes a sound."""

    def __init__(
        self, opening: VoiceOpening, listener: VoiceListener, *, answer: AnswerTurn
    ) -> None:
        self._opening = opening
        self._listener = listener
        self._answer = answer
        self._history: list[PastTurn] = [
            item for item in opening.history if isinstance(item, PastTurn)
        ]
        self._item_id = ""  # of the caller's turn under way
        self._answering: dict[str, asyncio.Task[None]] = {}
        self._over = False

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return CAPABILITIES

    def hear(self, words: Speaks) -> None:
        """Take what the caller says."""
        if self._over:
            return
        if not self._item_id:
            self._item_id = f"item_{uuid4().hex}"
            self._report(SpeechStarted(self._item_id))
        item_id = self._item_id
        if words.final:
            self._item_id = ""
            self._history.append(PastTurn(TurnRole.CALLER, words.text))
            self._report(SpeechStopped(item_id))
        self._report(Transcribed(item_id, words.text, words.final))

    def send_audio(self, chunk: Chunk) -> None:
        """Take audio, which is not listened to."""

    def send(self, order: VoiceOrder) -> None:
        """Take an order."""
        if self._over:
            return
        match order:
            case Respond():
                task = asyncio.create_task(self._respond(order))
                self._answering[order.response_id] = task
            case Cancel(response_id):
                if (task := self._answering.pop(response_id, None)) is not None:
                    task.cancel()
            case AddText(text, None):
                self._history.append(PastTurn(TurnRole.CALLER, text))
            case _:
                pass  # it has no config, tools or images

    async def close(self) -> None:
        """End the conversation."""
        self._over = True
        tasks = list(self._answering.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _respond(self, order: Respond) -> None:
        """Produce a response; a request for a line that cannot be had says nothing."""
        response_id, reason = order.response_id, ResponseEnd.COMPLETED
        self._report(ResponseStarted(response_id))
        line = Line("")
        try:
            line = Line(order.say) if order.say is not None else await self._line(order)
        except asyncio.CancelledError:
            self._report(ResponseDone(response_id, ResponseEnd.CANCELLED))
            raise
        except Exception as error:  # a defect ends only this response
            _log.error("sandbox_answer_failed", error=type(error).__name__)
            reason = ResponseEnd.FAILED
        if line.text:
            self._history.append(PastTurn(TurnRole.AGENT, line.text))
            self._listener.on_voice_text(response_id, line.text)
        self._answering.pop(response_id, None)
        if line.order is not None:
            self._report(line.order.called_in(response_id))
        self._report(ResponseDone(response_id, reason, line.hang_up, gives_up=line.gives_up))

    async def _line(self, order: Respond) -> Line:
        history = tuple(self._history)
        said = [turn.text for turn in history if turn.role is TurnRole.CALLER]
        return await self._answer(
            SandboxTurn(self._opening, order, said[-1] if said else "", history)
        )

    def _report(self, signal: VoiceSignal) -> None:
        if not self._over:
            self._listener.on_voice_signal(signal)
