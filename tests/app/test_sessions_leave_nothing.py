"""Sessions that have ended leave nothing in memory, without the help of the collector.

Objects that refer to each other in a circle stay until the garbage collector finds them, which
for those that lived long is after some thousand sessions. So its work is suspended here.
"""

import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.app.test_gemini_voices import LIVE as GEMINI
from tests.app.test_gemini_voices import offering as offering_gemini
from tests.app.test_provider_voices import MODELS as PROVIDERS
from tests.app.test_provider_voices import offering as offering_a_provider
from tests.callers import calling
from tests.database import TestDatabase
from tests.fake_endpoints import KEY, fake_endpoints
from tests.fake_openai_live import KEY as LIVE_KEY
from tests.fake_openai_live import fake_live
from tests.gemini_model import EchoModel
from tests.realtime_session import BARE, connected, talking, until
from tests.recorded import agent_that_records, noted, recorded_session, say
from tests.serving import Service, serving
from tests.voice_desk import hum, quiet
from tests.watchers import events_client, stream_client, transcript

SESSIONS = 4

Session = Callable[[Service], Awaitable[None]]


async def closes(service: Service) -> None:
    async with talking(service) as client:
        await client.socket.close()


async def vanishes(service: Service) -> None:
    async with talking(service) as client:
        client.socket._response.connection.transport.abort()  # pyright: ignore


async def never_starts(service: Service) -> None:
    minted = await service.mint(BARE)
    async with connected(service, minted["client_secret"]) as client:
        await client.socket.close()


async def is_refused(service: Service) -> None:
    async with connected(service, headers=service.bearer()) as client:
        await client.send("session.start", config={"model": "no/such"})
        assert await client.closed() == 1008


async def breaks_a_rule(service: Service) -> None:
    async with talking(service) as client:
        for _ in range(3):
            await client.socket.send_bytes(b"\0")
        assert await client.closed() == 1003


async def _talks_to(service: Service, model: str, *, interrupts: bool) -> None:
    async with connected(service, headers=service.bearer(service.keys.test_key)) as client:
        await client.start(config={"model": model})
        await client.hear(bytes(3200))
        await client.send("text.input", text="hello, how are you today?")
        await client.send("response.create")
        await client.until("audio.delta")
        if not interrupts:
            await client.until("response.completed")
        await client.socket.close()


async def interrupts_a_greeting(service: Service) -> None:
    async with talking(service, None) as client:
        await client.until("audio.delta")
        await client.socket.close()


async def talks_to_echo(service: Service) -> None:
    await _talks_to(service, "mock/echo", interrupts=False)


async def interrupts_echo(service: Service) -> None:
    await _talks_to(service, "mock/echo", interrupts=True)


async def outlives_a_connection(service: Service) -> None:
    headers = service.bearer(service.keys.test_key)
    async with connected(service, headers=headers) as client:
        await client.start(config={"model": "mock/echo"})
        for command in ("/drop", "/cap 300"):
            await client.send("text.input", text=command)
            await client.until("session.resumed")
            await client.send("response.create")
            await client.until("response.completed")
        await client.socket.close()


async def is_lost_for_good(service: Service) -> None:
    headers = service.bearer(service.keys.test_key)
    async with connected(service, headers=headers) as client:
        await client.start(config={"model": "mock/echo"})
        await client.send("text.input", text="/drop")
        await client.until("session.resumed")
        await client.send("text.input", text="/drop")
        assert await client.closed() == 1011


async def talks_to_asym(service: Service) -> None:
    await _talks_to(service, "mock/asym", interrupts=False)


def alive() -> Counter[str]:
    """Count the objects of our classes, collected or not."""
    kinds = Counter(map(type, gc.get_objects()))
    return Counter(
        {
            f"{kind.__module__}.{kind.__qualname__}": count
            for kind, count in kinds.items()
            if kind.__module__.startswith("ringline.")
        }
    )


@contextmanager
def collector_suspended() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def watches(service: Service) -> None:
    async with events_client(service) as client:
        await client.join()


async def is_refused_on_the_socket(service: Service) -> None:
    async with service.http.get(service.base_url + "/socket/websocket") as answer:
        assert answer.status == 403


async def streams(service: Service) -> None:
    async with calling(service) as caller:
        async with transcript(service, caller.call_id) as stream:
            await stream.raw_until(b"\n\n")
        async with stream_client(service, caller.call_id) as client:
            await client.receive()


@pytest.mark.parametrize(
    "session",
    [
        watches,
        is_refused_on_the_socket,
        streams,
        closes,
        vanishes,
        never_starts,
        is_refused,
        breaks_a_rule,
        interrupts_a_greeting,
        talks_to_echo,
        interrupts_echo,
        talks_to_asym,
        outlives_a_connection,
        is_lost_for_good,
    ],
)
async def test_nothing_of_a_session_waits_for_the_collector(
    service: Service, session: Session
) -> None:
    await leaves_nothing(service, session)


async def test_nothing_of_a_recorded_session_does(database: TestDatabase, tmp_path: Path) -> None:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        agent = await agent_that_records(service)

        async def is_recorded(service: Service) -> None:
            async with recorded_session(service, agent) as (client, call_id):
                await say(client, "hello")
                await client.until("response.completed")
                await client.socket.close()
            await noted(service, call_id)

        await leaves_nothing(service, is_recorded)


async def test_nothing_of_a_cascade_does(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSE_KEY", KEY)
    path = tmp_path / "voices.toml"

    async def talks_to_a_cascade(service: Service) -> None:
        async with connected(service, headers=service.bearer()) as client:
            await client.start(config={"model": "cascade/house"})
            await client.send("text.input", text="hello")
            await client.send("response.create")
            await client.until("response.completed")
            await client.socket.close()

    async with fake_endpoints() as fake:
        path.write_text(fake.voices_file(), "utf-8")
        async with serving(database, voices_file=path) as service:
            await leaves_nothing(service, talks_to_a_cascade)


async def test_nothing_of_a_live_session_of_openai_does(database: TestDatabase) -> None:
    async def talks_and_interrupts(service: Service) -> None:
        async with connected(service, headers=service.bearer()) as client:
            await client.start(config={"model": "openai/gpt-live-1"})
            await client.send("text.input", text="hello, how are you today?")
            await client.send("response.create")
            await client.until("audio.delta")
            await client.hear(hum(300, 24_000))
            await client.until("response.completed")
            await client.socket.close()

    async with fake_live(hurry=5) as fake:
        key = SecretStr(LIVE_KEY)
        async with serving(database, openai_api_key=key, openai_url=fake.url) as service:
            await leaves_nothing(service, talks_and_interrupts)


@pytest.mark.parametrize("provider", ["openai", "xai"])
async def test_nothing_of_a_session_with_a_provider_does(
    database: TestDatabase, provider: str
) -> None:
    async def talks(service: Service) -> None:
        await _talks_with_tools(service, PROVIDERS[provider], rate_hz=24_000)

    async with offering_a_provider(database, provider) as (service, _):
        await leaves_nothing(service, talks)


async def test_nothing_of_a_session_with_gemini_does(database: TestDatabase) -> None:
    async def talks(service: Service) -> None:
        await _talks_with_tools(service, GEMINI, rate_hz=16_000)

    async with offering_gemini(database, EchoModel(pace_s=0.02)) as (service, _):
        await leaves_nothing(service, talks)


async def _talks_with_tools(service: Service, model: str, *, rate_hz: int) -> None:
    """Speak, call a tool, interrupt an answer, and hang up during another one."""
    tools = [{"name": "clock", "parameters": {"type": "object"}}]
    async with connected(service, headers=service.bearer()) as client:
        await client.start(config={"model": model, "tools": tools})
        await client.send("text.input", text="/tool clock {}")
        await client.send("response.create")
        call = await client.until("tool.call")
        await client.until("response.completed")
        identity = call["tool_call_id"]
        await client.send("tool.result", tool_call_id=identity, tool_result={"time": "12:00"})
        await client.until("audio.delta")
        await client.hear(hum(600, rate_hz) + quiet(800, rate_hz))
        await client.until("speech.stopped")
        await client.until("audio.delta")
        await client.socket.close()


async def leaves_nothing(service: Service, session: Session) -> None:
    """Run sessions and wait until all that they made is gone."""
    await session(service)  # what is made once
    left: dict[str, int] = {}

    async def nothing_is_left() -> bool:
        left.clear()
        left.update({kind: n for kind, n in (alive() - before).items() if n >= SESSIONS})
        return not left

    with collector_suspended():
        before = alive()
        for _ in range(SESSIONS):
            await session(service)
        try:
            await until(nothing_is_left)
        except TimeoutError:
            pytest.fail(f"{SESSIONS} sessions left {left}")
