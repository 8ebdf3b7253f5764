"""The demo: a call with real speech, watched live, and working commands."""

import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ringline.wire.wav import Wav, read_wav, write_wav
from tests.e2e.program import (
    LIMIT_S,
    end,
    environment,
    processes_of,
    reachable_directory,
    ringline,
    start,
    start_typed,
    until,
)

CALL = Path(__file__).parents[2] / "examples" / "demo-call.wav"
CALL_LIMIT_S = 110.0

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def parent() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


@dataclass(frozen=True)
class Demo:
    """A demo whose call is over and that stays up."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    output: Path

    def line_with(self, word: str) -> str:
        """Return the line to paste that has a word in it."""
        (line,) = [line for line in self.output.read_text().splitlines() if word in line]
        return line


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with reachable_directory() as parent:
        output, data_dir = parent / "demo.log", parent / "demo"
        process = start(output, "demo", "--data-dir", data_dir)
        try:
            until(
                lambda: "Ctrl-C stops" in output.read_text() or process.poll() is not None,
                CALL_LIMIT_S,
            )
            assert process.poll() is None, output.read_text()
            yield Demo(process, data_dir, output)
        finally:
            end(process)


def paste(line: str, limit_s: float = LIMIT_S) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell does."""
    return subprocess.run(
        line,
        shell=True,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_s,
    )


def test_the_call_is_heard_answered_and_watched(demo: Demo) -> None:
    told = demo.output.read_text()
    for words in (
        "what are your opening hours",
        "i would like to book a table",
        "can i speak to a person",
        "thank you goodbye",
    ):
        assert f"call       caller  {words}\n" in told
        assert f"event      call_transcript_completed  user: {words}\n" in told
        assert f"transcript user: {words}\n" in told
    assert "call       agent   We are open every day" in told
    assert "event      call_ended                 completed" in told
    assert told.count("answered after ") == 4
    assert "✂ The caller interrupts" in told
    assert "4 turns answered" in told


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_server_gets_its_settings_and_nothing_else(parent: Path) -> None:
    output, data_dir = parent / "demo.log", parent / "demo"
    given = {"RINGLINE_HOST": "127.0.0.1", "RINGLINE_KEY": "marked", "AWS_SECRET_KEY": "marked"}
    process = start(output, "demo", "--data-dir", data_dir, **given)
    try:
        until(lambda: bool(servers(data_dir)) or process.poll() is not None)
        (server,) = servers(data_dir)
        assert server.environ().get("RINGLINE_HOST") == "127.0.0.1"
        assert "marked" not in server.environ().values()
    finally:
        end(process)


def servers(data_dir: Path) -> list[psutil.Process]:
    return [one for one in processes_of(data_dir) if "dev" in one.cmdline()]


def test_a_link_leads_to_the_console(demo: Demo) -> None:
    until(lambda: "signs you in once" in demo.output.read_text())
    link = demo.line_with("signs you in once").rpartition(" ")[2]
    base_url, page, token = link.partition("/console/sign-in#")
    assert page
    body = json.dumps({"token": token}).encode()
    headers = {"Content-Type": "application/json", "Origin": base_url, "x-ringline-console": "1"}
    url = f"{base_url}/console/api/sign-in/link"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
        assert json.load(answer)["user"]["email"] == "owner@localhost"


def test_the_recording_has_both_sides(demo: Demo) -> None:
    file = demo.data_dir / "call.wav"
    assert str(file) in demo.output.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((demo.data_dir / "server.log").stat().st_mode) == 0o600
    assert "sk_live_" not in (demo.data_dir / "server.log").read_text()
    recording = read_wav(file.read_bytes())
    assert recording.channels == 2
    assert recording.duration_ms > read_wav(CALL.read_bytes()).duration_ms
    left, right = recording.pcm[0::4], recording.pcm[2::4]
    assert any(left)
    assert any(right)


@pytest.mark.skipif(shutil.which("curl") is None, reason="these lines are for curl")
def test_pasted_curl_lines_work(demo: Demo) -> None:
    minted = paste(demo.line_with("curl -sS -X POST"))
    assert minted.returncode == 0, minted.stderr
    assert json.loads(minted.stdout)["ttl_seconds"] == 300
    read = paste(demo.line_with("curl -sSN"))
    assert read.returncode == 0, read.stderr
    frames = [
        json.loads(line.removeprefix("data: "))
        for line in read.stdout.splitlines()
        if line.startswith("data: ")
    ]
    assert "what are your opening hours" in [frame["text"] for frame in frames]
    assert all(frame["is_final"] for frame in frames)


def test_pasted_ringline_lines_work(demo: Demo, tmp_path: Path) -> None:
    short = tmp_path / "short.wav"
    short.write_bytes(first_turn())
    following = tmp_path / "events.log"
    with following.open("wb") as output:
        follower = subprocess.Popen(
            ["/bin/sh", "-c", f"exec env {demo.line_with(' events --follow')}"],
            env=environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "call_ended" in following.read_text())
        line = demo.line_with(" call --agent").replace(str(CALL), str(short))
        called = paste(f"cd {tmp_path} && {line}")
        assert called.returncode == 0, called.stdout + called.stderr
        assert "caller  what are your opening hours" in called.stdout
        (recording,) = tmp_path.glob("call-*.wav")
        assert stat.S_IMODE(recording.stat().st_mode) == 0o600
        until(lambda: following.read_text().count("call_ended") == 2)
        follower.send_signal(signal.SIGINT)
        assert follower.wait(LIMIT_S) == 130
        assert "Traceback" not in following.read_text()
    finally:
        end(follower)


def test_ctrl_c_stops_everything(demo: Demo) -> None:
    assert processes_of(demo.data_dir)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(LIMIT_S) == 0
    assert processes_of(demo.data_dir) == []
    assert "Traceback" not in demo.output.read_text()


def first_turn() -> bytes:
    """Return the demo's call up to the end of its first turn."""
    call = read_wav(CALL.read_bytes())
    return write_wav(Wav(call.rate_hz, 1, call.pcm[: 3 * 2 * call.rate_hz]))


def test_enter_places_the_call_again(parent: Path) -> None:
    (parent / "own.wav").write_bytes(first_turn())
    output, (ours, theirs) = parent / "demo.log", pty.openpty()
    arguments = ["demo", "--wav", parent / "own.wav", "--data-dir", parent / "demo"]
    process = start_typed(output, theirs, *arguments)
    try:
        until(lambda: "Enter places the call again" in output.read_text(), CALL_LIMIT_S)
        os.write(ours, b"\n")
        until(lambda: output.read_text().count("event      call_ended") == 2, CALL_LIMIT_S)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 0
    finally:
        end(process)
        os.close(ours)
        os.close(theirs)
    assert "Traceback" not in output.read_text()


def test_once_with_words_of_ones_own(parent: Path) -> None:
    (parent / "own.wav").write_bytes(first_turn())
    done = ringline("demo", "--once", "--wav", parent / "own.wav", "--data-dir", parent / "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "what are your opening hours" in done.stdout
    assert processes_of(parent / "demo") == []


def test_once_without_words_fails(parent: Path) -> None:
    (parent / "quiet.wav").write_bytes(write_wav(Wav(8000, 1, bytes(8000))))
    done = ringline("demo", "--once", "--wav", parent / "quiet.wav", "--data-dir", parent / "demo")
    assert done.returncode == 1
    assert done.stderr == "ringline: None of the caller's words were understood and answered.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_killed_demo_takes_its_server_along(parent: Path) -> None:
    data_dir = parent / "demo"
    process = start(parent / "demo.log", "demo", "--data-dir", data_dir)
    try:
        until((data_dir / "ready.json").exists)
        process.kill()
        process.wait()
        until(lambda: not processes_of(data_dir))
    finally:
        end(process)
