"""The SDK as npm installs it: packed from a fresh checkout, into an empty project."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.node import JS, SDK, Node, environment, install
from tests.pages import blocks_of

OLDEST, NEWEST = JS / "node_modules" / "typescript-5.0", SDK / "node_modules" / "typescript"
STRICT = {"noEmit": True, "strict": True, "target": "es2022", "types": [], "lib": ["es2022", "dom"]}
#: What a project may do with it, in few words.
SHORT = """
import { followConversation, initSocket, joinEventsChannel, listCalls } from "@ringline/sdk";
import { createServerClient } from "@ringline/sdk/server";
import { createVoiceSession, Microphone } from "@ringline/sdk/voice";

const calls = await listCalls({ fields: ["callUuid", { participants: ["role"] }] });
if (calls.success) calls.data[0]!.participants[0]!.role satisfies string;
const ringline = createServerClient({ baseUrl: "https://voice.example.com", apiKey: "sk_live_…" });
const session = await ringline.createSessionToken();
if (session.success) session.data.token satisfies string;
initSocket({ sessionToken: async () => "…" });
joinEventsChannel().on("incoming_call", (call) => call.fromNumber satisfies string);
const thread = followConversation("conv_1", { sessionToken: async () => "…" });
thread.on("message.received", (event) => event.payload.text satisfies string);
const talk = createVoiceSession({ ticket: async () => "…" });
talk.on("text.delta", (event) => event.delta satisfies string);
(await Microphone.open()).connect(talk);
// @ts-expect-error no such field
await listCalls({ fields: ["nope"] });
"""
EVERYTHING = {path.name: path.read_text("utf-8") for path in (SDK / "test").glob("*.test-d.ts")}
#: A session where there are neither the types of a browser nor those of Node.
BARE = """
import { createVoiceSession, type WebSocketClass } from "@ringline/sdk/voice";

declare const webSocket: WebSocketClass;
const session = createVoiceSession({ ticket: async () => "…", webSocket });
session.on("turn", (turn) => turn.text satisfies string);
const end = await session.ended;
end.reason satisfies string;
"""


@pytest.fixture(scope="module")
def node() -> Node:
    install(SDK)
    return install()


@pytest.fixture(scope="module")
def project(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the packed SDK into an empty project, and return its folder."""
    folder = tmp_path_factory.mktemp("package")
    checkout = folder / "sdk"
    shutil.copytree(SDK, checkout, ignore=shutil.ignore_patterns("dist", "node_modules", ".lock"))
    (checkout / "node_modules").symlink_to(SDK / "node_modules")
    run(node, checkout, *node.npm, "pack", "--pack-destination", str(folder))
    (tarball,) = folder.glob("*.tgz")
    project = folder / "project"
    project.mkdir()
    (project / "package.json").write_text('{"name": "empty", "private": true, "type": "module"}')
    quietly = ("--prefer-offline", "--no-audit", "--no-fund")
    run(node, project, *node.npm, "install", *quietly, str(tarball))
    return project


def compile_in(
    node: Node,
    project: Path,
    compiler: Path,
    resolution: str,
    sources: dict[str, str],
    **own: object,
) -> None:
    """Compile modules in the project; fails the test with the compiler's words."""
    module = resolution if resolution == "nodenext" else "es2022"
    options = {**STRICT, "module": module, "moduleResolution": resolution, **own}
    # Our declarations are checked too; those of the language take the time.
    options |= {"skipLibCheck": False, "skipDefaultLibCheck": True}
    for name, source in sources.items():
        (project / name).write_text(source, "utf-8")
    config = {"compilerOptions": options, "files": list(sources)}
    (project / "tsconfig.json").write_text(json.dumps(config))
    run(node, project, node.node, str(compiler / "bin" / "tsc"))


def run(node: Node, folder: Path, *command: str) -> str:
    """Run a command in a folder and return what it printed; fails the test with that."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(node),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_it_holds_code_and_loads(node: Node, project: Path) -> None:
    script = """
        import * as browser from "@ringline/sdk";
        import * as server from "@ringline/sdk/server";
        import * as voice from "@ringline/sdk/voice";
        const { listCalls } = browser, { createServerClient } = server;
        console.log(typeof listCalls, typeof createServerClient, typeof voice.createVoiceSession);
    """
    printed = run(node, project, node.node, "--input-type=module", "--eval", script)
    assert printed.split() == ["function"] * 3


@pytest.mark.parametrize(
    ("compiler", "resolution", "sources"),
    [
        (OLDEST, "node", {"main.ts": SHORT}),
        (OLDEST, "bundler", {"main.ts": SHORT}),
        (OLDEST, "nodenext", EVERYTHING),
        (NEWEST, "bundler", EVERYTHING),
        (NEWEST, "nodenext", EVERYTHING),
    ],
    ids=["5.0-node", "5.0-bundler", "5.0-nodenext", "newest-bundler", "newest-nodenext"],
)
def test_its_types_hold(
    node: Node, project: Path, compiler: Path, resolution: str, sources: dict[str, str]
) -> None:
    compile_in(node, project, compiler, resolution, sources)


@pytest.mark.parametrize("compiler", [OLDEST, NEWEST], ids=["5.0", "newest"])
def test_a_session_needs_no_types_of_a_browser(node: Node, project: Path, compiler: Path) -> None:
    compile_in(node, project, compiler, "nodenext", {"bare.ts": BARE}, lib=["es2022"])


def test_the_readme_is_right(node: Node, project: Path) -> None:
    """Its examples compile, each by itself; what they take from elsewhere is declared."""
    around = (
        "declare const app: { post: (path: string, answer: (...both: any[]) => void) => void };\n"
    )
    around += "declare const response: any, process: any;\n"
    client = 'declare const ringline: import("@ringline/sdk/server").ServerClient;\n'
    blocks = [block.code for block in blocks_of(SDK / "README.md", "js")]
    sources = {
        f"block{number}.ts": around + ("" if "const ringline" in text else client) + text
        for number, text in enumerate(blocks)
    }
    assert len(sources) > 4
    compile_in(node, project, NEWEST, "nodenext", sources)
