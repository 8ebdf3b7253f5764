"""Test sends: a realistic event to a URL, signed like any other, once (live streams, 3.8).

Nothing of them is kept: they are no deliveries, are never attempted again, and say at once what
became of them. They use the sender of the deliveries, so what a test reaches, an event does.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain import webhook_limits
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Position, Scope
from ringline.domain.retry_schedule import is_success
from ringline.domain.sample_events import SAMPLES, Sample, sample_event
from ringline.domain.webhook_types import sent_type
from ringline.domain.webhooks import AttemptError, SendResult
from ringline.ports import Clock, NewId, SendWebhook
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents
from ringline.services.repo import Repo
from ringline.services.slots import Slots
from ringline.services.webhook_endpoints import WebhookEndpoint
from ringline.services.webhook_secrets import WebhookSecrets
from ringline.wire.endpoint_envelope import EndpointEnvelope
from ringline.wire.webhook_signature import Attempt, agent_headers, endpoint_headers
from ringline.wire.webhook_trials import TRIAL_TYPES, encode_trial

#: The types that a test of an agent's URL, and of an endpoint, may have.
AGENT_TYPES = TRIAL_TYPES
ENDPOINT_TYPES = tuple(map(sent_type, SAMPLES))

#: An attempt has ten seconds, as has the whole request: a test waits a little less.
_TRIAL_S = 9.0

_FIND_URL = Prepared(
    sa.select(agents.c.webhook_url).where(agents.c.id == sa.bindparam("wanted", type_=sa.Uuid))
)


class NoSuchAgent(Exception):
    """There is no such agent in this workspace and environment."""


class NoWebhook(Exception):
    """The agent has no `webhook_url`."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of a test; `delivery_id` is `del_test_…`, as its header said."""

    delivery_id: str
    event_type: str
    delivered: bool
    response_code: int | None
    error: AttemptError | None
    duration_ms: int


class TrialSends:
    """Sends tests for the workspace and environment that a call names."""

    def __init__(
        self,
        repo: Repo,
        send: SendWebhook,
        *,
        secrets: WebhookSecrets,
        now: Clock,
        new_id: NewId,
        trial_s: float = _TRIAL_S,
    ) -> None:
        self._repo = repo
        self._send_attempt = send
        self._secrets = secrets
        self._now = now
        self._new_id = new_id
        self._trial_s = trial_s
        self._slots = Slots(webhook_limits.TRIALS.most)

    def with_repo(self, repo: Repo) -> "TrialSends":
        """Return the service over another repo, such as a caller's; they count together."""
        trials = TrialSends(
            repo,
            self._send_attempt,
            secrets=self._secrets.with_repo(repo),
            now=self._now,
            new_id=self._new_id,
            trial_s=self._trial_s,
        )
        trials._slots = self._slots
        return trials

    async def to_agent(
        self, scope: Scope, event_type: str, *, agent_id: UUID | None, url: str | None
    ) -> TrialResult:
        """Send one of `AGENT_TYPES` to a URL, by default the agent's.

        Raises NoSuchAgent, NoWebhook, NoSlot, Unavailable.
        """
        with self._slots.one_of(scope):
            if agent_id is not None:
                stored = await self._url_of(scope, agent_id)
                url = url or stored
            if url is None:
                raise NoWebhook
            sample = self._sample(agent_id)
            event_id, body = encode_trial(event_type, sample, scope=scope)
            attempt = self._attempt(event_id, sample)
            secrets = await self._secrets.of_workspace(scope)
            headers = agent_headers(body, attempt, secrets=secrets)
            return await self._send(url, headers, body=body, attempt=attempt, type_=event_type)

    async def to_endpoint(
        self, scope: Scope, endpoint: WebhookEndpoint, *, event_type: str
    ) -> TrialResult:
        """Send one of `ENDPOINT_TYPES` to an endpoint.

        Raises NoSlot, Unavailable.
        """
        with self._slots.one_of(scope):
            sample = self._sample(None)
            canonical = next(type_ for type_ in SAMPLES if sent_type(type_) == event_type)
            event = sample_event(canonical, sample)
            body = EndpointEnvelope().encode(event, Position("", 0), scope=scope)
            assert body is not None, f"endpoints are sent {event_type}"
            attempt = self._attempt(format_id(Prefix.EVENT, event.id), sample)
            secrets = await self._secrets.of_endpoint(scope, endpoint.id)
            headers = endpoint_headers(body, attempt, secrets=secrets)
            return await self._send(
                endpoint.url, headers, body=body, attempt=attempt, type_=event_type
            )

    async def _url_of(self, scope: Scope, agent_id: UUID) -> str | None:
        async with self._repo.read(scope) as rows:
            found: Any = await rows.fetch(_FIND_URL.text, _FIND_URL.arguments(wanted=agent_id))
        if not found:
            raise NoSuchAgent
        return found[0]["webhook_url"]

    def _sample(self, agent_id: UUID | None) -> Sample:
        return Sample(self._now(), self._new_id, agent_id or self._new_id())

    def _attempt(self, event_id: str, sample: Sample) -> Attempt:
        delivery_id = format_id(Prefix.DELIVERY, self._new_id())
        kind, _, rest = delivery_id.partition("_")
        return Attempt(event_id, f"{kind}_test_{rest}", 1, int(sample.now.timestamp()))

    async def _send(
        self, url: str, headers: Mapping[str, str], *, body: bytes, attempt: Attempt, type_: str
    ) -> TrialResult:
        try:
            async with asyncio.timeout(self._trial_s):
                result = await self._send_attempt(url, headers, body)
        except TimeoutError:
            waited_ms = round(self._trial_s * 1000)
            result = SendResult(None, AttemptError.TIMEOUT, "", waited_ms)
        return TrialResult(
            attempt.delivery_id,
            type_,
            is_success(result.response_code) and result.error is None,
            result.response_code,
            result.error,
            result.duration_ms,
        )
