"""The answers of a sandbox call whose agent is a webhook: it is really asked, and signed for.

Its model would be asked in the same way, with the same limits (`agent_brain.py`); the caller, and
what they say, are the script's.
"""

from ringline.domain.voice import VoiceSignal
from ringline.ports import AnswerTurn as AskAgent
from ringline.ports import VoiceUnavailable
from ringline.voices.agent_brain import AgentBrain
from ringline.voices.cascade_history import Conversation
from ringline.voices.parts import Outcome
from ringline.voices.sandbox import AnswerTurn, Line, SandboxTurn


def answer_by_agent(ask: AskAgent) -> AnswerTurn:
    """Return what answers the turns of one call by asking its agent's webhook."""
    brains: list[AgentBrain] = []

    async def answer(turn: SandboxTurn) -> Line:
        opening = turn.opening
        if opening.call is None:
            raise VoiceUnavailable("A sandbox call has facts.")
        if not brains:  # one for the whole call, which counts its failures
            brains.append(AgentBrain(opening.call, ask, report=_nobody_listens))
        outcome = Outcome()
        sentences = brains[0].answer(
            Conversation(turn.history), turn.order, config=opening.config, outcome=outcome
        )
        text = "".join([sentence async for sentence in sentences])
        return Line(text, outcome.hang_up, outcome.gives_up, outcome.order)

    return answer


def _nobody_listens(_: VoiceSignal) -> None:
    """Take an error for a client: a sandbox call has none."""
