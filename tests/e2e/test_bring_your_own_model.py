"""The page "Bring your own model": its receivers are the brains of calls that are spoken."""

import asyncio
import hashlib
import hmac
import http.client
import json
import re
import socket
import sys
import threading
import time
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ringline.client.sound import resample
from ringline.domain import webhook_limits as limits
from ringline.voices import recognition
from ringline.voices.agent_brain import DEFAULT_APOLOGY, DEFAULT_FALLBACK
from ringline.voices.recognition import Recognition
from ringline.voices.workers import WorkerPool
from ringline.wire.wav import Wav, read_wav, write_wav
from tests.e2e.node import install
from tests.e2e.program import LIMIT_S, environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, blocks_of
from tests.voice_desk import quiet, speak

PAGE = DOCS / "howto" / "bring-your-own-model.md"
PORT = "8000"  # the page's receivers listen there
RECEIVERS = {"python": "brain.py", "js": "brain.mjs"}
STARTS = {"python": "think python3 brain.py 8000", "js": "think node brain.mjs 8000"}
MOST_LINES = 30
CALLED, FAILED = "5. Call it", "When there is no answer"
HZ = 16_000

ASKED, THANKED = "what are your opening hours", "thank you goodbye"
GREETING = "Good morning, this is the bakery."
ANSWER = "We are open every day from nine to five."
FAREWELL = "Thank you for calling. Goodbye."
#: What an agent of the page may be heard to say, and what it never says.
SENTENCES = (
    GREETING,
    ANSWER,
    FAREWELL,
    DEFAULT_FALLBACK,
    DEFAULT_APOLOGY,
    "You can ask me when we are open.",
    "We are closed every day but one.",
    "Could you tell me your name and number?",
)

Headers = Mapping[str, str]


@dataclass
class Carried:
    """What came of the page, with each receiver in turn, under the headings of its blocks."""

    place: Path
    shown: dict[str, str] = field(default_factory=dict[str, str])
    #: What is shown of the call, and its recording, by the receiver's language.
    calls: dict[str, tuple[str, Wav]] = field(default_factory=dict[str, tuple[str, Wav]])
    #: What each receiver answers to whom, by what is wrong with the request.
    answers: dict[str, dict[str, tuple[int, bytes]]] = field(
        default_factory=dict[str, dict[str, tuple[int, bytes]]]
    )


class Integrator:
    """Who carries the page out beside a server of their own, with a free port instead of its."""

    def __init__(self, carried: Carried, shell: Shell) -> None:
        self.carried = carried
        self.shell = shell
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = str(probe.getsockname()[1])

    def carry_out(self) -> None:
        """Run the page; at its call, once more with the other receiver."""
        blocks = blocks_of(PAGE)
        for block in blocks:
            if (file := RECEIVERS.get(block.language)) and block.heading.startswith("2."):
                path = self.carried.place / file
                if not path.exists():  # the second block of Python is a part of the first
                    path.write_text(block.code, "utf-8")
        commands = [block for block in blocks if block.language == "sh"]
        for block in commands:
            if block.heading not in (CALLED, FAILED):
                self.run(block.heading, block.code)
        for number, language in enumerate(RECEIVERS):
            if number:
                self.run(CALLED, "kill $BRAIN; wait $BRAIN || true")
                self.run(CALLED, STARTS[language])
            self.carried.shown[CALLED] = ""
            for block in commands:
                if block.heading == CALLED:
                    self.run(CALLED, block.code)
            wav = read_wav((self.carried.place / "call.wav").read_bytes())
            self.carried.calls[language] = self.carried.shown[CALLED], wav
            self.carried.answers[language] = self.strangers()
        for block in commands:
            if block.heading == FAILED:
                self.run(FAILED, block.code)

    def run(self, heading: str, code: str) -> None:
        shown = self.shell.run(re.sub(rf"\b{PORT}\b", self.port, code))
        self.carried.shown[heading] = self.carried.shown.get(heading, "") + shown

    def strangers(self) -> dict[str, tuple[int, bytes]]:
        """Post what is not genuine to the receiver, and what is; return what it answers."""
        secret = self.shell.run("echo $SIGNING_SECRET").strip()
        body = json.dumps({"event": "turn", "transcription": "Are you open?"}).encode()
        event = json.dumps({"event_type": "call.completed"}).encode()
        good = signed(body, secret)
        name, at = "X-Voicebip-Signature", "X-Voicebip-Timestamp"
        self.hang_up()
        return {
            "genuine": self.post(body, good),
            "event": self.post(event, signed(event, secret)),
            "changed": self.post(body + b" ", good),
            "unsigned": self.post(body, {at: good[at]}),
            "undated": self.post(body, {name: good[name]}),
            "strange": self.post(body, {**good, name: "sha256=\xe9"}),
            "redated": self.post(body, {**good, at: str(int(good[at]) + 1)}),
            "stale": self.post(body, signed(body, secret, ago_s=302)),
            "early": self.post(body, signed(body, secret, ago_s=-302)),
            "another's": self.post(body, signed(body, "another secret")),
            "again": self.post(body, good),
        }

    def post(self, body: bytes, headers: Headers) -> tuple[int, bytes]:
        """Post to the receiver that runs; return its status and its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=LIMIT_S)
        try:
            connection.request("POST", "/", body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def hang_up(self) -> None:
        """Send half of a request, as a caller's newer turn may."""
        with socket.create_connection(("127.0.0.1", int(self.port))) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")


def signed(body: bytes, secret: str, *, ago_s: int = 0) -> dict[str, str]:
    timestamp = str(int(time.time()) - ago_s)
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Voicebip-Timestamp": timestamp, "X-Voicebip-Signature": f"sha256={mac}"}


async def callers_part() -> Wav:
    """Speak a question, leave time for its answer, and say good-bye."""
    parts = [await speak(ASKED), quiet(4_000), await speak(THANKED), quiet(1_000)]
    return Wav(HZ, 1, b"".join(parts))


@pytest.fixture(scope="module")
def carried() -> Iterator[Carried]:
    node = install().node
    with reachable_directory() as place:
        (place / "examples").mkdir()
        demo = write_wav(asyncio.run(callers_part()))
        (place / "examples" / "demo-call.wav").write_bytes(demo)
        variables = {
            **environment(),
            "PATH": f"{sys.prefix}/bin:{Path(node).parent}:/usr/bin:/bin",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
            "RINGLINE_SANDBOX_CLOCK_SCALE": "0.2",
        }
        made = Carried(place)
        with Shell(place, variables) as shell:
            Integrator(made, shell).carry_out()
            yield made
        assert "Traceback" not in (place / "ringline.log").read_text("utf-8")


@pytest.mark.timeout(240)  # the whole page is carried out before the first of these
@pytest.mark.parametrize("language", RECEIVERS)
async def test_a_receiver_of_30_lines_is_the_brain_of_a_spoken_call(
    carried: Carried, language: str
) -> None:
    (code,) = [
        block.code
        for block in blocks_of(PAGE, language)
        if "createServer" in block.code or "HTTPServer" in block.code
    ]
    assert len(code.splitlines()) <= MOST_LINES
    shown, recording = carried.calls[language]
    (_, excerpt) = blocks_of(PAGE, "text")
    assert f"caller  {ASKED}\n" in excerpt.code
    for line in excerpt.code.splitlines():
        assert line.strip() == "…" or line in shown
    assert await heard_in(recording) == [GREETING, ANSWER, FAREWELL]


@pytest.mark.parametrize("language", RECEIVERS)
def test_its_call_is_told_as_it_was_heard_and_ends_after_the_farewell(
    carried: Carried, language: str
) -> None:
    shown, _ = carried.calls[language]
    (transcript,) = re.findall(r'^\{.*"turns".*\}(?=a)', shown, re.MULTILINE)
    turns = json.loads(transcript)["turns"]
    assert [(turn["role"], turn["text"]) for turn in turns] == [
        ("agent", GREETING),
        ("user", ASKED),
        ("agent", ANSWER),
        ("user", THANKED),
        ("agent", FAREWELL),
    ]
    assert not any("interrupted" in turn for turn in turns)
    assert shown.splitlines()[-1].endswith("agent_hangup")


@pytest.mark.parametrize("language", RECEIVERS)
def test_a_receiver_answers_nobody_but_ringline(carried: Carried, language: str) -> None:
    answers = carried.answers[language]
    statuses = {what: status for what, (status, _) in answers.items()}
    assert statuses == dict.fromkeys(answers, 401) | {
        "genuine": 200,
        "event": 200,
        "again": 200,
    }
    assert json.loads(answers["genuine"][1]) == {"text": ANSWER}
    assert json.loads(answers["event"][1]) == {}


def test_the_sandbox_asks_the_receiver_and_says_so_where_it_is_away(carried: Carried) -> None:
    (shown, _) = (block for block in blocks_of(PAGE, "text"))
    assert carried.shown[shown.heading].strip() == shown.code.strip() == ANSWER
    said, *logged = carried.shown[FAILED].splitlines()
    assert said == DEFAULT_FALLBACK
    (line,) = logged
    assert "refused" in line


def test_what_the_page_says_of_bounds_and_lines_is_true() -> None:
    page = " ".join(PAGE.read_text("utf-8").split())
    assert f"“{DEFAULT_FALLBACK}”" in page
    assert f"“{DEFAULT_APOLOGY}”" in page
    assert f"within {limits.TURN_S.most} seconds" in page
    assert f"with {limits.TURN_RETRY_S.most} seconds or more to go" in page
    assert f"more than {limits.TURN_ANSWER_BYTES.most // 1024} KiB" in page
    assert limits.FAILED_TURNS.most == 3


def test_a_chat_model_is_asked_in_its_own_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's other `answer` asks an API of OpenAI's kind, with the roles that it knows."""
    asked: list[tuple[str, str | None, Any]] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers["Authorization"], body))
            self.send_response(200)
            self.end_headers()
            choice = {"message": {"role": "assistant", "content": "Rye is out at ten."}}
            self.wfile.write(json.dumps({"choices": [choice]}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    (code,) = [
        block.code for block in blocks_of(PAGE, "python") if "chat/completions" in block.code
    ]
    names: dict[str, Any] = {}
    exec(compile(code, "answer.py", "exec"), names)
    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("CHAT_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("CHAT_MODEL", "a-model")
        monkeypatch.setenv("CHAT_KEY", "a-key")
        messages = [
            {"role": "agent", "text": "Hello."},
            {"role": "caller", "text": "Is there rye?"},
        ]
        assert names["answer"]({"messages": messages}) == {"text": "Rye is out at ten."}
        thread.join()
    ((path, key, body),) = asked
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer a-key", "a-model")
    assert [one["role"] for one in body["messages"]] == ["system", "assistant", "user"]
    assert body["messages"][-1]["content"] == "Is there rye?"


# What is heard of a recording.


async def heard_in(recording: Wav) -> list[str]:
    """Return the sentences that the agent is heard to say; "" for what is none of them."""
    words = {re.sub(r"[^a-z ]", "", sentence.lower()): sentence for sentence in SENTENCES}
    agent = array("h", recording.pcm)[1::2].tobytes()
    pool = WorkerPool(recognition.MODULE)
    try:
        ears = Recognition(pool)
        return [
            words.get(await ears.final(quiet(200) + part + quiet(200), tuple(words)), "")
            for part in stretches(resample(agent, recording.rate_hz, to_hz=HZ))
        ]
    finally:
        await pool.close()


def stretches(pcm: bytes) -> list[bytes]:
    """Cut a sound at its pauses of a second and more."""
    frame = HZ // 50 * 2
    found: list[bytes] = []
    sound, silent = b"", 0
    for at in range(0, len(pcm), frame):
        piece = pcm[at : at + frame]
        loud = max(map(abs, array("h", piece)), default=0) > 200
        silent = 0 if loud else silent + 1
        if loud or sound:
            sound += piece
        if sound and silent == 50:
            found.append(sound)
            sound = b""
    return [*found, sound] if sound else found
