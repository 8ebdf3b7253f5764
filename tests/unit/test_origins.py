"""Origins: what browsers send, and lists of those that may connect."""

from collections.abc import Sequence

import pytest

from ringline.domain.origins import is_origin, may_connect
from ringline.rest.workspace_routes import Origins
from ringline.rpc.kinds import BadValue

ORIGINS = [
    "https://app.example.com",
    "http://localhost:3000",
    "http://127.0.0.1:8080",
    "http://[::1]:3000",
    "https://xn--bcher-kva.example",
    "capacitor://localhost",
    "chrome-extension://abcdefghijklmnop",
    "https://my_host",
    "http://a:443",
    "https://a:80",
    "https://a:65535",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_origins_as_browsers_write_them(origin: str) -> None:
    assert is_origin(origin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "https://*.example.com",
        "app.example.com",
        "https://",
        "https://App.example.com",
        "HTTPS://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/page",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://user@app.example.com",
        "https://a:443",
        "http://a:80",
        "https://a:0",
        "https://a:080",
        "https://a:65536",
        "https://a:",
        "https://bücher.example",
        "wss://app.example.com",
        " https://app.example.com",
        "https://app.example.com\n",
        "https://a, https://b",
        "https://" + "a" * 400,
    ],
)
def test_what_no_browser_sends_is_no_origin(text: str) -> None:
    assert not is_origin(text)


APP, OTHER, EVIL = "https://app.example.com", "http://localhost:3000", "https://evil.example"


@pytest.mark.parametrize(
    ("said", "lists", "may"),
    [
        ([], [], True),
        ([EVIL], [], True),
        ([EVIL], [[], ()], True),
        ([], [[APP], [OTHER]], True),
        ([APP], [[APP]], True),
        ([APP], [[OTHER, APP], []], True),
        ([APP], [[], [APP]], True),
        ([EVIL], [[APP], []], False),
        ([EVIL], [[], [APP]], False),
        ([APP], [[APP], [OTHER]], False),  # it must pass both
        ([APP], [[APP, OTHER], [APP, EVIL]], True),
        ([""], [[APP]], False),
        (["null"], [[APP]], False),
        ([APP, EVIL], [[APP]], False),  # no browser sends two
        ([APP + "."], [[APP]], False),
    ],
)
def test_an_origin_must_pass_every_list_that_has_entries(
    said: Sequence[str], lists: Sequence[Sequence[str]], may: bool
) -> None:
    assert may_connect(said, *lists) is may


def test_a_list_keeps_each_origin_once_and_in_order() -> None:
    assert Origins().cast([OTHER, APP, OTHER]) == [OTHER, APP]
    assert Origins().cast([]) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (APP, "must be a list"),
        ({APP: 1}, "must be a list"),
        ([APP, 7], "index"),
        ([APP, None], "index"),
        ([[APP]], "index"),
        ([APP + "/"], "index"),
        (["https://App.example.com"], "index"),
        ([APP + "\0"], "index"),
        (["null"], "index"),
        (["*"], "index"),
        ([f"https://{number}.example" for number in range(51)], "at most"),
        ([APP] * 51, "at most"),
    ],
)
def test_a_list_that_is_refused(value: object, told: str) -> None:
    with pytest.raises(BadValue, match=told):
        Origins().cast(value)
