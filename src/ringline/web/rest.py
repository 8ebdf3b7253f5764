"""The routes of `/v1` over HTTP: what is common to all rows of the table (live streams, 1).

A request is checked in this sequence: credentials, what kind of key it is, the workspace's rate,
the ids in the path, the query, the body, and credentials again, because reading a body takes time.
Then the row's function has ten seconds.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from ringline.domain import v1_limits
from ringline.domain.log import Environment
from ringline.domain.unavailable import Unavailable
from ringline.rest.context import Services
from ringline.rest.pages import PageTokens
from ringline.rest.reading import read_body, read_ids, read_query
from ringline.rest.route import Listed, PageAsked, Refused, Request, Route
from ringline.services.callers import Caller
from ringline.services.credentials import Credentials, Unrecognised
from ringline.services.idempotency import Idempotency
from ringline.web.authentication import (
    Contradiction,
    Denied,
    Visitor,
    answer,
    bearer_of,
    key_for,
    retry_after,
)
from ringline.web.budget import OverBudget, Share
from ringline.web.fair_share import REFUSAL_S, REQUEST_S
from ringline.web.limits import RestLimits
from ringline.web.links import Links
from ringline.web.rates import Quota, SlidingRate
from ringline.web.refusals import REQUEST_ID, REQUEST_KEY
from ringline.web.repeats import REPLAYED, Repeats, idempotency_key
from ringline.web.requests import (
    PIECE_BYTES,
    BodyTooLarge,
    BrokenBody,
    open_share,
    write_by_pieces,
)
from ringline.web.requests import (
    read_body as receive_body,
)
from ringline.wire.errors import refuse_v1
from ringline.wire.strict_json import encode

_LATER = ("UNAVAILABLE", "RATE_LIMITED")


class Rest:
    """Serves the rows of the table."""

    def __init__(
        self,
        services: Services,
        *,
        credentials: Credentials,
        rate: SlidingRate,
        tokens: PageTokens,
        links: Links,
        bounds: RestLimits,
        idempotency: Idempotency,
    ) -> None:
        self._services = services
        self._credentials = credentials
        self._rate = rate
        self._tokens = tokens
        self._links = links
        self._bounds = bounds
        # A duplicate that waits for as long as it may is refused before its own time is over.
        self._repeats = Repeats(idempotency, bounds.deadline_s / 2)

    async def serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        """Answer a request to a route."""
        headers = {"Cache-Control": "no-store"}
        try:
            return await self._serve(route, request, headers=headers)
        except Refused as refused:
            return self._refuse(request, refused, headers=headers)
        except Unrecognised:
            return self._refuse(request, Refused("UNAUTHENTICATED"), headers=headers)
        except Unavailable:
            return self._refuse(request, Refused("UNAVAILABLE"), headers=headers)
        except OverBudget:
            return self._refuse(request, Refused("RATE_LIMITED"), headers=headers)
        except BodyTooLarge:
            large = Refused("INVALID_ARGUMENT", "the body is too large", status=413)
            return self._refuse(request, large, headers=headers)
        except BrokenBody:
            return self._refuse(request, Refused("INVALID_ARGUMENT"), headers=headers)

    async def _serve(
        self, route: Route, request: web.Request, *, headers: dict[str, str]
    ) -> web.StreamResponse:
        visitor = await self._admit(route, request)
        share = open_share(request, visitor.key.id, scope=visitor.key.scope)
        await self._count(visitor, share, headers=headers)
        asked, raw = await self._read(route, request, visitor=visitor, share=share)
        key = idempotency_key(request) if route.idempotent else None
        try:
            async with asyncio.timeout(self._bounds.deadline_s):
                if key is None:
                    body = await self._act(route, asked)
                else:
                    body = await self._act_once(
                        route, asked, key=key, path=request.path, raw=raw, headers=headers
                    )
        except TimeoutError:
            raise Refused("DEADLINE_EXCEEDED") from None
        if body is None:
            return web.Response(status=route.status, headers=headers)
        share.charge_answer(len(body))
        share.settle(len(body))
        headers["Content-Type"] = "application/json; charset=utf-8"
        if len(body) > PIECE_BYTES and route.status == 200:
            return await write_by_pieces(request, body, headers=headers)
        return web.Response(status=route.status, body=body, headers=headers)

    async def _count(self, visitor: Visitor, share: Share, *, headers: dict[str, str]) -> None:
        """Count a request in its workspace's rate, and wait for its turn. Raises Refused."""
        quota = self._rate.take(visitor.key.scope.workspace_id, visitor.key.tier)
        headers |= _told(quota)
        refused = quota is not None and quota.refused
        await share.begin(REFUSAL_S if refused else REQUEST_S)
        if quota is not None and refused:
            headers |= retry_after(quota.reset_s)
            raise Refused("RATE_LIMITED")

    async def _read(
        self, route: Route, request: web.Request, *, visitor: Visitor, share: Share
    ) -> tuple[Request, bytes]:
        """Read a request to its end; return it with its body as it arrived. Raises Refused."""
        ids = read_ids(route, request.match_info)
        query = read_query(route, lambda name: request.query.getall(name, ()))
        page = self._tokens.read(route, query) if route.paging else PageAsked(0, None)
        raw = await receive_body(request, v1_limits.BODY_BYTES.most, share=share)
        given = read_body(route, raw) if route.body else {}
        await visitor.check()  # reading the body takes time
        key = visitor.key
        asked = Request(
            caller=Caller(key.scope, key.id, None, visitor.check, share.pace),
            kind=key.kind,
            services=self._services.for_caller(visitor.check),
            now=self._services.now(),
            ids=ids,
            given=given,
            query=query,
            page=page,
        )
        return asked, raw

    async def _act(self, route: Route, asked: Request) -> bytes | None:
        """Do what a route is for; encode the answer. Raises Refused."""
        found = await route.act(asked)
        if isinstance(found, Listed):
            found = self._tokens.answer(route, asked.query, listed=found)
        return None if found is None else encode(found)

    async def _act_once(
        self,
        route: Route,
        asked: Request,
        *,
        key: str,
        path: str,
        raw: bytes,
        headers: dict[str, str],
    ) -> bytes:
        """Do what a route is for, unless it was done for an idempotency key. Raises Refused."""

        async def act(asked: Request) -> bytes:
            body = await self._act(route, asked)
            if body is None:
                raise AssertionError("an idempotent route answers something")
            return body

        once = self._repeats.once(route, asked, key=key, path=path, body=raw, act=act)
        body, replayed = await once
        if replayed:
            headers[REPLAYED] = "true"
        return body

    async def _admit(self, route: Route, request: web.Request) -> Visitor:
        """Authenticate a request. Raises Refused, StoreUnavailable."""
        visitor = await key_for(request, self._credentials, surface=route.surface)
        if visitor is Denied.UNKNOWN:
            raise Refused("PERMISSION_DENIED" if self._has_token(request) else "UNAUTHENTICATED")
        if isinstance(visitor, Denied):
            raise Refused("PERMISSION_DENIED")
        if route.live_only and visitor.key.scope.environment is not Environment.LIVE:
            raise Refused("PERMISSION_DENIED", "a sk_live_ key is required")
        return visitor

    def _has_token(self, request: web.Request) -> bool:
        """Return whether the credential is a token for watching, which opens no route here."""
        try:
            token = bearer_of(request)
        except Contradiction:
            return False
        return bool(token) and self._credentials.read_token(token or "") is not None

    def _refuse(
        self, request: web.Request, refused: Refused, *, headers: Mapping[str, str]
    ) -> web.Response:
        request_id = request[REQUEST_KEY]
        refusal = refuse_v1(
            refused.code,
            request_id,
            message=refused.message,
            status=refused.status,
            documentation_base=self._links.documentation_base,
        )
        waits = retry_after() if refused.code in _LATER else {}
        return answer(refusal, {**waits, **headers, REQUEST_ID: request_id})


def _told(quota: Quota | None) -> dict[str, str]:
    """Return the headers about the rate; none without a limit."""
    if quota is None:
        return {}
    return {
        "X-RateLimit-Limit": str(quota.limit),
        "X-RateLimit-Remaining": str(quota.remaining),
        "X-RateLimit-Reset": str(quota.reset_s),
    }
