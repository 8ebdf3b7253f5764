"""The sessions on the page "Leash a ticket", each minted and played as it stands there."""

import asyncio
import json
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from ringline.wire.prices import read_prices
from ringline.wire.realtime_mint import TicketRequest, read_mint
from tests.app.test_test_your_app_page import Player
from tests.pages import DOCS, Block, blocks_of
from tests.realtime_session import WAIT_S, connected
from tests.serving import Service

PAGE = DOCS / "howto" / "leash-a-ticket.md"
_BLOCKS = blocks_of(PAGE, "json", "frames")
#: Each session, with the body of the mint before it.
SESSIONS = [(mint, session) for mint, session in pairwise(_BLOCKS) if session.language == "frames"]
DELETE = "> DELETE"


@pytest.mark.parametrize(
    ("mint", "session"), SESSIONS, ids=[f"line {session.line}" for _, session in SESSIONS]
)
async def test_a_session_goes_as_the_page_says(
    service: Service, mint: Block, session: Block
) -> None:
    assert mint.language == "json"
    minted = await service.mint(json.loads(mint.code), service.keys.test_key)
    async with asyncio.timeout(WAIT_S), connected(service, minted["client_secret"]) as client:
        player = Player(client)
        before, deleted, after = session.code.partition(f"{DELETE}\n")
        await player.play(Block("frames", before, "", 0))
        if deleted:
            url = f"{service.base_url}/v3/realtime-sessions/{minted['id']}"
            headers = service.bearer(service.keys.test_key)
            async with service.http.delete(url, headers=headers) as answer:
                assert answer.status == 204
        await player.play(Block("frames", after, "", 0))


def test_the_first_block_is_a_body_of_a_mint() -> None:
    body: dict[str, Any] = json.loads(_BLOCKS[0].code)
    del body["agent_id"]  # its id is cut short
    asked = read_mint(json.dumps(body).encode(), {})
    assert isinstance(asked, TicketRequest)
    assert set(body) - {"ttl_seconds"} <= {
        name for name in asked.leash.__struct_fields__ if getattr(asked.leash, name) is not None
    }


def test_the_table_of_prices_is_one() -> None:
    (block,) = blocks_of(PAGE, "toml")
    prices = read_prices(block.code)
    assert prices.date == date(2026, 11, 28)
    assert set(prices.rows) == {"openai/gpt-realtime-2.1", "xai/"}
