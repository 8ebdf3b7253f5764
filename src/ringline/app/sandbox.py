"""The ends of sandbox calls: a leg with a scripted caller, and the voice that hears them."""

from collections.abc import Callable
from typing import TypeAlias

from ringline.domain.agent import Agent
from ringline.domain.agent_models import is_byom
from ringline.domain.sandbox_script import Speaks
from ringline.domain.voice import VoiceOpening
from ringline.legs.sandbox import SandboxLeg
from ringline.ports import AnswerTurn as AskAgent
from ringline.ports import Voice, VoiceListener
from ringline.services.sandbox_calls import NewLine, SandboxLine
from ringline.voices.sandbox import AnswerTurn, SandboxVoice, answer_by_script
from ringline.voices.sandbox_agent import answer_by_agent

#: Return what answers the caller of an agent.
AnswerOf: TypeAlias = Callable[[Agent], AnswerTurn]


def by_script(_: Agent) -> AnswerTurn:
    """Let every agent say the script's line."""
    return answer_by_script


def by_webhook_or_script(ask: AskAgent) -> AnswerOf:
    """Let the webhook of a `byom` agent answer, and every other agent say the script's line."""

    def answer_of(agent: Agent) -> AnswerTurn:
        return answer_by_agent(ask) if is_byom(agent.model) else answer_by_script

    return answer_of


def sandbox_lines(clock_scale: float, answer_of: AnswerOf = by_script) -> NewLine:
    """Return what makes the ends of a call; `clock_scale` multiplies the script's times."""

    def new_line(agent: Agent, is_greeted: bool) -> SandboxLine:
        voices: list[SandboxVoice] = []

        def hear(words: Speaks) -> None:
            voices[-1].hear(words)  # the call is answered by it, so there is one

        async def open_voice(opening: VoiceOpening, listener: VoiceListener) -> Voice:
            voices.append(SandboxVoice(opening, listener, answer=answer_of(agent)))
            return voices[-1]

        return SandboxLine(SandboxLeg(hear, clock_scale, is_greeted=is_greeted), open_voice)

    return new_line
