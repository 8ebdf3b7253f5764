"""What a call does when its voice continues on another connection to a provider. Pure."""

from dataclasses import replace

from ringline.domain import leg, voice
from ringline.domain.talk import Expected, TurnTaking
from ringline.domain.turn_taking import resume
from ringline.domain.turns import Draft


def continue_with(talk: TurnTaking, resumed: voice.Resumed, *, draft: Draft) -> TurnTaking:
    """Tell the client, and request the answer that the lost connection owed, if it did.

    Only a voice that responds by itself can owe one: from any other it was requested, and is
    requested again by the voice.
    """
    draft.orders.append(leg.SessionResumed(resumed.reason, resumed.model))
    owed = resumed.owes_answer and talk.expected is Expected.ANSWER
    talk = replace(talk, responds_by_itself=resumed.responds_by_itself)
    if owed or not resumed.responds_by_itself:
        talk = replace(talk, expected=Expected.NOTHING, owed=talk.owed or owed)
    if owed and talk.response is None and not talk.paused:
        return resume(talk, draft)
    return talk
