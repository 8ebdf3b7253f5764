"""Rows of messages, written without the server: its live environment has no provider."""

from typing import Any
from uuid import UUID

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from tests.database import NOW, TestDatabase, new_id
from tests.texting import OURS, THEIRS

_CONVERSATION = """
    INSERT INTO ringline.conversations (workspace_id, environment, id, public_id, channel, mode,
        status, agent_id, ai_mode, our_number, remote_number, last_message_at, inserted_at)
    VALUES ($1, $2, $3, $4, 'sms', 'text', 'active', $5, 'ai', $6, $7, $8, $8)
"""
_MESSAGE = """
    INSERT INTO ringline.conversation_items (workspace_id, environment, id, conversation_id, role,
        modality, content, occurred_at, inserted_at, direction, message_type, message_status,
        our_number, agent_id, channel)
    SELECT c.workspace_id, c.environment, $2, c.id, 'user', 'text', 'hello', $3, $3, $4, 'text', $5,
        c.our_number, c.agent_id, c.channel
    FROM ringline.conversations c WHERE c.id = $1
"""


async def store_message(database: TestDatabase, log: Scope, agent_id: UUID) -> tuple[str, str]:
    """Store a thread of an agent with a message; return the ids of both."""
    conversation, message = new_id(), new_id()
    scope = (log.workspace_id, log.environment.value)
    async with database.connection() as superuser:
        await superuser.execute(
            _CONVERSATION, *scope, conversation, str(conversation), agent_id, OURS, THEIRS, NOW
        )
        await add_message(superuser, conversation, message)
    return (
        format_id(Prefix.CONVERSATION, conversation),
        format_id(Prefix.MESSAGE, message),
    )


async def add_message(
    superuser: Any,
    conversation_id: UUID,
    message_id: UUID,
    *,
    at: Any = NOW,
    direction: str = "inbound",
    status: str = "received",
) -> None:
    """Store a message of a thread."""
    await superuser.execute(_MESSAGE, conversation_id, message_id, at, direction, status)
