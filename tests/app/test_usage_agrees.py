"""The ledger against what fake providers say they sold: to the token, whatever happens."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ringline.domain.usage import UNITS
from tests import openai_session
from tests.app.test_outliving import GEMINI, ROLLS, Providers, providers, resumed
from tests.app.test_provider_voices import MODELS, ask
from tests.database import TestDatabase
from tests.fake_endpoints import call_events, document, streamed
from tests.openai_session import user_says
from tests.realtime_session import calls_of, until
from tests.sold import Sold, by_endpoints, by_gemini, by_openai, in_ledger
from tests.voice_desk import hum, quiet

OPENAI, XAI, HOUSE = MODELS["openai"], MODELS["xai"], "cascade/house"
ALL = (OPENAI, XAI, GEMINI, HOUSE)
TURN = hum(400, 24_000) + quiet(900, 24_000)
FALLS = f"""
[fallback]
"{OPENAI}" = ["{XAI}", "{GEMINI}", "{HOUSE}"]
"""


class World:
    """A server with all providers, and its ledger."""

    def __init__(self, found: Providers, database: TestDatabase) -> None:
        self.all = found
        self._database = database

    def sold(self) -> dict[str, Sold]:
        """Return what each model has sold, as its provider says."""
        return {
            OPENAI: by_openai(self.all.openai),
            XAI: by_openai(self.all.xai),
            GEMINI: by_gemini(self.all.gemini),
            HOUSE: by_endpoints(self.all.house),
        }

    async def rows(self) -> list[dict[str, Any]]:
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM ringline.usage ORDER BY occurred_at, id")
        return [dict(row) for row in rows]

    async def agrees(self, *models: str) -> list[dict[str, Any]]:
        """Wait until calls are over, and the ledger has what these models sold; no other has."""
        rows: list[dict[str, Any]] = []

        async def whole() -> bool:
            calls = await calls_of(self.all.service, self._database)
            rows[:] = await self.rows()
            ours = {model: in_ledger(rows, model) for model in ALL}
            return all(call["ended_at"] for call in calls) and ours == self.sold()

        try:
            await until(whole)
        except TimeoutError:
            assert {model: in_ledger(rows, model) for model in ALL} == self.sold()
            raise
        assert {model for model, units in self.sold().items() if units} == set(models)
        assert len({row["id"] for row in rows}) == len(rows)
        return rows


@pytest.fixture
async def world(
    database: TestDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Any:
    file: str = getattr(request, "param", FALLS)
    async with providers(database, tmp_path, monkeypatch, file) as found:
        yield World(found, database)


def kinds(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(row["kind"] for row in rows)


def seconds(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return the seconds of each row about the time of a connection."""
    return [row["seconds"] for row in rows if row["kind"] == "session"]


# -- cascades -----------------------------------------------------------------------------


async def test_a_cascade_sells_its_recogniser_and_its_chat_model(world: World) -> None:
    async with world.all.talking(HOUSE) as client:
        await client.hear(hum(400, 16_000) + quiet(900, 16_000))
        await client.until("response.completed")
        assert await ask(client, "And typed?") == "echo: And typed?"
    rows = await world.agrees(HOUSE)
    assert kinds(rows) == ["response", "response", "transcription"]


async def test_a_recogniser_may_be_billed_by_time(world: World) -> None:
    world.all.house.answers["transcription"] += [document("One", 0.75), document("Two", 0.5)]
    async with world.all.talking(HOUSE) as client:
        for _ in range(2):
            await client.hear(hum(400, 16_000) + quiet(900, 16_000))
            await client.until("response.completed")
    rows = await world.agrees(HOUSE)
    heard = [row["seconds"] for row in rows if row["kind"] == "transcription"]
    assert heard == [0.75, 0.5]


@pytest.mark.parametrize(("stage", "paid"), [("chat", []), ("speech", ["response"])])
async def test_a_cascade_that_is_cancelled_sells_what_it_had_told(
    world: World, stage: str, paid: list[str]
) -> None:
    house = world.all.house
    gate = house.gates[stage] = asyncio.Event()
    async with world.all.talking(HOUSE) as client:
        await client.send("text.input", text="Tell me a story.")
        await client.send("response.create")
        asked = await house.until(stage)
        await client.send("response.cancel")
        await client.until("response.completed")
        await asked.done.wait()
        del house.gates[stage]
        gate.set()
        await ask(client, "Next")
    assert kinds(await world.agrees(HOUSE)) == [*paid, "response"]


async def test_an_answer_that_is_asked_for_again_is_sold_twice(world: World) -> None:
    house = world.all.house
    house.answers["chat"].append(
        lambda asked: streamed(asked, call_events(("c1", "clock", '{"tz":')))
    )
    async with world.all.talking(HOUSE) as client:
        assert await ask(client, "Time?") == "echo: Time?"
    (row,) = await world.agrees(HOUSE)
    assert row["text_out_tokens"] == 2 * 7


async def test_endpoints_that_do_not_say_what_they_sold(world: World) -> None:
    house = world.all.house
    house.answers["transcription"].append(
        lambda asked: streamed(asked, [b'{"text":"Hello"}'], media_type="application/json")
    )
    body = [b'data: {"choices":[{"index":0,"delta":{"content":"Hi."},"finish_reason":"stop"}]}\n\n']
    house.answers["chat"].append(lambda asked: streamed(asked, [*body, b"data: [DONE]\n\n"]))
    async with world.all.talking(HOUSE) as client:
        await client.hear(hum(400, 16_000) + quiet(900, 16_000))
        await client.until("response.completed")
        assert client.text() == "Hi."
    assert await world.agrees() == []


# -- xAI ----------------------------------------------------------------------------------


async def test_xai_sells_tokens_texts_and_the_time_of_its_connection(world: World) -> None:
    xai = world.all.xai
    async with world.all.talking(XAI) as client:
        await client.hear(TURN)
        await client.until("response.completed")
        await ask(client, "Hello")
        await client.send("text.input", text="/long")
        await client.send("response.create")
        await client.until("audio.delta")
        await client.send("response.cancel")
        await client.until("response.completed")
        (again,) = [frame for frame in xai.sent if frame["type"] == "response.done"][1:2]
        members = {name: again[name] for name in ("response", "usage")}
        await xai.session.send("response.done", **members)  # told twice
        await client.send("text.input", text="never answered")
        await xai.settled()
    rows = await world.agrees(XAI)
    assert in_ledger(rows, XAI)["response", "text_items"] == 3
    (time,) = seconds(rows)
    assert 0 < time < xai.open_s
    usd = sum(row["usd"] for row in rows)
    assert usd == pytest.approx(time / 60 * 0.08 + 3 * 0.004), "its tokens are not billed"


@pytest.mark.parametrize("model", ALL[:3])
async def test_what_is_told_after_the_callers_end_is_in_the_ledger(
    world: World, model: str
) -> None:
    async with world.all.talking(model) as client:
        await ask(client, "One")
        await client.send("text.input", text="/long")
        await client.send("response.create")
        await client.until("audio.delta")  # and the client leaves
    rows = await world.agrees(model)
    assert sum(row["audio_out_tokens"] > 0 for row in rows) == 2


@pytest.mark.parametrize("model", [OPENAI, XAI])
async def test_a_provider_that_says_nothing_of_what_it_sells(world: World, model: str) -> None:
    fake = world.all.openai if model == OPENAI else world.all.xai
    fake.unmetered = True
    async with world.all.talking(model, input_transcription=False) as client:
        await ask(client, "One")
        await client.send("text.input", text="/long")
        await client.send("response.create")
        await client.until("audio.delta")
    rows = await world.agrees(*([XAI] if model == XAI else []))
    # xAI's texts and seconds are counted by us.
    assert set(kinds(rows)) == ({"response", "session"} if model == XAI else set())
    assert sum(row["text_items"] for row in rows) == (2 if model == XAI else 0)


# -- connections that are replaced --------------------------------------------------------


@pytest.mark.parametrize("model", ALL[:3])
@pytest.mark.parametrize("world", [ROLLS], indirect=True)
async def test_a_rollover_loses_nothing_and_tells_nothing_twice(world: World, model: str) -> None:
    rate = 16_000 if model == GEMINI else 24_000
    async with world.all.talking(model) as client:
        for number in range(2):
            await client.hear(hum(400, rate) + quiet(900, rate))
            await client.until("response.completed")
            await ask(client, f"Number {number}")
            await client.until("session.resumed")
        await ask(client, "Done")
    rows = await world.agrees(model)
    assert len([row for row in rows if row["kind"] == "response"]) >= 5
    if model == XAI:
        assert len(seconds(rows)) == len(world.all.xai.sessions)
        assert 0 < sum(seconds(rows)) < world.all.xai.open_s


@pytest.mark.parametrize("model", [OPENAI, XAI])
async def test_a_connection_that_is_lost_is_paid_for_until_then(world: World, model: str) -> None:
    fake = world.all.openai if model == OPENAI else world.all.xai
    async with world.all.talking(model) as client:
        await ask(client, "One")
        fake.session.hesitations = 1
        await client.send("text.input", text="Two")
        await client.send("response.create")
        await fake.session.hesitating.wait()
        await fake.session.half_a_frame()
        await client.until("response.completed")
        await client.hear(TURN)
        await client.until("response.completed")
        assert client.text() == "echo: Oneecho: Twoecho: heard 400 ms"
    rows = await world.agrees(model)
    assert resumed(client) == [("reconnect", model)]
    assert len(seconds(rows)) == (2 if model == XAI else 0)


async def test_every_model_of_a_fallback_has_rows_of_its_own(world: World) -> None:
    found = world.all
    async with found.talking(OPENAI) as client:
        await client.hear(TURN)
        await client.until("response.completed")
        await ask(client, "One")
        await found.openai.session.connection.close(1011, "RESOURCE_EXHAUSTED")
        await client.until("session.resumed")
        await ask(client, "Two")
        await found.xai.session.connection.close(1008)
        await client.until("session.resumed")
        await client.hear(TURN)
        await client.until("response.completed")
        await found.gemini.conversations[-1].socket.close(1007)
        await client.until("session.resumed")
        await ask(client, "Four")
    rows = await world.agrees(*ALL)
    order = [row["model"] for row in rows if row["kind"] == "response"]
    assert sorted(order, key=ALL.index) == order
    assert {row["model"] for row in rows if row["kind"] == "session"} == {XAI}
    assert len({row["call_id"] for row in rows}) == 1


# -- through OpenAI's protocol ------------------------------------------------------------


@pytest.mark.parametrize("model", ALL)
async def test_a_client_of_openais_protocol_pays_the_same(world: World, model: str) -> None:
    service = world.all.service
    async with openai_session.connected(service, model=model, headers=service.bearer()) as client:
        await client.update(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
        system = {**user_says(""), "role": "system"}
        system["content"] = [{"type": "input_text", "text": "The caller is called Bo."}]
        await client.send("conversation.item.create", item=system)
        await client.say("Hello")
        await client.until("response.done")
        await client.hear(TURN)
        await client.until("response.done")
    spent = in_ledger(await world.agrees(model), model)
    if model == GEMINI:  # which tells what a response used after it
        return
    shown = [event["response"]["usage"]["total_tokens"] for event in client.of("response.done")]
    in_responses = {unit: spent.get(("response", unit), 0) for unit in UNITS if "tokens" in unit}
    assert sum(shown) == sum(in_responses.values())


async def test_a_client_of_openais_protocol_that_cancels_pays(world: World) -> None:
    service = world.all.service
    async with openai_session.connected(service, model=OPENAI, headers=service.bearer()) as client:
        await client.say("/long")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
    assert kinds(await world.agrees(OPENAI)) == ["response"]
