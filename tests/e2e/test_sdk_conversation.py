"""The SDK follows a thread of messages, on every runtime."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.line import line_to
from tests.e2e.node import JS, install
from tests.e2e.node_client import node_client
from tests.e2e.runtimes import NAMES, find_runtime
from tests.e2e.sdk import build, compile_project
from tests.payload_examples import STORED, in_conversation
from tests.serving import Service
from tests.texting import Texting

CLIENT = "conversation_client.js"


@pytest.fixture(autouse=True)
async def _clients() -> None:
    await asyncio.to_thread(build)
    await asyncio.to_thread(install)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bun"])
def test_it_does_what_it_says(name: str) -> None:
    """The tests in JavaScript, by the runner of each Node."""
    command = [find_runtime(name), "--test", "conversation.test.js"]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0" in done.stdout


def test_real_frames_have_their_types(tmp_path: Path) -> None:
    """What the server's dialect writes compiles as the type of its event."""
    frames = [frame.partition("data: ")[2] for frame in map(in_conversation, STORED) if frame]
    assert len(frames) == 10
    compile_frames(tmp_path, frames)
    first = json.loads(frames[0])
    for wrong in ({"event_type": "message.lost"}, {"payload": {}}, {"from_mode": "paused"}):
        with pytest.raises(RuntimeError, match="example"):
            compile_frames(tmp_path, [json.dumps(first | wrong)])


def compile_frames(folder: Path, frames: list[str]) -> None:
    types = json.dumps(str(build() / "conversation_events.js"))
    source = f"import type {{ ConversationEvent }} from {types};\n"
    source += f"export const told: readonly ConversationEvent[] = [{', '.join(frames)}];\n"
    (folder / "example.mts").write_text(source, "utf-8")
    options = {"strict": True, "noEmit": True, "module": "nodenext", "types": [], "lib": ["es2022"]}
    config = {"compilerOptions": options, "files": ["example.mts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    compile_project(str(folder / "tsconfig.json"))


@pytest.mark.parametrize("name", NAMES)
async def test_it_follows_and_resumes_on(name: str, service: Service) -> None:
    runtime = await asyncio.to_thread(find_runtime, name)
    texting = Texting(service)
    thread = (await texting.write("hello"))["conversation_id"]
    await texting.hand_over(thread, "human")
    key = service.keys.test_key
    async with line_to(service) as (line, base):
        arguments = (base, service.base_url, key, thread)
        async with node_client(CLIENT, *arguments, runtime=runtime) as client:
            await client.until("open")
            await texting.write("one")
            assert (await client.until("message.received"))["text"] == "one"
            line.cut()
            await client.until("error")
            await texting.write("two")
            await texting.hand_over(thread, "closed")
            line.up = True
            told = await client.until("message.received")
            assert (told["text"], told["payload"]["text"]) == ("two", "two")
            assert (await client.until("conversation.mode_changed"))["to_mode"] == "closed"
            client.do("close")
            end = await client.until("ended")
            assert end["reason"] == "closed_by_us"
            assert client.all("lost") == []


async def test_with_a_key_and_of_a_thread_that_is_not_there(service: Service) -> None:
    texting = Texting(service)
    thread = (await texting.write("hello"))["conversation_id"]
    base, keys = service.base_url, service.keys
    async with node_client(CLIENT, base, base, keys.test_key, thread, "key") as client:
        await client.until("open")
        await texting.write("one")
        assert (await client.until("message.received"))["text"] == "one"
    for key in (keys.secret_key, keys.publishable_key):
        code = "NOT_FOUND" if key == keys.secret_key else "PERMISSION_DENIED"
        async with node_client(CLIENT, base, base, key, thread, "key") as client:
            assert (await client.until("ended"))["code"] == code
