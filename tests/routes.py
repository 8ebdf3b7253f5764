"""The routes of the server's router, without a running server."""

from typing import Any

from aiohttp import web

from ringline.web.server import Surfaces, add_routes, streams_of


class _Anything:
    def __getattr__(self, name: str) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            raise AssertionError(f"the routes are only listed, not called: {name} {request.path}")

        return handler


def routes_of_the_server() -> set[tuple[str, str]]:
    """Return the methods and paths of all routes, except HEAD, which GET implies."""
    app = web.Application()
    anything: Any = _Anything()
    add_routes(
        app,
        _surfaces(),
        documentation=anything,
        health=anything.health,
        readiness=anything.readiness,
    )
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def streams_of_the_server() -> set[str]:
    """Return the paths of the edge's doors."""
    return set(streams_of(_surfaces()))


def _surfaces() -> Surfaces:
    anything: Any = _Anything()
    members: Any = dict.fromkeys(Surfaces.__dataclass_fields__, anything)
    return Surfaces(**members)
