"""What the page "Meter usage" says of sessions and prices: played and read as it stands there."""

import asyncio
import json
from datetime import date
from itertools import pairwise

from ringline.domain.spelling import camel
from ringline.domain.usage import UNITS
from ringline.wire.prices import read_prices
from tests.app.test_test_your_app_page import Player
from tests.pages import DOCS, blocks_of
from tests.realtime_session import WAIT_S, connected
from tests.serving import Service

PAGE = DOCS / "howto" / "meter-usage.md"


async def test_a_session_is_told_as_the_page_says(service: Service) -> None:
    ((mint, session),) = pairwise(blocks_of(PAGE, "json", "frames"))
    minted = await service.mint(json.loads(mint.code), service.keys.test_key)
    async with asyncio.timeout(WAIT_S), connected(service, minted["client_secret"]) as client:
        await Player(client).play(session)


def test_the_table_of_prices_is_one() -> None:
    (block,) = blocks_of(PAGE, "toml")
    prices = read_prices(block.code)
    assert prices.date == date(2026, 11, 28)
    assert set(prices.rows) == {"openai/gpt-realtime-2.1", "xai/", "mock/"}


def test_the_units_that_it_names_exist() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    text = " ".join(rows)
    named = {unit for unit in UNITS if f"`{camel(unit)}`" in text}
    assert named == set(UNITS), "each unit is on some bill"
