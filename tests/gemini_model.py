"""The model behind the fake Gemini: it says back what it is told, in the protocol's manner.

`echo: …` answers a typed line, and speech is understood as `heard 1200 ms`. The line
`/tool NAME ARGUMENTS` calls a function, several of them several; what comes back is told as
`tool NAME returned …`. A text that it is asked to say word for word, it says.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.voices.endpointing import Edge
from ringline.voices.mock_hearing import Hearing
from ringline.wire.gemini_live import SAY
from tests.fake_gemini import Conversation, decoded
from tests.voice_desk import hum

#: A piece of speech: one word, 100 ms.
PIECE = hum(100, 24_000)

USAGE = {
    "promptTokenCount": 30,
    "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
    "responseTokenCount": 10,
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
    "totalTokenCount": 40,
}


@dataclass
class EchoModel:
    """A script of the fake: one instance serves any number of conversations."""

    #: How long a piece of speech takes to produce.
    pace_s: float = 0.0
    #: How long its playback is assumed to take once all of it has been produced.
    playback_s: float = 0.0
    #: The rest of the transcript of speech comes once the model has begun to answer.
    hears_late: bool = False
    #: It does not notice that it is spoken to while it speaks.
    is_deaf: bool = False
    #: Every turn ends without a word, for this reason.
    refuses_with: str = ""
    #: How many answers do not begin until they are interrupted.
    hesitations: int = 0
    hesitating: asyncio.Event = field(default_factory=asyncio.Event)
    #: It says twice that a transcript is finished; otherwise it never does.
    finishes_twice: bool = False

    async def __call__(self, conversation: Conversation) -> None:
        talk = Talk(self, conversation)
        try:
            while True:
                await talk.take(*await conversation.read())
        finally:
            await talk.stop()


@dataclass
class Talk:
    """The model's side of one conversation."""

    model: EchoModel
    conversation: Conversation
    lines: list[str] = field(default_factory=list)
    returned: dict[str, str] = field(default_factory=dict)
    turn: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        detection = self.conversation.setup.get("realtimeInputConfig", {}).get(
            "automaticActivityDetection", {}
        )
        kind = TurnDetectionType.NONE if detection.get("disabled") else None
        self.hearing = Hearing(
            TurnDetection(
                type=kind or TurnDetectionType.SERVER_VAD,
                silence_duration_ms=detection.get("silenceDurationMs", 800),
            ),
            16_000,
        )

    async def stop(self) -> None:
        if self.turn is not None:
            self.turn.cancel()
            with suppress(asyncio.CancelledError):
                await self.turn

    async def take(self, name: str, body: dict[str, Any]) -> None:
        match name:
            case "clientContent":
                await self._content(body)
            case "realtimeInput":
                await self._input(body)
            case "toolResponse":
                await self._results(body["functionResponses"])

    async def _content(self, body: dict[str, Any]) -> None:
        history = "historyConfig" in self.conversation.setup and not self.lines
        for turn in body.get("turns", []):
            if turn["role"] == "model":
                self.lines.clear()
            else:
                for part in turn["parts"]:
                    self.lines += part["text"].split("\n")
        if history and len(self.conversation.bodies("clientContent")) == 1:
            return
        await self._interrupt()
        if body.get("turnComplete"):
            self._answer()

    async def _input(self, body: dict[str, Any]) -> None:
        if "audio" in body:
            for edge in self.hearing.hear(decoded(body["audio"]["data"])):
                if edge is Edge.STOPPED:
                    await self._heard()
                elif not self.model.is_deaf:
                    await self._interrupt(spoken=True)
        elif "audioStreamEnd" in body and self.hearing.speaking:
            await self._heard()
        elif "activityStart" in body:
            await self._interrupt(spoken=True)
        elif "activityEnd" in body and self.hearing.has_audio:
            await self._heard()
        elif "activityEnd" in body:
            self._answer()
        elif "text" in body:
            self.lines += body["text"].split("\n")
            if not self.conversation.by_order:  # else the end of the activity counts
                await self._interrupt()
                self._answer()

    async def _heard(self) -> None:
        text = self.hearing.finish().text
        first, rest = text.split(" ", 1)
        await self.conversation.content(inputTranscription={"text": first})
        if not self.model.hears_late:
            await self.conversation.content(inputTranscription={"text": f" {rest}"})
        for _ in range(2 * self.model.finishes_twice):
            await self.conversation.content(inputTranscription={"finished": True})
        self.lines.append(text)
        self._answer(f" {rest}" if self.model.hears_late else "")

    async def _results(self, responses: Sequence[dict[str, Any]]) -> None:
        follows = False
        for response in responses:
            name = self.conversation.open_calls.pop(response["id"], "")
            if not name:
                continue  # cancelled meanwhile
            value = response["response"]
            text = value["output"] if value.keys() == {"output"} else json.dumps(value)
            self.lines.append(f"/returned {name} {text}")
            follows = follows or response.get("scheduling") != "SILENT"
        if follows and not self.conversation.open_calls:
            if self.turn is not None:
                await asyncio.wait([self.turn])  # WHEN_IDLE
            self._answer()

    # The model's turn.

    def _answer(self, late: str = "") -> None:
        lines, self.lines = self.lines, []
        self.turn = asyncio.create_task(self._speak(lines, late, self.turn))

    async def _interrupt(self, *, spoken: bool = False) -> None:
        """End the turn that is under way, if there is one."""
        talk = self.conversation
        if spoken and talk.open_calls:
            ids = list(talk.open_calls)
            await talk.send(toolCallCancellation={"ids": ids})
        if self.turn is None or self.turn.done():
            return
        await self.stop()
        await talk.content(interrupted=True)
        await talk.send(serverContent={"turnComplete": True}, usageMetadata=USAGE)

    async def _speak(
        self, lines: Sequence[str], late: str, before: asyncio.Task[None] | None
    ) -> None:
        talk, model = self.conversation, self.model
        if before is not None:  # a model that is deaf finishes first
            await asyncio.wait([before])
        if model.hesitations:
            model.hesitations -= 1
            model.hesitating.set()
            self.lines = [*lines, *self.lines]  # the next answer's
            await asyncio.Event().wait()
        if model.refuses_with:
            await talk.content(turnComplete=True, turnCompleteReason=model.refuses_with)
            return
        said = "\n".join(line for line in map(self._reply, lines) if line)
        for number, word in enumerate(_words(said)):
            await talk.speak(word, PIECE)
            if number == 0 and late:
                await talk.content(inputTranscription={"text": late})
            await asyncio.sleep(model.pace_s)
        calls = [line.split(" ", 2) for line in lines if line.startswith("/tool ")]
        if calls:
            await self._call([(call[1], call[2] if len(call) > 2 else "{}") for call in calls])
            if "blocks" in talk.traits:
                return  # its turn goes on with the results
        status = {"interactionStatus": "IN_PROGRESS"} if "background" in talk.traits else {}
        await talk.content(generationComplete=True)
        await asyncio.sleep(model.playback_s)
        await talk.send(serverContent={"turnComplete": True} | status, usageMetadata=USAGE)
        if status:
            await talk.content(interactionStatus="IDLE")

    async def _call(self, calls: Sequence[tuple[str, str]]) -> None:
        await self.conversation.send(
            toolCall={
                "functionCalls": [
                    {"id": f"call_{uuid4().hex}", "name": name, "args": json.loads(arguments)}
                    for name, arguments in calls
                ]
            }
        )

    def _reply(self, line: str) -> str:
        if line.startswith(SAY):
            return line.removeprefix(SAY)
        if line.startswith("/tool "):
            return ""
        if line.startswith("/returned "):
            _, name, value = line.split(" ", 2)
            return f"tool {name} returned {value}"
        return f"echo: {line}" if line.strip() else "echo"


def _words(text: str) -> list[str]:
    """Split a text into words that join to it again."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + pieces[-1:] if text else []
