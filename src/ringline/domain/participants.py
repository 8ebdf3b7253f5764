"""Participants of a call: joining and leaving, each published once (contract, 3)."""

from dataclasses import replace
from uuid import UUID

from ringline.domain.call_vocabulary import ParticipantRole
from ringline.domain.events import ParticipantJoined, ParticipantLeft
from ringline.domain.records import ParticipantRow
from ringline.domain.turns import Draft


def join(
    member: str, role: ParticipantRole, *, draft: Draft, leg_id: UUID | None = None
) -> ParticipantRow:
    """Add a participant; one on a leg has the leg's id."""
    participant = ParticipantRow(leg_id or draft.new_id(), draft.call_id, member, role, draft.now)
    draft.records.append(participant)
    draft.report(
        ParticipantJoined(
            participant_id=participant.id,
            member_uuid=member,
            role=role,
            joined_at=draft.now,
        )
    )
    return participant


def leave(participant: ParticipantRow, draft: Draft) -> ParticipantRow:
    """Record that a participant left, unless they have left already."""
    if participant.left_at is not None:
        return participant
    departed = replace(participant, left_at=draft.now)
    draft.records.append(departed)
    draft.report(
        ParticipantLeft(
            participant_id=departed.id,
            member_uuid=departed.member_uuid,
            role=departed.role,
            joined_at=departed.joined_at,
            left_at=draft.now,
        )
    )
    return departed
