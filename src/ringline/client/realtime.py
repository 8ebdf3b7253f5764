"""A voice call over the public API: mint a ticket, connect, start, talk, hang up.

Two tasks share a WebSocket. The microphone sends a piece every 20 ms: silence until the
greeting is over, then the recording, then silence again, because a real microphone never
stops sending. The ear reads frames and feeds the conversation.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from ringline.client.conversation import Conversation, Note, Started, Turn
from ringline.client.frames import (
    Error,
    FrameProblem,
    ServerEvent,
    SessionStarted,
    SessionTerminating,
    ToolCall,
    read_frame,
    write_audio,
    write_no_tool,
    write_start,
)
from ringline.client.http import Api, refused, unreachable
from ringline.client.playback import PlaybackLine
from ringline.client.recording import make_recording
from ringline.client.sound import PIECE_MS, Piece, cut, resample, silence
from ringline.domain.audio import bytes_of_ms
from ringline.wire.wav import Wav

SUBPROTOCOL = "opper-ticket."  # and the ticket (realtime voice, 3.1)
MAX_FRAME = 16 * 1024 * 1024
CLIENT_CONFIG = {"input_transcription": True, "output_transcription": True}

_START_LIMIT_S = 20.0

#: Why a server refuses an upgrade; its own words are in a body that aiohttp does not read.
_REFUSALS = {
    403: "the ticket does not allow this origin",
    429: "too many sessions are running",
    503: "it takes no more calls now; try again in a moment",
}


class CallProblem(Exception):
    """A call failed; the text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller waits for a greeting, for its end, and for the last answer."""

    greeting_ms: float = 4_000
    greeting_end_ms: float = 30_000
    last_answer_ms: float = 30_000


@dataclass(frozen=True, slots=True)
class CallReport:
    """A finished call: its turns, its stereo recording, and how it ended.

    `ended_by_server` is the code of `session.terminating`, None if the caller hung up;
    `lost` says that the connection broke.
    """

    started: Started
    turns: tuple[Turn, ...]
    recording: Wav
    ended_by_server: str | None
    lost: bool = False

    @property
    def understood(self) -> bool:
        """Return whether any of the caller's words were recognised and answered."""
        return any(turn.heard and turn.answered_with_audio for turn in self.turns)


async def place_call(
    api: Api,
    sound: Wav,
    *,
    tell: Callable[[Note], None],
    agent_id: str | None = None,
    model: str | None = None,
    leash: Mapping[str, object] | None = None,
    origin: str | None = None,
    patience: Patience | None = None,
) -> CallReport:
    """Place a call and play a recording to the agent, in real time.

    `sound` is mono at any rate. Name an agent or a model; with neither, the server chooses
    or refuses. `leash` are members of the mint that bound the call; `origin` is sent as a
    browser sends its page's. Raises ApiProblem, CallProblem, SoundProblem.
    """
    config: dict[str, object] = {**CLIENT_CONFIG}
    if model is not None:
        config["model"] = model
    ticket = await api.mint_ticket(config, agent_id, leash=leash)
    with unreachable(api.url):
        try:
            socket = await api.http.ws_connect(
                f"{api.url}/v3/realtime",
                protocols=(SUBPROTOCOL + ticket.client_secret,),
                max_msg_size=MAX_FRAME,
                origin=origin,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise refused(error.status, b"", otherwise=_REFUSALS.get(error.status, "")) from None
    try:
        frames = _frames(socket)
        started = await _start(socket, frames)
        call = _Call(socket, frames, started=started, tell=tell, patience=patience or Patience())
        return await call.hold(sound)
    finally:
        await socket.close()


async def _frames(socket: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[ServerEvent]:
    """Read the server's events until the socket closes."""
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise CallProblem("The server broke the protocol: it sent a binary frame.")
        try:
            event = read_frame(message.data)
        except FrameProblem as problem:
            raise CallProblem(f"The server broke the protocol: {problem}.") from None
        if event is not None:
            yield event


async def _start(
    socket: aiohttp.ClientWebSocketResponse, frames: AsyncGenerator[ServerEvent]
) -> Started:
    try:
        async with asyncio.timeout(_START_LIMIT_S):
            await socket.send_str(write_start())
            async for event in frames:
                match event:
                    case SessionStarted():
                        return Started(
                            event.session_id,
                            event.call_id,
                            event.call_uuid,
                            event.input_sample_rate,
                            event.output_sample_rate,
                        )
                    case SessionTerminating(error) | Error(error):
                        raise CallProblem(f"The call was refused: {error.message}")
                    case _:
                        pass
    except TimeoutError:
        raise CallProblem("The server did not start the call.") from None
    except ConnectionError:
        pass
    raise CallProblem("The server hung up before the call began.")


class _Call:
    """A running call; its clock starts with it."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        frames: AsyncGenerator[ServerEvent],
        *,
        started: Started,
        tell: Callable[[Note], None],
        patience: Patience,
    ) -> None:
        self._socket = socket
        self._frames = frames
        self._started = started
        self._tell = tell
        self._patience = patience
        self._time = asyncio.get_running_loop().time
        self._began = self._time()
        self._line = PlaybackLine(started.output_hz)
        self._conversation = Conversation(self._line)
        self._said = bytearray()

    async def hold(self, sound: Wav) -> CallReport:
        """Talk until the recording is over and answered, or the server hangs up."""
        hz = self._started.input_hz
        pieces = cut(resample(sound.pcm, sound.rate_hz, to_hz=hz), hz)
        self._tell(self._started)
        listening = asyncio.create_task(self._listen())
        try:
            with suppress(ConnectionError):
                await self._talk(pieces, listening)
            await self._socket.close()
            await listening
        finally:
            listening.cancel()
            await asyncio.wait({listening})
        ended = self._conversation.ended
        return CallReport(
            self._started,
            tuple(self._conversation.turns),
            make_recording(
                bytes(self._said), hz, heard=self._line.heard(), heard_hz=self._line.rate_hz
            ),
            None if ended is None else ended.code,
            lost=self._socket.close_code not in (1000, None) and ended is None,
        )

    def _now_ms(self) -> float:
        return (self._time() - self._began) * 1000

    async def _listen(self) -> None:
        async for event in self._frames:
            if isinstance(event, ToolCall):
                await self._socket.send_str(write_no_tool(event.tool_call_id))
            for note in self._conversation.hear(event, self._now_ms()):
                self._tell(note)

    async def _talk(self, pieces: Sequence[Piece], listening: asyncio.Task[None]) -> None:
        quiet = silence(self._started.input_hz)
        conversation, patience = self._conversation, self._patience
        while not conversation.greeting_is_over(self._now_ms(), patience.greeting_ms):
            if listening.done() or self._now_ms() > patience.greeting_end_ms:
                break
            await self._say(quiet)
        for piece in pieces:
            if listening.done():
                return
            await self._say(piece)
        limit_ms = self._now_ms() + patience.last_answer_ms
        while not listening.done() and not conversation.is_settled(self._now_ms()):
            if self._now_ms() > limit_ms:
                return
            await self._say(quiet)

    async def _say(self, piece: Piece) -> None:
        """Send a piece at the time a microphone would have recorded it."""
        due_ms = len(self._said) / bytes_of_ms(PIECE_MS, self._started.input_hz) * PIECE_MS
        await asyncio.sleep((due_ms + PIECE_MS - self._now_ms()) / 1000)
        await self._socket.send_str(write_audio(b64encode(piece.pcm).decode("ascii")))
        self._said.extend(piece.pcm)
        self._conversation.speak(piece, self._now_ms())
