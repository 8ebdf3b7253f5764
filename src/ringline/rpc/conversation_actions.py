"""The initial values of conversations and their items (events socket, 5.3)."""

from collections.abc import Mapping

from ringline.domain.conversations import ConversationStatus
from ringline.rpc.context import ActionContext


def new_conversation(context: ActionContext) -> Mapping[str, object]:
    """Return the columns of a new conversation that clients do not set."""
    return {"public_id": str(context.services.new_id()), "status": ConversationStatus.ACTIVE.value}


def new_item(context: ActionContext) -> Mapping[str, object]:
    """Return the default columns of a new item."""
    return {"occurred_at": context.now}
