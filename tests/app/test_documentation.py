"""`/openapi.json`, `/docs` and `/`: what they answer, and that the pages need nobody else."""

import re
from socket import socket

import pytest

from ringline import __version__
from ringline.rpc.actions import ACTIONS
from ringline.rpc.resources import RESOURCES
from ringline.wire.errors import RPC_ERRORS
from ringline.wire.rpc import PROBLEMS
from tests.database import TestDatabase
from tests.serving import Service, serving


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/openapi.json", "application/json"), ("/docs", "text/html"), ("/", "text/html")],
)
async def test_is_sent_once(service: Service, path: str, content_type: str) -> None:
    url = f"{service.base_url}{path}"
    async with service.http.get(url) as answer:
        assert (answer.status, answer.content_type, answer.charset) == (200, content_type, "utf-8")
        assert await answer.read()
        etag = answer.headers["ETag"]
    for known in (etag, f'W/{etag}, "other"', "*"):
        async with service.http.get(url, headers={"If-None-Match": known}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == etag
    async with service.http.get(url, headers={"If-None-Match": '"other"'}) as answer:
        assert answer.status == 200
    async with service.http.head(url) as answer:
        assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize("path", ["/docs", "/"])
async def test_a_page_loads_nothing(service: Service, path: str) -> None:
    async with service.http.get(f"{service.base_url}{path}") as answer:
        policy, page = answer.headers["Content-Security-Policy"], await answer.text()
    assert "default-src 'none'" in policy
    assert "://" not in policy
    assert "unsafe" not in policy
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "@import" not in page
    assert not re.search(r"""\son\w+=|\sstyle=""", page), "the policy forbids them"
    assert "{{" not in page


async def test_the_root_leads_everywhere(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/") as answer:
        page = await answer.text()
    assert __version__ in page
    links = re.findall(r'href="([^"]+)"', page)
    assert {"docs", "openapi.json"} <= set(links)
    for link in links:
        assert not link.startswith("/"), "below a path prefix it would lead astray"
        async with service.http.get(f"{service.base_url}/{link}") as answer:
            assert answer.status == 200


async def test_the_page_shows_everything(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/docs") as answer:
        page = await answer.text()
    sections = re.findall(r'<section id="([^"]+)"', page)
    assert len(sections) == len(set(sections))
    assert {*ACTIONS, *RESOURCES} <= set(sections)
    for name in (*PROBLEMS, *RPC_ERRORS):
        assert f"<code>{name}</code>" in page
    links = set(re.findall(r"""href="#([\w]+)\"""", page))
    assert links <= set(sections)


async def test_links_lead_to_where_clients_reach_the_server(database: TestDatabase) -> None:
    """Behind a proxy with a path prefix, that is not where the server listens."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    async with serving(database, port=port, public_url="https://example.com/voice/") as service:
        assert service.base_url == "https://example.com/voice"
        here = f"http://127.0.0.1:{port}"
        async with service.http.get(f"{here}/openapi.json") as answer:
            assert (await answer.json())["servers"] == [{"url": service.base_url}]
        async with service.http.get(f"{here}/v1/calls/call_x/stream") as answer:
            refusal = await answer.json()
    assert refusal["documentation_url"] == "https://example.com/voice/docs#UNAUTHENTICATED"


async def test_an_error_leads_to_what_this_server_says_of_it(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/v1/calls/call_x/stream") as answer:
        url, _, code = (await answer.json())["documentation_url"].partition("#")
    async with service.http.get(url) as answer:
        assert f'id="{code}"' in await answer.text()
