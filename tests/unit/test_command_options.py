"""Which server and key a command takes, and the files it finds them in."""

import os
import stat
from pathlib import Path

import msgspec
import pytest

from ringline.cli.call import UNLEASHED, name_recording
from ringline.cli.files import (
    KeyRing,
    dev_secrets,
    read_key_ring,
    refuse_unwritable,
    write_private,
)
from ringline.cli.leash import LeashOptions
from ringline.cli.options import Target, find_target, read_names
from ringline.cli.outcome import CommandProblem
from ringline.cli.program import main
from ringline.client.http import refused
from ringline.config import SettingsProblem
from ringline.domain.leash import Budget, Leash, flaw_of
from ringline.wire.wav import Wav, write_wav

RING = KeyRing(base_url="http://127.0.0.1:7400", secret_key="sk_live_1", agent_id="agt_1")
KEPT = Target("http://127.0.0.1:7400", "sk_live_1")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RINGLINE_URL", raising=False)
    monkeypatch.delenv("RINGLINE_KEY", raising=False)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    write_private(tmp_path / "dev-keys.json", RING.as_json())
    return tmp_path


def test_options_alone_suffice(tmp_path: Path) -> None:
    found = find_target("https://voice.example", "sk_live_2", data_dir=tmp_path)
    assert found == Target("https://voice.example", "sk_live_2")


def test_the_environment_stands_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RINGLINE_URL", "http://there:1")
    monkeypatch.setenv("RINGLINE_KEY", "sk_test_3")
    assert find_target(None, None, data_dir=tmp_path) == Target("http://there:1", "sk_test_3")
    assert find_target("http://here:1", None, data_dir=tmp_path) == Target(
        "http://here:1", "sk_test_3"
    )


def test_else_the_keys_of_dev(data_dir: Path) -> None:
    assert find_target(None, None, data_dir=data_dir) == KEPT
    assert find_target("http://127.0.0.1:7400/", None, data_dir=data_dir) == KEPT


def test_another_key_goes_to_the_server_of_dev(data_dir: Path) -> None:
    assert find_target(None, "sk_test_9", data_dir=data_dir) == Target(KEPT.url, "sk_test_9")


def test_a_kept_key_goes_to_its_own_server_alone(data_dir: Path) -> None:
    with pytest.raises(CommandProblem, match="No key is known for https"):
        find_target("https://elsewhere.example", None, data_dir=data_dir)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (" HTTPS://Voice.Example:443/ \n", "https://voice.example"),
        ("http://[::1]:7400//", "http://[::1]:7400"),
        ("https://voice.example/ring/", "https://voice.example/ring"),
    ],
)
def test_urls_and_keys_are_read_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str, url: str
) -> None:
    monkeypatch.setenv("RINGLINE_URL", written)
    monkeypatch.setenv("RINGLINE_KEY", " sk_test_3\r\n")
    assert find_target(None, None, data_dir=tmp_path) == Target(url, "sk_test_3")


def test_a_variable_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RINGLINE_URI", "http://there:1")
    with pytest.raises(SettingsProblem, match=r"RINGLINE_URI does not exist.* RINGLINE_URL\?"):
        find_target("http://here:1", "sk_test_3", data_dir=tmp_path)


def test_without_any_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(CommandProblem, match="pass --url or RINGLINE_URL and --key or RINGLINE_K"):
        find_target(None, None, data_dir=tmp_path)
    with pytest.raises(CommandProblem, match="must start with http:// or https://"):
        find_target("localhost:7400", "sk_live_1", data_dir=tmp_path)


def test_targets_and_key_rings_do_not_show_keys() -> None:
    assert "sk_live" not in repr(KEPT) + repr(RING)


def test_a_broken_file_of_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dev-keys.json").write_text("{")
    with pytest.raises(CommandProblem, match="remove it, and it will be created again"):
        read_key_ring(tmp_path / "dev-keys.json")


def test_private_files_are_private_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    file.write_text("something longer that was there before, and readable")
    file.chmod(0o644)
    write_private(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    theirs, file = tmp_path / "theirs", tmp_path / "ready.json"
    theirs.write_bytes(b"theirs")
    file.symlink_to(theirs)
    write_private(file, b"new")
    assert theirs.read_bytes() == b"theirs"
    assert not file.is_symlink()
    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_gets_no_secret(tmp_path: Path, linked: bool) -> None:
    pipe, file = tmp_path / "pipe", tmp_path / "ready.json"
    os.mkfifo(pipe)
    if linked:
        file.symlink_to(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        write_private(file if linked else pipe, b"new")
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("session_id", "name"),
    [
        ("sess_0Ab9", "call-0Ab9.wav"),
        ("sess_/../../.profile", "call-________profile.wav"),
        ("../etc/\x1b]0;x\0\ud800é", "call-___etc___0_x___.wav"),
        ("", "call-.wav"),
        ("a" * 5_000, f"call-{'a' * 64}.wav"),
    ],
)
def test_a_server_does_not_choose_where_a_recording_goes(session_id: str, name: str) -> None:
    assert str(name_recording(session_id)) == name


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "ready.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "ready.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["ready.json"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("nowhere/call.wav", "no such file or directory"),
        ("file/call.wav", "not a directory"),
        ("directory", "is a directory"),
        (f"{'long' * 100}.wav", "file name too long"),
    ],
)
def test_a_recording_that_cannot_be_written_is_told_before_the_call(
    tmp_path: Path, place: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_bytes(write_wav(Wav(8000, 1, bytes(2))))
    nobody = ("--url", "http://127.0.0.1:1", "--key", "k")  # asked, it could not be reached
    path = tmp_path / place
    assert main(["call", "--wav", str(tmp_path / "file"), "--recording", str(path), *nobody]) == 1
    assert capsys.readouterr().err == f"ringline: {path}: {why}.\n"


def test_looking_whether_a_file_can_be_written_leaves_none(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "call.wav")
    assert list(tmp_path.iterdir()) == []


def test_secrets_of_dev_are_made_once(tmp_path: Path) -> None:
    made = dev_secrets(tmp_path)
    assert dev_secrets(tmp_path) == made
    assert made.signing_secret != made.encryption_key
    assert made.signing_secret not in repr(made)
    assert stat.S_IMODE((tmp_path / "dev-secrets.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"code":"c","message":"no such model"}}', ": no such model."),
        (
            b'{"success":false,"errors":[{"type":"forbidden","message":"forbidden"}]}',
            ": forbidden.",
        ),
        (b'{"error_code":"NOT_FOUND","message":"call x was not found"}', ": call x was not found."),
        (b"", ": the key is not accepted."),
        (b"<html>", ": the key is not accepted."),
    ],
)
def test_refusals_of_all_surfaces_become_a_sentence(body: bytes, words: str) -> None:
    problem = refused(401, body)
    assert str(problem) == f"The server refused (401){words}"
    assert not problem.retry


ALL_LEASHED = LeashOptions(
    max_duration=60, idle_timeout=5, budget_tokens=1, budget_audio=1.5, budget_usd=0.1,
    allowed_tools="clock, lamp", allowed_origins='["https://a.example"]', subject="ann",
    concurrency=2, metadata='{"a": [1]}', recording_consent=False,
)  # fmt: skip


def test_a_call_may_have_every_member_of_a_leash() -> None:
    members = ALL_LEASHED.members()
    assert set(members) == set(Leash.__struct_fields__)
    assert set(members["budget"]) == set(Budget.__struct_fields__)  # type: ignore[call-overload]
    leash = msgspec.convert(members, Leash)
    assert flaw_of(leash) is None
    assert leash == Leash(
        max_duration_seconds=60,
        idle_timeout_seconds=5,
        budget=Budget(tokens=1, audio_seconds=1.5, usd=0.1),
        allowed_tools=("clock", "lamp"),
        allowed_origins=("https://a.example",),
        subject="ann",
        concurrency=2,
        metadata={"a": [1]},
        recording_consent=False,
    )


def test_a_call_without_a_leash_sends_none() -> None:
    assert UNLEASHED.members() == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        (" , ", []),
        ("[]", []),
        ("clock", ["clock"]),
        (" clock ,lamp,", ["clock", "lamp"]),
        ('["a,b", "[c"]', ["a,b", "[c"]),
    ],
)
def test_names_are_written_with_commas_or_as_json(text: str, names: list[str]) -> None:
    assert read_names("--names", text) == names


def test_names_that_are_neither_are_refused() -> None:
    with pytest.raises(CommandProblem, match="--names is not valid JSON"):
        read_names("--names", "[a, b]")
