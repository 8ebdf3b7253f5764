"""The turns of a call, and the draft that collects the effects of one step.

A turn of the caller grows while it is recognised. Its deltas concatenate to the final text;
if the recogniser revises words, they end early. A finished turn is a row, an event, and a
line of the transcript that the call's last event carries.
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

#: Most turns of the caller that are being recognised at once; the oldest is dropped.
MAX_PARTIAL_TURNS = limits.PARTIAL_TURNS.most
#: Most characters of the transcript in a call's last event; it leaves the oldest turns out.
MAX_TRANSCRIPT = limits.TRANSCRIPT_CHARACTERS.most
_LINE_CHARACTERS = 100  # that a line takes in addition to its text


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
    """A turn of the caller that is being recognised.

    Deltas that were sent cannot be taken back. Once the recogniser has `revised` words, no
    more deltas follow, and the final text alone counts.
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


def hear(turns: Turns, item_id: str, *, text: str, draft: Draft, final: bool) -> Turns:
    """Handle what a voice has recognised of a turn."""
    text = storable(text)
    hearing = next((known for known in turns.partial_turns if known.item_id == item_id), None)
    others = tuple(known for known in turns.partial_turns if known.item_id != item_id)
    if hearing is None:
        hearing = PartialTurn(item_id, draft.new_id())
    hearing = _partial(hearing, text, draft=draft, final=final)
    if not final:
        return replace(turns, partial_turns=(*others, hearing)[-MAX_PARTIAL_TURNS:])
    turns = replace(turns, partial_turns=others)
    draft.orders.append(leg.TurnTranscribed(text))
    return finish_turn(
        turns,
        draft,
        turn_id=hearing.turn_id,
        item_id=item_id,
        role=TurnRole.CALLER,
        text=text,
        recognized=bool(text),
    )


def forget(turns: Turns, item_id: str) -> Turns:
    """Drop a turn of the caller that was cleared."""
    others = tuple(known for known in turns.partial_turns if known.item_id != item_id)
    return replace(turns, partial_turns=others)


def _partial(hearing: PartialTurn, text: str, *, draft: Draft, final: bool) -> PartialTurn:
    """Publish the part of a turn that is new."""
    if hearing.revised or not text.startswith(hearing.text):
        return replace(hearing, revised=True)
    delta = text[len(hearing.text) :]
    if not delta or (final and hearing.pieces == 0):
        return hearing  # a turn that was never partial needs no delta: its text comes whole
    draft.events.append(
        TranscriptDelta(
            turn_id=hearing.turn_id,
            item_id=hearing.item_id,
            role=TurnRole.CALLER,
            delta=delta,
            text=text,
            sequence=hearing.pieces,
        )
    )
    return replace(hearing, text=text, pieces=hearing.pieces + 1)


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
    return keep(turns, line_of(row))


def line_of(row: TurnRow) -> TranscriptLine:
    """Return a finished turn's line in the transcript."""
    return TranscriptLine(
        turn_id=row.turn_id,
        role=row.role,
        text=row.text,
        at=row.occurred_at,
        interrupted=row.interrupted,
        recognized=row.recognized,
    )


def keep(turns: Turns, line: TranscriptLine) -> Turns:
    """Append a line to the transcript; drop the oldest ones beyond its bound."""
    lines = (*turns.lines, line)
    characters = turns.characters + _LINE_CHARACTERS + len(line.text)
    oldest = 0
    while characters > MAX_TRANSCRIPT and oldest < len(lines) - 1:
        characters -= _LINE_CHARACTERS + len(lines[oldest].text)
        oldest += 1
    return replace(turns, lines=lines[oldest:], characters=characters)


def history_of(turns: Turns) -> tuple[voice.PastTurn, ...]:
    """Return what was said so far, for a voice that comes later."""
    return tuple(voice.PastTurn(line.role, line.text) for line in turns.lines)


def storable(text: str) -> str:
    """Replace U+0000, which no text column takes, in what a voice says (contract, 11)."""
    return text.replace("\0", "\ufffd")
