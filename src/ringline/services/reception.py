"""The reception: it starts the calls that entry points offer.

Any entry point can offer a call: a browser's WebSocket today, SIP later. The entry point knows
who is calling and how; the row, the greeting and the limits are decided here for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from ringline.domain.agent import Agent, heard_as
from ringline.domain.agent_tools import runner_of
from ringline.domain.builtin_tools import builtins_of
from ringline.domain.call_vocabulary import CallDirection, CallStatus, CallTransport
from ringline.domain.ids import Prefix, format_id
from ringline.domain.leash import UNLEASHED, Leash
from ringline.domain.log import Scope
from ringline.domain.recording import is_recorded
from ringline.domain.records import CallRow
from ringline.domain.session_config import EffectiveConfig
from ringline.ports import Clock, Leg, OpenVoice
from ringline.services.calls import Calls
from ringline.services.live_call import CallLimits, LiveCall, NewCall


@dataclass(frozen=True, slots=True)
class Offer:
    """An offered call. It has its id already, so that it can be watched from the start.

    It is an inbound one to its agent or model, unless `direction` and `to_number` say otherwise.
    `leash` narrows the limits of the call. `metadata` is the integrator's own data, and
    `recording_consent` whether the caller agrees to be recorded, None if nobody asked them.
    `tells_usage`: the caller is told what is used. `has_client`: their end can run tools.
    """

    scope: Scope
    call_id: UUID
    source: str
    transport: CallTransport
    from_number: str
    session: EffectiveConfig
    direction: CallDirection = CallDirection.INBOUND
    to_number: str = ""
    leash: Leash = UNLEASHED
    metadata: Mapping[str, object] | None = None
    recording_consent: bool | None = None
    tells_usage: bool = False
    has_client: bool = True


class Reception:
    """Starts the calls that are offered."""

    def __init__(self, calls: Calls, limits: CallLimits, *, now: Clock) -> None:
        self._calls = calls
        self._limits = limits
        self._now = now

    def check_accepting(self) -> None:
        """Raise Unavailable unless a call may be offered and could be recorded now."""
        self._calls.check_accepting()

    def greeting(self, offer: Offer) -> str:
        """Return what the agent of an offered call says first; empty if it waits.

        What it must announce comes before its greeting.
        """
        agent = offer.session.agent
        if agent is None:
            return ""
        return "\n".join(filter(None, (agent.pre_call_announcement, agent.greeting)))

    def accept(self, offer: Offer, leg: Leg, *, open_voice: OpenVoice | None = None) -> LiveCall:
        """Start an offered call; its leg must report to the returned call's `listener`.

        With `open_voice`, the call's voice is that one instead of its model's.
        """
        config, agent = offer.session.config, offer.session.agent
        row = CallRow(
            id=offer.call_id,
            uuid=str(offer.call_id),
            direction=offer.direction,
            from_number=offer.from_number,
            to_number=offer.to_number or _address_of(agent, config.model),
            source=offer.source,
            transport=offer.transport,
            status=CallStatus.INITIATED,
            started_at=self._now(),
            agent_id=agent.id if agent else None,
            model=config.model,
            metadata=offer.metadata,
            recording_consent=offer.recording_consent,
        )
        is_sandbox = offer.transport is CallTransport.SANDBOX  # nothing of it is recorded
        new = NewCall(
            offer.scope,
            row,
            config,
            self.greeting(offer),
            self._limits.narrowed(offer.leash),
            offer.session.allowed_tools,
            builtins=builtins_of(
                agent,
                config.model,
                calls_tools=offer.session.capabilities.tools,
                allowed=offer.session.allowed_tools,
            ),
            tools_run_by=runner_of(
                tools_of_agent=offer.session.tools_of_agent,
                has_webhook=agent is not None and agent.webhook_url is not None,
                has_client=offer.has_client,
            ),
            recorded=not is_sandbox and is_recorded(agent, offer.recording_consent),
            tells_usage=offer.tells_usage,
            idle_timeout_seconds=agent.idle_timeout_seconds if agent else None,
            language=heard_as(agent.language) if agent else "",
            open_voice=open_voice,
        )
        return self._calls.start(new, leg)


def _address_of(agent: Agent | None, model: str) -> str:
    """Return whom a session calls: its agent, or else its model (contract, 5)."""
    return f"agent:{format_id(Prefix.AGENT, agent.id)}" if agent else f"voice:{model}"
