"""What a client of OpenAI's protocol is told: our orders as the server's events (voices, 6).

The protocol names what ours does not: every response, every item of the conversation and its
place in it. A caller's turn is a message whose id is the turn's; a response of the agent has
its turn's id, and one message for all that it says, so positions in the message's speech are
positions in the response's. Tool calls are items of their own beside it.

A `Conversation` writes the frames of one session, in the order in which they must be sent.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast
from uuid import UUID

import msgspec

from ringline.domain.audio import Chunk
from ringline.domain.ids import Prefix, format_id
from ringline.domain.leg import NO_TURN
from ringline.domain.voice import Usage
from ringline.wire.openai_realtime import RATE_HZ
from ringline.wire.openai_server_errors import ServerProblem, error_members
from ringline.wire.openai_server_known_items import KnownItems, remember
from ringline.wire.strict_json import as_object, encode

Members: TypeAlias = dict[str, object]
NewId: TypeAlias = Callable[[], UUID]


@dataclass(slots=True)
class _Message:
    """The message of a response: what was sent of it."""

    item_id: str
    index: int
    spoken: bool
    previous_id: str | None
    text: str = ""
    audio_ms: float = 0.0

    def part(self) -> Members:
        """Return its content as an event shows it."""
        if self.spoken:
            return {"type": "audio", "transcript": self.text}
        return {"type": "text", "text": self.text}

    def item(self, status: str) -> Members:
        """Return it as an item of the conversation."""
        content: list[Members] = []
        if status != "in_progress":
            kind = "output_audio" if self.spoken else "output_text"
            content.append({"type": kind, "transcript" if self.spoken else "text": self.text})
        return _message(self.item_id, "assistant", content=content, status=status)


@dataclass(slots=True)
class _Response:
    """The response under way."""

    id: str
    turn_id: UUID
    spoken: bool
    voice: str
    metadata: Mapping[str, object] | None
    message: _Message | None = None
    items: list[Members] = field(default_factory=list[Members])
    added: int = 0
    stopped_by: str = ""


@dataclass(frozen=True, slots=True)
class _SpokenPart:
    """A part with the caller's speech: where its transcript belongs."""

    item: Mapping[str, object]
    index: int

    def with_transcript(self, text: str) -> Members:
        """Return the item with what was said."""
        content = [as_object(part) for part in cast("list[object]", self.item["content"])]
        content[self.index] = {**content[self.index], "transcript": text}
        return {**self.item, "content": content}


@dataclass(frozen=True, slots=True)
class Speech:
    """Where a response's speech goes: encodes its chunks."""

    head: bytes

    def encode(self, chunk: Chunk) -> bytes:
        """Encode `response.output_audio.delta`."""
        assert chunk.pcm, "clients cannot play a chunk of no length"
        return b'%b%b"}' % (self.head, chunk.base64 or chunk.as_base64())


class Conversation:
    """The items and responses of a session, as its client is told of them."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._events = 0
        self._response: _Response | None = None
        self._lengths: OrderedDict[str, float] = OrderedDict()  # the speech of each message
        self._items = KnownItems()
        self._spoken: OrderedDict[UUID, _SpokenPart] = OrderedDict()  # turns in messages
        self._began: OrderedDict[UUID, int] = OrderedDict()  # where each turn of the caller began
        self._lasted: OrderedDict[UUID, int] = OrderedDict()  # of those without a transcript yet

    # The session.

    def session_event(self, kind: str, session: Mapping[str, object]) -> bytes:
        """Encode `session.created` or `session.updated`."""
        return self._event(kind, session=session)

    def error(self, problem: ServerProblem) -> bytes:
        """Encode `error`."""
        return self._event("error", error=error_members(problem))

    # The caller's turns; places are milliseconds of the audio that the client has sent.

    def speech_started(
        self, turn_id: UUID, *, at_ms: float, interrupts: bool = True
    ) -> list[bytes]:
        """Tell that the caller began to speak, which mostly interrupts what is being said."""
        if self._response is not None and interrupts:
            self._response.stopped_by = self._response.stopped_by or "turn_detected"
        remember(self._began, turn_id, value=_place(at_ms))
        started = {"audio_start_ms": _place(at_ms), "item_id": item_of(turn_id)}
        return [self._event("input_audio_buffer.speech_started", **started)]

    def speech_stopped(
        self, turn_id: UUID, *, began_at_ms: float, at_ms: float, heard_to_ms: float, kept: bool
    ) -> list[bytes]:
        """Tell that the caller's turn is over; it is an item unless the client cleared it.

        `heard_to_ms` is where the client's audio ends, `at_ms` where the speech does.
        """
        frames: list[bytes] = []
        item_id = item_of(turn_id)
        began_ms = self._began.pop(turn_id, None)
        if began_ms is not None:  # if not, the client itself ended the turn
            stopped = {"audio_end_ms": max(began_ms, _place(heard_to_ms)), "item_id": item_id}
            frames.append(self._event("input_audio_buffer.speech_stopped", **stopped))
        if not kept:
            return frames
        lasted_ms = max(0, _place(at_ms) - (began_ms or _place(began_at_ms)))
        remember(self._lasted, turn_id, value=lasted_ms)
        before = {"item_id": item_id, "previous_item_id": self._items.last}
        frames.append(self._event("input_audio_buffer.committed", **before))
        return [*frames, *self.add_item(_heard_item(turn_id))]

    def transcribed(self, turn_id: UUID, text: str) -> bytes:
        """Tell what the caller said; an empty text could not be recognised."""
        lasted_ms = self._lasted.pop(turn_id, 0)
        part = self._spoken.pop(turn_id, None) or _SpokenPart(_heard_item(turn_id), 0)
        place: Members = {"item_id": part.item["id"], "content_index": part.index}
        kind = "conversation.item.input_audio_transcription"
        if not text:
            error = {
                "type": "transcription_error",
                "code": "audio_unintelligible",
                "message": "the speech could not be recognised",
            }
            return self._event(f"{kind}.failed", **place, error=error)
        self._items.keep(part.with_transcript(text))
        usage = {"type": "duration", "seconds": lasted_ms / 1000}
        return self._event(f"{kind}.completed", **place, transcript=text, usage=usage)

    def cleared(self) -> bytes:
        """Tell that the audio of the current turn was discarded."""
        return self._event("input_audio_buffer.cleared")

    # Items.

    def created(self, item: Mapping[str, object], item_id: str) -> list[bytes]:
        """Tell that an item of the client was added, under its own id or one of ours."""
        whole = {**item, "id": item_id, "object": "realtime.item", "status": "completed"}
        return self.add_item(whole)

    def new_item_id(self) -> str:
        """Return an id for an item of the client that has none."""
        return item_of(self._new_id())

    def knows(self, item_id: str) -> bool:
        """Return whether there is an item of this id, as far as is remembered."""
        return item_id in self._items

    def deleted(self, item_id: str) -> bytes:
        """Tell that an item of the client is no longer in the conversation."""
        self._items.delete(item_id)
        return self._event("conversation.item.deleted", item_id=item_id)

    def spoke_in(self, item_id: str, turn_id: UUID, *, lasted_ms: float) -> None:
        """Note that a turn of the caller is the audio of a message, if that is remembered."""
        remember(self._lasted, turn_id, value=_place(lasted_ms))
        if (kept := self._items.get(item_id)) is None:
            return
        item = as_object(msgspec.json.decode(kept))
        kinds = [as_object(part).get("type") for part in cast("list[object]", item["content"])]
        part = _SpokenPart(item, kinds.index("input_audio"))
        remember(self._spoken, turn_id, value=part)

    def add_item(self, item: Mapping[str, object]) -> list[bytes]:
        """Tell that a whole item was added to the end of the conversation."""
        place = self._place_item(item)
        self._items.keep(item)
        return [
            self._event("conversation.item.added", **place),
            self._event("conversation.item.done", **place),
        ]

    def retrieved(self, item_id: str) -> bytes | None:
        """Tell an item again; None if it is not known any more."""
        item = self._items.get(item_id)
        if item is None:
            return None
        return self._event("conversation.item.retrieved", item=msgspec.Raw(item))

    def _place_item(self, item: Mapping[str, object]) -> Members:
        place: Members = {"previous_item_id": self._items.last, "item": item}
        self._items.add(str(item["id"]))
        return place

    # Responses.

    @property
    def response_id(self) -> str | None:
        """Return the id of the response under way."""
        return self._response.id if self._response is not None else None

    def length_of(self, item_id: str) -> float | None:
        """Return how much speech of a message was sent; None if there is no such message."""
        message = self._response.message if self._response is not None else None
        if message is not None and message.item_id == item_id:
            return message.audio_ms
        return self._lengths.get(item_id)

    def is_speaking(self, item_id: str) -> bool:
        """Return whether an item is the message of the response under way."""
        message = self._response.message if self._response is not None else None
        return message is not None and message.item_id == item_id

    def truncated(self, item_id: str, audio_end_ms: int) -> bytes:
        """Tell that a message ends where the client stopped playing it."""
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
        return self._event("conversation.item.truncated", **cut)

    def begin(
        self,
        turn_id: UUID,
        *,
        spoken: bool,
        voice: str,
        metadata: Mapping[str, object] | None = None,
    ) -> list[bytes]:
        """Tell that a response began; it answers with speech, or with text alone."""
        frames = self.end(interrupted=False) if self._response is not None else []
        if turn_id == NO_TURN:
            turn_id = self._new_id()
        self._response = _Response(_id("resp", turn_id), turn_id, spoken, voice, metadata)
        response = self._shown("in_progress", None)
        return [*frames, self._event("response.created", response=response)]

    def cancelling(self) -> None:
        """Note that the client cancels the response under way."""
        if self._response is not None:
            self._response.stopped_by = self._response.stopped_by or "client_cancelled"

    def say(self, delta: str) -> list[bytes]:
        """Tell a piece of the agent's text."""
        response = self._response
        if response is None:
            return []
        frames, message = self._message_of(response)
        message.text += delta
        kind = "response.output_audio_transcript" if message.spoken else "response.output_text"
        return [*frames, self._event(f"{kind}.delta", **_at(response, message), delta=delta)]

    def speak(self, duration_ms: float) -> tuple[list[bytes], Speech]:
        """Return what must be sent before a piece of speech, and what encodes it.

        Speech outside a response is somebody else's than the agent's; it begins one.
        """
        frames: list[bytes] = []
        if self._response is None:
            frames = self.begin(self._new_id(), spoken=True, voice="")
        assert self._response is not None, "it has just begun"
        opening, message = self._message_of(self._response)
        message.audio_ms += duration_ms
        head = self._event("response.output_audio.delta", **_at(self._response, message), delta="")
        return [*frames, *opening], Speech(head[: -len(b'"}')])

    def call_tool(self, call_id: str, name: str, *, arguments: str) -> list[bytes]:
        """Tell that the agent calls a tool."""
        response = self._response
        if response is None:
            return []
        item_id = item_of(self._new_id())
        index = response.added
        response.added += 1
        call: Members = {
            "id": item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "call_id": call_id,
            "name": name,
            "arguments": "",
        }
        done = {**call, "status": "completed", "arguments": arguments}
        response.items.append(done)
        self._items.keep(done)
        output: Members = {"response_id": response.id, "output_index": index}
        at: Members = {**output, "item_id": item_id, "call_id": call_id}
        place = self._place_item(call)
        function = "response.function_call_arguments"
        return [
            self._event("response.output_item.added", **output, item=call),
            self._event("conversation.item.added", **place),
            self._event(f"{function}.delta", **at, delta=arguments),
            self._event(f"{function}.done", **at, name=name, arguments=arguments),
            self._event("conversation.item.done", **{**place, "item": done}),
            self._event("response.output_item.done", **output, item=done),
        ]

    def end(
        self, *, interrupted: bool, spoken_text: str | None = None, usage: Usage | None = None
    ) -> list[bytes]:
        """Tell that the response is over; nothing if there is none.

        An item that was interrupted keeps what was heard of it, if that is known.
        """
        response = self._response
        if response is None:
            return []
        frames: list[bytes] = []
        if response.message is not None:
            frames = self._end_message(response, response.message, interrupted=interrupted)
        details: Members | None = None
        if interrupted:
            details = {"type": "cancelled"}
            if response.stopped_by:
                details["reason"] = response.stopped_by
        if interrupted and response.message is not None and spoken_text is not None:
            response.message.text = spoken_text
            self._items.keep(response.message.item("incomplete"))
        shown = self._shown("cancelled" if interrupted else "completed", details)
        if usage is not None and usage.tokens:
            shown["usage"] = shown_usage(usage)
        self._response = None
        return [*frames, self._event("response.done", response=shown)]

    def _message_of(self, response: _Response) -> tuple[list[bytes], _Message]:
        """Return the response's message, and what must be sent if it begins with this."""
        if response.message is not None:
            return [], response.message
        item_id = item_of(response.turn_id)
        message = _Message(item_id, response.added, response.spoken, self._items.last)
        response.message = message
        response.added += 1
        output: Members = {"response_id": response.id, "output_index": message.index}
        item = message.item("in_progress")
        response.items.append(item)
        opening = [
            self._event("response.output_item.added", **output, item=item),
            self._event("conversation.item.added", **self._place_item(item)),
            self._event(
                "response.content_part.added", **_at(response, message), part=message.part()
            ),
        ]
        return opening, message

    def _end_message(
        self, response: _Response, message: _Message, *, interrupted: bool
    ) -> list[bytes]:
        at = _at(response, message)
        frames: list[bytes] = []
        if message.spoken:
            frames.append(self._event("response.output_audio.done", **at))
            said = {"transcript": message.text}
            frames.append(self._event("response.output_audio_transcript.done", **at, **said))
            remember(self._lengths, message.item_id, value=message.audio_ms)
        else:
            frames.append(self._event("response.output_text.done", **at, text=message.text))
        item = message.item("incomplete" if interrupted else "completed")
        self._items.keep(item)
        response.items = [item if one["id"] == item["id"] else one for one in response.items]
        output: Members = {"response_id": response.id, "output_index": message.index}
        return [
            *frames,
            self._event("response.content_part.done", **at, part=message.part()),
            self._event("conversation.item.done", previous_item_id=message.previous_id, item=item),
            self._event("response.output_item.done", **output, item=item),
        ]

    def _shown(self, status: str, details: Members | None) -> Members:
        response = self._response
        assert response is not None, "a response is shown while it is under way"
        members: Members = {
            "object": "realtime.response",
            "id": response.id,
            "status": status,
            "status_details": details,
            "output": list(response.items) if status != "in_progress" else [],
            "output_modalities": ["audio" if response.spoken else "text"],
        }
        if response.voice:
            sound: Members = {"format": {"type": "audio/pcm", "rate": RATE_HZ}}
            members["audio"] = {"output": {**sound, "voice": response.voice}}
        if response.metadata is not None:
            members["metadata"] = response.metadata
        return members

    def _event(self, kind: str, **members: object) -> bytes:
        self._events += 1
        return encode({"type": kind, "event_id": f"event_{self._events}", **members})


def shown_usage(usage: Usage) -> Members:
    """Return what was used as the protocol nests it: totals, of which parts are told apart."""
    cached_text, cached_audio = usage.text_cached_tokens, usage.audio_cached_tokens
    text_in, audio_in = usage.text_in_tokens + cached_text, usage.audio_in_tokens + cached_audio
    text_out, audio_out = usage.text_out_tokens, usage.audio_out_tokens
    cached: Members = {"text_tokens": cached_text, "audio_tokens": cached_audio}
    return {
        "total_tokens": usage.tokens,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": cached,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def _heard_item(turn_id: UUID) -> Members:
    """Return the item of a turn that the caller spoke, without its transcript."""
    content: Sequence[Members] = [{"type": "input_audio"}]
    return _message(item_of(turn_id), "user", content=content, status="completed")


def item_of(turn_id: UUID) -> str:
    """Return the id of a turn's item."""
    return _id("item", turn_id)


def _id(kind: str, of: UUID) -> str:
    return f"{kind}_{format_id(Prefix.TURN, of).partition('_')[2]}"


def _place(at_ms: float) -> int:
    return max(0, int(at_ms))


def _at(response: _Response, message: _Message) -> Members:
    """Return where a piece of a message belongs."""
    return {
        "response_id": response.id,
        "item_id": message.item_id,
        "output_index": message.index,
        "content_index": 0,
    }


def _message(
    item_id: str, role: str, *, content: Sequence[Mapping[str, object]], status: str
) -> Members:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": role,
        "status": status,
        "content": content,
    }
