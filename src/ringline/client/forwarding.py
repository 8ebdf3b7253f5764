"""Events posted from this machine, as a server would send them to a webhook.

The bytes and the headers are the server's own; only the delivery is not in its ledger, and it
is attempted once. So a receiver on a developer's machine needs no public URL.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter, time

import aiohttp

from ringline.client.log import Logged
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from ringline.domain.retry_schedule import ATTEMPT_S
from ringline.wire import webhook_signature as signature
from ringline.wire.dialect import Dialect
from ringline.wire.endpoint_envelope import EndpointEnvelope
from ringline.wire.envelope import Envelope

#: How much of an answer is shown.
_ANSWER_BYTES = 2_048


class Shape(StrEnum):
    """The two formats of webhooks."""

    AGENT = "agent"
    ENDPOINT = "endpoint"


_ENVELOPES: Mapping[Shape, Dialect] = {
    Shape.AGENT: Envelope(),
    Shape.ENDPOINT: EndpointEnvelope(),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What the receiver answered: a status, or in words why there was none."""

    status: int | None
    body: str
    duration_ms: int
    problem: str = ""


class Forwarder:
    """Posts events to one URL in one format, signed with one secret."""

    def __init__(
        self,
        url: str,
        shape: Shape,
        *,
        secret: str,
        scope: Scope,
        clock: Callable[[], float] = time,
    ) -> None:
        self._url = url
        self._shape = shape
        self._secrets = signature.SigningSecrets(secret)
        self._scope = scope
        self._clock = clock

    def encode(self, logged: Logged) -> bytes | None:
        """Return an event's body; None if this format does not show it.

        An agent's URL gets the events of calls and threads that have an agent.
        """
        event = logged.stored.event
        if self._shape is Shape.AGENT and event.agent_id is None:
            return None
        return _ENVELOPES[self._shape].encode(event, logged.position, scope=self._scope)

    async def post(self, http: aiohttp.ClientSession, logged: Logged, *, body: bytes) -> Answered:
        """Post an event once; failures are part of the result."""
        began = perf_counter()
        status, text, problem = None, b"", ""
        try:
            async with http.post(
                self._url,
                data=body,
                headers=self._headers(logged, body),
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_S),
                allow_redirects=False,
            ) as answer:
                text = await answer.content.read(_ANSWER_BYTES)
                status = answer.status
        except TimeoutError:
            problem = f"no answer within {ATTEMPT_S} s"
        except aiohttp.ClientConnectorError:
            problem = "nothing listens there"
        except (aiohttp.ClientError, OSError):
            problem = "the connection was lost"
        duration_ms = round((perf_counter() - began) * 1000)
        return Answered(status, text.decode("utf-8", "replace"), duration_ms, problem)

    def _headers(self, logged: Logged, body: bytes) -> dict[str, str]:
        event_id = format_id(Prefix.EVENT, logged.stored.event.id)
        attempt = signature.Attempt(
            event_id,
            f"del_test_{event_id.partition('_')[2]}",
            1,
            timestamp=int(self._clock()),
            position=str(logged.position),
        )
        headers = (
            signature.agent_headers if self._shape is Shape.AGENT else signature.endpoint_headers
        )
        return headers(body, attempt, secrets=self._secrets)
