"""Times as the surfaces spell them: ISO 8601, UTC, `Z` (contract, 1)."""

from datetime import UTC, datetime


def micros(moment: datetime) -> str:
    """Spell a time with microseconds, as RPC records and the events socket do."""
    return _spell(moment, "microseconds")


def millis(moment: datetime) -> str:
    """Spell a time with milliseconds, as transcript frames do."""
    return _spell(moment, "milliseconds")


def seconds(moment: datetime) -> str:
    """Spell a time in whole seconds, as envelopes, tickets and tokens do."""
    return _spell(moment, "seconds")


def _spell(moment: datetime, precision: str) -> str:
    assert moment.tzinfo is not None, "a time without a zone is no moment"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
