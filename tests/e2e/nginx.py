"""nginx before a server, as the page "Run it in production" sets it up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp.test_utils import unused_port

from tests.certificates import write_certificate
from tests.e2e.program import until
from tests.pages import DOCS, blocks_of

_PAGE = DOCS / "howto" / "production.md"


@asynccontextmanager
async def proxied(
    nginx: str, base_url: str, *, place: Path, port: int | None = None
) -> AsyncIterator[str]:
    """Run nginx with the page's block before a server; give its address there.

    `place` is an empty directory for its files.
    """
    (block,) = blocks_of(_PAGE, "nginx")
    port = port or unused_port()
    write_certificate(place, "voice.example.com")
    text = (
        block.code.replace("listen 443", f"listen 127.0.0.1:{port}")
        .replace("/etc/ssl/", f"{place}/")
        .replace("127.0.0.1:7400", base_url.removeprefix("http://"))
    )
    paths = "".join(
        f"{name}_temp_path {place};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place / "nginx.conf").write_text(
        f"user root; pid {place}/pid; daemon off; error_log stderr;"
        f"events {{}} http {{ access_log off; {paths} {text} }}"
    )
    process = await asyncio.create_subprocess_exec(
        nginx, "-p", str(place), "-c", str(place / "nginx.conf")
    )
    try:
        await asyncio.to_thread(until, lambda: can_connect(port))
        yield f"https://127.0.0.1:{port}/ringline"
    finally:
        process.terminate()
        await process.wait()


def can_connect(port: int) -> bool:
    """Return whether something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
