"""The catalogue of webhooks is complete: every type that can be asked for has its rows."""

from ringline.domain.events import COMING_TYPES
from ringline.domain.webhook_words import ERROR_MEANS, STATUS_MEANS
from ringline.domain.webhooks import AttemptError, DeliveryStatus
from ringline.wire import envelope, envelope_members
from ringline.wire.coming_payloads import COMING

#: The types that endpoints and the socket alone are sent (contract, 3).
NOT_ENVELOPED = {"queue.entry_changed", "operator.status_changed"}


def test_every_type_of_a_later_version_has_its_payload() -> None:
    assert set(COMING) == set(COMING_TYPES) - NOT_ENVELOPED


def test_what_is_produced_is_not_coming() -> None:
    produced = {name for names in envelope.NAMES.values() for name in names}
    assert produced == set(envelope_members.PAYLOADS)
    assert not produced & set(COMING)


def test_payloads_name_what_they_are_about() -> None:
    for name, event in COMING.items():
        members = [member.name for member in event.payload]
        assert len(members) == len(set(members))
        assert event.means
        about = {"call": "call_id", "message": "message_id", "window": "conversation_id"}
        assert about.get(name.partition(".")[0], members[0]) in members


def test_every_word_of_the_ledger_has_a_meaning() -> None:
    assert set(STATUS_MEANS) == set(DeliveryStatus)
    assert set(ERROR_MEANS) == set(AttemptError)
