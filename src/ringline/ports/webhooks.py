"""What webhooks need of the world: secrets, what is owed to whom, and a way to send it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

from ringline.domain.receivers import ToolQuestion, TurnAnswer, TurnQuestion
from ringline.domain.webhooks import (
    Asked,
    Claimed,
    Question,
    SealedSecrets,
    SendResult,
    Settled,
)


class SigningSecretStore(Protocol):
    """The sealed signing secrets of workspaces."""

    async def keep_signing_secret(self, workspace_id: UUID, sealed: bytes) -> SealedSecrets | None:
        """Store a workspace's first secret, unless it has one; return what it has then.

        None for an unknown workspace. Raises StoreUnavailable.
        """
        ...


#: Send one attempt: URL, headers and body; it never raises but for cancellation. The guard
#: against private addresses is the sender's.
SendWebhook: TypeAlias = Callable[[str, Mapping[str, str], bytes], Awaitable[SendResult]]

#: Ask a receiver, once, and return its whole answer or why there is none; it never raises but for
#: cancellation, which closes the connection. The guard is the sender's, as for `SendWebhook`.
AskWebhook: TypeAlias = Callable[[Question], Awaitable[Asked]]

#: Ask an agent's webhook for the answer to a turn; cancelling it closes the request. Raises
#: ReceiverFailed.
AnswerTurn: TypeAlias = Callable[[TurnQuestion], Awaitable[TurnAnswer]]

#: Ask an agent's webhook for the result of a tool: a JSON object, as text for the model, which
#: says so if there is none. It never raises but for cancellation, which closes the request.
RunTool: TypeAlias = Callable[[ToolQuestion], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Due:
    """What a look at targets found: deliveries that are ours now, and when more are due.

    `next_at` has each target that was asked about: None if nothing else is owed to it.
    """

    claimed: Sequence[Claimed]
    next_at: Mapping[UUID, datetime | None]


class DeliveryStore(Protocol):
    """What is owed to the targets of webhooks (agents and endpoints), in all workspaces.

    Several processes may use it at once: a delivery is claimed by one, for the length of a
    lease. Every method raises StoreUnavailable.
    """

    async def due_targets(self, until: datetime, *, most: int) -> Mapping[UUID, datetime]:
        """Return targets to which something is due by then, the earliest first, and when."""
        ...

    async def claim(self, room: Mapping[UUID, int], now: datetime, *, lease: timedelta) -> Due:
        """Claim what is due to targets, at most as many of each as there is room for.

        The earliest comes first, in the order of the log where they are equal. While another
        process is at the first attempt of a delivery, later ones of the same call and target
        wait.
        """
        ...

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write attempts, and what follows from them; keep count of the targets' failures.

        A delivery that was claimed elsewhere meanwhile keeps its schedule, unless it was
        delivered here.
        """
        ...

    async def release(self, claimed: Sequence[Claimed], now: datetime) -> None:
        """Give deliveries back that were not attempted; they are due at once."""
        ...

    async def adopt(self, now: datetime) -> None:
        """Give back what processes that are gone had claimed, if we can tell: it is due at once.

        A process that owns its database knows that no other lives.
        """
        ...

    async def bury(self, target_id: UUID, *, most: int) -> int:
        """End what is owed to a target that is gone; return how many that were."""
        ...

    async def watch_due(self, due: Callable[[UUID | None], None]) -> None:
        """Call back, until cancelled, with each target to which something has become due.

        None means that notifications may have been missed. The first call comes at once,
        with None.
        """
        ...
