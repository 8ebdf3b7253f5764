"""The initial values of conversations and their items, and hand-overs of threads (5.3).

A thread of messages is handed over by the service that `/v1` uses (live streams, 6.5); the other
columns of a conversation are plain.
"""

from collections.abc import Mapping
from typing import Any

from ringline.domain.conversations import AiMode, ConversationStatus
from ringline.domain.messages import Contradiction, asked_mode
from ringline.ports import Row, Transaction
from ringline.rpc.context import ActionContext
from ringline.services.thread_modes import change_mode
from ringline.services.threads import lock_thread
from ringline.wire.rpc import refuse


def new_conversation(context: ActionContext) -> Mapping[str, object]:
    """Return the columns of a new conversation that clients do not set."""
    return {"public_id": str(context.services.new_id()), "status": ConversationStatus.ACTIVE.value}


def new_item(context: ActionContext) -> Mapping[str, object]:
    """Return the default columns of a new item."""
    return {"occurred_at": context.now}


async def hand_over(
    context: ActionContext,
    transaction: Transaction,
    *,
    before: Row | None,
    columns: Mapping[str, Any],
) -> None:
    """Hand a thread over if its `aiMode` or `status` says so, with its other changes.

    What is written here differs no more afterwards, so each change is reported once. Raises
    RpcRefused.
    """
    if before is None:
        raise AssertionError("a new conversation has no mode")
    if before["ai_mode"] is None:
        if "ai_mode" in columns:
            problem = "the conversation is no thread of messages"
            raise refuse(
                "invalid_attribute", problem, variables={"field": "aiMode"}, fields=("aiMode",)
            )
        return
    try:
        mode = asked_mode(
            AiMode(before["ai_mode"]), mode=columns.get("ai_mode"), status=columns.get("status")
        )
    except Contradiction:
        raise refuse("invalid_changes", "aiMode and status are closed together") from None
    if mode == before["ai_mode"]:
        return
    await change_mode(
        transaction,
        await lock_thread(transaction, before["id"]),
        mode=mode,
        actor_user_id=context.caller.user_id,
        also={name: value for name, value in columns.items() if name != "ai_mode"},
        now=context.now,
        new_id=context.services.new_id,
    )
