"""The mint of operator tokens: `POST /api/operator/access` (events socket, 7.1)."""

from aiohttp import web

from ringline.domain.credentials import Surface
from ringline.ports import LogBusy, QueryTooSlow, StoreAway
from ringline.services.credentials import Credentials
from ringline.services.team import Team
from ringline.web.doors import Door, answer, key_for
from ringline.web.rates import RateLimit
from ringline.web.requests import BodyTooLarge, read_body
from ringline.wire.errors import refuse_rpc
from ringline.wire.operator_access import answer_mint, read_mint
from ringline.wire.session_token import MAX_MINT_BYTES, MintProblem


class OperatorAccess:
    """The handler of `POST /api/operator/access`."""

    def __init__(self, credentials: Credentials, team: Team, rate: RateLimit) -> None:
        self._credentials = credentials
        self._team = team
        self._rate = rate

    async def mint(self, request: web.Request) -> web.StreamResponse:
        """Mint a token for the member of the team whose email is given."""
        try:
            key = await key_for(request, self._credentials, Surface.RPC)
            if key is Door.UNKNOWN:
                return answer(refuse_rpc("unauthorized"))
            if isinstance(key, Door):
                return answer(refuse_rpc("forbidden"))
            wait_s = self._rate.take(key.id)
            if wait_s:
                return answer(refuse_rpc("rate_limited"), {"Retry-After": str(wait_s)})
            email = read_mint(await read_body(request, MAX_MINT_BYTES))
            access = await self._team.issue_access(key.log, key.id, email)
        except (StoreAway, LogBusy, QueryTooSlow):
            return answer(refuse_rpc("unavailable"), {"Retry-After": "1"})
        except BodyTooLarge:
            return answer(refuse_rpc("payload_too_large"))
        except MintProblem as problem:
            return answer(refuse_rpc("bad_request", str(problem)))
        if access is None:
            return answer(refuse_rpc("not_found", "no member of the team has this email"))
        member = access.member
        body = answer_mint(access.text, access.token, member.id, member.email, member.role)
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=body, content_type="application/json", headers=headers)
