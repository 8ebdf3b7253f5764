"""The brain of the models `byom/…`: the answers of an agent's webhook (live streams, 4).

One request a turn; the answer is spoken sentence by sentence. Cancelling the response closes the
request. If there is no answer, the caller hears a fallback line, and after the third time in a row
an apology, with which the call ends.
"""

from collections.abc import AsyncGenerator, Callable
from uuid import uuid4

import structlog

from ringline.domain.agent import BuiltinTool
from ringline.domain.builtin_tools import SEND_DIGITS
from ringline.domain.call_facts import CallFacts
from ringline.domain.config_members import SessionConfig
from ringline.domain.local_dialogue import FALLBACK
from ringline.domain.receivers import (
    Message,
    ReceiverFailed,
    TurnAction,
    TurnAnswer,
    TurnQuestion,
    gives_up,
)
from ringline.domain.voice import Respond, VoiceFailed, VoiceFailure, VoiceSignal
from ringline.ports import AnswerTurn
from ringline.voices.cascade_history import Conversation
from ringline.voices.parts import LineOrder, Outcome, sentences_of

_log = structlog.get_logger()

#: The intent of `local.replies` that says the last line of an agent whose webhook is away.
APOLOGY = "apology"

#: The built-in tool of each action but the end of the call, and its argument.
_ORDERS = {
    TurnAction.TRANSFER_TO: (BuiltinTool.TRANSFER_CALL.value, "destination"),
    TurnAction.DTMF: (SEND_DIGITS, "digits"),
}

DEFAULT_FALLBACK = "Sorry, please say that again."
DEFAULT_APOLOGY = "I am sorry, I cannot help you right now. Goodbye."


class AgentBrain:
    """Asks the webhook of one call's agent, and counts in a row how often that failed."""

    def __init__(
        self, call: CallFacts, ask: AnswerTurn, *, report: Callable[[VoiceSignal], None]
    ) -> None:
        self._call = call
        self._ask = ask
        self._report = report
        self._failures = 0

    def answer(
        self, conversation: Conversation, order: Respond, *, config: SessionConfig, outcome: Outcome
    ) -> AsyncGenerator[str]:
        """Yield what the webhook says to the caller's newest turn, or a line of the agent's.

        Nothing, if that turn has an answer already.
        """
        newest = conversation.newest_unanswered()
        if newest is None:
            return sentences_of("")
        if not newest:
            return sentences_of(_line(config, FALLBACK, otherwise=DEFAULT_FALLBACK))
        turns = conversation.turns()
        question = TurnQuestion(
            self._call,
            order.turn_id or uuid4(),
            turns[-1].text,
            tuple(Message(turn.role, turn.text) for turn in turns),
        )
        return self._answer(question, config, outcome=outcome)

    async def _answer(
        self, question: TurnQuestion, config: SessionConfig, *, outcome: Outcome
    ) -> AsyncGenerator[str]:
        try:
            answer = await self._ask(question)
        except ReceiverFailed as failed:
            text = self._fail(failed, config, outcome=outcome)
        else:
            self._failures = 0
            text = answer.text
            outcome.hang_up = answer.action is TurnAction.END_CALL
            if answer.action is not None and answer.action in _ORDERS:
                name, argument = _ORDERS[answer.action]
                outcome.order = LineOrder(name, {argument: answer.target})
            self._note_ignored(answer)
        async for sentence in sentences_of(text):
            yield sentence

    def _fail(self, failed: ReceiverFailed, config: SessionConfig, *, outcome: Outcome) -> str:
        """Count a failure; return what the agent says instead."""
        self._failures += 1
        cause = failed.failure.value
        _log.warning(
            "turn_failed",
            call_id=str(self._call.id),
            agent_id=str(self._call.agent_id),
            cause=cause,
            status=failed.status,
            failures=self._failures,
        )
        message = f"The agent's webhook did not answer: {cause}."
        self._report(
            VoiceFailed(VoiceFailure.UPSTREAM_ERROR, message, recoverable=True, details=cause)
        )
        outcome.gives_up = gives_up(self._failures)
        if outcome.gives_up:
            return _line(config, APOLOGY, otherwise=DEFAULT_APOLOGY)
        return _line(config, FALLBACK, otherwise=DEFAULT_FALLBACK)

    def _note_ignored(self, answer: TurnAnswer) -> None:
        for action in answer.ignored:
            _log.warning(
                "turn_action_ignored",
                call_id=str(self._call.id),
                agent_id=str(self._call.agent_id),
                action=action.value,
            )


def _line(config: SessionConfig, intent: str, *, otherwise: str) -> str:
    """Return a line that the agent has of its own, or else the default."""
    replies = config.local.replies if config.local is not None else {}
    return replies.get(intent, otherwise)
