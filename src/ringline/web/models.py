"""The route of the list of models: `GET /v3/models` (realtime voice, 7.1).

It needs no key: without one it lists what everyone may use, with one what that key's workspace
may use in its environment. Browsers build menus from it, so any origin may read the answer.
"""

from aiohttp import web

from ringline.domain.credentials import Surface
from ringline.domain.log import Scope
from ringline.domain.model_list import select_models
from ringline.domain.session_config import ConfigProblem
from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import Credentials, Unrecognised
from ringline.services.voices import Catalogue
from ringline.web.authentication import Denied, answer, carries_credential, key_for, retry_after
from ringline.web.cors import READABLE, preflight
from ringline.web.fair_share import REQUEST_S
from ringline.web.http_connection import begin_anonymous
from ringline.web.requests import open_share
from ringline.wire.errors import refuse_v3
from ringline.wire.models import encode_models, read_query

_UNAUTHORIZED = {**READABLE, "WWW-Authenticate": "Bearer"}
_LATER = {**READABLE, **retry_after()}
_LISTED = {**READABLE, "Cache-Control": "no-store"}  # the answer depends on the key
#: The headers that a browser may send after its preflight.
_HEADERS = "authorization, x-api-key"


class Models:
    """The handlers of `/v3/models`."""

    def __init__(self, catalogue: Catalogue, credentials: Credentials) -> None:
        self._catalogue = catalogue
        self._credentials = credentials

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        """List the models that a key may use, or that everyone may."""
        try:
            scope = await self._admit(request)
            query = read_query(request.query)
            if isinstance(query, ConfigProblem):
                return answer(refuse_v3(query.code, query.message), READABLE)
            models = await self._catalogue.listed(scope)
        except Unrecognised:
            return answer(refuse_v3("unauthorized"), _UNAUTHORIZED)
        except Unavailable:
            return answer(refuse_v3("unavailable"), _LATER)
        body = encode_models(select_models(models, query))
        return web.Response(body=body, content_type="application/json", headers=_LISTED)

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer a CORS preflight, which a browser sends before a key."""
        return preflight("GET, OPTIONS", _HEADERS)

    async def _admit(self, request: web.Request) -> Scope | None:
        """Wait for the request's turn; return whose list it asks for, None for everybody's.

        Raises Unrecognised with a bad key, StoreUnavailable.
        """
        if not carries_credential(request.headers):
            await begin_anonymous(request)
            return None
        visitor = await key_for(request.headers, self._credentials, surface=Surface.REALTIME)
        if isinstance(visitor, Denied):
            raise Unrecognised
        scope = visitor.key.scope
        await open_share(request, visitor.key.id, scope=scope).begin(REQUEST_S)
        await visitor.check()  # its turn may have taken time to come
        return scope
