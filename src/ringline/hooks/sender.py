"""One attempt at a webhook: a POST to a registered URL (live streams, 3.5).

The receiver is a stranger. Ten seconds in all bound the look-up, the connection, and the answer's
head and body; of the body at most 2 KB are read, and nothing is decompressed. Redirects are
failures, cookies are forgotten, and no proxy of the environment is used. Every way in which an
attempt fails is one word of a table (`AttemptError`).

A receiver that is asked something is sent the same request, but its answer counts: whole, within
the time and the bytes that the question allows (live streams, 4 and 5).
"""

import asyncio
import errno
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace

import aiohttp

from ringline.domain import webhook_limits
from ringline.domain.webhook_addresses import UrlRefused, read_webhook_url
from ringline.domain.webhooks import Asked, AttemptError, Question, SendResult
from ringline.hooks.resolver import AddressNotAllowed, CheckedResolver, allow_all

#: How long an unused connection is kept. Node's servers close theirs after 5 s.
_KEPT_S = 4.0

_REFUSED = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EACCES}
)
_RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})


@dataclass(frozen=True, slots=True)
class SendLimits:
    """How long an attempt may take, and how much of an answer is kept."""

    attempt_s: float = webhook_limits.ATTEMPT_S.most
    answer_bytes: int = webhook_limits.RECEIVED_BYTES.most
    #: How long an answer to a look-up is used again.
    name_kept_s: int = 10


class WebhookSender:
    """The client of all receivers; `close` ends its connections.

    A connection is used again for a few seconds, so that a busy receiver is not dialled for
    every event. Callers bound how many attempts are under way at one URL.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        limits: SendLimits | None = None,
        resolver: CheckedResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._limits = limits or SendLimits()
        self._resolver = resolver
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> SendResult:
        """Make one attempt; it raises nothing but cancellation."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = _Answer(self._limits.answer_bytes)
        error = await self._attempt(
            url, headers, body=body, answer=answer, within_s=self._limits.attempt_s
        )
        return SendResult(
            # An answer that did not come to its end is none, whatever its status was.
            response_code=answer.status if error in (None, AttemptError.REDIRECT) else None,
            error=error,
            body=answer.text(),
            duration_ms=round((loop.time() - began) * 1000),
            retry_after=answer.retry_after,
        )

    async def ask(self, question: Question) -> Asked:
        """Ask a receiver, once; it raises nothing but cancellation, which ends the request."""
        answer = _Answer(question.answer_bytes + 1)  # one byte more tells that it is too long
        error = await self._attempt(
            question.url,
            question.headers,
            body=question.body,
            answer=answer,
            within_s=question.within_s,
        )
        if error is not None:
            return Asked(None, error)
        return Asked(answer.status, None, answer.body, too_long=answer.is_full)

    async def close(self) -> None:
        """Close the connections; no attempt may be under way."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _attempt(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes,
        answer: "_Answer",
        within_s: float,
    ) -> AttemptError | None:
        """Make a request and read its answer; return why there is none, if so."""
        try:
            dialled = read_webhook_url(url, allow_private=self._allow_private)
            async with asyncio.timeout(within_s):
                await self._post(dialled, headers, body=body, answer=answer)
        except UrlRefused:
            return AttemptError.ADDRESS_NOT_ALLOWED
        except TimeoutError:
            return AttemptError.TIMEOUT
        except (aiohttp.ClientError, OSError, ValueError) as failed:
            return _error_of(failed)
        is_redirect = answer.status is not None and 300 <= answer.status < 400
        return AttemptError.REDIRECT if is_redirect else None

    async def _post(
        self, url: str, headers: Mapping[str, str], *, body: bytes, answer: "_Answer"
    ) -> None:
        """Send the request and read its answer; once more if a kept connection was closed.

        A receiver may close a connection at the very moment that it is used again: that is no
        failure of the receiver's, and nothing was answered.
        """
        once = SimpleNamespace(reused=False)
        try:
            return await self._exchange(url, headers, body=body, answer=answer, trace=once)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not once.reused or answer.status is not None:
                raise
        await self._exchange(url, headers, body=body, answer=answer, trace=once)

    async def _exchange(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes,
        answer: "_Answer",
        trace: SimpleNamespace,
    ) -> None:
        if self._session is None:
            self._session = self._open_session()
        response = await self._session.post(
            url,
            headers={**headers, "Accept-Encoding": "identity"},
            data=BytesIO(body),  # bytes would be copied in one go, however long a transcript is
            allow_redirects=False,
            trace_request_ctx=trace,
        )
        try:
            answer.begin(response)
            while not answer.is_full and (piece := await response.content.readany()):
                answer.add(piece)
        finally:
            response.close() if answer.is_full else response.release()

    def _open_session(self) -> aiohttp.ClientSession:
        resolver = self._resolver
        if resolver is None:
            resolver = CheckedResolver(allow_all) if self._allow_private else CheckedResolver()
        traces = aiohttp.TraceConfig()
        traces.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                resolver=resolver,
                ttl_dns_cache=self._limits.name_kept_s,
                keepalive_timeout=_KEPT_S,
                ssl=self._tls or True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[traces],
        )


class _Answer:
    """What has come of an answer, up to a bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._body = bytearray()
        self.status: int | None = None
        self.retry_after: str | None = None

    @property
    def is_full(self) -> bool:
        """Return whether as much has come as is kept."""
        return len(self._body) >= self._most

    def begin(self, response: aiohttp.ClientResponse) -> None:
        """Take the head."""
        self.status = response.status
        self.retry_after = response.headers.get("Retry-After")

    def add(self, piece: bytes) -> None:
        """Take a piece of the body, or its beginning if it is long."""
        self._body += piece[: self._most - len(self._body)]

    @property
    def body(self) -> bytes:
        """Return what was taken of the body."""
        return bytes(self._body)

    def text(self) -> str:
        """Return the beginning of the body as text that a database can hold."""
        return self._body.decode("utf-8", "replace").replace("\0", "\ufffd")


async def _note_reuse(_: object, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.reused = True


def _error_of(failed: Exception) -> AttemptError:
    """Return the word for a failure: of the library, or of the system below it."""
    match failed:
        case aiohttp.ClientConnectorDNSError():
            allowed = not isinstance(failed.os_error, AddressNotAllowed)
            return AttemptError.DNS if allowed else AttemptError.ADDRESS_NOT_ALLOWED
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return AttemptError.TLS
        case OSError() if isinstance(failed.__cause__, ssl.SSLError):
            return AttemptError.TLS
        case OSError() if failed.errno in _REFUSED:
            return AttemptError.REFUSED
        case OSError() if failed.errno in _RESET or isinstance(failed, ConnectionResetError):
            return AttemptError.RESET
        case OSError() if failed.errno == errno.ETIMEDOUT:
            return AttemptError.TIMEOUT
        case aiohttp.ClientPayloadError() if isinstance(failed.__cause__, ConnectionResetError):
            return AttemptError.RESET
        case _:
            return AttemptError.CLOSED  # in mid-answer, before one, or what came is no HTTP
