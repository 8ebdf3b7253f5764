"""What was said in a conversation, for a voice that takes over from another. Pure.

The memory holds what was *heard*: a response that was cut off counts up to there. Items stand
in spoken order; one that is still being said or transcribed is not told to anybody yet. Each
has a number, so that a voice is told only what it does not know.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ringline.domain import voice_limits
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.heard import Alignment, whole_words
from ringline.domain.voice import PastCall, PastItem, PastTurn

_ITEM_CHARACTERS = 32  # of an item, in addition to its text


@dataclass(slots=True)
class _CallerTurn:
    text: str = ""
    item_id: str = ""
    over: bool = False


@dataclass(slots=True)
class _AgentTurn:
    response_id: str
    texts: list[str] = field(default_factory=list[str])
    spoken_ms: float = 0.0
    alignment: Alignment = field(default_factory=Alignment)
    over: bool = False

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def cut(self, played_ms: float) -> None:
        """Keep what was heard; what was only written was read."""
        if self.spoken_ms:
            heard = self.alignment.characters(played_ms, self.spoken_ms)
            self.texts = [whole_words(self.text, heard)]


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: Mapping[str, object]
    characters: int
    result: str | None = None

    @property
    def over(self) -> bool:
        return True  # it is told while it is open too

    @property
    def text(self) -> str:
        return self.result or ""


_Item: TypeAlias = _CallerTurn | _AgentTurn | _Call


class Recollection:
    """The memory of one conversation; the oldest items are forgotten beyond its bound."""

    def __init__(self, items: tuple[PastItem, ...] = ()) -> None:
        self._items: dict[int, _Item] = {}
        self._next = 0
        for item in items:
            self._add(_remembered(item))

    @property
    def has_open_calls(self) -> bool:
        """Return whether a tool call has no result yet."""
        return any(item.result is None for item in self._calls())

    # What happens in the conversation. Whatever adds an item returns its number.

    def caller_began(self, item_id: str) -> int:
        """Add a turn that the caller has begun to speak."""
        return self._add(_CallerTurn(item_id=item_id))

    def caller_said(self, item_id: str, text: str) -> None:
        """Finish a turn of the caller; without text it is forgotten: nobody could read it."""
        for number, item in self._items.items():
            if isinstance(item, _CallerTurn) and item.item_id == item_id and not item.over:
                item.text, item.over = text, True
                if not text:
                    del self._items[number]
                break
        self._forget()

    def typed(self, text: str) -> int:
        """Add what the caller typed."""
        return self._add(_CallerTurn(text, over=True))

    def agent_began(self, response_id: str) -> int:
        """Add a response."""
        return self._add(_AgentTurn(response_id))

    def agent_said(self, response_id: str, delta: str) -> None:
        """Add a piece of a response's text, which goes with the speech after it."""
        if (turn := self._response(response_id)) is not None and not turn.over:
            turn.alignment.add(len(delta), turn.spoken_ms)
            turn.texts.append(delta)

    def agent_spoke(self, number: int, duration_ms: float) -> None:
        """Add speech of a response, by the number of its item; 0 is none."""
        turn = self._items.get(number)
        if isinstance(turn, _AgentTurn) and not turn.over:
            turn.spoken_ms += duration_ms

    def agent_over(self, response_id: str) -> None:
        """Finish a response."""
        if (turn := self._response(response_id)) is not None:
            turn.texts, turn.over = [turn.text], True
            self._forget()

    def agent_cut(self, response_id: str, played_ms: float) -> None:
        """Finish a response that was cut off, also one that was complete and still played."""
        if (turn := self._response(response_id)) is not None:
            turn.cut(played_ms)
            turn.over = True

    def called(self, call: PastCall) -> int:
        """Add a tool call."""
        return self._add(_remembered(call))

    def answered(self, call_id: str, result: str) -> int:
        """Add the result of a tool call; return the call's number, 0 if it is unknown."""
        for number, item in self._items.items():
            if isinstance(item, _Call) and item.id == call_id and item.result is None:
                item.result = result[: voice_limits.REMEMBERED_CHARACTERS.most // 2]
                self._forget()
                return number
        return 0

    def calls_cancelled(self, call_ids: Container[str]) -> None:
        """Forget tool calls whose results nobody wants any more."""
        for number, item in list(self._items.items()):
            if isinstance(item, _Call) and item.id in call_ids and item.result is None:
                del self._items[number]

    # What a voice is told.

    def tell(self, known: "Knowledge") -> tuple[PastItem, ...]:
        """Return what a voice does not know yet; from then on it does.

        A call that it knows as open comes once more when its result is in.
        """
        return tuple(self._tell(known))

    def learnt(self) -> "Knowledge":
        """Return the knowledge of a voice that was told all that can be told now."""
        known = Knowledge()
        self.tell(known)
        return known

    def _tell(self, known: "Knowledge") -> Iterator[PastItem]:
        known.numbers.intersection_update(self._items)
        known.open_calls.intersection_update(self._items)
        for number, item in self._items.items():
            told = number in known.numbers
            if isinstance(item, _Call):
                told = told and not (number in known.open_calls and item.result is not None)
            if told or not item.over:
                continue
            known.learn(number, is_open=isinstance(item, _Call) and item.result is None)
            if (past := _past(item)) is not None:
                yield past

    def _response(self, response_id: str) -> _AgentTurn | None:
        for item in reversed(self._items.values()):
            if isinstance(item, _AgentTurn) and item.response_id == response_id:
                return item
        return None

    def _calls(self) -> Iterator[_Call]:
        return (item for item in self._items.values() if isinstance(item, _Call))

    def _add(self, item: _Item) -> int:
        self._next += 1
        self._items[self._next] = item
        self._forget()
        return self._next

    def _forget(self) -> None:
        """Forget the oldest items beyond the bound, but not those that are not over."""
        characters = 0
        for number, item in reversed(list(self._items.items())):
            characters += _characters_of(item)
            needed = number == self._next or not item.over
            needed = needed or (isinstance(item, _Call) and item.result is None)
            if characters > voice_limits.REMEMBERED_CHARACTERS.most and not needed:
                del self._items[number]


@dataclass(slots=True)
class Knowledge:
    """What a voice knows of a conversation: the numbers of items, and which calls are open."""

    numbers: set[int] = field(default_factory=set[int])
    open_calls: set[int] = field(default_factory=set[int])

    def copy(self) -> "Knowledge":
        """Return the same knowledge, for another voice."""
        return Knowledge(set(self.numbers), set(self.open_calls))

    def learn(self, number: int, *, is_open: bool = False) -> None:
        """Note that it knows an item."""
        self.numbers.add(number)
        (self.open_calls.add if is_open else self.open_calls.discard)(number)


def _characters_of(item: _Item) -> int:
    text = sum(map(len, item.texts)) if isinstance(item, _AgentTurn) else len(item.text)
    return text + _ITEM_CHARACTERS + (item.characters if isinstance(item, _Call) else 0)


def _remembered(item: PastItem) -> _Item:
    match item:
        case PastTurn(TurnRole.CALLER, text):
            return _CallerTurn(text, over=True)
        case PastTurn(_, text):
            return _AgentTurn("", [text], over=True)
        case PastCall(call_id, name, arguments, result):
            size = len(name) + len(repr(arguments))
            return _Call(call_id, name, arguments, size, result)


def _past(item: _Item) -> PastItem | None:
    """Return an item as it is told; None for one without words."""
    match item:
        case _CallerTurn(text):
            return PastTurn(TurnRole.CALLER, text) if text else None
        case _AgentTurn():
            return PastTurn(TurnRole.AGENT, item.text) if item.text else None
        case _Call(id=call_id, name=name, arguments=arguments, result=result):
            return PastCall(call_id, name, arguments, result)
