"""The turns of a call, and the draft that collects the effects of one step.

A caller's turn grows while it is transcribed. Its deltas concatenate to the final text; if
the recogniser revises words, no more deltas follow. A finished turn becomes a row, an event,
and a line of the transcript in the call's last event.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.addresses import Addressed
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import EventData, TranscriptDelta, TranscriptLine, TurnCompleted
from ringline.domain.records import Record, TurnRow

Order: TypeAlias = leg.LegOrder | voice.VoiceOrder | bridge.BridgeOrder

#: Most of the caller's turns that are transcribed at once; the oldest is dropped.
MAX_PARTIAL_TURNS = limits.PARTIAL_TURNS.most
#: Most characters of the transcript in a call's last event; the oldest turns are left out.
MAX_TRANSCRIPT = limits.TRANSCRIPT_CHARACTERS.most
_LINE_CHARACTERS = 100  # of a line, in addition to its text


@dataclass(slots=True)
class Draft:
    """The effects of one step of a call, collected while the step runs."""

    call_id: UUID
    now: datetime
    new_id: Callable[[], UUID]
    events: list[EventData] = field(default_factory=list[EventData])
    records: list[Record] = field(default_factory=list[Record])
    orders: list[Order | Addressed] = field(default_factory=list[Order | Addressed])


@dataclass(frozen=True, slots=True)
class PartialTurn:
    """A turn of the caller that is being transcribed.

    Published deltas cannot be withdrawn. Once the recogniser has `revised` words, no more
    deltas follow, and only the final text counts.
    """

    item_id: str
    turn_id: UUID
    text: str = ""
    pieces: int = 0
    revised: bool = False


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of a call; the finished ones are `lines`, with `characters` in all."""

    partial_turns: tuple[PartialTurn, ...] = ()
    lines: tuple[TranscriptLine, ...] = ()
    characters: int = 0


def transcribe(turns: Turns, item_id: str, *, text: str, draft: Draft, final: bool) -> Turns:
    """Handle a partial or final transcript of a caller's turn."""
    text = storable(text)
    turn = next((partial for partial in turns.partial_turns if partial.item_id == item_id), None)
    others = tuple(partial for partial in turns.partial_turns if partial.item_id != item_id)
    if turn is None:
        turn = PartialTurn(item_id, draft.new_id())
    turn = _publish_delta(turn, text, draft=draft, final=final)
    if not final:
        return replace(turns, partial_turns=(*others, turn)[-MAX_PARTIAL_TURNS:])
    turns = replace(turns, partial_turns=others)
    draft.orders.append(leg.TurnTranscribed(text))
    return finish_turn(
        turns,
        draft,
        turn_id=turn.turn_id,
        item_id=item_id,
        role=TurnRole.CALLER,
        text=text,
        recognized=bool(text),
    )


def drop_turn(turns: Turns, item_id: str) -> Turns:
    """Drop a caller's turn that was cleared."""
    others = tuple(partial for partial in turns.partial_turns if partial.item_id != item_id)
    return replace(turns, partial_turns=others)


def _publish_delta(turn: PartialTurn, text: str, *, draft: Draft, final: bool) -> PartialTurn:
    """Publish the new part of a turn."""
    if turn.revised or not text.startswith(turn.text):
        return replace(turn, revised=True)
    delta = text[len(turn.text) :]
    if not delta or (final and turn.pieces == 0):
        return turn  # a turn without partials needs no delta: its text is published whole
    draft.events.append(
        TranscriptDelta(
            turn_id=turn.turn_id,
            item_id=turn.item_id,
            role=TurnRole.CALLER,
            delta=delta,
            text=text,
            sequence=turn.pieces,
        )
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
    interrupted: bool = False,
    recognized: bool = True,
) -> Turns:
    """Finish a turn: append its row, its event and its line."""
    row = TurnRow(
        id=draft.new_id(),
        call_id=draft.call_id,
        turn_id=turn_id,
        item_id=item_id,
        content_index=0,
        role=role,
        text=text,
        interrupted=interrupted,
        occurred_at=draft.now,
        recognized=recognized,
    )
    draft.records.append(row)
    draft.events.append(
        TurnCompleted(
            turn_id=turn_id,
            item_id=item_id,
            role=role,
            text=text,
            transcript_id=row.id,
            interrupted=interrupted,
            recognized=recognized,
        )
    )
    return append_line(turns, line_of(row))


def line_of(row: TurnRow) -> TranscriptLine:
    """Return a finished turn's line of the transcript."""
    return TranscriptLine(
        turn_id=row.turn_id,
        role=row.role,
        text=row.text,
        at=row.occurred_at,
        interrupted=row.interrupted,
        recognized=row.recognized,
    )


def append_line(turns: Turns, line: TranscriptLine) -> Turns:
    """Append a line to the transcript; drop the oldest lines beyond its bound."""
    lines = (*turns.lines, line)
    characters = turns.characters + _LINE_CHARACTERS + len(line.text)
    oldest = 0
    while characters > MAX_TRANSCRIPT and oldest < len(lines) - 1:
        characters -= _LINE_CHARACTERS + len(lines[oldest].text)
        oldest += 1
    return replace(turns, lines=lines[oldest:], characters=characters)


def history_of(turns: Turns) -> tuple[voice.PastTurn, ...]:
    """Return the conversation so far, for opening another voice."""
    return tuple(voice.PastTurn(line.role, line.text) for line in turns.lines)


def storable(text: str) -> str:
    """Replace U+0000, which text columns cannot store (contract, 11)."""
    return text.replace("\0", "\ufffd")
