"""The commands, as their users run them (contract, 7)."""

import json
import os
import re
import socket
import stat
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.program import Dev, dev, mint_status, reachable_directory, ringline
from tests.refusals import reason

LONG = "a secret of the tests alone: thirty-two"
CALL = Path(__file__).parents[2] / "examples" / "demo-call.wav"
MEMBERS = {
    "base_url",
    "workspace_id",
    "secret_key",
    "test_key",
    "publishable_key",
    "management_key",
    "agent_id",
    "test_agent_id",
    "signing_secret",
}


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


@pytest.fixture(scope="module")
def server(parent: Path) -> Iterator[Dev]:
    with dev(parent / "data") as server:
        yield server


@pytest.fixture
def data_dir(parent: Path) -> Path:
    return parent / "data"


def test_the_ready_file(server: Dev, data_dir: Path) -> None:
    ring = server.ring
    link = ring.pop("console_url")
    assert link.startswith(f"{ring['base_url']}/console/sign-in#")
    assert set(ring) == MEMBERS
    assert stat.S_IMODE(server.ready_file.stat().st_mode) == 0o600
    kept = data_dir / "dev-keys.json"
    assert json.loads(kept.read_text()) == ring
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with urllib.request.urlopen(f"{ring['base_url']}/readyz", timeout=10) as answer:
        assert answer.status == 200
    assert mint_status(ring, ring["secret_key"]) == 200
    assert mint_status(ring, ring["test_key"]) == 200
    assert mint_status(ring, ring["publishable_key"]) == 403
    listed = ringline("agent", "list", "--json", "--key", ring["test_key"], "--data-dir", data_dir)
    assert json.loads(listed.stdout)["agents"][0]["agent_id"] == ring["test_agent_id"]


def test_a_key_lives_and_dies_beside_a_server(server: Dev, data_dir: Path) -> None:
    ring = server.ring
    place = ("--data-dir", data_dir)
    asked = ("--type", "secret", "--environment", "test", "--label", "the phone")
    done = ringline("key", "create", "--workspace", ring["workspace_id"], *asked, "--json", *place)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["key"].startswith("sk_test_")
    assert mint_status(ring, made["key"]) == 200

    listed = ringline("key", "list", "--workspace", ring["workspace_id"], *place)
    (line,) = [line for line in listed.stdout.splitlines() if made["key_id"] in line]
    assert "the phone" in line
    assert f"…{made['key'][-4:]}" in line
    assert made["key"] not in listed.stdout

    assert ringline("key", "revoke", made["key_id"], *place).returncode == 0
    assert mint_status(ring, made["key"]) == 401
    assert ringline("key", "revoke", made["key_id"], *place).returncode == 0


def test_a_workspace_is_not_created_without_what_seals_its_secret(parent: Path) -> None:
    elsewhere = {"RINGLINE_DATABASE_URL": "postgresql://ringline@localhost:1/ringline"}
    asked = ("workspace", "create", "--name", "Second", "--data-dir", parent / "empty")
    done = ringline(*asked, **elsewhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert "RINGLINE_ENCRYPTION_KEY" in done.stderr


def test_a_workspace_of_its_own(server: Dev, data_dir: Path) -> None:
    done = ringline("workspace", "create", "--name", "Second", "--json", "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert set(made) == MEMBERS
    assert made["base_url"] == server.ring["base_url"]
    assert mint_status(server.ring, made["secret_key"]) == 200
    listed = ringline("workspace", "list", "--json", "--data-dir", data_dir)
    first, second = json.loads(listed.stdout)["workspaces"]
    assert (first["workspace_id"], first["name"]) == (server.ring["workspace_id"], "Development")
    assert (second["workspace_id"], second["name"]) == (made["workspace_id"], "Second")


def test_a_token_by_the_kept_keys_and_by_the_environment(server: Dev, data_dir: Path) -> None:
    done = ringline("token", "--json", "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ttl_seconds"] == 300
    ring = server.ring
    done = ringline(
        *("token", "--ttl-seconds", 60),
        RINGLINE_URL=ring["base_url"],
        RINGLINE_KEY=ring["test_key"],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2
    done = ringline("token", RINGLINE_URL=ring["base_url"], RINGLINE_KEY=ring["publishable_key"])
    assert done.returncode == 1
    assert done.stderr.startswith("ringline: The server refused (403)")


def test_doctor_finds_a_running_server_well(server: Dev, data_dir: Path) -> None:
    port = server.ring["base_url"].rpartition(":")[2]
    done = ringline("doctor", "--json", "--data-dir", data_dir, RINGLINE_PORT=port)
    states = {finding["check"]: finding["state"] for finding in json.loads(done.stdout)["findings"]}
    assert set(states) == {
        *("database", "roles", "secrets", "port"),
        *("connections", "voices", "openai", "xai", "gemini", "command", "console"),
        *("time", "disk"),
    }
    assert states["database"] == states["roles"] == "good"


def test_a_second_server_is_refused(server: Dev, data_dir: Path) -> None:
    done = ringline("dev", "--port", 0, "--data-dir", data_dir)
    assert done.returncode == 1
    assert reason(done.stderr).startswith("Another server is using ")


def test_a_taken_port_is_refused(server: Dev) -> None:
    port = server.ring["base_url"].rpartition(":")[2]
    with reachable_directory() as other:
        done = ringline("dev", "--port", port, "--data-dir", other / "data")
    assert done.returncode == 1
    assert reason(done.stderr).startswith(f"Port {port} of 127.0.0.1 cannot be used: ")


def test_keys_are_printed_once_to_a_terminal_and_a_revoked_one_is_replaced() -> None:
    with reachable_directory() as parent:
        data_dir = parent / "data"
        with dev(data_dir) as first:
            old = first.ring
        told = first.output.read_text()  # a file is no terminal
        assert str(data_dir / "dev-keys.json") in told
        assert not any(word.startswith(("sk_", "pk_", "mk_")) for word in told.split())

        # Without a server the commands run the database themselves.
        listed = ringline(
            "key", "list", "--workspace", old["workspace_id"], "--json", "--data-dir", data_dir
        )
        keys = json.loads(listed.stdout)["keys"]
        assert len(keys) == 4
        (secret,) = [key for key in keys if old["secret_key"].endswith(key["last_four"])]
        done = ringline("key", "revoke", secret["key_id"], "--data-dir", data_dir)
        assert done.returncode == 0, done.stderr

        with dev(data_dir, terminal=True) as second:
            new = second.ring
            assert mint_status(new, old["secret_key"]) == 401
            assert mint_status(new, new["secret_key"]) == 200
        same = MEMBERS - {"base_url", "secret_key"}
        assert {name: new[name] for name in same} == {name: old[name] for name in same}

        told = second.output.read_text()
        assert all(key in told for name, key in new.items() if name.endswith("_key"))

        with dev(data_dir, terminal=True) as third:
            assert third.ring["secret_key"] == new["secret_key"]
        assert new["secret_key"] not in third.output.read_text()
        assert third.ring["console_url"] in third.output.read_text()


def test_serve_says_what_is_missing() -> None:
    done = ringline("serve", RINGLINE_ENCRYPTION_KEY="x")
    assert done.returncode == 1
    assert done.stdout == ""
    assert reason(done.stderr) == (
        "`ringline serve` requires "
        "RINGLINE_DATABASE_URL, RINGLINE_SIGNING_SECRET. "
        "`export RINGLINE_SIGNING_SECRET=$(ringline secret)` generates a secret."
    )


def test_serve_refuses_a_database_that_is_not_there() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))  # nobody listens
        place = f"127.0.0.1:{free.getsockname()[1]}"
        done = ringline(
            "serve",
            RINGLINE_DATABASE_URL=f"postgresql://u:hidden@{place}/d",
            RINGLINE_ENCRYPTION_KEY=LONG,
            RINGLINE_SIGNING_SECRET=LONG,
        )
    assert done.returncode == 1
    assert reason(done.stderr) == (
        f"The database at {place} cannot be reached: nothing listens there; is it running?"
    )


@pytest.mark.parametrize("name", ["RINGLINE_SIGNING_SECRET", "RINGLINE_ENCRYPTION_KEY"])
@pytest.mark.parametrize("command", ["serve", "dev"])
def test_a_secret_that_can_be_guessed_starts_no_server(
    command: str, name: str, tmp_path: Path
) -> None:
    variables = {
        "RINGLINE_SIGNING_SECRET": LONG,
        "RINGLINE_ENCRYPTION_KEY": LONG,
        "RINGLINE_DATABASE_URL": "postgresql://127.0.0.1:1/d",
        name: "hunter2",
    }
    done = ringline(command, "--data-dir", tmp_path / "data", **variables)
    assert done.returncode == 1
    assert done.stdout == ""
    assert reason(done.stderr) == (
        f"{name} holds a secret of fewer than 32 bytes, which can be guessed; "
        f"`export {name}=$(ringline secret)` generates a better one."
    )
    done = ringline("doctor", "--json", "--data-dir", tmp_path / "data", **variables)
    findings = json.loads(done.stdout)["findings"]
    found = {finding["check"]: finding for finding in findings}
    assert len(found) == len(findings), "each is told once"
    assert done.returncode == 1
    assert found["secrets"]["state"] == "bad"
    assert found["database"]["found"].startswith("The database at 127.0.0.1:1 cannot be reached")
    assert name in found["secrets"]["found"]
    assert "hunter2" not in done.stdout


def test_the_doctor_refuses_what_a_server_refuses_of_providers(tmp_path: Path) -> None:
    variables = {"RINGLINE_XAI_URL": "http://proxy.example/v1"}
    done = ringline("doctor", "--json", "--data-dir", tmp_path / "data", **variables)
    (finding,) = json.loads(done.stdout)["findings"]
    assert (done.returncode, finding["check"], finding["state"]) == (1, "settings", "bad")
    assert finding["found"].startswith("RINGLINE_XAI_URL is invalid: http is for loopback")


#: A setting that names a file, a mistake in the file, and what is said of it.
MISTAKES = (
    (
        "RINGLINE_VOICES_FILE",
        '[cascade.house]\nvoices = ["a"]\nsecret = "hunter2"\n',
        '[cascade.house]: "secret" is not known; it may have voices, transcription, chat, speech.',
    ),
    (
        "RINGLINE_MESSAGING_FILE",
        '[providers.acme]\nchanels = ["hunter2"]\n',
        '[providers.acme]: "chanels" is not known; the nearest is channels.',
    ),
    (
        "RINGLINE_PRICES_FILE",
        'date = "2026-11-28"\n["xai/"]\nminute = "hunter2"\n',
        '["xai/"] minute must be a number of US dollars from 0.',
    ),
)


@pytest.mark.parametrize("command", ["dev", "serve", "doctor"])
@pytest.mark.parametrize(("setting", "content", "says"), MISTAKES)
def test_a_mistake_in_a_file_is_told_and_nothing_starts(
    command: str, tmp_path: Path, *, setting: str, content: str, says: str
) -> None:
    path, data_dir = tmp_path / "file.toml", tmp_path / "data"
    path.write_text(content, "utf-8")
    variables = {
        "RINGLINE_SIGNING_SECRET": LONG,
        "RINGLINE_ENCRYPTION_KEY": LONG,
        setting: str(path),
    }
    if command == "serve":  # which is told of the file before it asks for a database
        variables["RINGLINE_DATABASE_URL"] = "postgresql://127.0.0.1:1/d"
    done = ringline(command, "--data-dir", data_dir, **variables)
    assert done.returncode == 1
    told = " ".join((done.stdout + done.stderr).replace("\\", "").split())
    assert f"{setting} is invalid: {says}" in told
    assert "hunter2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(data_dir.rglob("PG_VERSION"))


def test_a_secret_is_long_and_never_the_same() -> None:
    made = [ringline("secret") for _ in range(2)]
    assert all(done.returncode == 0 and done.stderr == "" for done in made)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}\n", done.stdout) for done in made)
    assert made[0].stdout != made[1].stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("call", "--wav", "nowhere.wav"), "ringline: nowhere.wav cannot be read: no such file"),
        (("token", "--url", "nowhere", "--key", "k"), "ringline: nowhere is not a server's URL: "),
        (
            ("events", "--since", "yesterday"),
            "ringline: yesterday is not a position: use epoch:off",
        ),
        (("key", "revoke", "nothing"), "ringline: nothing is not the id of a key: use a UUID or "),
        (("doctor", "--data-dir", "/proc/x"), "ringline: A server cannot run here yet: "),
    ],
)
def test_bad_input_gets_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = ringline(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert "Traceback" not in done.stderr


def test_a_pipe_is_no_place_for_keys_and_recordings(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    served = ringline("dev", "--data-dir", tmp_path / "data", "--ready-file", pipe)
    called = ringline("call", "--wav", CALL, "--recording", pipe)
    assert served.returncode == called.returncode == 1
    assert reason(served.stderr) == f"{pipe}: not a regular file."
    assert called.stderr == f"ringline: {pipe}: not a regular file.\n"
    assert pipe.is_fifo()


@pytest.mark.parametrize("arguments", [("dance",), ("call", "--port", "x"), ("key", "list")])
def test_misuse_is_another_exit_code(arguments: tuple[str, ...]) -> None:
    done = ringline(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("ringline: ")
    assert "Traceback" not in done.stderr


def test_misuse_of_a_server_is_a_line_of_its_log() -> None:
    done = ringline("dev", "--port", "x")
    assert done.returncode == 2
    assert done.stdout == ""
    assert '"x"' in reason(done.stderr)
