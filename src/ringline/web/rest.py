"""The routes of `/v1` over HTTP: what is common to all rows of the table (live streams, 1).

A request is checked in this sequence: credentials, what kind of key it is, the workspace's rate,
the ids in the path, the query, the body, and credentials again, because reading a body takes time.
Then the row's function has ten seconds.
"""

from collections.abc import Mapping

from aiohttp import web

from ringline.domain import v1_limits
from ringline.domain.audit import NOWHERE, Actor, ActorKind
from ringline.domain.credentials import Surface
from ringline.domain.unavailable import Unavailable
from ringline.rest.context import Services
from ringline.rest.pages import PageTokens
from ringline.rest.reading import read_body, read_ids, read_parts, read_query
from ringline.rest.route import FileAnswer, Listed, PageAsked, Refused, Request, Route
from ringline.services.callers import Caller
from ringline.services.credentials import Credentials, TooManySockets, Unrecognised
from ringline.services.idempotency import Idempotency
from ringline.web.authentication import Visitor, answer, retry_after
from ringline.web.budget import OverBudget, Share
from ringline.web.cors import READABLE_FILE, preflight
from ringline.web.deadlines import Deadlines
from ringline.web.downloads import send_file
from ringline.web.fair_share import REFUSAL_S, REQUEST_S
from ringline.web.limits import RestLimits
from ringline.web.links import Links
from ringline.web.rates import Quota, RateLimit, SlidingRate
from ringline.web.refusals import REQUEST_ID, REQUEST_KEY
from ringline.web.repeats import REPLAYED, Repeats, idempotency_key
from ringline.web.requests import (
    PIECE_BYTES,
    BodyTooLarge,
    BrokenBody,
    open_share,
    origin_of,
    write_by_pieces,
)
from ringline.web.requests import (
    read_body as receive_body,
)
from ringline.web.rest_visitors import admit, read_key_body
from ringline.wire.errors import refuse_v1
from ringline.wire.strict_json import encode

_LATER = ("UNAVAILABLE", "RATE_LIMITED")
#: The headers that a browser may send for a file after its preflight.
_FILE_HEADERS = "authorization, content-type, if-range, range, x-api-key"


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
        mint_rate: RateLimit,
    ) -> None:
        self._services = services
        self._credentials = credentials
        self._rate = rate
        self._mint_rate = mint_rate
        self._tokens = tokens
        self._links = links
        self._deadlines = Deadlines(bounds.deadline_s)
        # A duplicate that waits for as long as it may is refused before its own time is over.
        self._repeats = Repeats(idempotency, bounds.deadline_s / 2)

    async def serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        """Answer a request to a route."""
        headers = {"Cache-Control": "no-store", **(READABLE_FILE if route.file else {})}
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

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer a CORS preflight for a file."""
        return preflight("GET, HEAD, OPTIONS", _FILE_HEADERS)

    async def _serve(
        self, route: Route, request: web.Request, *, headers: dict[str, str]
    ) -> web.StreamResponse:
        early = await read_key_body(request) if route.key_in else None
        visitor = await admit(route, request, credentials=self._credentials, early=early or b"")
        share = open_share(request, visitor.key.id, scope=visitor.key.scope)
        await self._count(route, visitor, share=share, headers=headers)
        asked, raw = await self._read(route, request, visitor=visitor, share=share, early=early)
        key = idempotency_key(request) if route.idempotent else None
        try:
            with self._deadlines.limit():
                if key is None:
                    found = await self._act(route, asked)
                else:
                    found = await self._act_once(
                        route, asked, key=key, path=request.path, raw=raw, headers=headers
                    )
        except TimeoutError:
            raise Refused("DEADLINE_EXCEEDED") from None
        if found is None:
            return web.Response(status=route.status, headers=headers)
        if isinstance(found, FileAnswer):
            return await self._send(
                route, request, file=found, visitor=visitor, share=share, headers=headers
            )
        share.charge_answer(len(found))
        share.settle(len(found))
        headers["Content-Type"] = "application/json; charset=utf-8"
        if len(found) > PIECE_BYTES and route.status == 200:
            return await write_by_pieces(request, found, headers=headers)
        return web.Response(status=route.status, body=found, headers=headers)

    async def _send(
        self,
        route: Route,
        request: web.Request,
        *,
        file: FileAnswer,
        visitor: Visitor,
        share: Share,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        """Send a file, for as long as the client reads it and its key lives. Raises Refused."""
        key = visitor.key

        def cut() -> None:
            if request.transport is not None:
                request.transport.abort()

        try:
            with self._credentials.register(key.id, cut):
                if not await self._credentials.admit(key.id, key.scope):
                    raise Refused("UNAUTHENTICATED")
                return await send_file(
                    request, file, media_type=route.file or "", headers=headers, share=share
                )
        except TooManySockets:
            raise Refused("RATE_LIMITED") from None
        finally:
            file.close()

    async def _count(
        self, route: Route, visitor: Visitor, *, share: Share, headers: dict[str, str]
    ) -> None:
        """Count a request in its rates, and wait for its workspace's turn. Raises Refused."""
        quota = self._rate.take(visitor.key.scope.workspace_id, visitor.key.tier)
        headers |= _told(quota)
        wait_s = quota.reset_s if quota is not None and quota.refused else 0
        if route.mints and not wait_s:
            wait_s = self._mint_rate.take(visitor.key.id)
        await share.begin(REFUSAL_S if wait_s else REQUEST_S)
        if wait_s:
            headers |= retry_after(wait_s)
            raise Refused("RATE_LIMITED")

    async def _read(
        self,
        route: Route,
        request: web.Request,
        *,
        visitor: Visitor,
        share: Share,
        early: bytes | None,
    ) -> tuple[Request, bytes]:
        """Read a request to its end; return it with its body as it arrived. Raises Refused."""
        ids = read_ids(route, request.match_info)
        parts = read_parts(route, request.match_info)
        query = read_query(route, lambda name: request.query.getall(name, ()))
        page = self._tokens.read(route, query, ids=ids) if route.paging else PageAsked(0, None)
        raw = early
        if raw is None:  # most requests have none
            raw = (
                b""
                if not request.body_exists
                else await receive_body(request, v1_limits.BODY_BYTES.most, share=share)
            )
        given = read_body(route, raw) if route.body else {}
        await visitor.check()  # reading the body takes time
        key = visitor.key
        actor, origin = None, NOWHERE
        if route.surface is Surface.KEYS:
            actor = Actor(ActorKind.KEY, key.shown_id, key.label)
            origin = origin_of(request)
        asked = Request(
            caller=Caller(key.scope, key.id, None, visitor.check, share.pace, origin=origin),
            kind=key.kind,
            services=self._services.for_caller(visitor.check),
            now=self._services.now(),
            ids=ids,
            parts=parts,
            given=given,
            query=query,
            page=page,
            actor=actor,
        )
        return asked, raw

    async def _act(self, route: Route, asked: Request) -> bytes | FileAnswer | None:
        """Do what a route is for; encode the answer, unless it is a file. Raises Refused."""
        found = await route.act(asked)
        if found is None or isinstance(found, FileAnswer):
            return found
        if isinstance(found, Listed):
            found = self._tokens.answer(route, asked.query, ids=asked.ids, listed=found)
        return encode(found)

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
            if not isinstance(body, bytes):
                raise AssertionError("an idempotent route answers members")
            return body

        once = self._repeats.once(route, asked, key=key, path=path, body=raw, act=act)
        body, replayed = await once
        if replayed:
            headers[REPLAYED] = "true"
        return body

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
