"""A wall clock that jumps while a server runs: tickets, keys and sessions."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringline.app import server as app
from tests.database import TestDatabase
from tests.realtime_session import BARE, UPGRADE, calls_of, connected, refused, until
from tests.serving import Service, serving

JUMPS = [timedelta(days=1), -timedelta(days=1)]
TICKET_LIFE = timedelta(seconds=60)


class WallClock:
    """The clock of the machine, as somebody set it."""

    def __init__(self) -> None:
        self.off_by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off_by


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()
    monkeypatch.setattr(app, "now", clock)
    return clock


@pytest.fixture
async def served(wall: WallClock, database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


async def opens(service: Service, ticket: str) -> bool:
    """Return whether a ticket opens a socket."""
    headers = {"Sec-WebSocket-Protocol": f"opper-ticket.{ticket}"} | UPGRADE
    url = f"{service.base_url}/v3/realtime"
    async with service.http.get(url, headers=headers) as answer:
        assert answer.status in (101, 401)
        return answer.status == 101


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_session_goes_on_and_lasts_as_long_as_it_did(
    served: Service, wall: WallClock, database: TestDatabase, jump: timedelta
) -> None:
    minted = await served.mint({"config": {"model": "mock/echo"}}, served.keys.test_key)
    async with connected(served, minted["client_secret"]) as client:
        await client.start(config={"output_transcription": True})
        wall.off_by = jump
        await client.send("text.input", text="still there?")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.text() == "echo: still there?"
        await client.socket.close()
    row: dict[str, Any] = {}

    async def ended() -> bool:
        row.update((await calls_of(served, database))[0])
        return row["ended_at"] is not None

    await until(ended)
    assert row["hangup_cause"] == "caller_hangup"
    assert row["started_at"] <= row["answered_at"] <= row["ended_at"]
    assert 0 <= row["duration_seconds"] < 60
    async with database.connection() as superuser:
        times = await superuser.fetch(
            'SELECT occurred_at FROM ringline.events WHERE call_id = $1 ORDER BY "offset"',
            row["id"],
        )
    moments = [one["occurred_at"] for one in times]
    assert moments == sorted(moments)


async def test_a_clock_set_back_spoils_no_ticket(served: Service, wall: WallClock) -> None:
    ticket = (await served.mint(BARE))["client_secret"]
    wall.off_by = -timedelta(days=1)
    assert await opens(served, ticket)
    assert not await opens(served, ticket)


async def test_a_clock_set_forward_ends_tickets_that_are_due(
    served: Service, wall: WallClock
) -> None:
    due, young = [(await served.mint(BARE))["client_secret"] for _ in range(2)]
    wall.off_by = TICKET_LIFE
    assert not await opens(served, due)
    fresh = (await served.mint(BARE))["client_secret"]
    assert await opens(served, fresh)
    wall.off_by = timedelta()  # it was a mistake
    assert await opens(served, young)


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_new_session_after_a_jump_is_one_of_the_new_time(
    served: Service, wall: WallClock, database: TestDatabase, jump: timedelta
) -> None:
    wall.off_by = jump
    async with connected(served, (await served.mint(BARE))["client_secret"]) as client:
        await client.start()
    (row,) = await calls_of(served, database)
    assert abs(row["started_at"] - wall()) < timedelta(hours=1)


async def test_a_revoked_key_opens_nothing_whatever_the_clock_says(
    served: Service, wall: WallClock
) -> None:
    ticket = (await served.mint(BARE))["client_secret"]
    rows = await served.admin.rows.list_keys(served.keys.workspace_id)
    wall.off_by = -timedelta(days=1)  # before it was revoked, and before it was made
    for row in rows:
        await served.admin.rows.revoke_key(row.id, wall(), end_calls=False)
    assert not await opens(served, ticket)

    async def is_refused() -> bool:
        status, _ = await refused(served, headers=served.bearer())
        return status == 401

    await until(is_refused)
