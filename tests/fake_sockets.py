"""The WebSocket server of a fake provider."""

from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response


def serve_fake(
    converse: Callable[[ServerConnection], Awaitable[None]],
    admit: Callable[[ServerConnection, Request], Response | None],
    **options: Any,
) -> serve:
    """Serve on a free port, without waiting for a client that answers nothing any more."""
    return serve(
        converse,
        "127.0.0.1",
        0,
        process_request=admit,
        max_size=None,
        close_timeout=1,
        **options,
    )
