"""Requests to OpenAI-compatible HTTP endpoints: one client, bounded in bytes and in time.

An answer is read piece by piece. Every way in which that fails is an `EndpointFailed` with a
cause from one table (`wire/upstream_failures.py`); its texts hold nothing that the endpoint or
the library wrote, which could hold a credential. Redirects are not followed, since they would
take the key elsewhere, and the environment's proxies are not used (voices, 1).
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO

import aiohttp

from ringline.domain import voice_limits
from ringline.domain.cascade import Endpoint
from ringline.wire.endpoint_answers import error_code
from ringline.wire.upstream_failures import (
    CONNECT,
    STALLED,
    TIMEOUT,
    UNREADABLE,
    Loss,
    ending_error,
    refused_handshake,
)

#: The connection ended within an answer.
CUT = Loss("cut")

#: How long the end of a body may take that has said that it is over.
END_S = 0.1

#: A request was refused for what it holds; another one may succeed.
_OF_THE_REQUEST = frozenset({400, 413, 415, 422})
_ERROR_BYTES = 64 * 1024
_TCP_KEEPALIVE_S = 15.0


class EndpointFailed(Exception):
    """A request failed; `passing` if that says nothing about other requests."""

    def __init__(self, loss: Loss, *, passing: bool = False) -> None:
        super().__init__(loss.cause)
        self.loss = loss
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Patience:
    """How long endpoints may take, in seconds (voices, 1)."""

    #: Until a connection stands.
    ready_s: float = 15.0
    #: Without a byte of an answer that is owed.
    stall_s: float = 20.0
    #: Reading one answer.
    answer_s: float = voice_limits.CASCADE_ANSWER_S.most


class Answer:
    """An answer whose head has come."""

    def __init__(self, response: aiohttp.ClientResponse, patience: Patience) -> None:
        self._response = response
        self._patience = patience
        self._left_s = patience.answer_s
        self._left_bytes = voice_limits.CASCADE_ANSWER_BYTES.most

    @property
    def content_type(self) -> str:
        """Return its content type, or ""."""
        return self._response.headers.get("Content-Type", "")

    async def read(self) -> bytes:
        """Return the next piece of the body, or b"" at its end. Raises EndpointFailed.

        Only waiting for the endpoint counts as its time, not what is done between pieces.
        """
        loop = asyncio.get_running_loop()
        since = loop.time()
        try:
            async with asyncio.timeout(min(self._patience.stall_s, self._left_s)):
                piece = await self._response.content.readany()
        except TimeoutError:
            raise EndpointFailed(STALLED) from None
        except aiohttp.ClientResponseError:
            raise EndpointFailed(UNREADABLE) from None
        except (aiohttp.ClientError, OSError):
            raise EndpointFailed(CUT) from None
        self._left_s = max(0.0, self._left_s - (loop.time() - since))
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise EndpointFailed(UNREADABLE)
        return piece

    async def finish(self) -> None:
        """Wait a moment for the end of a body that is complete, to reuse the connection."""
        try:
            async with asyncio.timeout(END_S):
                while await self._response.content.readany():
                    pass
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # the connection is closed instead


class Endpoints:
    """The client of all conversations; `close` ends its connections."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def post(
        self, endpoint: Endpoint, path: str, *, body: bytes, content_type: str = "application/json"
    ) -> AsyncGenerator[Answer]:
        """Send a request; leaving the block early ends it. Raises EndpointFailed."""
        headers = {"Content-Type": content_type, "Accept-Encoding": "identity"}
        if endpoint.key is not None:
            headers["Authorization"] = f"Bearer {endpoint.key.get_secret_value()}"
        response = await self._ask(endpoint.url + path, headers, body=body)
        try:
            if response.status != 200:
                raise await _refusal(response)
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise EndpointFailed(UNREADABLE)
            yield Answer(response, self._patience)
        finally:
            response.close()

    async def close(self) -> None:
        """Close the connections; the conversations must be closed already."""
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, url: str, headers: dict[str, str], *, body: bytes
    ) -> aiohttp.ClientResponse:
        """Send a request and wait for the head of its answer."""
        if self._session is None:
            self._session = _open_session(self._patience)
        try:
            async with asyncio.timeout(self._patience.ready_s + self._patience.stall_s):
                return await self._session.post(
                    # Bytes would be copied in one go, however large a picture is.
                    url,
                    headers=headers,
                    data=BytesIO(body),
                    allow_redirects=False,
                )
        except aiohttp.ConnectionTimeoutError:
            raise EndpointFailed(TIMEOUT) from None
        except TimeoutError:
            raise EndpointFailed(STALLED) from None
        except aiohttp.ClientConnectorError:  # refused, not found, TLS
            raise EndpointFailed(CONNECT) from None
        except aiohttp.ClientResponseError:  # no HTTP
            raise EndpointFailed(UNREADABLE) from None
        except (aiohttp.ClientError, OSError):
            raise EndpointFailed(CUT) from None


def _open_session(patience: Patience) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=patience.ready_s, sock_read=patience.stall_s
    )
    return aiohttp.ClientSession(
        # Conversations bound the requests: a few of each at a time.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_TCP_KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        auto_decompress=False,
        trust_env=False,
        headers={"User-Agent": "ringline"},
    )


async def _refusal(response: aiohttp.ClientResponse) -> EndpointFailed:
    """Return why a request was refused, by status and the provider's code."""
    body = b""
    try:
        async with asyncio.timeout(1):
            body = await response.content.read(_ERROR_BYTES)
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # the status says enough
    ending = ending_error(error_code(body))
    if ending is not None:
        return EndpointFailed(ending)
    passing = response.status in _OF_THE_REQUEST
    return EndpointFailed(refused_handshake(response.status), passing=passing)
