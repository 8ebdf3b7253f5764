"""The reception: it starts the calls that entry points offer.

Any entry point can offer a call: a browser's WebSocket today, SIP later. The entry point knows
who is calling and how; the row, the greeting and the limits are decided here for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from ringline.domain.call_vocabulary import CallDirection, CallStatus, CallTransport
from ringline.domain.ids import Prefix, format_id
from ringline.domain.leash import UNLEASHED, Leash
from ringline.domain.log import Scope
from ringline.domain.recording import is_recorded
from ringline.domain.records import CallRow
from ringline.domain.session_config import EffectiveConfig
from ringline.ports import Clock, Leg
from ringline.services.calls import Calls
from ringline.services.live_call import CallLimits, LiveCall, NewCall


@dataclass(frozen=True, slots=True)
class Offer:
    """An offered call. It has its id already, so that it can be watched from the start.

    `leash` narrows the limits of the call. `metadata` is the integrator's own data, and
    `recording_consent` whether the caller agrees to be recorded, None if nobody asked them.
    `tells_usage`: the caller is told what is used.
    """

    scope: Scope
    call_id: UUID
    source: str
    transport: CallTransport
    from_number: str
    session: EffectiveConfig
    leash: Leash = UNLEASHED
    metadata: Mapping[str, object] | None = None
    recording_consent: bool | None = None
    tells_usage: bool = False


class Reception:
    """Starts the calls that are offered."""

    def __init__(self, calls: Calls, limits: CallLimits, *, now: Clock) -> None:
        self._calls = calls
        self._limits = limits
        self._now = now

    def check_accepting(self) -> None:
        """Raise Unavailable unless a call may be offered and could be recorded now."""
        self._calls.check_accepting()

    def accept(self, offer: Offer, leg: Leg) -> LiveCall:
        """Start an offered call; its leg must report to the returned call's `listener`."""
        config, agent = offer.session.config, offer.session.agent
        row = CallRow(
            id=offer.call_id,
            uuid=str(offer.call_id),
            direction=CallDirection.INBOUND,
            from_number=offer.from_number,
            to_number=(
                f"agent:{format_id(Prefix.AGENT, agent.id)}" if agent else f"voice:{config.model}"
            ),
            source=offer.source,
            transport=offer.transport,
            status=CallStatus.INITIATED,
            started_at=self._now(),
            agent_id=agent.id if agent else None,
            model=config.model,
            metadata=offer.metadata,
            recording_consent=offer.recording_consent,
        )
        greeting = agent.greeting if agent else ""
        new = NewCall(
            offer.scope,
            row,
            config,
            greeting,
            self._limits.narrowed(offer.leash),
            offer.session.allowed_tools,
            recorded=is_recorded(agent, offer.recording_consent),
            tells_usage=offer.tells_usage,
        )
        return self._calls.start(new, leg)
