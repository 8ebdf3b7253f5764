"""`ringline recording`, beside a server in the same process."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from ringline.cli.program import main
from ringline.domain.ids import Prefix, format_id
from tests.database import TestDatabase
from tests.e2e.program import environment
from tests.recorded import (
    Recorded,
    agent_that_records,
    loud_ms,
    noted,
    path_of,
    recorded_session,
    say,
    uuid_of,
)
from tests.samples import new_id
from tests.serving import Service, serving

#: A command's exit code, and what it said on stderr.
Done: TypeAlias = tuple[int, str]
Run: TypeAlias = Callable[..., Awaitable[Done]]


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        yield service


@pytest.fixture
def variables(database: TestDatabase, tmp_path: Path) -> dict[str, str]:
    return {"RINGLINE_DATABASE_URL": database.app_dsn, "RINGLINE_DATA_DIR": str(tmp_path)}


@pytest.fixture
def run(
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    async def run(*words: object) -> Done:
        code = await asyncio.to_thread(main, ["recording", *map(str, words)])
        told = capsys.readouterr()
        return code, told.err

    return run


async def recorded(service: Service, text: str = "hello") -> str:
    """Record a call; return its id."""
    agent = await agent_that_records(service)
    async with recorded_session(service, agent) as (client, call_id):
        await say(client, text)
        await client.until("response.completed")
        await asyncio.sleep(0.2)
    await noted(service, call_id)
    return call_id


async def test_both_forms_of_the_id_are_accepted(
    service: Service, run: Run, tmp_path: Path
) -> None:
    call_id = await recorded(service)
    for number, spelt in enumerate((call_id, uuid_of(call_id))):
        target = tmp_path / f"{number}.wav"
        assert await run(spelt, "-o", target) == (0, "")
        assert target.read_bytes() == path_of(tmp_path, call_id).read_bytes()
        assert target.stat().st_mode & 0o777 == 0o600


async def test_a_pipe_takes_the_file(
    service: Service, variables: dict[str, str], tmp_path: Path
) -> None:
    call_id = await recorded(service)
    command = [sys.executable, "-m", "ringline", "recording", call_id, "-o", "-"]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment(**variables), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == path_of(tmp_path, call_id).read_bytes()


async def test_a_call_under_way_gives_what_there_is_so_far(
    service: Service, run: Run, tmp_path: Path
) -> None:
    agent = await agent_that_records(service)
    async with recorded_session(service, agent) as (client, call_id):
        await say(client, "x" * 10)
        await client.until("response.completed")
        await asyncio.sleep(1.2)
        code, said = await run(call_id, "-o", tmp_path / "so-far.wav")
        assert (code, said) == (0, f"{call_id} is under way: this is its recording so far.\n")
    assert loud_ms(Recorded.read(tmp_path / "so-far.wav").agent) == pytest.approx(200, abs=40)


async def test_a_torn_file_comes_out_valid(service: Service, run: Run, tmp_path: Path) -> None:
    call_id = await recorded(service)
    path = path_of(tmp_path, call_id)
    before = Recorded.read(path).wav
    with path.open("r+b") as file:
        file.write(bytes(44))  # its header is gone
        file.seek(0, 2)
        file.write(b"\1\2\3")
    assert await run(call_id, "-o", tmp_path / "whole.wav") == (0, "")
    assert Recorded.read(tmp_path / "whole.wav").wav == before


async def test_it_says_why_there_is_none(service: Service, run: Run, tmp_path: Path) -> None:
    agent, target = await agent_that_records(service), tmp_path / "none.wav"
    async with recorded_session(service, agent, consent=False) as (client, call_id):
        code, said = await run(call_id, "-o", target)
        sentence = "is under way, and nothing has been recorded so far."
        assert (code, said) == (1, f"ringline: {call_id} {sentence}\n")
    await client.closed()
    code, said = await run(call_id, "-o", target)
    while "under way" in said:
        code, said = await run(call_id, "-o", target)
    assert (code, said) == (
        1,
        f"ringline: There is no recording of {call_id} in {tmp_path}: it was not recorded, or the"
        " recording has been removed.\n",
    )
    unknown = format_id(Prefix.CALL, new_id())
    assert await run(unknown, "-o", target) == (1, f"ringline: There is no call {unknown}.\n")
    code, said = await run("agt_1", "-o", target)
    assert (code, said) == (
        1,
        "ringline: agt_1 is not the id of a call: use a UUID or an id that begins with call_.\n",
    )
    assert not target.exists()


async def test_it_needs_a_place_to_write_to(service: Service, run: Run, tmp_path: Path) -> None:
    call_id = await recorded(service)
    code, _ = await run(call_id)
    assert code == 2
    for place, sentence in ((tmp_path, "is a directory"), (tmp_path / "no" / "x", "no such file")):
        code, said = await run(call_id, "-o", place)
        assert code == 1
        assert sentence in said


async def test_a_link_in_the_files_place_is_not_followed(
    service: Service, run: Run, tmp_path: Path
) -> None:
    call_id = await recorded(service)
    path, other = path_of(tmp_path, call_id), tmp_path / "other.wav"
    path.rename(other)
    path.symlink_to(other)
    code, said = await run(call_id, "-o", tmp_path / "copy.wav")
    assert code == 1
    assert "symbolic links" in said
    assert not (tmp_path / "copy.wav").exists()
