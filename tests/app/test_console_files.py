"""The console's files over HTTP: which names there are, their headers, and what is no file."""

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ringline.web.console_files import HEADERS, ConsoleFiles
from ringline.web.links import Links
from tests.database import TestDatabase
from tests.serving import serving

FILES = {
    "index.html": b'<!doctype html><script src="./assets/index-1.js"></script>',
    "licenses.md": b"# Licenses\n",
    "assets/index-1.js": b"export const page = 1;\n" * 100,
    "assets/index-1.css": b"body { margin: 0 }\n",
    "assets/icon-1.svg": b"<svg/>",
    "assets/next-1.woff2": b"\x00font",
}
#: The page as it is sent: with the whole addresses of its files.
SENT = {**FILES, "index.html": FILES["index.html"].replace(b"./", b"/console/")}
PUBLIC = "https://voice.example:8443/ring'line"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Encoding": "identity"}
ANY = {"Accept": "*/*", "Accept-Encoding": "identity"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(tmp_path)
    return tmp_path


def build(folder: Path) -> None:
    for name, body in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)
    (folder / "build.json").write_text(json.dumps({"name": "0123456789abcdef"}))


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    links = Links()
    links.reached_at(PUBLIC)
    app, files = web.Application(), ConsoleFiles(links, folder)
    app.router.add_get("/console", files.serve)
    app.router.add_get("/console/{name:.*}", files.serve)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(server.make_url("/"), auto_decompress=False) as http,
    ):
        yield http


async def get(
    http: aiohttp.ClientSession, path: str, headers: Mapping[str, str]
) -> tuple[int, bytes, Mapping[str, str]]:
    async with http.get(path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("licenses.md", "text/markdown; charset=utf-8"),
        ("assets/index-1.js", "text/javascript; charset=utf-8"),
        ("assets/index-1.css", "text/css; charset=utf-8"),
        ("assets/icon-1.svg", "image/svg+xml; charset=utf-8"),
        ("assets/next-1.woff2", "font/woff2"),
    ],
)
async def test_a_file_is_served_by_its_name(folder: Path, name: str, content_type: str) -> None:
    async with browsing(folder) as http:
        status, body, headers = await get(http, f"/console/{name}", ANY)
        assert (status, body, headers["Content-Type"]) == (200, SENT[name], content_type)
        hashed = name.startswith("assets/")
        assert headers["Cache-Control"] == (
            "public, max-age=31536000, immutable" if hashed else "no-cache"
        )
        assert headers["X-Ringline-Build"] == "0123456789abcdef"
        assert headers.items() >= HEADERS.items()
        known = {**ANY, "If-None-Match": headers["ETag"]}
        status, body, again = await get(http, f"/console/{name}", known)
        assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
        assert again["Cache-Control"] == headers["Cache-Control"]
        async with http.head(f"/console/{name}", headers=ANY) as answer:
            assert (answer.status, await answer.read()) == (200, b"")


async def test_text_is_compressed_for_those_who_take_it(folder: Path) -> None:
    async with browsing(folder) as http:
        for name, body in SENT.items():
            plain = (await get(http, f"/console/{name}", ANY))[2]
            for coding in ("gzip, br", "br;q=1, gzip;q=0.2"):
                asked = {"Accept": "*/*", "Accept-Encoding": coding}
                status, sent, headers = await get(http, f"/console/{name}", asked)
                assert status == 200
                if name.endswith(".woff2"):
                    assert (sent, headers.get("Content-Encoding")) == (body, None)
                    assert "Vary" not in headers
                else:
                    assert (gzip.decompress(sent), headers["Content-Encoding"]) == (body, "gzip")
                    assert headers["Vary"] == plain["Vary"] == "Accept-Encoding"
                    assert headers["ETag"] != plain["ETag"], "its bytes are others"
                    known = {**asked, "If-None-Match": headers["ETag"]}
                    assert (await get(http, f"/console/{name}", known))[0] == 304


@pytest.mark.parametrize(
    "path", ["", "/", "/sign-in", "/live/board", "/test/calls/a%2Fb", "/live/calls/%2e%2e%2fetc"]
)
async def test_an_address_is_the_page(folder: Path, path: str) -> None:
    async with browsing(folder) as http:
        status, body, headers = await get(http, f"/console{path}", PAGE)
        assert (status, body) == (200, SENT["index.html"])
        assert headers["Cache-Control"] == "no-cache"
        assert headers.items() >= HEADERS.items()
        if path.strip("/"):  # what asks for no page does not get one
            assert (await get(http, f"/console{path}", ANY))[0] == 404


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("voice.example:8443", "/ring&#x27;line"),
        ("Voice.Example", "/ring&#x27;line"),  # from a proxy that drops the port
        ("voice.example:7400", ""),
        ("127.0.0.1:7400", ""),
    ],
)
async def test_the_page_names_its_files_below_the_prefix_that_its_host_has(
    folder: Path, host: str, prefix: str
) -> None:
    async with browsing(folder) as http:
        seen = set[str]()
        for path in ("", "/live/calls/a%2Fb"):
            status, body, headers = await get(http, f"/console{path}", {**PAGE, "Host": host})
            assert (status, f'src="{prefix}/console/assets/index-1.js"' in body.decode()) == (
                200,
                True,
            )
            seen.add(headers["ETag"])
        (tag,) = seen
        other = await get(http, "/console", {**PAGE, "Host": "elsewhere"})
        assert (other[2]["ETag"] == tag) is (prefix == "")


@pytest.mark.parametrize(
    "path",
    [
        "assets/index-0.js",
        "assets/",
        "assets/%2e%2e/%2e%2e/server.py",
        "assets/..%2f..%2fserver.py",
        "api/unknown",
    ],
)
async def test_an_unknown_file_is_not_found(folder: Path, path: str) -> None:
    async with browsing(folder) as http:
        for headers in (PAGE, ANY):
            status, body, _ = await get(http, f"/console/{path}", headers)
            assert (status, b"import" in body) == (404, False)


async def test_no_path_reaches_the_disk(folder: Path) -> None:
    async with browsing(folder) as http:
        (folder / "later.md").write_text("made after the table was")
        assert (await get(http, "/console/later.md", ANY))[0] == 404
        for path in ("build.json", str(folder / "index.html"), "..%2fserver.py", "%00"):
            assert (await get(http, f"/console/{path}", ANY))[0] == 404


async def test_a_server_without_a_build_says_so_until_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "console_dist"
    async with browsing(folder) as http:
        status, body, headers = await get(http, "/console/live/board", PAGE)
        assert (status, b"make console" in body) == (503, True)
        assert headers.items() >= HEADERS.items()
        assert (await get(http, "/console/assets/index-1.js", ANY))[0] == 404
        folder.mkdir()
        build(folder)
        status, body, headers = await get(http, "/console/live/board", PAGE)
        assert (status, body) == (200, SENT["index.html"])
        assert headers["X-Ringline-Build"] == "0123456789abcdef"


async def test_an_unfinished_build_is_none(folder: Path) -> None:
    (folder / "build.json").unlink()
    async with browsing(folder) as http:
        assert (await get(http, "/console", PAGE))[0] == 503


async def test_the_server_has_the_console_beside_everything_else(database: TestDatabase) -> None:
    async with serving(database) as service:
        async with service.http.get(f"{service.base_url}/console", headers=PAGE) as answer:
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["X-Request-Id"].startswith("req_")
        async with service.http.post(f"{service.base_url}/console") as answer:
            assert answer.status == 405
            assert (await answer.json())["success"] is False
