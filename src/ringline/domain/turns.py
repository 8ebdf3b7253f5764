"""The turns of a call, and the draft that collects the effects of one step.

A caller's turn grows while it is transcribed. Its deltas concatenate to the final text; if
the recogniser revises words, no more deltas follow. A finished turn becomes a row, an event,
and a line of the transcript in the call's last event.

A turn has the time at which its speech began, and turns are listed by it (contract, 11): a
slow recogniser may report a turn after its answer, or after the next one.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.addresses import Addressed
from ringline.domain.agent_tools import ToolOrder
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import (
    CallRef,
    Event,
    EventData,
    TranscriptDelta,
    TranscriptLine,
    TurnCompleted,
)
from ringline.domain.latency import Latency
from ringline.domain.records import Record, TurnRow

Order: TypeAlias = leg.LegOrder | voice.VoiceOrder | bridge.BridgeOrder | ToolOrder

#: Most of the caller's turns that are transcribed at once; the oldest is dropped.
MAX_PARTIAL_TURNS = limits.PARTIAL_TURNS.most
#: Most characters of the transcript in a call's last event; the oldest turns are left out.
MAX_TRANSCRIPT = limits.TRANSCRIPT_CHARACTERS.most
_LINE_CHARACTERS = 100  # of a line, in addition to its text


def nothing_played() -> bridge.Played:
    """Return that nothing was played: the call plays nothing here."""
    return bridge.NOTHING


class Dated(NamedTuple):
    """The data of an event, when it happened, and its id if that is known already."""

    data: EventData
    at: datetime
    id: UUID | None = None


@dataclass(slots=True)
class Draft:
    """The effects of one step of a call, collected while the step runs."""

    call_id: UUID
    now: datetime
    new_id: Callable[[], UUID]
    played: Callable[[], bridge.Played] = nothing_played
    events: list[Dated] = field(default_factory=list[Dated])
    records: list[Record] = field(default_factory=list[Record])
    orders: list[Order | Addressed] = field(default_factory=list[Order | Addressed])

    def report(
        self, data: EventData, at: datetime | None = None, *, event_id: UUID | None = None
    ) -> None:
        """Add an event, which happened now or at another time."""
        self.events.append(Dated(data, at or self.now, event_id))

    def build_events(self, ref: CallRef) -> tuple[Event, ...]:
        """Return the events of the call."""
        return tuple(Event(id_ or self.new_id(), at, data, ref) for data, at, id_ in self.events)


@dataclass(frozen=True, slots=True)
class PartialTurn:
    """A turn of the caller, from the beginning of its speech until its text is final.

    Published deltas cannot be withdrawn. Once the recogniser has `revised` words, no more
    deltas follow, and only the final text counts.
    """

    item_id: str
    turn_id: UUID
    began_at: datetime
    text: str = ""
    pieces: int = 0
    revised: bool = False


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of a call; the finished ones are `lines`, with `characters` in all.

    Lines are in spoken order. `newest` is the caller's turn that began last, or was typed.
    """

    partial_turns: tuple[PartialTurn, ...] = ()
    lines: tuple[TranscriptLine, ...] = ()
    characters: int = 0
    newest: UUID | None = None


def begin_turn(turns: Turns, item_id: str, *, began_at: datetime, draft: Draft) -> Turns:
    """Note that the caller began a turn, unless it is known."""
    if any(partial.item_id == item_id for partial in turns.partial_turns):
        return turns
    turn = PartialTurn(item_id, draft.new_id(), began_at)
    partial_turns = (*turns.partial_turns, turn)[-MAX_PARTIAL_TURNS:]
    return replace(turns, partial_turns=partial_turns, newest=turn.turn_id)


def turn_id_of(turns: Turns, item_id: str) -> UUID:
    """Return the id of a caller's turn that has begun; it may have been dropped since."""
    found = (turn.turn_id for turn in turns.partial_turns if turn.item_id == item_id)
    return next(found, leg.NO_TURN)


def transcribe(turns: Turns, item_id: str, *, text: str, draft: Draft, final: bool) -> Turns:
    """Handle a partial or final transcript of a caller's turn."""
    text = storable(text)
    turn = next((partial for partial in turns.partial_turns if partial.item_id == item_id), None)
    others = tuple(partial for partial in turns.partial_turns if partial.item_id != item_id)
    if turn is None:
        turn = PartialTurn(item_id, draft.new_id(), draft.now)
        turns = replace(turns, newest=turn.turn_id)
    turn = _publish_delta(turn, text, draft=draft, final=final)
    if not final:
        return replace(turns, partial_turns=(*others, turn)[-MAX_PARTIAL_TURNS:])
    turns = replace(turns, partial_turns=others)
    draft.orders.append(leg.TurnTranscribed(text, turn.turn_id))
    return finish_turn(
        turns,
        draft,
        turn_id=turn.turn_id,
        item_id=item_id,
        role=TurnRole.CALLER,
        text=text,
        began_at=turn.began_at,
        recognized=bool(text),
    )


def drop_turn(turns: Turns, item_id: str) -> Turns:
    """Drop a caller's turn that was cleared."""
    others = tuple(partial for partial in turns.partial_turns if partial.item_id != item_id)
    said = (line.turn_id for line in reversed(turns.lines) if line.role is TurnRole.CALLER)
    newest = others[-1].turn_id if others else next(said, None)
    return replace(turns, partial_turns=others, newest=newest)


def _publish_delta(turn: PartialTurn, text: str, *, draft: Draft, final: bool) -> PartialTurn:
    """Publish the new part of a turn."""
    if turn.revised or not text.startswith(turn.text):
        return replace(turn, revised=True)
    delta = text[len(turn.text) :]
    if not delta or (final and turn.pieces == 0):
        return turn  # a turn without partials needs no delta: its text is published whole
    draft.report(
        TranscriptDelta(
            turn_id=turn.turn_id,
            item_id=turn.item_id,
            role=TurnRole.CALLER,
            delta=delta,
            text=text,
            sequence=turn.pieces,
        ),
        turn.began_at,
    )
    return replace(turn, text=text, pieces=turn.pieces + 1)


def finish_turn(
    turns: Turns,
    draft: Draft,
    *,
    turn_id: UUID,
    item_id: str,
    role: TurnRole,
    text: str,
    began_at: datetime,
    interrupted: bool = False,
    spoken_text: str | None = None,
    recognized: bool = True,
    latency: Latency | None = None,
) -> Turns:
    """Finish a turn whose speech began at a time: add its row, its event and its line."""
    row = TurnRow(
        id=draft.new_id(),
        call_id=draft.call_id,
        turn_id=turn_id,
        item_id=item_id,
        content_index=0,
        role=role,
        text=text,
        interrupted=interrupted,
        occurred_at=began_at,
        spoken_text=spoken_text,
        recognized=recognized,
        latency=latency,
    )
    draft.records.append(row)
    draft.report(
        TurnCompleted(
            turn_id=turn_id,
            item_id=item_id,
            role=role,
            text=text,
            transcript_id=row.id,
            interrupted=interrupted,
            spoken_text=spoken_text,
            recognized=recognized,
            latency=latency,
        ),
        began_at,
    )
    return add_line(turns, line_of(row))


def line_of(row: TurnRow) -> TranscriptLine:
    """Return a finished turn's line of the transcript."""
    return TranscriptLine(
        turn_id=row.turn_id,
        role=row.role,
        text=row.text,
        at=row.occurred_at,
        interrupted=row.interrupted,
        spoken_text=row.spoken_text,
        recognized=row.recognized,
    )


def add_line(turns: Turns, line: TranscriptLine) -> Turns:
    """Add a line to the transcript, by its time; drop the oldest lines beyond its bound."""
    place = bisect_right(turns.lines, line.at, key=lambda known: known.at)
    lines = (*turns.lines[:place], line, *turns.lines[place:])
    characters = turns.characters + _LINE_CHARACTERS + len(line.text)
    oldest = 0
    while characters > MAX_TRANSCRIPT and oldest < len(lines) - 1:
        characters -= _LINE_CHARACTERS + len(lines[oldest].text)
        oldest += 1
    return replace(turns, lines=lines[oldest:], characters=characters)


def history_of(turns: Turns) -> tuple[voice.PastTurn, ...]:
    """Return the conversation so far, as it was heard, for opening another voice."""
    return tuple(voice.PastTurn(line.role, heard_text(line)) for line in turns.lines)


def heard_text(line: TranscriptLine) -> str:
    """Return what was heard of a finished turn."""
    return line.text if line.spoken_text is None else line.spoken_text


def storable(text: str) -> str:
    """Replace U+0000, which text columns cannot store (contract, 11)."""
    return text.replace("\0", "\ufffd")
