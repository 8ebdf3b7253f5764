"""The commands that speak to a server, against one in the same process."""

import asyncio
import json
import shlex
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ringline.cli.call import MOST_PHRASES, list_phrases
from ringline.cli.program import main
from ringline.domain.attendant import SETTINGS
from ringline.wire.wav import Wav, write_wav
from tests.realtime_session import connected
from tests.rpc_calls import Rpc
from tests.serving import Service


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Awaitable[Done]]


@pytest.fixture
def run(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("RINGLINE_URL", service.base_url)
    monkeypatch.setenv("RINGLINE_KEY", service.keys.secret_key)

    async def run(*words: object) -> Done:
        code = await asyncio.to_thread(main, [str(word) for word in words])
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run


def hum(directory: Path) -> Path:
    """Write a fifth of a second in which nobody says a word."""
    pcm = array("h", [(n * 700) % 6000 - 3000 for n in range(1600)]).tobytes()
    (directory / "hum.wav").write_bytes(write_wav(Wav(8000, 1, pcm)))
    return directory / "hum.wav"


async def test_a_call_takes_the_first_agent_and_its_events_are_found(
    run: Run, tmp_path: Path
) -> None:
    called = await run("call", "--wav", hum(tmp_path), "--recording", tmp_path / "call.wav")
    assert called.code == 1
    assert "Calling Attendant.\n" in called.err
    phrases = [f"  {phrase.text}\n" for phrase in SETTINGS.phrases]
    assert called.err.endswith(
        f"The agent understands:\n{''.join(phrases)}"
        "ringline: None of the caller's words were understood and answered.\n"
    )
    call_id = called.out.splitlines()[0].rpartition(" ")[2]
    assert call_id.startswith("call_")

    everything = await run("events", "--json")
    uuid = json.loads(everything.out.splitlines()[0])["payload"]["callUuid"]
    for spelt in (call_id, uuid):
        found = await run("events", "--call", spelt)
        assert found.code == 0
        assert all(f"  {uuid}  " in line for line in found.out.splitlines())
        assert [line.split()[2] for line in found.out.splitlines()] == [
            json.loads(line)["event"] for line in everything.out.splitlines()
        ]
    other = await run("events", "--call", "another")
    assert other == Done(1, "", other.err)
    assert other.err.endswith("ringline: The log has no event of the call another.\n")


async def test_agents_are_listed_and_the_first_that_is_enabled_answers(
    run: Run, service: Service, tmp_path: Path
) -> None:
    rpc = Rpc(service)
    await rpc.run(
        "create_ai_agent", input={"name": "Second", "model": "local/attendant"}, fields=["id"]
    )
    identity = (await service_agents(run))[0]["agent_id"]
    assert identity == service.agent_id
    await rpc.run("update_ai_agent", identity=identity, input={"enabled": False})
    assert [(one["name"], one["enabled"]) for one in await service_agents(run)] == [
        ("Attendant", False),
        ("Second", True),
    ]
    listed = (await run("agent", "list")).out.splitlines()
    assert listed[1].split() == [service.agent_id, "Attendant", "local/attendant", "no"]

    called = await run("call", "--wav", hum(tmp_path), "--recording", tmp_path / "call.wav")
    assert "Calling Second.\n" in called.err


async def service_agents(run: Run) -> list[dict[str, Any]]:
    return json.loads((await run("agent", "list", "--json")).out)["agents"]


async def test_an_action_from_the_terminal(run: Run) -> None:
    made = await run("rpc", "create_contact", "--input", '{"fullName": "Ada\\u001b[2J"}')
    assert made.code == 0
    assert "\x1b" not in made.out
    contact = json.loads(made.out)
    assert contact["fullName"] == "Ada\x1b[2J"
    assert "insertedAt" in contact  # without --fields all of its own are answered

    place = ("--identity", contact["id"])
    changed = await run("rpc", "update_contact", *place, "--input", '{"notes": "x"}', "--json")
    assert json.loads(changed.out)["success"] is True
    page = ("--filter", '{"notes": {"eq": "x"}}', "--sort", "-id", "--page", '{"limit": 1}')
    listed = await run("rpc", "list_contacts", *page, "--fields", "id, notes")
    assert json.loads(listed.out)["results"] == [{"id": contact["id"], "notes": "x"}]


async def test_a_refused_action_has_a_sentence_and_with_json_its_errors(run: Run) -> None:
    refused = await run("rpc", "create_contact", "--input", '{"email": 5}', "--json")
    assert refused.code == 1
    assert {one["type"] for one in json.loads(refused.out)["errors"]} >= {"required"}
    assert refused.err.startswith("ringline: The server refused: ")
    unknown = await run("rpc", "dance")
    assert (unknown.code, unknown.out) == (1, "")
    assert "dance" in unknown.err
    broken = await run("rpc", "create_contact", "--input", "{")
    assert broken.err.startswith("ringline: --input is not valid JSON: ")


async def test_an_action_as_a_line_of_curl(run: Run, service: Service) -> None:
    named = ("--input", '{"fullName": "O\'Hara"}', "--fields", "fullName")
    spelt = await run("rpc", "create_contact", *named, "--curl")
    assert service.keys.secret_key not in spelt.out + spelt.err
    words = shlex.split(spelt.out)
    assert words[:2] == ["curl", "-sS"]
    assert words[2] == f"{service.base_url}/rpc/public/run"
    assert words[3:5] == ["-H", "x-api-key: $RINGLINE_KEY"]
    answer = await Rpc(service).ask(words[-1])
    assert answer["data"] == {"fullName": "O'Hara"}


def test_so_many_phrases_are_listed() -> None:
    lines = list_phrases(["bell\x07"] * (MOST_PHRASES + 2))
    assert len(lines) == MOST_PHRASES + 2
    assert lines[-1] == "  … and 2 more"
    assert all("\x07" not in line for line in lines)
    assert list_phrases([]) == ()


async def test_a_call_on_a_leash_tells_of_its_limit(run: Run, tmp_path: Path) -> None:
    wav, recording = hum(tmp_path), tmp_path / "call.wav"
    called = await run(
        "call", "--wav", wav, "--recording", recording, "--max-duration", 1, "--subject", "ann"
    )
    assert "The call nears its limit (max_duration): 0." in called.out
    assert "hangs up (max_duration)" in called.out
    listed = await run("rpc", "list_calls", "--fields", "fromNumber")
    assert "web:ann" in listed.out


async def test_a_leash_that_is_none_is_refused_by_the_server(run: Run, tmp_path: Path) -> None:
    wav, recording = hum(tmp_path), tmp_path / "call.wav"
    for option, value, member in (
        ("--budget-tokens", 0, "budget.tokens"),
        ("--budget-usd", -1, "budget.usd"),
        ("--budget-audio", 0, "budget.audio_seconds"),
        ("--idle-timeout", 90_000, "idle_timeout_seconds"),
        ("--subject", "", "subject"),
        ("--allowed-tools", "[1]", "allowed_tools[0]"),
        ("--allowed-tools", '["clock", ""]', "allowed_tools"),
        ("--allowed-origins", "", "allowed_origins"),
        ("--allowed-origins", "https://a.example, https://b.example/", "allowed_origins[1]"),
        ("--concurrency", 0, "concurrency"),
        ("--concurrency", 1, "concurrency"),  # of whom?
        ("--metadata", "[]", "metadata"),
        ("--metadata", json.dumps({"much": "x" * 20_000}), "metadata"),
    ):
        called = await run("call", "--wav", wav, "--recording", recording, option, value)
        assert called.code == 1, called
        assert f"{member}: " in called.err
        assert not recording.exists()


async def test_a_value_that_cannot_be_sent_is_refused_here(run: Run, tmp_path: Path) -> None:
    wav, recording = hum(tmp_path), tmp_path / "call.wav"
    for option, value, says in (
        ("--metadata", "{", "--metadata is not valid JSON: "),
        ("--metadata", '{"a": NaN}', "--metadata is not valid JSON: no number is NaN."),
        ("--metadata", "[" * 100_000, "--metadata is not valid JSON: it is nested too deeply."),
        ("--allowed-tools", "[clock]", "--allowed-tools is not valid JSON: "),
        ("--origin", "https://a.example\r\nX: y", "--origin is none: "),
        ("--origin", "a.example", "--origin is none: "),
    ):
        called = await run("call", "--wav", wav, "--recording", recording, option, value)
        assert called.code == 1, called
        assert called.err.startswith(f"ringline: {says}")
        assert "Traceback" not in called.err
    never = await run("call", "--wav", wav, "--recording", recording, "--concurrency", "few")
    assert never.code == 2
    assert not recording.exists()


async def test_a_call_with_the_rest_of_a_leash(run: Run, service: Service, tmp_path: Path) -> None:
    wav, recording = hum(tmp_path), tmp_path / "call.wav"
    words = (
        "call", "--wav", wav, "--recording", recording, "--max-duration", 1, "--subject", "ann",
        "--concurrency", 1, "--metadata", '{"plan": "free", "tags": [1, null]}',
        "--allowed-origins", "https://a.example,https://b.example", "--recording-consent",
    )  # fmt: skip
    for origin in ((), ("--origin", "https://c.example")):
        called = await run(*words, *origin)
        assert (called.code, called.out) == (1, "")
        assert called.err.endswith(
            "ringline: The server refused (403): the ticket does not allow this origin.\n"
        )
    ticket = (await service.mint({"subject": "ann"}))["client_secret"]
    async with connected(service, ticket):
        called = await run(*words, "--origin", "https://b.example")
        assert called.err.endswith(
            "ringline: The server refused (429): too many sessions are running.\n"
        )
        assert not recording.exists()
    called = await run(*words, "--origin", "https://b.example")
    assert "hangs up (max_duration)" in called.out
    listed = await run("rpc", "list_calls", "--fields", "metadata,recordingConsent")
    (call,) = [one for one in json.loads(listed.out) if one["recordingConsent"]]
    assert call["metadata"] == {"plan": "free", "tags": [1, None]}
