"""Which requests come from a page of this server, and which only look like it."""

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from ringline.web.own_page import Provenance, is_own_page, provenance_of

LOCAL = "http://127.0.0.1:7400"
PUBLIC = "https://Example.com/voice"


def is_own(
    host: str,
    origin: str | None,
    *,
    site: str | None = None,
    port: int = 7400,
    base_url: str = LOCAL,
    **options: Any,
) -> bool:
    told = Provenance(host, origin, site)
    return is_own_page(told, port=port, base_url=base_url, **options)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:7400", "localhost:7400", "LocalHost:7400", "[::1]:7400", "127.8.7.6:7400"],
)
def test_a_page_of_this_machine_is_ours(host: str) -> None:
    for site in (None, "same-origin"):
        assert is_own(host, f"http://{host}", site=site)
        assert is_own(host, f"http://{host}", site=site, base_url=PUBLIC)


def test_a_page_at_the_public_address_is_ours() -> None:
    assert is_own("example.com", "https://example.com", base_url=PUBLIC)
    assert is_own("EXAMPLE.com", "https://Example.com", base_url=PUBLIC)
    for authority in ("https://example.com:8443", "http://192.168.1.5:7400"):
        assert is_own(authority.partition("//")[2], authority, base_url=authority)


def test_the_default_port_is_left_out() -> None:
    assert is_own("localhost", "http://localhost", port=80)
    assert is_own("[::1]", "http://[::1]", port=80)
    assert is_own("localhost:80", "http://localhost:80", port=80)
    assert not is_own("localhost", "http://localhost", port=7400)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "http://evil.example",
        "http://evil.example:7400",
        "https://127.0.0.1:7400",
        "http://127.0.0.1",
        "http://127.0.0.1:7401",
        "http://127.0.0.1:7400.evil.example",
        "http://127.0.0.1:7400/",
        "http://localhost:7400",
        "file://",
    ],
)
def test_a_page_of_another_origin_is_not(origin: str | None) -> None:
    assert not is_own("127.0.0.1:7400", origin)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":7400",
        "evil.example:7400",
        "evil.example",
        "localhost.evil.example:7400",
        "localhost:7400.evil.example",
        "localhost:7401",
        "localhost:07400",
        "evil@localhost:7400",
        "localhost:7400@evil.example:7400",
        "127.0.0.1.evil.example:7400",
        "127.1:7400",
        "0.0.0.0:7400",
        "192.168.1.5:7400",
        "::1:7400",
        "[::2]:7400",
        "[127.0.0.1]:7400",
        "[::1:7400",
        "[localhost]:7400",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_not(host: str) -> None:
    """In the browser's eyes the page is of the same origin, so `Origin` says so."""
    for site in (None, "same-origin"):
        assert not is_own(host, f"http://{host}", site=site)
        assert not is_own(host, f"http://{host}", site=site, base_url=PUBLIC)
    assert not is_own(host, LOCAL)


def test_the_public_name_counts_with_its_scheme_and_port_only() -> None:
    for host, origin in (
        ("example.com", "http://example.com"),
        ("example.com:7400", "https://example.com:7400"),
        ("example.com:7400", "https://example.com"),
        ("www.example.com", "https://www.example.com"),
    ):
        assert not is_own(host, origin, base_url=PUBLIC)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "Same-Origin"])
def test_what_the_browser_says_of_the_site_counts(site: str) -> None:
    assert not is_own("127.0.0.1:7400", LOCAL, site=site)
    assert not is_own("127.0.0.1:7400", None, site=site, needs_origin=False)


def test_a_get_may_lack_an_origin_but_have_no_other() -> None:
    assert is_own("127.0.0.1:7400", None, needs_origin=False)
    assert is_own("127.0.0.1:7400", LOCAL, needs_origin=False)
    assert not is_own("127.0.0.1:7400", "http://evil.example", needs_origin=False)
    assert not is_own("evil.example:7400", None, needs_origin=False)


def headers(*pairs: tuple[str, str]) -> Provenance | None:
    request = make_mocked_request("POST", "/talk/ticket", headers=CIMultiDict(pairs))
    return provenance_of(request)


def test_headers_are_read_once_each() -> None:
    host, origin = ("Host", "localhost:7400"), ("Origin", LOCAL)
    site = ("Sec-Fetch-Site", "same-origin")
    assert headers(host) == Provenance("localhost:7400", None)
    assert headers(host, origin, site) == Provenance("localhost:7400", LOCAL, "same-origin")
    for doubled in ((host, host), (host, origin, origin), (host, site, site), (origin,)):
        assert headers(*doubled) is None
