"""A talker of each row: a server, and a voice behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.door.rows import ROWS, Row, Talker
from tests.database import TestDatabase


@pytest.fixture(params=ROWS)
async def talker(
    request: pytest.FixtureRequest, database: TestDatabase, tmp_path: Path
) -> AsyncIterator[Talker]:
    async with ROWS[request.param].run(database, tmp_path) as talker:
        yield talker


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Row:
    """Give the row of the talker."""
    return ROWS[request.node.callspec.params["talker"]]
