"""Recordings over `/v1`, fetched by clients that others made: Node's fetch and Python's urllib."""

import asyncio
import json
import shutil
import urllib.request
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.call_rows import live
from tests.database import TestDatabase
from tests.e2e.node import find_node
from tests.serving import Service, serving
from tests.stored_recordings import Stored, store_recording

#: A page's player: a token first, then the length, then pieces of it until all is there.
PLAYER = """
const [base, path, key] = process.argv.slice(1);
const minted = await fetch(`${base}/v1/auth/session`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ api_key: key }),
});
const { token } = await minted.json();
const url = `${base}/v1${path}?token=${encodeURIComponent(token)}`;
const head = await fetch(url, { method: "HEAD" });
const size = Number(head.headers.get("content-length"));
const etag = head.headers.get("etag");
const parts = [];
for (let at = 0; at < size; at += 300_000) {
  const headers = { Range: `bytes=${at}-${at + 299_999}`, "If-Range": etag };
  const part = await fetch(url, { headers });
  if (part.status !== 206) throw new Error(`status ${part.status}`);
  parts.push(Buffer.from(await part.arrayBuffer()));
}
const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
const late = await fetch(url, { headers: { Range: `bytes=${size}-` } });
const digest = async (data) =>
  Buffer.from(await crypto.subtle.digest("SHA-256", data)).toString("hex");
console.log(JSON.stringify({
  type: head.headers.get("content-type"),
  parts: await digest(Buffer.concat(parts)),
  whole: await digest(whole),
  late: [late.status, late.headers.get("content-range"), (await late.json()).error_code],
}));
"""


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(database, data_dir=tmp_path) as service:
        yield service


@pytest.fixture
async def stored(service: Service, database: TestDatabase, tmp_path: Path) -> Stored:
    return await store_recording(database, live(service), tmp_path, size=2_000_000)


async def test_nodes_fetch_plays_it_with_a_token(service: Service, stored: Stored) -> None:
    process = await asyncio.create_subprocess_exec(
        find_node().node,
        "--input-type=module",
        "-e",
        PLAYER,
        "--",
        service.base_url,
        stored.path,
        service.keys.secret_key,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    size, digest = len(stored.file), sha256(stored.file).hexdigest()
    assert json.loads(out) == {
        "type": "audio/wav",
        "parts": digest,
        "whole": digest,
        "late": [416, f"bytes */{size}", "INVALID_ARGUMENT"],
    }


async def test_pythons_urllib_continues_a_download(
    service: Service, stored: Stored, tmp_path: Path
) -> None:
    target = tmp_path / "fetched.wav"

    def fetch(first: int) -> int:
        asked = {**service.bearer(), "Range": f"bytes={first}-"}
        request = urllib.request.Request(f"{service.base_url}/v1{stored.path}", headers=asked)
        with urllib.request.urlopen(request) as answer, target.open("ab") as file:
            if first:
                shutil.copyfileobj(answer, file)
            else:
                file.write(answer.read(1_234_567))  # and then it is cut off
            return answer.status

    assert await asyncio.to_thread(fetch, 0) == 206
    assert await asyncio.to_thread(fetch, target.stat().st_size) == 206
    assert target.read_bytes() == stored.file
