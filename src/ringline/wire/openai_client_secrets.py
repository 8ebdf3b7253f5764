"""The mint of client secrets in OpenAI's protocol: tickets for its socket (voices, 6).

A client secret is a ticket: good for one upgrade, and what its `session` sets is bound. Beside
the vendor's members, the body takes those of our own mint: an agent, and a leash.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from ringline.domain.credentials import Ticket
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.leash import Leash, flaw_of
from ringline.domain.members import Member, Shape, members_of
from ringline.domain.session_config import ConfigProblem, Models, bind, check_model
from ringline.wire.errors import HttpRefusal
from ringline.wire.openai_server_errors import ServerProblem, refuse_openai
from ringline.wire.openai_server_session import (
    Unfit,
    check_interruptions,
    config_of,
    fit,
    merge,
    problem_of,
)
from ringline.wire.realtime_mint import TicketRequest
from ringline.wire.strict_json import NotJson, StrictDecoder, WrongShape, encode

#: How every client secret begins.
PREFIX = "ek_"
DEFAULT_TTL_S = 600
MIN_TTL_S, MAX_TTL_S = 10, 7_200

#: The members of the body.
ASKED: tuple[Member, ...] = (
    Member(
        "session",
        Shape.OBJECT,
        "the session below; every member that it sets is bound: the client cannot change it",
        "{}",
        null=True,
    ),
    Member(
        "expires_after",
        Shape.OBJECT,
        "how long the secret can be used; it does not limit the session",
        f'{{"anchor":"created_at","seconds":{DEFAULT_TTL_S}}}',
        null=True,
        members=(
            Member("anchor", Shape.TEXT, "from when", '"created_at"', words=("created_at",)),
            Member("seconds", Shape.INTEGER, f"{MIN_TTL_S} to {MAX_TTL_S:,}", str(DEFAULT_TTL_S)),
        ),
    ),
    Member(
        "agent_id",
        Shape.TEXT,
        "ours: an agent, bound; its settings count as if they were in `session`",
        "none",
        null=True,
    ),
    *(replace(member, means=f"ours: {member.means}", null=True) for member in members_of(Leash)),
)

#: The members of the answer.
ANSWERED: tuple[Member, ...] = (
    Member("value", Shape.TEXT, "`ek_…`, the client secret: good for one upgrade"),
    Member("expires_at", Shape.INTEGER, "when it expires, in seconds of Unix time"),
    Member("session", Shape.OBJECT, "the session that it binds, with its `id`, `sess_…`"),
)


class _ExpiresAfter(msgspec.Struct, frozen=True):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, msgspec.Meta(ge=MIN_TTL_S, le=MAX_TTL_S)] = DEFAULT_TTL_S


class _Body(Leash, frozen=True, kw_only=True):
    session: dict[str, Any] | None = None
    expires_after: _ExpiresAfter | None = None
    agent_id: str | None = None


_body = StrictDecoder(_Body)


def read_client_secret(body: bytes, models: Models) -> TicketRequest | HttpRefusal:
    """Read the body of a mint, or refuse it; unknown members are ignored, null means absent.

    The caller checks whether the agent exists; an invalid id is `agent_not_found` here.
    """
    try:
        asked = _body.decode(body)
    except NotJson as wrong:
        return refuse_openai("invalid_json", wrong.message)
    except WrongShape as wrong:
        return refuse_openai("invalid_request", wrong.message, param=wrong.path or None)
    leash = Leash(**{name: getattr(asked, name) for name in Leash.__struct_fields__})
    flaw = flaw_of(leash)
    if flaw is not None:
        return refuse_openai("invalid_request", flaw, param=flaw.partition(":")[0])
    agent_id: UUID | None = None
    if asked.agent_id is not None:
        agent_id = parse_id(Prefix.AGENT, asked.agent_id)
        if agent_id is None:
            return refuse_openai("agent_not_found", param="agent_id")
    ttl_s = (asked.expires_after or _ExpiresAfter()).seconds
    return _bound(asked.session or {}, models, leash=leash, agent_id=agent_id, ttl_s=ttl_s)


def _bound(
    session: Mapping[str, Any], models: Models, *, leash: Leash, agent_id: UUID | None, ttl_s: int
) -> TicketRequest | HttpRefusal:
    try:
        config = config_of(session)
        model = config.get("model")
        capabilities = models.get(model) if isinstance(model, str) else None
        if capabilities is not None:
            check_interruptions(session, capabilities)
            config = fit(config, capabilities, model=str(model))
    except Unfit as unfit:
        return _refused(unfit.problem)
    binding = bind(config, list(config), models=models, agent_id=agent_id)
    if isinstance(binding, ConfigProblem):
        return _refused(problem_of(binding))
    return TicketRequest(
        binding, ttl_s, leash=leash, session=merge({}, session), secret_prefix=PREFIX
    )


def _refused(found: ServerProblem) -> HttpRefusal:
    return refuse_openai(found.code, found.message, param=found.param or None)


def answer_client_secret(secret: str, ticket: Ticket, *, asked: TicketRequest) -> bytes:
    """Write the answer of a mint."""
    session = {
        **(asked.session or {}),
        "type": "realtime",
        "object": "realtime.session",
        "id": format_id(Prefix.SESSION, ticket.call_id),
    }
    model = asked.binding.values.get("model")
    if model:
        session["model"] = model
    expires_at = int(ticket.expires_at.timestamp())
    return encode({"value": secret, "expires_at": expires_at, "session": session})


def not_realtime(model: str | None, models: Models) -> HttpRefusal | None:
    """Refuse a socket's model if there is none, or it is unknown or not realtime."""
    if not model:
        return refuse_openai("invalid_request", "the query names no model", param="model")
    problem = check_model(model, models)
    return problem and refuse_openai(problem.code, problem.message, param="model")
