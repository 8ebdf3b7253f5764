"""What a sign-in is called: known words only, whatever the client sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.devices import BROWSERS, SYSTEMS, device_of

NAMES = {name for _, name in BROWSERS} | {"A program"}
PLACES = {name for _, name in SYSTEMS}


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/156.0.0.0 Safari/537.36",
            "Chrome on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML,"
            " like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "A program"),
        ("", "A program"),
    ],
)
def test_a_device_is_its_browser_and_its_system(user_agent: str, name: str) -> None:
    assert device_of(user_agent) == name


@given(st.text())
def test_nothing_of_the_clients_text_is_kept(user_agent: str) -> None:
    browser, _, system = device_of(user_agent).partition(" on ")
    assert browser in NAMES
    assert not system or system in PLACES
