"""Voice sessions: mint the tickets that open them, and offer their calls.

A session is a call. The ticket already contains the call's id, so that its minter can watch
the call from the first event (contract, 1 and 5; realtime voice, 2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from ringline.domain.agent import Agent
from ringline.domain.call_vocabulary import CallTransport
from ringline.domain.credentials import SECRET_BYTES, Key, Ticket, digest, encode_secret
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.leash import UNLEASHED, Leash
from ringline.domain.log import Scope
from ringline.domain.session_config import (
    UNBOUND,
    Binding,
    ConfigProblem,
    EffectiveConfig,
    Models,
    check_agent,
    effective,
)
from ringline.ports import Clock, NewId, TicketStore, WorkspaceStore
from ringline.services.credentials import log_refused
from ringline.services.minted import Minted
from ringline.services.reception import Offer
from ringline.services.voices import Catalogue
from ringline.services.workspaces import RandomBytes
from ringline.wire.realtime import SessionStart
from ringline.wire.realtime_mint import (
    TicketRequest,
    decode_binding,
    decode_leash,
    decode_session,
    decode_usage_events,
    encode_binding,
)

#: Who talks, if the ticket names nobody.
ANONYMOUS = "anonymous"

AGENT_NOT_FOUND = ConfigProblem("agent_not_found", "There is no such agent.")


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one session, obtained with a ticket or a key."""

    scope: Scope
    call_id: UUID
    binding: Binding
    leash: Leash = UNLEASHED
    #: The session object that a client secret binds (voices, 6).
    session: Mapping[str, object] = field(default_factory=dict[str, object])
    #: Whether the session is told what it uses; None leaves that to the client.
    usage_events: bool | None = None


class Sessions:
    """Opens the sessions of the realtime voice surface."""

    def __init__(
        self,
        store: TicketStore,
        workspaces: WorkspaceStore,
        *,
        catalogue: Catalogue,
        now: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._catalogue = catalogue
        self._now = now
        self._new_id = new_id
        self._random = random_bytes
        self._minted = Minted()

    async def models(self, scope: Scope) -> Models:
        """Return the models that a workspace may use, with their capabilities.

        Raises StoreUnavailable.
        """
        return await self._catalogue.models(scope)

    async def mint(
        self, key: Key, asked: TicketRequest
    ) -> tuple[str, Ticket] | ConfigProblem | None:
        """Mint a ticket; return its secret and its row, or None if the key is invalid by now.

        Raises StoreUnavailable.
        """
        agent_id = asked.binding.agent_id
        if agent_id is not None:
            agent = await self._workspaces.find_agent(key.scope, agent_id)
            problem = check_agent(agent, asked.binding, models=await self.models(key.scope))
            if problem is not None:
                return problem
        secret = asked.secret_prefix + encode_secret(self._random(SECRET_BYTES))
        ticket = Ticket(
            call_id=self._new_id(),
            scope=key.scope,
            key_id=key.id,
            binding=encode_binding(
                asked.binding,
                asked.leash,
                session=asked.session,
                usage_events=asked.usage_events,
            ),
            expires_at=self._now() + timedelta(seconds=asked.ttl_s),
        )
        ticket_hash = digest(secret)
        if not await self._store.put_ticket(ticket_hash, ticket, now=self._now()):
            return None
        self._minted.remember(ticket_hash, ticket)
        return secret, ticket

    async def peek(self, secret: str) -> Ticket | None:
        """Return a ticket without redeeming it, or None. Raises StoreUnavailable."""
        ticket_hash = digest(secret)
        ticket = self._minted.find(ticket_hash) or await self._store.find_ticket(ticket_hash)
        if ticket is None:
            log_refused("ticket")
        return ticket

    async def redeem(self, secret: str, *, origins: Sequence[str] = ()) -> Permit | None:
        """Redeem a ticket, once; return None if it is not valid.

        `origins` are those that the request states. Raises OriginNotAllowed, and the ticket is
        not spent; StoreUnavailable.
        """
        ticket_hash = digest(secret)
        self._minted.forget(ticket_hash)
        ticket = await self._store.take_ticket(ticket_hash, self._now(), origins=origins)
        if ticket is None:
            log_refused("ticket")
            return None
        return Permit(
            ticket.scope,
            ticket.call_id,
            decode_binding(ticket.binding),
            decode_leash(ticket.binding),
            decode_session(ticket.binding),
            decode_usage_events(ticket.binding),
        )

    def permit_key(self, key: Key) -> Permit:
        """Return the permit of a key that opens a session itself, without a binding."""
        return Permit(key.scope, self._new_id(), UNBOUND)

    async def configure(
        self, permit: Permit, start: SessionStart
    ) -> EffectiveConfig | ConfigProblem:
        """Return the session's effective config (realtime voice, 4.1).

        Raises StoreUnavailable.
        """
        agent: Agent | None = None
        agent_id = permit.binding.agent_id
        if agent_id is None and start.agent_id is not None:
            agent_id = parse_id(Prefix.AGENT, start.agent_id)
            if agent_id is None:
                return AGENT_NOT_FOUND
        if agent_id is not None:
            agent = await self._workspaces.find_agent(permit.scope, agent_id)
            if agent is None:
                return AGENT_NOT_FOUND
        return effective(
            permit.binding,
            start.config or {},
            agent=agent,
            models=await self.models(permit.scope),
            allowed_tools=permit.leash.tools,
        )

    def offer(
        self, permit: Permit, session: EffectiveConfig, *, usage_events: bool = False
    ) -> Offer:
        """Return the offer of a session's call (contract, 5).

        With `usage_events` the client asks to be told what it uses; a ticket's word counts.
        """
        bound = permit.usage_events
        return Offer(
            scope=permit.scope,
            call_id=permit.call_id,
            source="realtime",
            transport=CallTransport.WEBSOCKET,
            from_number=f"web:{permit.leash.subject or ANONYMOUS}",
            session=session,
            leash=permit.leash,
            metadata=permit.leash.metadata,
            recording_consent=permit.leash.recording_consent,
            tells_usage=usage_events if bound is None else bound,
        )


def bound_model(owner: Key | Ticket) -> str | None:
    """Return the model that a session's ticket binds; empty if it leaves that to its agent."""
    if not isinstance(owner, Ticket):
        return None
    binding = decode_binding(owner.binding)
    return binding.values.get("model") or ("" if binding.agent_id is not None else None)


def leash_of(owner: Key | Ticket) -> Leash:
    """Return the leash of a session: its ticket's; a key has none."""
    return decode_leash(owner.binding) if isinstance(owner, Ticket) else UNLEASHED
