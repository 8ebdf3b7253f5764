"""The playground: one turn with an agent's model, in text (live streams, 6.2).

It is no call: nothing is stored but what it costs, no event is written, and no tool is run.
"""

from collections.abc import Sequence

from ringline.domain import v1_limits
from ringline.domain.agent import Agent
from ringline.domain.agent_models import is_byom
from ringline.domain.log import Scope
from ringline.domain.voice import PastTurn
from ringline.ports import NewId
from ringline.services.slots import Slots
from ringline.services.text_turns import NoTextTurn, OpenAccount, Reply, TextTurns
from ringline.services.voices import Catalogue


class Playground:
    """Takes turns with agents in text."""

    def __init__(self, catalogue: Catalogue, open_account: OpenAccount, *, new_id: NewId) -> None:
        self._turns = TextTurns(
            catalogue,
            open_account,
            new_id=new_id,
            most_characters=v1_limits.PLAYGROUND_REPLY.most,
        )
        self._slots = Slots(v1_limits.PLAYGROUND_TURNS.most)

    async def ask(
        self, scope: Scope, agent: Agent, *, message: str, history: Sequence[PastTurn]
    ) -> Reply:
        """Return what an agent answers to a message.

        Raises NoTextTurn, ModelAway, NoSlot, Unavailable.
        """
        if is_byom(agent.model):
            raise NoTextTurn("the words of a byom agent come from its webhook, in calls")
        opening = await self._turns.opening(scope, agent, history=history, text_alone=True)
        with self._slots.one_of(scope):
            return await self._turns.take(opening, message, agent_id=agent.id)
