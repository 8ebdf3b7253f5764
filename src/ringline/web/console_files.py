"""The files of the browser console: `GET /console` and everything below it but its API.

`make console` builds them into the package. They are read once, into a table from name to bytes,
so no path of a request ever reaches the disk. A server that finds no build says so, and looks
again at the next request: `make demo` builds the console while its server runs.

The build names its files relative to each other, so that it works below any prefix. Only the page
is asked for at addresses of any depth, so the server writes into it where the files are.
"""

import asyncio
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from pathlib import Path

from aiohttp import web

from ringline.web.console_routes import CONSOLE
from ringline.web.links import Links
from ringline.web.prepared import REVALIDATE, Prepared, answer_prepared, prepare
from ringline.wire.preferences import is_named

#: The build that answered: a page that was loaded from another one offers to reload.
BUILD_HEADER = "X-Ringline-Build"
FOLDER = Path(__file__).parent / "console_dist"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "media-src 'self' blob:",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_STAMP = "build.json"  # `ringline.cli.console_build` writes it last
_INDEX = "index.html"
_HTML = "text/html"
#: How the built page begins the addresses of its files.
_HERE = b'="./'
#: Names below it hold a hash of the content, so a name never gets other bytes.
_HASHED = "assets/"
#: Below these, an unknown name is an error and no page.
_NO_PAGES = (_HASHED, "api/")
_FOR_A_YEAR = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _Kind:
    """The type of a file, and whether it is text, which compresses well."""

    content_type: str
    text: bool = True


_KINDS: Mapping[str, _Kind] = {
    ".css": _Kind("text/css"),
    ".html": _Kind(_HTML),
    ".js": _Kind("text/javascript"),
    ".md": _Kind("text/markdown"),
    ".svg": _Kind("image/svg+xml"),
    ".woff2": _Kind("font/woff2", text=False),
}
_MISSING = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>Ringline</title></head>
<body>
<h1>The console has not been built</h1>
<p>Run <code>make console</code> in Ringline's checkout, then reload this page. The server keeps
running meanwhile.</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    kind: _Kind
    plain: Prepared
    gzipped: Prepared | None


@dataclass(frozen=True, slots=True)
class _Build:
    name: str
    files: Mapping[str, _File]


class ConsoleFiles:
    """The handler of the console's pages and files."""

    def __init__(self, links: Links, folder: Path = FOLDER) -> None:
        self._links = links
        self._folder = folder
        self._build = _load(folder)

    @property
    def build(self) -> str:
        """The name of the build that is served; "" without one."""
        return "" if self._build is None else self._build.name

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a file by its name, or the page that finds its own way from the address."""
        name = request.match_info.get("name", "")
        is_page = not name or (
            is_named(request.headers.get("Accept", ""), _HTML) and not name.startswith(_NO_PAGES)
        )
        if self._build is None:
            self._build = await asyncio.to_thread(_load, self._folder)
        if self._build is None:
            if not is_page:
                raise web.HTTPNotFound
            headers = {**HEADERS, "Cache-Control": "no-store"}
            return web.Response(status=503, text=_MISSING, content_type=_HTML, headers=headers)
        file = self._build.files.get(name)
        if file is None and is_page:
            name, file = _INDEX, self._build.files[_INDEX]
        if file is None:
            raise web.HTTPNotFound
        if name == _INDEX:
            file = _placed(file.plain.body, self._links.prefix_at(request.host))
        return self._answer(request, file, hashed=name.startswith(_HASHED))

    def _answer(self, request: web.Request, file: _File, *, hashed: bool) -> web.StreamResponse:
        headers = {**HEADERS, BUILD_HEADER: self.build}
        chosen = file.plain
        if file.gzipped is not None:
            headers["Vary"] = "Accept-Encoding"
            if is_named(request.headers.get("Accept-Encoding", ""), "gzip"):
                headers["Content-Encoding"] = "gzip"
                chosen = file.gzipped
        return answer_prepared(
            request,
            chosen,
            content_type=file.kind.content_type,
            headers=headers,
            charset="utf-8" if file.kind.text else None,
            cache_control=_FOR_A_YEAR if hashed else REVALIDATE,
        )


def _load(folder: Path) -> _Build | None:
    """Read the build in a folder; None if there is no whole one."""
    try:
        name = json.loads((folder / _STAMP).read_bytes())["name"]
    except OSError:
        return None
    return _read(folder, name)


@cache
def _read(folder: Path, name: str) -> _Build:
    """Read and compress a build's files, once in a process."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != _STAMP]
    files = {
        path.relative_to(folder).as_posix(): _prepare(_KINDS[path.suffix], path.read_bytes())
        for path in paths
    }
    return _Build(name, files)


@lru_cache(maxsize=2)  # with the prefix, and without it
def _placed(page: bytes, prefix: str) -> _File:
    """Write the whole addresses of its files into the page."""
    return _prepare(_KINDS[".html"], page.replace(_HERE, f'="{escape(prefix)}{CONSOLE}/'.encode()))


def _prepare(kind: _Kind, body: bytes) -> _File:
    gzipped = prepare(gzip.compress(body, mtime=0)) if kind.text else None
    return _File(kind, prepare(body), gzipped)
