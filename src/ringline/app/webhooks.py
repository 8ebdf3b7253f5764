"""What reaches receivers of webhooks: deliveries, questions and their client; durable timers."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from ringline.config import Settings
from ringline.domain.endings import EndCause
from ringline.domain.timers import TimerKind
from ringline.hooks.sender import WebhookSender
from ringline.ports import Clock
from ringline.services.agent_receivers import AgentReceivers
from ringline.services.calls import Calls
from ringline.services.deliveries import Deliveries, DeliveryLimits
from ringline.services.delivery_attempts import Attempts
from ringline.services.recording_upkeep import RecordingUpkeep
from ringline.services.recordings import Recordings
from ringline.services.repo import Repo
from ringline.services.sealer import Sealer
from ringline.services.signing_secrets import WorkspaceSecrets
from ringline.services.timers import Serve, Timers
from ringline.services.webhook_upkeep import WebhookUpkeep
from ringline.services.workspace_deletion import WorkspaceDeletion
from ringline.storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The worker, and the durable timers."""

    deliveries: Deliveries
    timers: Timers


@dataclass(frozen=True, slots=True)
class Receivers:
    """The client of all receivers, what signs for it, and what asks those of agents."""

    sender: WebhookSender
    secrets: WorkspaceSecrets
    agents: AgentReceivers


def receivers_of(
    settings: Settings, stores: Stores, *, repo: Repo, sealer: Sealer, now: Clock
) -> Receivers:
    """Return what reaches receivers, over open stores."""
    sender = WebhookSender(allow_private=settings.webhook_allow_private)
    workspace_secrets = WorkspaceSecrets(
        stores.signing_secrets,
        sealer.seal,
        open_sealed=sealer.open_sealed,
        random_bytes=secrets.token_bytes,
    )
    agents = AgentReceivers(
        repo,
        sender.ask,
        secrets=workspace_secrets,
        open_sealed=sealer.open_sealed,
        now=now,
    )
    return Receivers(sender, workspace_secrets, agents)


def webhooks_of(
    stores: Stores,
    receivers: Receivers,
    *,
    sealer: Sealer,
    recordings: Recordings,
    calls: Calls,
    messaging: Mapping[TimerKind, Serve],
    now: Clock,
    most: int,
) -> Webhooks:
    """Return the worker over open stores; `most` deliveries are under way at a time.

    `messaging` serves the timers of messages.
    """
    attempts = Attempts(
        receivers.sender.send,
        receivers.secrets,
        open_sealed=sealer.open_sealed,
        now=now,
        random=Random().random,  # its own: whoever counts on the module's is not disturbed
    )
    limits = DeliveryLimits(in_all=most)
    deliveries = Deliveries(stores.deliveries, attempts.make, now=now, limits=limits)
    serve: dict[TimerKind, Serve] = {
        TimerKind.WEBHOOK_UPKEEP: WebhookUpkeep(stores.timers, now).serve,
        TimerKind.RECORDING_UPKEEP: RecordingUpkeep(
            stores.timers, recordings.remove, now=now
        ).serve,
    }
    daily = tuple(serve)
    serve[TimerKind.WORKSPACE_DELETION] = WorkspaceDeletion(
        stores.deletions,
        now,
        end_calls=partial(calls.end_all, cause=EndCause.KEY_REVOKED),
        remove=recordings.remove,
    ).serve
    serve.update(messaging)
    timers = Timers(stores.timers, serve, now=now, daily=daily)
    return Webhooks(deliveries, timers)
