"""Where providers of messages call: inbound messages and receipts (`MESSAGING_FILE`).

There is no key: the credential is the provider's signature over the bytes that arrived. Who cannot
sign is told nothing but that, after at most 64 KiB, and in the share of their address.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from ringline.domain import carrier_limits, v1_limits
from ringline.domain.carriers import Carrier, SignatureScheme
from ringline.domain.unavailable import Unavailable
from ringline.ports import Clock
from ringline.rest.route import Refused
from ringline.services.carrier_intake import CarrierIntake, NotOurs
from ringline.web.authentication import answer, retry_after
from ringline.web.http_connection import begin_anonymous
from ringline.web.links import Links
from ringline.web.rates import RateLimit
from ringline.web.refusals import REQUEST_ID, REQUEST_KEY
from ringline.web.requests import BodyTooLarge, open_strangers_share, read_body
from ringline.wire.carrier_messages import BadReport, read_arrival, read_receipt
from ringline.wire.carrier_signatures import Signed, is_signed
from ringline.wire.errors import refuse_v1

INBOUND = "/v1/messaging/{provider}/inbound"
RECEIPTS = "/v1/messaging/{provider}/receipts"

#: Does what a signed body says.
_Act: TypeAlias = Callable[[Carrier, bytes], Awaitable[None]]

_NO_STORE = {"Cache-Control": "no-store"}
_LATER = ("RATE_LIMITED", "UNAVAILABLE")


@dataclass(frozen=True, slots=True)
class _Thanks:
    """The answer to what was taken in."""

    status: int = 204
    body: str = ""
    content_type: str = "text/plain"


#: By scheme, which tells whose API it is; Twilio expects TwiML, and an empty one does nothing.
_THANKS: Mapping[SignatureScheme, _Thanks] = {
    SignatureScheme.TWILIO: _Thanks(200, "<Response></Response>", "text/xml"),
}


class CarrierDoors:
    """Serves the doors of every provider of the file."""

    def __init__(
        self,
        carriers: Mapping[str, Carrier],
        intake: CarrierIntake,
        *,
        links: Links,
        now: Clock,
        rate: RateLimit,
    ) -> None:
        self._carriers = carriers
        self._intake = intake
        self._links = links
        self._now = now
        self._rate = rate

    async def inbound(self, request: web.Request) -> web.StreamResponse:
        """Take in a message of a contact."""
        carrier = self._carriers.get(request.match_info["provider"])
        has_door = carrier is not None and carrier.inbound is not None
        return await self._serve(request, carrier if has_door else None, act=self._receive)

    async def receipts(self, request: web.Request) -> web.StreamResponse:
        """Take in what became of a message of ours."""
        carrier = self._carriers.get(request.match_info["provider"])
        has_door = carrier is not None and carrier.receipts is not None
        return await self._serve(request, carrier if has_door else None, act=self._report)

    async def _receive(self, carrier: Carrier, body: bytes) -> None:
        arrival = read_arrival(carrier, body)
        if arrival is not None:
            await self._intake.receive(carrier.name, arrival)

    async def _report(self, carrier: Carrier, body: bytes) -> None:
        if carrier.receipts is None:
            raise AssertionError("a provider without the table has no such door")
        receipt = read_receipt(carrier.receipts, body)
        if receipt is not None:
            await self._intake.report(carrier.name, receipt)

    async def _serve(
        self, request: web.Request, carrier: Carrier | None, *, act: _Act
    ) -> web.StreamResponse:
        try:
            return await self._answered(request, carrier, act=act)
        except Refused as refused:
            return self._refuse(request, refused)
        except Unavailable:
            return self._refuse(request, Refused("UNAVAILABLE"))
        except NotOurs:
            return self._refuse(request, Refused("NOT_FOUND"))
        except BadReport as bad:
            return self._refuse(request, Refused("INVALID_ARGUMENT", bad.problem))
        except BodyTooLarge:
            large = Refused("INVALID_ARGUMENT", "the body is too large", status=413)
            return self._refuse(request, large)

    async def _answered(
        self, request: web.Request, carrier: Carrier | None, *, act: _Act
    ) -> web.StreamResponse:
        await begin_anonymous(request)
        if carrier is None or carrier.signature is None:
            raise Refused("NOT_FOUND")
        share = open_strangers_share(request)
        body = await read_body(request, carrier_limits.PROVIDER_BODY_BYTES.most, share=share)
        arrived = Signed(self._links.base_url + request.raw_path, request.headers.get, body)
        if not is_signed(arrived, carrier.signature, now=self._now()):
            raise Refused("UNAUTHENTICATED")
        if self._rate.take(carrier.name):
            raise Refused("RATE_LIMITED")
        try:
            async with asyncio.timeout(v1_limits.DEADLINE_S.most):
                await act(carrier, body)
        except TimeoutError:
            raise Refused("DEADLINE_EXCEEDED") from None
        thanks = _THANKS.get(carrier.signature.scheme, _Thanks())
        if not thanks.body:
            return web.Response(status=thanks.status, headers=_NO_STORE)
        return web.Response(
            status=thanks.status,
            text=thanks.body,
            content_type=thanks.content_type,
            headers=_NO_STORE,
        )

    def _refuse(self, request: web.Request, refused: Refused) -> web.Response:
        request_id = request[REQUEST_KEY]
        refusal = refuse_v1(
            refused.code,
            request_id,
            message=refused.message,
            status=refused.status,
            documentation_base=self._links.documentation_base,
        )
        waits = retry_after() if refused.code in _LATER else {}
        return answer(refusal, {**_NO_STORE, **waits, REQUEST_ID: request_id})
