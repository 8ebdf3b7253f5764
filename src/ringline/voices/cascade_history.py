"""What a cascade remembers of its conversation, and how its chat model is told. Pure.

The model is told what was *heard* of an interrupted response, not what had been written. Turns
of the caller that no response came between are one message. A tool call whose result is not in
yet is told as such, since a call without a result is refused by most servers. The memory is
bounded: the oldest turns are forgotten first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ringline.domain import voice_limits
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.voice import AddImage, PastCall, PastItem, PastTurn
from ringline.wire.chat_completions import ChatCall
from ringline.wire.strict_json import encode

#: What the model reads for speech that nobody could make out.
INAUDIBLE = "(inaudible)"

#: What it reads for a picture that was forgotten, if no text came with it.
FORGOTTEN = "(an earlier picture)"

#: What it reads for a tool call without a result.
PENDING = '{"status":"the result is not in yet"}'

Message: TypeAlias = dict[str, object]


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: str
    result: str | None = None

    @property
    def characters(self) -> int:
        return len(self.name) + len(self.arguments) + len(self.result or PENDING)


@dataclass(slots=True)
class _Piece:
    """A sentence of a response, and how much of its speech was sent."""

    text: str
    ms: float = 0.0


@dataclass(slots=True)
class AgentTurn:
    """A response: what it says, and the tools that it calls."""

    response_id: str
    pieces: list[_Piece] = field(default_factory=list[_Piece])
    calls: list[_Call] = field(default_factory=list[_Call])
    is_complete: bool = False

    @property
    def text(self) -> str:
        """Return what it says."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def spoken_ms(self) -> float:
        """Return the duration of its speech."""
        return sum(piece.ms for piece in self.pieces)

    def say(self, text: str) -> None:
        """Begin a sentence."""
        self.pieces.append(_Piece(text))

    def speak(self, ms: float) -> None:
        """Add speech of the sentence that was begun last."""
        self.pieces[-1].ms += ms

    def cut(self, played_ms: float) -> None:
        """Keep what was heard: whole sentences, and whole words of the last one."""
        if not self.spoken_ms:  # it was written, not spoken
            return
        kept: list[_Piece] = []
        left_ms = played_ms
        for piece in self.pieces:
            if piece.ms > left_ms or left_ms <= 0:
                kept.append(_Piece(_beginning(piece, left_ms), max(0.0, left_ms)))
                break
            kept.append(piece)
            left_ms -= piece.ms
        self.pieces = [piece for piece in kept if piece.text]


@dataclass(slots=True)
class _CallerTurn:
    text: str
    image: AddImage | None = None
    typed: bool = False


_Item: TypeAlias = _CallerTurn | AgentTurn


class Conversation:
    """The memory of one conversation."""

    def __init__(self, history: Iterable[PastItem] = ()) -> None:
        self._items: list[_Item] = []
        self._ids = 0
        self.remember(history)

    def remember(self, items: Iterable[PastItem]) -> None:
        """Add what was said before, or elsewhere."""
        for item in items:
            match item:
                case PastTurn(TurnRole.CALLER, text):
                    self._items.append(_CallerTurn(text))
                case PastTurn(_, text):
                    if text:
                        self._items.append(AgentTurn("", [_Piece(text)]))
                case PastCall(call_id, name, arguments, result):
                    if self._find(call_id) is None:
                        self._restore(_Call(call_id, name, encode(dict(arguments)).decode()))
                    if result is not None:
                        self.answer(call_id, result)
        self._forget()

    def _restore(self, call: _Call) -> None:
        """Add a call to the agent's turn that it follows, which made it."""
        last = self._items[-1] if self._items else None
        if not isinstance(last, AgentTurn):
            last = AgentTurn("")
            self._items.append(last)
        last.calls.append(call)

    def add_text(self, text: str, *, typed: bool = False) -> None:
        """Add what the caller said or typed; empty if nobody could make it out."""
        self._items.append(_CallerTurn(text, typed=typed))
        self._forget()

    def add_image(self, image: AddImage) -> None:
        """Add a picture and the text that belongs to it."""
        self._items.append(_CallerTurn(image.text, image))
        self._forget()

    def begin(self, response_id: str) -> AgentTurn:
        """Begin a response, which answers everything before it."""
        turn = AgentTurn(response_id)
        self._items.append(turn)
        return turn

    def call(self, turn: AgentTurn, call: ChatCall) -> str:
        """Add a response's call of a tool; return its id, unique in the conversation."""
        self._ids += 1
        call_id = call.id
        if not call_id or self._find(call_id) is not None:
            call_id = f"call_{self._ids}"
        turn.calls.append(_Call(call_id, call.name, encode(call.arguments).decode()))
        return call_id

    def answer(self, call_id: str, result: str) -> None:
        """Add the result of a call; one of an unknown or an answered call is ignored."""
        call = self._find(call_id)
        if call is not None and call.result is None:
            call.result = result[: voice_limits.CASCADE_HISTORY_CHARACTERS.most // 2]
            self._forget()

    def interrupt(self, response_id: str, played_ms: float) -> None:
        """Keep of a response what was heard of it."""
        for item in reversed(self._items):
            if isinstance(item, AgentTurn) and item.response_id == response_id:
                item.cut(played_ms)
                return

    def messages(self, instructions: str) -> list[Message]:
        """Return the conversation as the chat model is told it."""
        messages: list[Message] = []
        if instructions:
            messages.append({"role": "system", "content": instructions})
        waiting: list[_CallerTurn] = []
        for item in self._items:
            if isinstance(item, _CallerTurn):
                waiting.append(item)
            elif item.pieces or item.calls:  # of others nothing was heard
                messages += _caller_messages(waiting)
                messages += _agent_messages(item)
                waiting = []
        messages += _caller_messages(waiting)
        return messages or _caller_messages([_CallerTurn("")])  # no server takes none at all

    def turns(self) -> list[PastTurn]:
        """Return what was said, as it was heard; lines that were typed together are one turn."""
        turns: list[PastTurn] = []
        goes_on = False
        for item in self._items:
            if isinstance(item, AgentTurn):
                if item.text:
                    turns.append(PastTurn(TurnRole.AGENT, item.text))
                    goes_on = False
                elif item.is_complete:
                    goes_on = False
                continue
            if not item.text:
                continue
            if goes_on and item.typed:
                turns[-1] = PastTurn(TurnRole.CALLER, f"{turns[-1].text}\n{item.text}")
            else:
                turns.append(PastTurn(TurnRole.CALLER, item.text))
            goes_on = item.typed
        return turns

    def newest_unanswered(self) -> str | None:
        """Return what the caller said last if nothing answered it; "" if nobody understood it."""
        for item in reversed(self._items):
            if isinstance(item, _CallerTurn):
                return item.text
            if item.pieces or item.is_complete:
                return None
        return None

    def _find(self, call_id: str) -> _Call | None:
        for item in reversed(self._items):
            if isinstance(item, AgentTurn):
                for call in item.calls:
                    if call.id == call_id:
                        return call
        return None

    def _forget(self) -> None:
        """Forget the oldest beyond the bounds, but not what was added last."""
        characters = images = 0
        for at in range(len(self._items) - 1, -1, -1):
            item = self._items[at]
            if isinstance(item, _CallerTurn) and item.image is not None:
                images += len(item.image.image_url)
                if images > voice_limits.CASCADE_IMAGE_BYTES.most and at < len(self._items) - 1:
                    item.image = None
                    item.text = item.text or FORGOTTEN
            characters += _characters_of(item)
            if (
                characters > voice_limits.CASCADE_HISTORY_CHARACTERS.most
                and at < len(self._items) - 1
            ):
                while isinstance(self._items[at + 1], AgentTurn) and at < len(self._items) - 2:
                    at += 1  # an answer to what was forgotten
                del self._items[: at + 1]
                return


def _characters_of(item: _Item) -> int:
    if isinstance(item, _CallerTurn):
        return len(item.text) + 1
    return len(item.text) + sum(call.characters for call in item.calls) + 1


def _beginning(piece: _Piece, heard_ms: float) -> str:
    """Return the words that were heard of a sentence, by their share of its speech."""
    if heard_ms <= 0:
        return ""
    heard = piece.text[: int(len(piece.text) * heard_ms / piece.ms)]
    return heard[: heard.rfind(" ") + 1].rstrip()


def _caller_messages(turns: Sequence[_CallerTurn]) -> list[Message]:
    if not turns:
        return []
    texts = [turn.text for turn in turns if turn.text]
    if not any(turn.image for turn in turns):
        return [{"role": "user", "content": "\n".join(texts) or INAUDIBLE}]
    parts: list[Mapping[str, object]] = []
    for turn in turns:
        if turn.image is not None:
            url = {"url": turn.image.image_url, "detail": turn.image.detail}
            parts.append({"type": "image_url", "image_url": url})
        if turn.text:
            parts.append({"type": "text", "text": turn.text})
    return [{"role": "user", "content": parts}]


def _agent_messages(turn: AgentTurn) -> list[Message]:
    message: Message = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.calls
        ]
    results: list[Message] = [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": PENDING if call.result is None else call.result,
        }
        for call in turn.calls
    ]
    return [message, *results]
