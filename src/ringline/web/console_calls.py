"""The console's routes that act in an environment (console, 5.1): RPC, tokens, tickets, recordings.

They are the surfaces' own handlers, behind the console's door instead of a key.
"""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from aiohttp import web

from ringline.domain.ids import Prefix, parse_id
from ringline.ports import Clock, NewId
from ringline.rest.playback_actions import recording_file
from ringline.rest.playback_routes import WAV
from ringline.rest.route import Refused
from ringline.rpc.engine import Engine
from ringline.services.credentials import Credentials, TooManySockets
from ringline.services.hearings import Hearings
from ringline.services.idempotency import Idempotency
from ringline.services.recording_downloads import (
    NoRecording,
    OpenRecording,
    RecordingDownloads,
    RecordingUnreadable,
)
from ringline.services.recording_peaks import RecordingPeaks
from ringline.web.authentication import Visitor
from ringline.web.budget import Share
from ringline.web.console import HEADERS, Handler, answer_json, refuse
from ringline.web.console_api import take_turn
from ringline.web.console_door import Door, Visit
from ringline.web.console_routes import (
    PEAKS,
    RECORDING,
    RUN,
    TICKETS,
    TOKEN,
    VALIDATE,
    ConsoleRoute,
)
from ringline.web.downloads import send_file
from ringline.web.fair_share import BYTE_OUT_S
from ringline.web.rates import RateLimit
from ringline.web.realtime import Realtime
from ringline.web.requests import origin_of
from ringline.web.rpc import Rpc, Turned
from ringline.wire import session_token


class ConsoleCalls:
    """The handlers of the routes that name an environment.

    `secret` signs session tokens. `mint_rate` bounds tokens and tickets, `rate` everything else.
    """

    def __init__(
        self,
        door: Door,
        engine: Engine,
        *,
        idempotency: Idempotency,
        realtime: Realtime,
        recordings: RecordingDownloads,
        hearings: Hearings,
        credentials: Credentials,
        secret: str,
        now: Clock,
        new_id: NewId,
        rate: RateLimit,
        mint_rate: RateLimit,
    ) -> None:
        self._door = door
        self._realtime = realtime
        self._recordings = recordings
        self._hearings = hearings
        self._peaks_of = RecordingPeaks()
        self._credentials = credentials
        self._secret = secret
        self._now = now
        self._new_id = new_id
        self._rate = rate
        self._mint_rate = mint_rate
        self._rpc = Rpc(
            engine,
            idempotency,
            authenticate=partial(door.enter_rpc, route=RUN),
            rate=rate,
            headers=HEADERS,
        )

    def handlers(self) -> Mapping[ConsoleRoute, Handler]:
        """Return the handler of each route."""
        return {
            RUN: self._rpc.run,
            VALIDATE: self._rpc.validate,
            TOKEN: self._token,
            TICKETS: self._ticket,
            RECORDING: self._recording,
            PEAKS: self._peaks,
        }

    async def _token(self, request: web.Request) -> web.StreamResponse:
        """Mint a session token that stands on the sign-in; presence lists its person."""
        visit = await self._door.enter(request, TOKEN)
        await take_turn(request, visit, rate=self._mint_rate)
        await visit.granted.check()
        token = session_token.new_token(
            visit.key.scope,
            visit.key.id,
            token_id=self._new_id(),
            now=self._now(),
            ttl_s=session_token.DEFAULT_TTL_S,
            operator=str(visit.person.id),
        )
        signed = session_token.sign(token, self._secret)
        return answer_json(session_token.answer_mint(signed, token))

    async def _ticket(self, request: web.Request) -> web.StreamResponse:
        """Mint a ticket whose caller is the person; its mint counts the request in its rate."""
        visit = await self._door.enter(request, TICKETS)
        visitor = Visitor(visit.key, visit.granted.check)
        minted = await self._realtime.mint_for(request, visitor, subject=str(visit.person.id))
        minted.headers.update(HEADERS)
        return minted

    async def _recording(self, request: web.Request) -> web.StreamResponse:
        """Send a recording, whole or a range of it, while the sign-in lasts."""
        visit, share, call_id = await self._enter(request, RECORDING)
        file = recording_file(await self._open(visit, call_id, request=request), call_id)

        def cut() -> None:
            if request.transport is not None:
                request.transport.abort()

        headers = dict(HEADERS)
        try:
            with self._credentials.register(visit.key.id, cut):
                if not await self._credentials.admit(visit.key.id, visit.key.scope):
                    raise Turned("unauthorized")
                return await send_file(request, file, media_type=WAV, headers=headers, share=share)
        except TooManySockets:
            raise Turned("rate_limited", wait_s=1) from None
        except Refused as refused:
            turned = refuse(Turned("range_not_satisfiable", refused.message).refusal)
            turned.headers.update(headers)  # with the size in `Content-Range`
            return turned
        finally:
            file.close()

    async def _peaks(self, request: web.Request) -> web.StreamResponse:
        """Answer with a recording's peaks, worked out while the client waits."""
        visit, share, call_id = await self._enter(request, PEAKS)
        recording = await self._open(visit, call_id, request=request)

        async def pace(size: int) -> None:
            if request.transport is None:
                raise ConnectionResetError
            await share.begin(size * BYTE_OUT_S)

        try:
            body = await self._peaks_of.of(recording, pace)
        except RecordingUnreadable:
            raise Turned("internal_error") from None
        finally:
            recording.close()
        await visit.granted.check()  # that took time
        return web.Response(body=body, content_type="application/octet-stream", headers=HEADERS)

    async def _enter(self, request: web.Request, route: ConsoleRoute) -> tuple[Visit, Share, UUID]:
        """Let somebody in who may hear a recording; return the call's id too. Raises Turned."""
        visit = await self._door.enter(request, route)
        share = await take_turn(request, visit, rate=self._rate)
        await visit.granted.check()
        call_id = parse_id(Prefix.CALL, request.match_info["id"])
        if call_id is None:
            raise Turned("not_found")
        return visit, share, call_id

    async def _open(self, visit: Visit, call_id: UUID, *, request: web.Request) -> OpenRecording:
        """Open a recording, and record who hears it. Raises Turned, Unavailable."""
        try:
            recording = await self._recordings.open(visit.key.scope, call_id)
        except NoRecording:
            raise Turned("not_found") from None
        except RecordingUnreadable:
            raise Turned("internal_error") from None
        try:
            await self._hearings.record(
                visit.key, visit.person, call_id=call_id, origin=origin_of(request)
            )
        except BaseException:
            recording.close()
            raise
        return recording
