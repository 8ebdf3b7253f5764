"""Handing threads over: from the AI to a person and back, closing and reopening (7.2).

`/v1` and RPC change a thread here, by the same rules and with the same events.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.conversations import AiMode
from ringline.domain.log import Scope
from ringline.domain.timers import TimerKind
from ringline.ports import Clock, NewId, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import users
from ringline.services.repo import Repo
from ringline.services.threads import NOTHING_ELSE, Thread, lock_thread, set_mode
from ringline.services.timers import set_timer

_USER = Prepared(
    sa.select(users.c.id).where(users.c.id == sa.bindparam("wanted", type_=users.c.id.type))
)


class NoSuchUser(Exception):
    """There is no such user in this workspace."""


class ThreadModes:
    """The threads of the workspace and environment that a call names."""

    def __init__(self, repo: Repo, *, now: Clock, new_id: NewId) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id

    def with_repo(self, repo: Repo) -> "ThreadModes":
        """Return the service over another repo, such as a caller's."""
        return ThreadModes(repo, now=self._now, new_id=self._new_id)

    async def change(
        self, scope: Scope, conversation_id: UUID, *, mode: AiMode, actor_user_id: UUID | None
    ) -> None:
        """Hand a thread over, close it or reopen it; the same mode again changes nothing.

        Raises NoSuchThread, NoSuchUser, Unavailable.
        """

        async def work(transaction: Transaction) -> None:
            thread = await lock_thread(transaction, conversation_id)
            if actor_user_id is not None and not await transaction.fetch(
                _USER.text, _USER.arguments(wanted=actor_user_id)
            ):
                raise NoSuchUser
            await change_mode(
                transaction,
                thread,
                mode=mode,
                actor_user_id=actor_user_id,
                now=self._now(),
                new_id=self._new_id,
            )

        await self._repo.write(scope, work)


async def change_mode(
    transaction: Transaction,
    thread: Thread,
    *,
    mode: AiMode,
    actor_user_id: UUID | None,
    now: datetime,
    new_id: NewId,
    also: Mapping[str, object] = NOTHING_ELSE,
) -> None:
    """Change a locked thread's mode and, if it changes, other columns with it.

    An agent that gets a thread back answers what the contact has written meanwhile.
    """
    changed = await set_mode(
        transaction,
        thread,
        mode=mode,
        actor_user_id=actor_user_id,
        now=now,
        new_id=new_id,
        also=also,
    )
    if changed is not thread and mode is AiMode.AI:
        await set_timer(transaction, TimerKind.MESSAGE_ANSWER, subject=str(thread.id), due_at=now)
