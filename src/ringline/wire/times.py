"""Times as the surfaces format them: ISO 8601, UTC, `Z` (contract, 1)."""

from datetime import UTC, datetime


def micros(moment: datetime) -> str:
    """Format a time with microseconds, as in RPC records and on the events socket."""
    return _spell(moment, "microseconds")


def millis(moment: datetime) -> str:
    """Format a time with milliseconds, as in transcript frames."""
    return _spell(moment, "milliseconds")


def seconds(moment: datetime) -> str:
    """Format a time in whole seconds, as in envelopes, tickets and tokens."""
    return _spell(moment, "seconds")


def _spell(moment: datetime, precision: str) -> str:
    assert moment.tzinfo is not None, "a time without a zone is no moment"
    if moment.tzinfo is UTC:  # as nearly always
        return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
