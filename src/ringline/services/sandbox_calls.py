"""Sandbox calls: placed with a `sk_test_` key, they are real calls with nobody in them.

A sandbox call goes through the reception, the journal and the log like every other one, so
each surface shows it as it will show a call over a telephone (live streams, 1.9; contract, 5).
Only its ends are make-believe: a leg whose caller follows a script, and a voice that says lines.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from uuid import UUID

from ringline.domain.agent import Agent
from ringline.domain.call_vocabulary import CallDirection, CallTransport
from ringline.domain.config_members import SessionConfig
from ringline.domain.log import Scope
from ringline.domain.records import CallRow
from ringline.domain.sandbox_script import CAPABILITIES
from ringline.domain.session_config import EffectiveConfig
from ringline.ports import Leg, LegListener, NewId, OpenVoice, WorkspaceStore
from ringline.services.reception import Offer, Reception
from ringline.services.session_places import SessionPlaces

#: The source of the calls that are placed with a test key (contract, 5).
SOURCE = "sandbox"


class NoSuchAgent(Exception):
    """There is no such agent."""


class AgentDisabled(Exception):
    """The agent takes no calls."""


class ReportingLeg(Leg, Protocol):
    """A leg that is told whom to report to."""

    def report_to(self, listener: LegListener) -> None:
        """Set the listener that this leg reports to."""
        ...


@dataclass(frozen=True, slots=True)
class SandboxLine:
    """The two ends of a sandbox call: its leg, and what opens its voice."""

    leg: ReportingLeg
    open_voice: OpenVoice


#: Make the ends of a call of an agent; the caller `is_greeted`, or speaks first.
NewLine: TypeAlias = Callable[[Agent, bool], SandboxLine]


@dataclass(frozen=True, slots=True)
class Placing:
    """A call to place; the numbers are in E.164, the metadata is the integrator's own."""

    agent_id: UUID
    from_number: str
    to_number: str
    metadata: Mapping[str, object] | None = field(default=None, repr=False)


class SandboxCalls:
    """Places sandbox calls."""

    def __init__(
        self,
        reception: Reception,
        places: SessionPlaces,
        *,
        agents: WorkspaceStore,
        new_line: NewLine,
        new_id: NewId,
    ) -> None:
        self._reception = reception
        self._places = places
        self._agents = agents
        self._new_line = new_line
        self._new_id = new_id

    async def find_agent(self, scope: Scope, agent_id: UUID) -> Agent:
        """Find the agent of a call. Raises NoSuchAgent, AgentDisabled, StoreUnavailable."""
        agent = await self._agents.find_agent(scope, agent_id)
        if agent is None:
            raise NoSuchAgent
        if not agent.enabled:
            raise AgentDisabled
        return agent

    async def place(
        self, scope: Scope, agent: Agent, *, placing: Placing, most_calls: int
    ) -> CallRow:
        """Place a call, and return its row as it began, once that is committed.

        Raises TooManyCalls if the workspace has `most_calls` calls, Unavailable.
        """
        self._reception.check_accepting()
        with ExitStack() as held:
            held.enter_context(self._places.placed(scope.workspace_id, most_calls))
            offer = _offer(scope, self._new_id(), agent=agent, placing=placing)
            line = self._new_line(agent, bool(self._reception.greeting(offer)))
            live = self._reception.accept(offer, line.leg, open_voice=line.open_voice)
            line.leg.report_to(live.listener)
            over = held.pop_all()
            live.over.add_done_callback(lambda _: over.close())
        await live.begun()
        return live.new.row


def _offer(scope: Scope, call_id: UUID, *, agent: Agent, placing: Placing) -> Offer:
    """Return the offer of a call; its agent's model is only named, never opened."""
    config = SessionConfig(
        model=agent.model,
        instructions=agent.instructions,
        voice=agent.voice,
        tools=agent.tools,
        local=agent.local,
    )
    return Offer(
        scope=scope,
        call_id=call_id,
        source=SOURCE,
        transport=CallTransport.SANDBOX,
        direction=CallDirection.OUTBOUND,
        from_number=placing.from_number,
        to_number=placing.to_number,
        session=EffectiveConfig(config, CAPABILITIES, agent, tools_of_agent=bool(agent.tools)),
        has_client=False,
        metadata=placing.metadata,
    )
