"""A provider of messages that is reached over HTTP, as the operator's file describes it.

One request hands a message over. It has ten seconds in all; of the answer a bound is read, nothing
is decompressed, redirects are not followed, cookies are forgotten and no proxy of the environment
is used. A provider that is slow, overloaded, or answers what nobody expects is away: the message
is handed over later. One that says yes has the message, however unreadable the rest is.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import aiohttp
import structlog

from ringline.domain import carrier_limits
from ringline.domain.carriers import Carrier
from ringline.domain.ids import Prefix, format_id
from ringline.ports import MessageRefused, OutgoingMessage, ProviderAway
from ringline.wire.carrier_messages import (
    NEEDS,
    Accepted,
    Refusal,
    content_type,
    printable,
    read_answer,
    write_body,
)
from ringline.wire.carrier_templates import placeholders_in

_log = structlog.get_logger(__name__)

#: The code of a message of a type for which the provider's table has no placeholder.
UNSUPPORTED = "UNSUPPORTED_MESSAGE_TYPE"
#: How much of a reason is looked at, and how long a quotation of the message is one.
_REASON_SEEN, _PART = 1_000, 16
_USER_AGENT = "Ringline-Messages/1.0"


class HttpProvider:
    """One provider; `receipts_url` returns where its receipts arrive."""

    def __init__(
        self,
        carrier: Carrier,
        receipts_url: Callable[[], str],
        *,
        within_s: float = carrier_limits.SEND_S.most,
    ) -> None:
        self._carrier = carrier
        self._receipts_url = receipts_url
        self._within_s = within_s
        self._says = placeholders_in(carrier.sending.body)
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        """Return the provider's name, unique in this server."""
        return self._carrier.name

    async def send(self, message: OutgoingMessage) -> str:
        """Hand a message over; return the provider's id of it, or ours if it says none.

        Raises MessageRefused, ProviderAway.
        """
        needed = NEEDS.get(message.message_type)
        if needed is not None and needed not in self._says:
            raise MessageRefused(UNSUPPORTED, f"{self.name} sends no message of this type here")
        status, answered = await self._exchange(
            write_body(self._carrier.sending, self._values(message))
        )
        match read_answer(self._carrier.sending, status, body=answered):
            case None:
                _log.warning("message_provider_failed", provider=self.name, http_status=status)
                raise ProviderAway
            case Refusal(code, reason):
                raise MessageRefused(code, self._reason(message, status=status, said=reason))
            case Accepted(str(provider_id)):
                return provider_id
            case Accepted():
                _log.warning("message_id_missing", provider=self.name, message_id=str(message.id))
                return str(message.id)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, body: bytes) -> tuple[int, bytes | None]:
        """Make the request; return the answer's status and its body, None if it is unreadable.

        Raises ProviderAway if there is no answer. One that broke off is its status alone.
        """
        answer: aiohttp.ClientResponse | None = None
        read: bytes | None = None
        try:
            async with asyncio.timeout(self._within_s):
                answer = await self._request(body)
                read = await _read(answer)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            pass
        finally:
            if answer is not None:
                answer.close() if read is None else answer.release()
        if answer is None:
            raise ProviderAway
        return answer.status, read

    async def _request(self, body: bytes) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = _open_session()
        sending = self._carrier.sending
        return await self._session.request(
            sending.method,
            sending.url,
            headers={
                "Content-Type": content_type(sending),
                "User-Agent": _USER_AGENT,
                "Accept-Encoding": "identity",
                **sending.headers,
            },
            data=body,
            allow_redirects=False,
        )

    def _values(self, message: OutgoingMessage) -> Mapping[str, object]:
        details = message.details
        parameters = details.get("parameters")
        texts = cast("list[object]", parameters) if isinstance(parameters, list) else None
        return {
            "from": self._carrier.address_of(message.channel, message.from_number),
            "to": self._carrier.address_of(message.channel, message.to_number),
            "text": message.text or None,
            "message_id": format_id(Prefix.MESSAGE, message.id),
            "channel": message.channel.value,
            "media_url": details.get("media_url"),
            "template_name": details.get("template_name"),
            "language_code": details.get("language_code"),
            "parameters": texts,
            "numbered_parameters": texts and {str(at): one for at, one in enumerate(texts, 1)},
            "interactive": details.get("interactive"),
            "receipts_url": self._receipts_url(),
        }

    def _reason(self, message: OutgoingMessage, *, status: int, said: str) -> str:
        """Return the provider's reason, unless it quotes a credential or the message."""
        sending, said = self._carrier.sending, said[:_REASON_SEEN]
        quoted = [secret.get_secret_value() for secret in sending.secrets]
        quoted += [*sending.headers.values(), *_parts(message.text)]
        if not said or any(one in said for one in quoted):
            return f"the provider refused it with status {status}"
        return printable(said, carrier_limits.REASON_CHARACTERS.most)


def _parts(text: str) -> Iterator[str]:
    """Return every part of a text that would give it away, all of a short one."""
    for begin in range(max(1, len(text) - _PART + 1)):
        if part := text[begin : begin + _PART]:
            yield part


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    """Return the body of an answer; None if it is too long."""
    body = bytearray()
    while piece := await answer.content.readany():
        body += piece
        if len(body) > carrier_limits.PROVIDER_ANSWER_BYTES.most:
            return None
    return bytes(body)


def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=100),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
    )
