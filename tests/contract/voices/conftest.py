"""A voice of each row, and a listener whose reports are checked at the end of every case."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from ringline.domain.voice import VoiceOpening
from ringline.ports import Voice
from tests.clock import SkippingLoop
from tests.contract.voices.rows import ROWS, Adapter
from tests.voice_desk import Recorder
from tests.voice_rules import check_reports


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], SkippingLoop]]:
    """Choose the loop of these tests, whose rows say what time it has."""
    return {"skipping": SkippingLoop}


@pytest.fixture(params=ROWS)
async def adapter(request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    async for adapter in ROWS[request.param].make():
        yield adapter


@pytest.fixture
def ear() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    check_reports(recorder.reports)


@pytest.fixture
async def voice(adapter: Adapter, ear: Recorder) -> AsyncIterator[Voice]:
    opened = await adapter.open(VoiceOpening(adapter.config), ear)
    yield opened
    await opened.close()


@pytest.fixture
async def voice_by_order(adapter: Adapter, ear: Recorder) -> AsyncIterator[Voice]:
    opened = await adapter.open_by_order(ear)
    yield opened
    await opened.close()
