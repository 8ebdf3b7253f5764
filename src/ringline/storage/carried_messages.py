"""Whom a provider's request is about, in PostgreSQL: only lookup functions see all workspaces."""

from uuid import UUID

from ringline.domain.conversations import ConversationChannel
from ringline.domain.log import Environment, Scope
from ringline.ports import CarriedMessage
from ringline.storage.database import Database
from ringline.storage.pool import INTERNAL

_OWNERS = "SELECT workspace_id FROM ringline.find_number_owners($1, $2)"
_MESSAGES = "SELECT workspace_id, id, channel FROM ringline.find_carried_messages($1, $2)"


class PostgresCarriedMessages:
    """The port `CarriedMessages` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owner_of(self, number: str, channel: ConversationChannel) -> Scope | None:
        """Return whose number it is; None if it is nobody's, or several workspaces'."""
        rows = await self._database.look_up(INTERNAL, _OWNERS, number, channel.value)
        return _live(rows[0]["workspace_id"]) if len(rows) == 1 else None

    async def find(self, provider: str, provider_message_id: str) -> CarriedMessage | None:
        """Return the message of ours that a provider has under an id; None if there is none."""
        rows = await self._database.look_up(INTERNAL, _MESSAGES, provider, provider_message_id)
        if len(rows) != 1:
            return None
        (row,) = rows
        channel = ConversationChannel(row["channel"])
        return CarriedMessage(_live(row["workspace_id"]), row["id"], channel)


def _live(workspace_id: UUID) -> Scope:
    return Scope(workspace_id, Environment.LIVE)
