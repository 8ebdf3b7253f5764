"""The mint of realtime tickets: body, answer, and what a ticket keeps (realtime voice, 2)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.leash import UNLEASHED, Leash, flaw_of
from ringline.domain.members import Member, Shape, members_of
from ringline.domain.session_config import Binding, ConfigProblem, Models, bind
from ringline.wire.strict_json import NotJson, StrictDecoder, WrongShape, encode
from ringline.wire.times import seconds

DEFAULT_TTL_S = 60
MIN_TTL_S = 1
MAX_TTL_S = 300

#: The members of a mint's body.
ASKED: tuple[Member, ...] = (
    Member(
        "config",
        Shape.OBJECT,
        "the config below; every member with a non-zero value (not null, false, 0 or empty) is "
        "bound: the browser cannot change it",
        "{}",
        null=True,
    ),
    Member(
        "locked_fields",
        Shape.TEXT,
        "names of config members that are bound even if they are zero or absent",
        "[]",
        many=True,
        null=True,
    ),
    Member(
        "ttl_seconds",
        Shape.INTEGER,
        f"how long the ticket can be used, {MIN_TTL_S} to {MAX_TTL_S}; other values are "
        "clamped, 0 counts as absent. It does not limit the session",
        str(DEFAULT_TTL_S),
        null=True,
    ),
    Member(
        "agent_id",
        Shape.TEXT,
        "an agent, bound: its model and its other settings count as if they were in `config`",
        "none",
        null=True,
    ),
    Member(
        "ws_url",
        Shape.BOOLEAN,
        "whether to return a ready-made URL too; it holds the ticket, and URLs end up in logs",
        "false",
        null=True,
    ),
    Member(
        "usage_events",
        Shape.BOOLEAN,
        "whether the session is told what it uses (`session.usage`), bound",
        "the session decides",
        null=True,
    ),
    *(replace(member, null=True) for member in members_of(Leash)),
)

#: The members of a mint's answer.
ANSWERED: tuple[Member, ...] = (
    Member("id", Shape.TEXT, "`sess_…`, the session that the ticket will open"),
    Member("client_secret", Shape.TEXT, "the ticket: good for one upgrade"),
    Member("expires_at", Shape.TIME, "when it expires"),
    Member(
        "ws_url",
        Shape.TEXT,
        "the session's URL with the ticket in it, only if requested",
        optional=True,
    ),
)


class _Body(Leash, frozen=True, kw_only=True):
    config: dict[str, Any] | None = None
    locked_fields: list[str] | None = None
    ttl_seconds: int | None = None
    agent_id: str | None = None
    ws_url: bool | None = None
    usage_events: bool | None = None


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """A parsed mint: what the ticket binds, its lifetime until it is used, and its leash.

    `with_address`: whether the answer holds a ready-made URL (2.4). `session` is the session
    object of a client secret (voices, 6), which begins with `secret_prefix`.
    """

    binding: Binding
    ttl_s: int
    with_address: bool = False
    leash: Leash = UNLEASHED
    session: Mapping[str, object] | None = None
    secret_prefix: str = ""
    usage_events: bool | None = None


class _Kept(Binding, frozen=True, kw_only=True, omit_defaults=True):
    """What a ticket's row keeps: the binding, with leash and session beside its members."""

    leash: Leash = UNLEASHED
    session: Mapping[str, Any] | None = None
    usage_events: bool | None = None


class _KeptLeash(msgspec.Struct, frozen=True):
    leash: Leash = UNLEASHED


class _KeptSession(msgspec.Struct, frozen=True):
    session: dict[str, Any] | None = None


class _KeptUsage(msgspec.Struct, frozen=True):
    usage_events: bool | None = None


_body = StrictDecoder(_Body)
_binding = msgspec.json.Decoder(Binding)
_kept_leash = msgspec.json.Decoder(_KeptLeash)
_kept_session = msgspec.json.Decoder(_KeptSession)
_kept_usage = msgspec.json.Decoder(_KeptUsage)


def read_mint(body: bytes, models: Models) -> TicketRequest | ConfigProblem:
    """Read the body of a mint; unknown members are ignored, null means absent.

    The caller checks whether the agent exists; an invalid id is `agent_not_found` here.
    """
    try:
        asked = _body.decode(body)
    except NotJson as problem:
        return ConfigProblem("invalid_json", problem.message)
    except WrongShape as problem:
        return ConfigProblem("invalid_request", f"{problem.path or 'the body'}: {problem.what}")
    leash = Leash(**{name: getattr(asked, name) for name in Leash.__struct_fields__})
    flaw = flaw_of(leash)
    if flaw is not None:
        return ConfigProblem("invalid_request", flaw)
    agent_id: UUID | None = None
    if asked.agent_id is not None:
        agent_id = parse_id(Prefix.AGENT, asked.agent_id)
        if agent_id is None:
            return ConfigProblem("agent_not_found", "agent_id: there is no such agent")
    binding = bind(asked.config or {}, asked.locked_fields or [], models=models, agent_id=agent_id)
    if isinstance(binding, ConfigProblem):
        return binding
    ttl_s = max(MIN_TTL_S, min(MAX_TTL_S, asked.ttl_seconds or DEFAULT_TTL_S))
    address = asked.ws_url or False
    return TicketRequest(binding, ttl_s, address, leash, usage_events=asked.usage_events)


def answer_mint(
    client_secret: str, expires_at: datetime, *, call_id: UUID, base_url: str | None = None
) -> bytes:
    """Write the answer of a mint.

    `ws_url` is only included if `base_url` is given, because one shipped client would append
    its ticket a second time (2.4).
    """
    answer = {
        "id": format_id(Prefix.SESSION, call_id),
        "client_secret": client_secret,
        "expires_at": seconds(expires_at),
    }
    if base_url is not None:
        socket = base_url.replace("http", "ws", 1)
        answer["ws_url"] = f"{socket}/v3/realtime?ticket={client_secret}"
    return encode(answer)


#: How a row shows that it may have them: most do not, and need not be read for it.
_LEASH, _SESSION, _USAGE = b'"leash":', b'"session":', b'"usage_events":'


def encode_binding(
    binding: Binding,
    leash: Leash = UNLEASHED,
    *,
    session: Mapping[str, object] | None = None,
    usage_events: bool | None = None,
) -> bytes:
    """Encode a binding, and what a ticket's row keeps beside it (`TicketRequest`)."""
    if leash == UNLEASHED and session is None and usage_events is None:
        return encode(binding)
    members = {name: getattr(binding, name) for name in Binding.__struct_fields__}
    return encode(_Kept(**members, leash=leash, session=session, usage_events=usage_events))


def decode_binding(data: bytes) -> Binding:
    """Decode the binding that `encode_binding` wrote."""
    return _binding.decode(data)


def decode_leash(data: bytes) -> Leash:
    """Decode the leash that `encode_binding` wrote; a row from before leashes has none."""
    return _kept_leash.decode(data).leash if _LEASH in data else UNLEASHED


def decode_session(data: bytes) -> Mapping[str, object]:
    """Decode the session object that `encode_binding` wrote; empty if there is none."""
    return (_kept_session.decode(data).session or {}) if _SESSION in data else {}


def decode_usage_events(data: bytes) -> bool | None:
    """Decode whether a ticket says that its session is told what it uses; None if it does not."""
    return _kept_usage.decode(data).usage_events if _USAGE in data else None
