"""Turns in text with an agent's model: of the playground, and of threads of messages.

A voice is opened with the conversation so far, answers once, and is closed. It is no call:
nothing is stored but what it costs, no event is written, and no tool is run. A voice that only
speaks speaks to nobody; its words are the reply.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from ringline.domain.agent import Agent, heard_as
from ringline.domain.audio import Chunk
from ringline.domain.config_members import Modality
from ringline.domain.log import Scope
from ringline.domain.routes import PartyId, VoiceId
from ringline.domain.session_config import UNBOUND, ConfigProblem, effective
from ringline.domain.voice import (
    AddText,
    PastTurn,
    Respond,
    ResponseDone,
    ResponseEnd,
    ToolCall,
    VoiceFailed,
    VoiceOpening,
    VoiceSignal,
)
from ringline.ports import NewId, VoiceUnavailable
from ringline.services.usage import UsageAccount
from ringline.services.voices import Catalogue

#: How long closing a voice may take.
_CLOSE_S = 2.0

#: Opens an account for the turns of an agent, outside of any call.
OpenAccount: TypeAlias = Callable[[Scope, UUID], UsageAccount]


class NoTextTurn(Exception):
    """The agent's model cannot take a turn in text; `problem` says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class ModelAway(Exception):
    """The agent's model could not answer now."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an agent says, and the tools that it would call."""

    text: str
    tool_calls: tuple[ToolCall, ...]


@dataclass(slots=True)
class _Ear:
    """Hears one response of a voice, and what it costs."""

    response_id: str
    most_characters: int
    charge: Callable[[VoiceSignal], None]
    #: Whether it answered.
    done: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    texts: list[str] = field(default_factory=list[str])
    calls: list[ToolCall] = field(default_factory=list[ToolCall])

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Take the end of the response, or of the voice, the calls of tools, and the costs."""
        self.charge(signal)
        match signal:
            case ToolCall():
                self.calls.append(signal)
            case ResponseDone(self.response_id, ResponseEnd.COMPLETED):
                self._end(answered=True)
            case ResponseDone(self.response_id) | VoiceFailed(recoverable=False):
                self._end(answered=False)
            case _:
                pass

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Ignore speech."""

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Take a piece of the reply."""
        room = self.most_characters - sum(map(len, self.texts))
        if response_id == self.response_id and room > 0:
            self.texts.append(delta[:room])

    def _end(self, *, answered: bool) -> None:
        if not self.done.done():
            self.done.set_result(answered)


class TextTurns:
    """Takes turns with agents in text; a reply has `most_characters` at most."""

    def __init__(
        self,
        catalogue: Catalogue,
        open_account: OpenAccount,
        *,
        new_id: NewId,
        most_characters: int,
    ) -> None:
        self._catalogue = catalogue
        self._open_account = open_account
        self._new_id = new_id
        self._most_characters = most_characters

    async def opening(
        self, scope: Scope, agent: Agent, *, history: Sequence[PastTurn], text_alone: bool
    ) -> VoiceOpening:
        """Return how an agent's voice is opened for a turn.

        With `text_alone`, a model without text is refused; else it may speak. Raises NoTextTurn,
        Unavailable.
        """
        models = await self._catalogue.models(scope)
        in_text = {"modalities": [Modality.TEXT.value]}
        session = effective(UNBOUND, in_text, agent=agent, models=models)
        if isinstance(session, ConfigProblem) and not text_alone:
            session = effective(UNBOUND, {}, agent=agent, models=models)
        if isinstance(session, ConfigProblem):
            raise NoTextTurn(session.message)
        return VoiceOpening(
            session.config, tuple(history), scope=scope, language=heard_as(agent.language)
        )

    async def take(self, opening: VoiceOpening, message: str, *, agent_id: UUID) -> Reply:
        """Return what an agent's voice answers to a message. Raises ModelAway."""
        if opening.scope is None:
            raise AssertionError("an agent's turn belongs to a workspace")
        account = self._open_account(opening.scope, agent_id)
        voice_id = VoiceId(PartyId(self._new_id()))
        account.opens(voice_id, opening.config.model)
        ear = _Ear(
            str(self._new_id()),
            self._most_characters,
            lambda signal: account.take(voice_id, signal),
        )
        try:
            voice = await self._catalogue.open(opening, ear)
        except VoiceUnavailable:
            raise ModelAway from None
        try:
            voice.send(AddText(message))
            voice.send(Respond(ear.response_id))
            if not await ear.done:
                raise ModelAway
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await voice.close()
        return Reply("".join(ear.texts), tuple(ear.calls))
