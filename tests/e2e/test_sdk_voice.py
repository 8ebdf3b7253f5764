"""The SDK's voice part under Node: one file, typed, and every end of a session has its reason."""

import asyncio
import json
import shutil
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ringline.domain.attendant import GREETING, SETTINGS
from tests.database import TestDatabase
from tests.e2e.node import JS, install
from tests.e2e.node_client import NodeClient, node_client
from tests.e2e.runtimes import NAMES, find_runtime
from tests.e2e.sdk import build, compile_project
from tests.realtime_examples import CLIENT_EXAMPLES, SERVER_EXAMPLES
from tests.serving import Service, serving

HOURS = SETTINGS.replies["opening_hours"]
TESTS = ("voice_session.test.js", "voice_sound.test.js")


@pytest.fixture(autouse=True)
async def _clients() -> None:
    await asyncio.to_thread(build)
    await asyncio.to_thread(install)


@pytest.fixture
def module(tmp_path: Path) -> str:
    """Copy the compiled module to a folder that holds nothing else."""
    return str(shutil.copy(build() / "voice.js", tmp_path / "voice.mjs"))


def test_it_is_one_file_without_imports() -> None:
    text = (build() / "voice.js").read_text("utf-8")
    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("import ", "export "))] == lines[-1:]
    assert "import(" not in text
    assert list((build() / "voice").glob("*.js")) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bun"])
def test_it_does_what_it_says(name: str) -> None:
    """The tests in JavaScript, by the runner of each Node."""
    command = [find_runtime(name), "--test", *TESTS]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0" in done.stdout


def test_real_events_have_their_types(tmp_path: Path) -> None:
    """What the server's codec reads and writes compiles as the type of its event."""
    examples = [*CLIENT_EXAMPLES.values(), *SERVER_EXAMPLES.values()]
    assert len(examples) > 10
    frames = ",\n  ".join(frame for some in examples for frame in some)
    compile_example(tmp_path, f"[\n  {frames}\n]")
    for wrong in (
        '[{"type": "session.end"}]',
        '[{"type": "text.delta"}]',
        '[{"type": "error", "error": {"code": "no_such_code", "message": ""}}]',
        '[{"type": "session.start", "config": {"voise": "a"}}]',
    ):
        with pytest.raises(RuntimeError, match="example"):
            compile_example(tmp_path, wrong)


def compile_example(folder: Path, events: str) -> None:
    """Compile a list of events, with no types but the language's and the SDK's."""
    types = json.dumps(str(build() / "realtime.js"))
    source = f"import type {{ ClientEvent, ServerEvent }} from {types};\n"
    source += f"export const events: readonly (ClientEvent | ServerEvent)[] = {events};\n"
    (folder / "example.mts").write_text(source, "utf-8")
    options = {"noEmit": True, "strict": True, "module": "nodenext", "types": []}
    options |= {"target": "es2022", "lib": ["es2022"]}
    config = folder / "tsconfig.json"
    config.write_text(json.dumps({"compilerOptions": options, "files": ["example.mts"]}))
    compile_project(str(config))


async def test_a_session_and_its_turns(service: Service, module: str) -> None:
    arguments = (module, service.base_url, service.keys.secret_key, service.agent_id)
    async with node_client("voice_client.js", *arguments) as client:
        await check_refusals(client)
        started = await client.until("started")
        assert started["session_id"].startswith("sess_")
        greeting = await client.until("turn", final=True)
        assert (greeting["role"], greeting["text"]) == ("agent", GREETING)
        client.do("type")
        typed = await client.until("turn", role="user")
        assert (typed["text"], typed["final"]) == ("What are your opening hours?", True)
        answer = await client.until("turn", role="agent", final=True)
        assert (answer["text"], answer["interrupted"]) == (HOURS, False)
        assert "gapMs" not in answer  # nobody spoke
        await client.until("state", state="listening")
        client.do("cancel")
        assert (await client.until("error"))["code"] == "response_cancel_not_active"
        client.do("image")
        assert (await client.until("error"))["code"] == "image_input_unsupported"
        client.do("update")
        assert (await client.until("updated"))["turn_detection"]["silence_duration_ms"] == 700
        client.do("close")
        ours = {"reason": "closed_by_us", "code": None, "closeCode": 1000}
        await client.until("end", **ours)
        client.do("again")
        await client.until("started")
        client.do("cut")
        await client.until("end", reason="lost", code=None, closeCode=1006)


async def check_refusals(client: NodeClient) -> None:
    used = await client.until("refused", name="used")
    assert used["code"] == "not_started"
    assert used["end"] == used["same"]
    assert used["end"]["reason"] == "refused"
    assert "401" in used["end"]["message"]
    away = await client.until("refused", name="unreachable")
    assert away["end"]["reason"] == "refused"
    assert "ECONNREFUSED" in away["end"]["message"]
    strange = await client.until("refused", name="no model")
    assert strange["end"] == {
        "reason": "terminated",
        "code": "model_not_found",
        "message": 'there is no model "no/model"',
        "closeCode": 1008,
    }
    silent = await client.until("refused", name="silent")
    assert silent["end"]["message"] == "the session did not start within 200 ms"


async def test_a_server_that_goes_down_says_so(database: TestDatabase, module: str) -> None:
    async with AsyncExitStack() as stack:
        async with serving(database) as service:
            arguments = (module, service.base_url, service.keys.secret_key, service.agent_id)
            running = node_client("voice_client.js", *arguments)
            client = await stack.enter_async_context(running)
            await client.until("started")
        ended = await client.until("end")
    assert ended["reason"] == "terminated"
    assert (ended["code"], ended["closeCode"]) == ("server_shutdown", 1001)


@pytest.mark.parametrize("name", NAMES)
async def test_it_works_on(name: str, service: Service, module: str) -> None:
    """It uses the runtime's own WebSocket, if there is one, and is told of every end."""
    runtime = await asyncio.to_thread(find_runtime, name)
    arguments = (module, service.base_url, service.keys.secret_key, service.agent_id)
    async with node_client("voice_runtime.js", *arguments, runtime=runtime) as client:
        greeting = await client.until("turn")
        assert (greeting["role"], greeting["text"]) == ("agent", GREETING)
        assert (await client.until("audio"))["seconds"] > 1
        assert (await client.until("refused"))["reason"] == "refused"
        assert (await client.until("end"))["reason"] == "closed_by_us"


@pytest.mark.parametrize(
    ("model", "images"), [("mock/echo", "1 images"), ("mock/asym", "0 images")]
)
async def test_it_runs_tools_and_speaks(
    model: str, images: str, service: Service, module: str
) -> None:
    """A conversation with a voice that says back what it is told."""
    arguments = (module, service.base_url, service.keys.test_key, model)
    async with node_client("voice_echo.js", *arguments) as client:
        rates = await client.until("started")
        assert rates["output_sample_rate"] == 24_000
        assert rates["input_sample_rate"] == (24_000 if model == "mock/echo" else 16_000)
        told = await client.until("answer")
        assert told["text"].splitlines() == [
            'tool clock returned {"time":"12:00 UTC"}',
            'tool lamp returned {"error":"no bulb"}',
            "tool hand returned by hand",
        ]
        assert (await client.until("answer"))["text"] == images
        await client.until("user", text="heard 600 ms", final=True)
        echo = await client.until("spoken")
        assert echo["text"] == "echo: heard 600 ms"
        assert echo["gapMs"] >= 0
        assert echo["same"] is (model == "mock/echo")
        assert echo["seconds"] == pytest.approx(0.6, abs=0.02)
        cut = await client.until("answer")
        assert cut["interrupted"] is True
        assert "echo: /long 20000".startswith(cut["text"])
        end = await client.until("end")
        assert (end["reason"], end["code"]) == ("terminated", "upstream_closed")
        assert end["closeCode"] == 1011
