"""The local voice's workers end with the server, and do not get its secrets."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import espeakng_loader
import psutil
import pytest
from structlog.testing import capture_logs

import ringline
from ringline.voices import recognition, speech
from ringline.voices.recognition import Recognition
from ringline.voices.speech import VOICE_FILES, Sentence, Speech
from ringline.voices.workers import Surroundings, WorkerPool
from tests.database import TestDatabase
from tests.faults.embedded import LIMIT_S, only_linux, only_root, until
from tests.faults.processes import ServerProcess, server_process

SERVER = """
import asyncio, signal, sys
from ringline.voices.local import LocalVoices

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's may be ignored

async def main():
    voices = LocalVoices()
    await voices.warm()
    print(*voices.process_ids, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def is_running(process_id: int) -> bool:
    try:
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_server(end: signal.Signals):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout is not None
        workers = [int(word) for word in server.stdout.readline().split()]
        assert len(workers) == 2
        assert all(is_running(worker) for worker in workers)
        server.send_signal(end)
        server.wait(LIMIT_S)
    finally:
        server.kill()
        server.communicate()
    while any(is_running(worker) for worker in workers):  # the test's time-out is the limit
        time.sleep(0.02)


SECRETS = {
    "RINGLINE_SIGNING_SECRET": "a secret of the tests alone: thirty-two",
    "RINGLINE_ENCRYPTION_KEY": "another secret of the tests, thirty-two",
    "PGPASSWORD": "marked-secret",
    "AWS_SECRET_ACCESS_KEY": "marked-secret",
}


def user_ids(process_id: int) -> set[int]:
    """Return the real, effective, saved and file-system user ids of a process."""
    return ids_of(process_id, "Uid:")


def ids_of(process_id: int, what: str) -> set[int]:
    status = Path(f"/proc/{process_id}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(what))
    return {int(word) for word in line.split()[1:]}


async def workers_of(server: ServerProcess) -> list[int]:
    """Wait until both workers run as their final account."""
    own = os.geteuid()
    async with asyncio.timeout(LIMIT_S):
        while True:
            found = [
                member.pid
                for member in server.family()
                if any(word.startswith("ringline.voices.") for word in member.cmdline())
            ]
            if len(found) == 2 and (own != 0 or all(0 not in user_ids(pid) for pid in found)):
                return found
            await asyncio.sleep(0.02)


@only_linux
@pytest.mark.parametrize("mode", ["dev", "serve"])
async def test_workers_have_neither_the_servers_secrets_nor_its_rights(
    parent: Path, database: TestDatabase, mode: str
) -> None:
    settings: dict[str, Any] = dict(SECRETS)
    if mode == "serve":
        settings["RINGLINE_DATABASE_URL"] = database.app_dsn
    async with server_process(parent, mode, **settings) as server:
        workers = await workers_of(server)
        accounts = {next(iter(user_ids(pid))) for pid in workers}
        if mode == "dev":
            assert accounts == {(parent / "data" / "postgres").stat().st_uid}
        for pid in workers:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert not any(name.encode() in environment for name in ("RINGLINE_", *SECRETS))
            assert not any(value.encode() in environment for value in SECRETS.values())
            assert len(user_ids(pid)) == 1, "nothing is left to return to"
            if os.geteuid() == 0:
                assert ids_of(pid, "Groups:") == set()
        assert await server.end() == 0


def nobody_else() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A directory for libraries that other accounts may not enter, like one below /root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "ringline").symlink_to(Path(ringline.__file__).parent)
    for library in Path(espeakng_loader.__file__).parents[1].iterdir():
        if library.suffix not in {".pth", ".dist-info"} and library.name != "ringline":
            (closed / library.name).symlink_to(library)
    return closed


@only_root
async def test_as_another_account_they_speak_every_voice_and_understand(closed: Path) -> None:
    around = Surroundings({"PYTHONPATH": str(closed)}, nobody_else())
    ours = WorkerPool(speech.MODULE)
    pools = [
        WorkerPool(module, 1, surroundings=around) for module in (speech.MODULE, recognition.MODULE)
    ]
    speakers, recognizers = pools
    phrase = "what are your opening hours"
    try:
        with capture_logs() as told:
            for voice in VOICE_FILES:
                spoken = await said(speakers, Sentence(phrase, voice))
                assert len(spoken) == pytest.approx(
                    len(await said(ours, Sentence(phrase, voice))), rel=0.05
                )
            speech_of_ours = await said(ours, Sentence(phrase))
            heard = await Recognition(recognizers).final(speech_of_ours, (phrase, "good bye"))
        assert told == []
        assert heard == phrase
        for pool in pools:
            (pid,) = pool.process_ids
            assert user_ids(pid) == {nobody_else()[0]}
            assert ids_of(pid, "NoNewPrivs:") == {1}
    finally:
        await asyncio.gather(*(pool.close() for pool in (ours, *pools)))


@only_root
async def test_a_worker_whose_files_are_closed_stays_root_and_says_so_once(closed: Path) -> None:
    (closed / "espeakng_loader").unlink()
    subprocess.run(
        ["cp", "-r", Path(espeakng_loader.__file__).parent, closed / "espeakng_loader"], check=True
    )
    data = Path(closed, "espeakng_loader", "espeak-ng-data", "en_dict")
    data.chmod(0o600)
    pool = WorkerPool(
        speech.MODULE, 1, surroundings=Surroundings({"PYTHONPATH": str(closed)}, nobody_else())
    )
    try:
        with capture_logs() as told:
            for _ in range(2):
                assert await said(pool, Sentence("Hello."))
                (pid,) = pool.process_ids
                os.kill(pid, signal.SIGKILL)
                await until(lambda: not pool.process_ids)
        (warning,) = (one for one in told if one["event"] == "voice_worker_stays_root")
        assert str(data) in warning["reason"]
    finally:
        await pool.close()


async def said(pool: WorkerPool, sentence: Sentence) -> bytes:
    return b"".join([spoken.chunk.pcm async for spoken in Speech(pool).speak(sentence)])
