"""Recordings under `/v1`, and the tokens that play them (live streams, 1.3 and 6.3.6)."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from ringline.app import rest
from ringline.domain import v1_limits
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from ringline.ports import StoreUnavailable
from ringline.services.recording_downloads import RecordingDownloads
from ringline.storage.recording_notes import PostgresRecordingNotes
from tests.call_rows import an_ended_call, live, set_recorded, store
from tests.database import TestDatabase
from tests.realtime_session import until
from tests.recorded import agent_that_records, noted, recorded_session, say
from tests.recorded import path_of as on_disk
from tests.serving import Service, serving
from tests.stored_recordings import Stored, store_recording
from tests.v1 import V1, Answer, read_answer
from tests.watchers import stream_client

SESSION = "/auth/session"


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        yield service


@pytest.fixture
async def stored(service: Service, database: TestDatabase, tmp_path: Path) -> Stored:
    return await store_recording(database, live(service), tmp_path)


async def fetch(
    service: Service, path: str, *, method: str = "GET", **headers: str
) -> tuple[aiohttp.ClientResponse, bytes]:
    """Fetch a path with the key, unless the headers have another credential."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Authorization" not in sent:
        sent |= service.bearer()
    url = f"{service.base_url}/v1{path}"
    async with service.http.request(method, url, headers=sent) as answer:
        return answer, await answer.read()


async def play(service: Service, path: str) -> tuple[int, bytes]:
    """Fetch a path without a header, as `<audio>` does."""
    async with service.http.get(f"{service.base_url}/v1{path}") as answer:
        return answer.status, await answer.read()


async def slowly(answer: aiohttp.ClientResponse) -> None:
    """Read an answer to its end, not faster than a revocation takes."""
    async with asyncio.timeout(20):
        async for _ in answer.content.iter_chunked(65_536):
            await asyncio.sleep(0.01)


async def mint(service: Service, key: object = None) -> Answer:
    body = {"api_key": key or service.keys.secret_key}
    async with service.http.post(f"{service.base_url}/v1{SESSION}", json=body) as answer:
        return await read_answer(answer)


async def token_of(service: Service, key: str | None = None) -> str:
    minted = await mint(service, key)
    assert minted.status == 200, minted.body
    return minted.body["token"]


# -- the file -------------------------------------------------------------------------------


async def test_a_call_is_recorded_and_fetched(service: Service, tmp_path: Path) -> None:
    agent = await agent_that_records(service)
    async with recorded_session(service, agent) as (client, call_id):
        path = f"/calls/{call_id}/recording"
        await say(client, "x" * 10)
        await client.until("response.completed")
        answer = await V1(service).get(path)
        assert (answer.status, answer.code) == (404, "NOT_FOUND")  # it is under way
        assert (await V1(service).get(f"/calls/{call_id}")).body["recording_url"] is None
    assert (await noted(service, call_id))["recordingMs"] is not None

    async def url() -> Any:
        return (await V1(service).get(f"/calls/{call_id}")).body["recording_url"]

    await until(url)  # the call's end and its recording are written apart
    assert await url() == f"/v1{path}"
    answer, body = await fetch(service, path)
    assert body == on_disk(tmp_path, call_id).read_bytes()
    assert answer.status == 200


async def test_the_path_in_the_last_event_can_be_fetched_at_once(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, disk = await agent_that_records(service), asyncio.Event()
    note = PostgresRecordingNotes.note

    async def note_later(notes: PostgresRecordingNotes, durations: Any) -> None:
        await disk.wait()
        await note(notes, durations)

    monkeypatch.setattr(PostgresRecordingNotes, "note", note_later)
    async with (
        recorded_session(service, agent) as (client, call_id),
        stream_client(service, call_id) as watching,
    ):
        await say(client, "x" * 10)
        await client.until("response.completed")
        await client.socket.close()
        last = (await watching.rest())[-1]
    path = f"/calls/{call_id}/recording"
    assert (last["event_type"], last["payload"]["recording_url"]) == (
        "call.completed",
        f"/v1{path}",
    )
    # Its file is not complete: everything says so, or waits.
    (listed,) = (await V1(service).get("/calls")).body["calls"]
    shown = (await V1(service).get(f"/calls/{call_id}")).body
    assert listed["recording_url"] == shown["recording_url"] == f"/v1{path}"
    fetching = asyncio.create_task(fetch(service, path))
    await asyncio.sleep(0.2)
    assert not fetching.done()
    disk.set()
    answer, body = await fetching
    assert (answer.status, body) == (200, on_disk(tmp_path, call_id).read_bytes())


async def test_a_file_that_is_never_complete_is_waited_for_no_longer_than_a_while(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "RecordingDownloads", partial(RecordingDownloads, wait_s=0.1))
    noting = asyncio.Event()

    async def note_never(*_: object) -> None:
        noting.set()
        raise StoreUnavailable

    async with serving(database, dev=True, data_dir=tmp_path) as service:
        agent = await agent_that_records(service)
        with monkeypatch.context() as away:
            away.setattr(PostgresRecordingNotes, "note", note_never)
            async with recorded_session(service, agent) as (client, call_id):
                await say(client, "x" * 10)
                await client.until("response.completed")
            await noting.wait()
            answer = await V1(service).get(f"/calls/{call_id}/recording")
            assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_the_headers_of_a_recording(service: Service, stored: Stored) -> None:
    answer, body = await fetch(service, stored.path)
    assert body == stored.file
    expected = {
        "Content-Type": "audio/wav",
        "Content-Length": str(len(stored.file)),
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "ETag": f'"{stored.id}-{len(stored.file)}"',
        "Content-Disposition": f'inline; filename="{stored.id}.wav"',
        "Access-Control-Allow-Origin": "*",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert "Content-Range" not in answer.headers
    assert answer.headers["X-Request-Id"].startswith("req_")
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert {"Content-Range", "Accept-Ranges", "ETag"} <= set(exposed.split(", "))
    by_uuid, again = await fetch(service, f"/calls/{stored.call.id}/recording")
    assert (by_uuid.status, again) == (200, stored.file)


async def test_a_head_says_what_a_get_would(service: Service, stored: Stored) -> None:
    got, _ = await fetch(service, stored.path)
    for asked in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=999999999-"}):
        head, body = await fetch(service, stored.path, method="HEAD", **asked)
        assert (head.status, body) == (200, b"")
        for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges"):
            assert head.headers[name] == got.headers[name]
    after, body = await fetch(service, stored.path)  # on the same connection
    assert (after.status, body) == (200, stored.file)


# -- ranges ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-43", 0, 43),  # the header, which is made up
        ("bytes=40-50", 40, 50),
        ("bytes=44-", 44, 100_043),
        ("bytes=-1", 100_043, 100_043),
        ("bytes=50000-999999999", 50_000, 100_043),
    ],
)
async def test_a_range(service: Service, stored: Stored, asked: str, first: int, last: int) -> None:
    answer, body = await fetch(service, stored.path, Range=asked)
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(stored.file)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert body == stored.file[first : last + 1]


async def test_the_parts_put_together_are_the_file(service: Service, stored: Stored) -> None:
    rng, whole = random.Random(3), len(stored.file)
    for _ in range(5):
        together = b""
        while len(together) < whole:
            end = min(whole, len(together) + rng.choice([1, 43, 44, 45, 9_999, whole]))
            _, part = await fetch(service, stored.path, Range=f"bytes={len(together)}-{end - 1}")
            assert len(part) == end - len(together)
            together += part
        assert together == stored.file


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=9-1", "bytes=x", ""])
async def test_what_is_no_range_gets_the_whole(
    service: Service, stored: Stored, asked: str
) -> None:
    answer, body = await fetch(service, stored.path, Range=asked)
    assert (answer.status, body) == (200, stored.file)


@pytest.mark.parametrize("asked", ["bytes=100044-", "bytes=-0", "bytes=" + "9" * 30 + "-"])
async def test_a_range_outside_of_the_file(service: Service, stored: Stored, asked: str) -> None:
    answer = await V1(service).ask("GET", stored.path, headers={"Range": asked})
    assert (answer.status, answer.code) == (416, "INVALID_ARGUMENT")
    assert answer.headers["Content-Range"] == f"bytes */{len(stored.file)}"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert (await fetch(service, stored.path))[1] == stored.file


async def test_if_range(service: Service, stored: Stored) -> None:
    etag = (await fetch(service, stored.path))[0].headers["ETag"]
    for tag, status in (
        (etag, 206),
        (f"W/{etag}", 200),
        ('"other"', 200),
        ("Mon, 30 Nov 2026 08:00:00 GMT", 200),
    ):
        answer, body = await fetch(service, stored.path, Range="bytes=0-9", If_Range=tag)
        assert answer.status == status, tag
        assert body == (stored.file[:10] if status == 206 else stored.file)
    gone, _ = await fetch(service, stored.path, Range="bytes=999999-", If_Range='"other"')
    assert gone.status == 200


async def test_a_preflight(service: Service, stored: Stored) -> None:
    url = f"{service.base_url}/v1{stored.path}"
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    async with service.http.options(url, headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "range"} <= set(allowed)


# -- where there is none --------------------------------------------------------------------


async def test_recordings_that_are_not_given_out(
    service: Service, database: TestDatabase, tmp_path: Path
) -> None:
    now, log = datetime.now(UTC), live(service)
    ends = now - timedelta(days=30, minutes=1), now - timedelta(days=30, minutes=-9)
    old, young = [
        await store_recording(database, log, tmp_path, ended_at=ended_at) for ended_at in ends
    ]
    test = Scope(log.workspace_id, Environment.TEST)
    theirs = await store_recording(database, test, tmp_path)
    unrecorded = an_ended_call(now - timedelta(minutes=5))
    no_file = an_ended_call(now - timedelta(minutes=5))
    await store(database, log, [unrecorded, no_file])
    await set_recorded(database, no_file)
    for path in (
        old.path,
        theirs.path,
        f"/calls/{unrecorded.id}/recording",
        f"/calls/{no_file.id}/recording",
        f"/calls/call_{'0' * 22}/recording",
    ):
        answer = await V1(service).get(path)
        assert (answer.status, answer.code) == (404, "NOT_FOUND"), path
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert (await fetch(service, young.path))[0].status == 200
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET retention_days = 29")
    assert (await V1(service).get(young.path)).status == 404
    test_key = V1(service, service.keys.test_key)
    assert (await test_key.get(young.path)).status == 404


async def test_a_file_that_cannot_be_opened(
    service: Service, stored: Stored, tmp_path: Path
) -> None:
    place = stored.on_disk(tmp_path)
    place.rename(tmp_path / "elsewhere.wav")
    place.symlink_to(tmp_path / "elsewhere.wav")  # a link is never followed
    answer = await V1(service).get(stored.path)
    assert (answer.status, answer.code) == (500, "INTERNAL")


async def test_a_file_that_is_cut_short_meanwhile(
    service: Service, database: TestDatabase, tmp_path: Path
) -> None:
    stored = await store_recording(database, live(service), tmp_path, size=8_000_000)
    url = f"{service.base_url}/v1{stored.path}"
    async with service.http.get(url, headers=service.bearer()) as answer:
        await answer.content.readexactly(1000)
        os.truncate(stored.on_disk(tmp_path), 1000)
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    assert (await V1(service).get("/calls")).status == 200


async def test_files_are_closed_however_a_download_ends(
    service: Service, database: TestDatabase, tmp_path: Path
) -> None:
    stored = await store_recording(database, live(service), tmp_path, size=8_000_000)

    def open_files() -> int:
        places = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        return places.count(str(stored.on_disk(tmp_path)))

    for asked in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=99999999-"}):
        await fetch(service, stored.path, **asked)
    await fetch(service, stored.path, method="HEAD")
    async with service.http.get(
        f"{service.base_url}/v1{stored.path}", headers=service.bearer()
    ) as answer:
        await answer.content.readexactly(1000)
        answer.close()

    async def are_closed() -> bool:
        return open_files() == 0

    await until(are_closed)


async def test_a_download_of_a_revoked_key_is_cut(
    service: Service, database: TestDatabase, tmp_path: Path
) -> None:
    stored = await store_recording(database, live(service), tmp_path, size=40_000_000)
    key, text = await service.admin.workspaces.create_key(
        live(service), KeyKind.SECRET, label="short"
    )
    token = await token_of(service, text)
    url = f"{service.base_url}/v1{stored.path}?token={token}"
    async with service.http.get(url) as answer:
        await answer.content.readexactly(1000)
        await service.admin.rows.revoke_key(key.id, key.created_at, end_calls=False)
        with pytest.raises(aiohttp.ClientError):
            await slowly(answer)
    assert (await play(service, f"{stored.path}?token={token}"))[0] == 401


# -- tokens ---------------------------------------------------------------------------------


async def test_a_token_plays_recordings(service: Service, stored: Stored) -> None:
    minted = await mint(service)
    assert set(minted.body) == {"token", "expires_at"}
    left_s = datetime.fromisoformat(minted.body["expires_at"]).timestamp() - time.time()
    assert 590 < left_s <= 600
    token = minted.body["token"]
    assert await play(service, f"{stored.path}?token={token}") == (200, stored.file)
    answer, _ = await fetch(service, stored.path, Authorization=f"Bearer {token}")
    assert answer.status == 200
    part, body = await fetch(
        service, stored.path, Authorization=f"Bearer {token}", Range="bytes=0-9"
    )
    assert (part.status, body) == (206, stored.file[:10])
    claims = jwt.decode(token, options={"verify_signature": False})
    assert service.keys.secret_key not in json.dumps(claims)


async def test_a_token_opens_nothing_else(service: Service, stored: Stored) -> None:
    token = await token_of(service)
    for method, path in (
        ("GET", "/calls"),
        ("GET", f"/calls/{stored.id}"),
        ("GET", f"/calls/{stored.id}/transcript"),
        ("GET", f"/calls/{stored.id}/transcript/stream"),
        ("GET", f"/calls/{stored.id}/stream"),
        ("GET", "/analytics"),
        ("POST", "/webhook-endpoints"),
    ):
        answer = await V1(service, token).ask(method, path)
        assert (answer.status, answer.code) == (403, "PERMISSION_DENIED"), path
    assert (await play(service, f"/calls?token={token}"))[0] == 401
    stream = f"/calls/{stored.id}/transcript/stream?token={token}"
    assert (await play(service, stream))[0] == 403
    rpc = {"action": "list_calls", "fields": ["id"]}
    async with service.http.post(
        f"{service.base_url}/rpc/public/run", json=rpc, headers=service.bearer(token)
    ) as answer:
        assert answer.status == 401
    async with service.http.get(
        f"{service.base_url}/socket/websocket?vsn=2.0.0&token={token}",
        headers={"Connection": "upgrade", "Upgrade": "websocket"},
    ) as answer:
        assert answer.status in (400, 403)


async def test_a_test_keys_token_is_for_what_is_test(service: Service, stored: Stored) -> None:
    token = await token_of(service, service.keys.test_key)
    assert (await play(service, f"{stored.path}?token={token}"))[0] == 404


async def test_what_is_no_playback_token_does_not_play(service: Service, stored: Stored) -> None:
    watching, good = await service.session_token(), await token_of(service)
    key = service.keys.secret_key
    for query, status in (
        (f"token={watching}", 403),  # a token for something else
        (f"token={key}", 401),  # keys do not belong in a URL
        (f"token={good}x", 401),
        ("token=a.b.c", 401),
        ("token=", 401),
        (f"token={good}&token={watching}", 401),
        ("api_key=" + good, 401),
    ):
        found, body = await play(service, f"{stored.path}?{query}")
        assert found == status, query
        assert key.encode() not in body
    answer, _ = await fetch(service, f"{stored.path}?token=x")
    assert answer.status == 200, "the header wins"
    wrong, _ = await fetch(service, f"{stored.path}?token={good}", Authorization="Bearer sk_live_x")
    assert wrong.status == 401


async def test_a_token_ends_with_its_key(service: Service, stored: Stored) -> None:
    key, text = await service.admin.workspaces.create_key(
        live(service), KeyKind.SECRET, label="short"
    )
    path = f"{stored.path}?token={await token_of(service, text)}"
    assert (await play(service, path))[0] == 200
    await service.admin.rows.revoke_key(key.id, key.created_at, end_calls=False)
    assert (await play(service, path))[0] == 401
    refused = await mint(service, text)
    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")


async def test_whose_keys_get_a_token(service: Service) -> None:
    keys = service.keys
    for key, status, code in (
        ("sk_live_" + "x" * 43, 401, "UNAUTHENTICATED"),
        ("nonsense", 401, "UNAUTHENTICATED"),
        ("schlüssel", 401, "UNAUTHENTICATED"),
        (keys.publishable_key, 403, "PERMISSION_DENIED"),
        (keys.management_key, 403, "PERMISSION_DENIED"),
        (await service.session_token(), 403, "PERMISSION_DENIED"),
        (await token_of(service), 403, "PERMISSION_DENIED"),
    ):
        answer = await mint(service, key)
        assert (answer.status, answer.code) == (status, code), key
        assert "Cache-Control" in answer.headers


async def test_a_credential_in_the_headers_of_a_mint_is_ignored(service: Service) -> None:
    url, body = f"{service.base_url}/v1{SESSION}", {"api_key": service.keys.secret_key}
    bad = {"Authorization": "Bearer sk_live_x", "x-api-key": "y"}
    async with service.http.post(url, json=body, headers=bad) as answer:
        assert answer.status == 200
    async with service.http.post(url, json={}, headers=service.bearer()) as answer:
        refused = await read_answer(answer)
    assert (refused.status, refused.message) == (400, "api_key is required")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"api_key": 7}', 400),
        (b'{"api_key": null}', 400),
        (b'{"api_key": ""}', 400),
        (b'{"api_key": "\\u0000"}', 400),
        (b'{"api_key": "' + b"x" * 600 + b'"}', 400),
        (b'{"api_key": "' + b"x" * v1_limits.KEY_BODY_BYTES.most + b'"}', 413),
    ],
    ids=range(9),
)
async def test_bodies_of_a_mint_that_are_refused(
    service: Service, body: bytes, status: int
) -> None:
    async with service.http.post(
        f"{service.base_url}/v1{SESSION}", data=io.BytesIO(body)
    ) as refused:
        answer = await read_answer(refused)
    assert (answer.status, answer.code) == (status, "INVALID_ARGUMENT")


async def test_mints_have_a_rate(database: TestDatabase) -> None:
    async with serving(database, rate_mint_per_second=1) as service:
        answers = [await mint(service) for _ in range(5)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert {answer.code for answer in refused} == {"RATE_LIMITED"}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert (await V1(service).get("/calls")).status == 200


async def test_a_mint_counts_in_the_workspaces_rate(database: TestDatabase) -> None:
    async with serving(database, rate_v1_per_minute=1) as service:
        assert (await mint(service)).headers["X-RateLimit-Remaining"] == "0"
        assert (await mint(service)).status == 429


async def test_downloads_are_sockets_of_their_key(database: TestDatabase, tmp_path: Path) -> None:
    async with serving(database, dev=True, data_dir=tmp_path, max_sockets_per_key=1) as service:
        stored = await store_recording(database, live(service), tmp_path, size=20_000_000)
        url = f"{service.base_url}/v1{stored.path}"
        async with service.http.get(url, headers=service.bearer()) as first:
            await first.content.readexactly(100)
            answer = await V1(service).get(stored.path)
            assert (answer.status, answer.code) == (429, "RATE_LIMITED")
            assert len(await first.read()) == len(stored.file) - 100
        assert (await fetch(service, stored.path))[0].status == 200
