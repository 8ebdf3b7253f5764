"""A row of every resource, and valid values for every input of an action."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import UUID

import asyncpg

from ringline.domain.ids import Prefix
from ringline.domain.log import Scope
from ringline.domain.providers import VoiceProvider
from ringline.domain.usage import UNITS
from ringline.rpc.action import Action, Input
from ringline.rpc.kinds import (
    AnswerLatency,
    Boolean,
    Choice,
    Choices,
    Dialogue,
    Id,
    Integer,
    Kind,
    LogPoint,
    Map,
    Number,
    PhoneNumber,
    Text,
    TextList,
    Timestamp,
    ToolList,
)
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.schema.tables import metadata
from ringline.services.clock import now
from ringline.services.id_generator import new_id
from tests.database import TestDatabase

OF_PREFIX = {resource.prefix: resource for resource in RESOURCES.values()}
#: A workspace has one key of each; a row of another one is seeded.
_PROVIDERS = itertools.cycle((VoiceProvider.GEMINI.value, VoiceProvider.XAI.value))
_PRIORITIES = itertools.count(1)
_DIALED = iter(range(1_000_000, 10_000_000))


@dataclass(frozen=True)
class Seeded:
    """The rows of a log: their ids by resource, and their public names."""

    scope: Scope
    ids: dict[str, UUID]
    call_uuid: str
    public_id: str

    def id_of(self, what: Resource | Prefix) -> str:
        resource = OF_PREFIX[what] if isinstance(what, Prefix) else what
        return str(self.ids[resource.name])


async def seed(database: TestDatabase, scope: Scope) -> Seeded:
    """Insert a row of every resource into a log, bypassing the server."""
    ids = {name: new_id() for name in RESOURCES}
    ids["Organisation"] = scope.workspace_id
    name = str(new_id())
    call = {"call_id": ids["Call"]}
    conversation = {"conversation_id": ids["Conversation"]}
    rows: dict[str, dict[str, Any]] = {
        "User": {"email": f"{name}@example.com", "role": "operator"},
        "Contact": {"full_name": "Ada", "phone_e164": next_number()},
        "Queue": {"queue_name": name, "strategy": "random"},
        "Gateway": {"name": name, "username": "u", "realm": "r"},
        "AiAgent": {"display_name": "Kim", "model": "local/attendant"},
        "ProviderCredential": {"provider": "openai", "api_key": b"-", "last_four": "abcd"},
        "SipUser": {"sip_username": name, "sip_password": b"-", "user_id": ids["User"]},
        "OperatorStatus": {"sip_user_id": ids["SipUser"], "status": "available"},
        "PhoneNumber": {"phone_e164": next_number()},
        "RoutingRule": {"number_id": ids["PhoneNumber"], "priority": 0, "match_type": "default"},
        "Conversation": {"public_id": name, "channel": "chat", "mode": "text"}
        | {"status": "active"},
        "ConversationItem": {"role": "user", "modality": "text", "content": "Hello"} | conversation,
        "Call": {"call_uuid": name, "call_source": "api", "direction": "inbound"}
        | {"from_number": "+1", "to_number": "+2", "transport": "external"}
        | {"status": "queued", "started_at": now()}
        | conversation,
        "CallParticipant": {"member_uuid": "m", "role": "caller", "joined_at": now()} | call,
        "CallTranscript": {"turn_id": new_id(), "item_id": "i", "role": "caller"}
        | {"text": "Hello", "occurred_at": now()}
        | call,
        "Usage": {"model": "mock/echo", "kind": "response", "prices_date": now().date()}
        | {"occurred_at": now(), **dict.fromkeys((*UNITS, "usd"), 1)}
        | call,
        "CallQueueEntry": {"queue_id": ids["Queue"], "status": "waiting", "entered_at": now()}
        | call,
    }
    of_scope = {"workspace_id": scope.workspace_id, "environment": scope.environment.value}
    async with database.connection() as connection:
        for resource, values in rows.items():
            table = RESOURCES[resource].table
            key = {name: value for name, value in of_scope.items() if name in table.c}
            await insert(connection, table.name, {**key, "id": ids[resource], **values})
    return Seeded(scope, ids, name, name)


async def insert(connection: asyncpg.Connection[Any], table: str, values: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in values)
    parameters = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    assert f"ringline.{table}" in metadata.tables
    await connection.execute(
        f"INSERT INTO ringline.{table} ({columns}) VALUES ({parameters})", *values.values()
    )


def next_number() -> str:
    return f"+1555{next(_DIALED)}"


#: Inputs that only threads of messages take, which no row here is.
OF_THREADS = {"aiMode"}


def good_input(action: Action, seeded: Seeded, *, required: bool = False) -> dict[str, Any]:
    """Return valid values for all inputs of an action, or for the required ones."""
    needed = {input_.name for input_ in action.inputs if input_.required or not required}
    needed |= {group[0] for group in action.one_of}
    return {
        input_.name: good_value(input_, seeded)
        for input_ in action.inputs
        if input_.name in needed and input_.name not in OF_THREADS
    }


def good_value(input_: Input, seeded: Seeded) -> Any:
    """Return a valid value of an input; names are different in every call."""
    match input_.name:
        case "callUuid":
            return seeded.call_uuid
        case "publicId":
            return seeded.public_id
        case "provider" if input_.required:
            return next(_PROVIDERS)
        case "model":
            return "local/attendant"
        case "callWindowStart":
            return "08:30"
        case "callWindowEnd":
            return "17:00"
        case "priority":
            return next(_PRIORITIES)
        case "webhookUrl":
            return f"https://example.com/{new_id()}"
        case "email" | "operatorEmail":
            return f"{new_id()}@example.com"
        case _:
            return _value(input_.kind, seeded)


def _value(kind: Kind, seeded: Seeded) -> Any:
    match kind:
        case Text():
            return f"text {new_id()}"
        case PhoneNumber():
            return next_number()
        case Id(prefix):
            return seeded.id_of(prefix)
        case Integer(minimum):
            return (minimum or 0) + 1
        case Number():
            return 0.5
        case Boolean():
            return False
        case Timestamp():
            return "2026-03-01T12:00:00.250000Z"
        case Choice(words):
            return words[-1]
        case Map():
            return {"some_key": {"camelKey": [1, None]}}
        case ToolList():
            return [{"name": "book", "parameters": {"type": "object"}}]
        case Dialogue():
            return {
                "phrases": [{"text": "When do you open?", "intent": "hours"}],
                "replies": {"hours": "At nine."},
            }
        case AnswerLatency():
            raise AssertionError("nobody can write it")
        case TextList(Choice(words)):
            return list(words)
        case TextList():
            return ["10.0.0.0/8"]
        case LogPoint():
            return "0"
        case Choices(words):
            return list(words)
        case _:
            assert_never(kind)
