"""The OpenAI-compatible surface: the mint of client secrets and the session's socket.

A session here is a call like any other; its client speaks OpenAI's realtime protocol, and the
voice may be anybody's (voices, 6).
"""

from dataclasses import replace

import msgspec
from aiohttp import web

from ringline.domain.credentials import Key, Ticket
from ringline.domain.ids import Prefix, format_id
from ringline.domain.session_config import ConfigProblem, EffectiveConfig, Models
from ringline.domain.unavailable import Unavailable
from ringline.legs.openai_server import OpenAIServerLeg
from ringline.ports import NewId
from ringline.services.sessions import Permit, bound_model
from ringline.web.authentication import Contradiction, credential_of
from ringline.web.edge import Answer, StreamRequest
from ringline.web.realtime import Starter
from ringline.web.session_sockets import Handshake, SessionSockets
from ringline.web.ticket_mint import TicketMint
from ringline.web.upgrade import offered_subprotocols
from ringline.web.voice_session import Begun, VoiceSession
from ringline.web.websocket import WebSocket
from ringline.wire import openai_server_events as events
from ringline.wire.errors import HttpRefusal
from ringline.wire.openai_client_secrets import (
    answer_client_secret,
    not_realtime,
    read_client_secret,
)
from ringline.wire.openai_server_conversation import Conversation
from ringline.wire.openai_server_errors import ServerProblem, refuse_openai
from ringline.wire.openai_server_handshake import SUBPROTOCOL, is_client_secret, offered_secret
from ringline.wire.openai_server_session import ALWAYS, Shown, fit, full_model
from ringline.wire.realtime import SessionStart
from ringline.wire.realtime_errors import SessionProblem
from ringline.wire.realtime_mint import TicketRequest


class OpenAIServer:
    """The handlers of `/v1/realtime/client_secrets` and `/v1/realtime`."""

    def __init__(
        self,
        starter: Starter,
        sockets: SessionSockets,
        *,
        mint: TicketMint,
        new_id: NewId,
    ) -> None:
        self._starter = starter
        self._sockets = sockets
        self._mint = mint
        self._new_id = new_id

    async def mint(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/realtime/client_secrets`: mint a client secret."""
        return await self._mint.mint(request, _Language())

    async def open(self, request: StreamRequest) -> Answer | None:
        """`GET /v1/realtime`: open a session."""
        entrance = _Entrance(request, self._starter, new_id=self._new_id)
        return await self._sockets.open(request, entrance)


class _Language:
    """How OpenAI's clients ask for a client secret (ticket_mint.MintLanguage)."""

    def read(self, body: bytes, models: Models) -> TicketRequest | HttpRefusal:
        """Read a body, or refuse it."""
        return read_client_secret(body, models)

    def answer(self, secret: str, ticket: Ticket, *, asked: TicketRequest) -> bytes:
        """Write the answer."""
        return answer_client_secret(secret, ticket, asked=asked)

    def refuse(self, code: str, message: str | None = None) -> HttpRefusal:
        """Write a refusal."""
        return refuse_openai(code, message)


class _Entrance:
    """One request to `/v1/realtime` (session_sockets.Entrance)."""

    def __init__(self, request: StreamRequest, starter: Starter, *, new_id: NewId) -> None:
        model = request.query.get("model")
        self._model = full_model(model) if model else None
        self._starter = starter
        self._new_id = new_id
        self.handshake = _handshake(request)

    def refuse(self, code: str, message: str | None = None) -> HttpRefusal:
        """Write a refusal."""
        return refuse_openai(code, message)

    async def check(self, owner: Key | Ticket) -> HttpRefusal | None:
        """Refuse a model that cannot be opened; the one that a client secret binds wins."""
        bound = bound_model(owner)
        if bound == "":
            return None  # its agent's
        models = await self._starter.sessions.models(owner.scope)
        return not_realtime(bound or self._model, models)

    def beginning(self, permit: Permit) -> "_Beginning":
        """Return what starts the session."""
        return _Beginning(permit, self._starter, model=self._model, new_id=self._new_id)


def _handshake(request: StreamRequest) -> Handshake | None:
    """Read the credential that a request offers; None if it cannot be one."""
    offers = offered_subprotocols(request)
    answered = SUBPROTOCOL if SUBPROTOCOL in offers else None
    offered = offered_secret(offers)
    if offered is not None:  # it alone decides; a key has no business in a subprotocol
        return Handshake(offered, answered) if is_client_secret(offered) else None
    try:
        credential = credential_of(request.headers)
    except Contradiction:
        return None
    if credential is not None and is_client_secret(credential):
        return Handshake(credential, answered)
    return Handshake(None, answered)


class _Beginning:
    """A session begins by itself, with the defaults (voice_session.Beginning).

    `session.created` is sent at once. The call begins with the client's first frame: if that
    is a `session.update`, as most clients send, the voice is opened with it, so that a model
    whose config cannot change while it speaks has it too.
    """

    def __init__(
        self, permit: Permit, starter: Starter, *, model: str | None, new_id: NewId
    ) -> None:
        self._permit = permit
        self._starter = starter
        self._model = model
        self._conversation = Conversation(new_id)

    async def begin(
        self, session: VoiceSession, socket: WebSocket
    ) -> Begun | SessionProblem | None:
        """Send `session.created`, and wait a moment for the client's first frame."""
        effective = await self._configure()
        if isinstance(effective, SessionProblem):
            return effective
        bound = self._permit.session
        shown = Shown(format_id(Prefix.SESSION, self._permit.call_id), effective, bound, bound)
        socket.send_text(self._conversation.session_event("session.created", shown.members))
        starter = self._starter
        first = await session.first_frame(socket, starter.bounds.begin_s, beginning=self)
        if first is None:
            return None
        if isinstance(first, SessionProblem) and first.code != "start_timeout":
            return first
        updated: Shown | None = None
        if isinstance(first, str):
            event = events.decode(first)
            if isinstance(event, events.SessionUpdate):
                found = shown.updated(event.session, event.request, opening=True)
                updated = found if isinstance(found, Shown) else None
        try:
            starter.reception.check_accepting()
        except Unavailable:
            return SessionProblem("unavailable")
        if session.refusal is not None:
            return session.refusal
        shown = updated or shown
        leg = OpenAIServerLeg(
            socket,
            shown,
            conversation=self._conversation,
            events_per_window=starter.events_per_window,
            updated=updated is not None,
        )
        unread = first if updated is None and not isinstance(first, SessionProblem) else None
        return Begun(shown.effective, leg, unread)

    async def _configure(self) -> EffectiveConfig | SessionProblem:
        """Return the config that the session begins with."""
        sessions, permit = self._starter.sessions, self._permit
        model = permit.binding.values.get("model") or self._model
        config = {"model": self._model, **ALWAYS} if self._model else dict(ALWAYS)
        try:
            capabilities = (await sessions.models(permit.scope)).get(model or "")
            if model is not None and capabilities is not None:
                values = fit(permit.binding.values, capabilities, model=model)
                binding = msgspec.structs.replace(permit.binding, values=values)
                permit = replace(permit, binding=binding)
            effective = await sessions.configure(permit, SessionStart(config=config))
        except Unavailable:
            return SessionProblem("unavailable")
        if isinstance(effective, ConfigProblem):
            return SessionProblem(effective.code, effective.message)
        return effective

    def encode_refusal(self, problem: SessionProblem) -> bytes:
        """Encode the last frame of a session that does not start."""
        message = problem.message or problem.ending.message
        return self._conversation.error(ServerProblem(problem.code, message))

    def may_be_large(self, frame: str) -> bool:
        """Return whether a frame may be as large as an image."""
        return events.may_be_large(frame)
