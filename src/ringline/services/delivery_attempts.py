"""One attempt at a delivery: what is sent, and what follows from the answer (live streams, 3).

The body is made from the stored event each time, so that it has the same bytes at every
attempt; the timestamp and the signature are new. The URL and the secret are those in force.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import structlog

from ringline.domain.ids import Prefix, format_id
from ringline.domain.retry_schedule import Dead, Delivered, Retry, after_attempt
from ringline.domain.webhooks import (
    Claimed,
    DeliveryStatus,
    SendResult,
    Settled,
)
from ringline.ports import Clock, SendWebhook
from ringline.services.sealer import Unsealable
from ringline.services.signing_secrets import WorkspaceSecrets, open_secrets
from ringline.wire.endpoint_envelope import EndpointEnvelope
from ringline.wire.envelope import Envelope
from ringline.wire.webhook_signature import (
    Attempt,
    SigningSecrets,
    agent_headers,
    endpoint_headers,
)

_log = structlog.get_logger(__name__)

_ENVELOPE, _ENDPOINT_ENVELOPE = Envelope(), EndpointEnvelope()
#: Decrypted secrets that are remembered: each signs many attempts.
_SECRETS_KEPT = 1024


class Attempts:
    """Makes attempts, and says what follows from each."""

    def __init__(
        self,
        send: SendWebhook,
        secrets: WorkspaceSecrets,
        *,
        open_sealed: Callable[[bytes], str],
        now: Clock,
        random: Callable[[], float],
    ) -> None:
        self._send = send
        self._secrets = secrets
        self._open_sealed = lru_cache(_SECRETS_KEPT)(open_sealed)
        self._now = now
        self._random = random

    async def make(self, delivery: Claimed) -> Settled | None:
        """Make an attempt at a delivery; return what follows, None if it cannot be made.

        Raises StoreUnavailable.
        """
        url, body = delivery.target.url, _body(delivery)
        if url is None or body is None:
            return _ended(delivery, self._now())
        secrets = await self._open_secrets(delivery)
        if secrets is None:
            return None
        started_at = self._now()
        attempt = Attempt(
            event_id=format_id(Prefix.EVENT, _event_id(delivery)),
            delivery_id=format_id(Prefix.DELIVERY, delivery.id),
            number=delivery.attempts + 1,
            timestamp=int(started_at.timestamp()),
            position=str(delivery.position),
        )
        spell = agent_headers if delivery.target.is_agent else endpoint_headers
        result = await self._send(url, spell(body, attempt, secrets=secrets), body)
        return self._follow(delivery, result, started_at=started_at)

    def _follow(self, delivery: Claimed, result: SendResult, *, started_at: datetime) -> Settled:
        following = after_attempt(
            delivery.step,
            result.response_code if result.error is None else None,
            schedule_from=delivery.schedule_from,
            started_at=started_at,
            now=self._now(),
            random=self._random(),
            retry_after=result.retry_after,
            once=delivery.target.failing and delivery.step == 0,
        )
        match following:
            case Delivered():
                status, step, at = DeliveryStatus.DELIVERED, delivery.step, None
            case Dead():
                status, step, at = DeliveryStatus.DEAD, delivery.step, None
            case Retry(step, at):
                status = DeliveryStatus.PENDING
        return Settled(delivery, started_at, result, status, step=step, next_attempt_at=at)

    async def _open_secrets(self, delivery: Claimed) -> SigningSecrets | None:
        """Return the secrets that sign; None if they cannot be decrypted."""
        sealed = delivery.target.secrets
        if sealed is None:
            sealed = await self._secrets.keep(delivery.scope.workspace_id)
            if sealed is None:
                return None  # the workspace is gone
        try:
            return open_secrets(sealed, self._open_sealed, now=self._now())
        except Unsealable:
            _log.error(
                "signing_secret_unreadable",
                workspace_id=str(delivery.scope.workspace_id),
                environment=delivery.scope.environment.value,
            )
            return None


def _body(delivery: Claimed) -> bytes | None:
    """Return the bytes to send; None if the log does not keep the event any more."""
    if delivery.event is None:
        return None
    envelope = _ENVELOPE if delivery.target.is_agent else _ENDPOINT_ENVELOPE
    return envelope.encode(delivery.event, delivery.position, scope=delivery.scope)


def _event_id(delivery: Claimed) -> UUID:
    if delivery.event is None:
        raise AssertionError("a delivery without an event is not attempted")
    return delivery.event.id


def _ended(delivery: Claimed, now: datetime) -> Settled:
    """End a delivery whose event or receiver is gone."""
    return Settled(
        delivery, now, None, DeliveryStatus.DEAD, step=delivery.step, next_attempt_at=None
    )
