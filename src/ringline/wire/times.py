"""Times as the surfaces format them: ISO 8601, UTC, `Z` (contract, 1).

A page of calls holds a hundred, so they are put together by hand: `isoformat` of a time with a
zone takes four times as long.
"""

from datetime import UTC, datetime

_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))


def micros(moment: datetime) -> str:
    """Format a time with microseconds, as in RPC records and on the events socket."""
    moment = _in_utc(moment)
    return f"{_to_the_second(moment)}.{moment.microsecond:06}Z"


def millis(moment: datetime) -> str:
    """Format a time with milliseconds, as in transcript frames."""
    moment = _in_utc(moment)
    return f"{_to_the_second(moment)}.{moment.microsecond // 1000:03}Z"


def seconds(moment: datetime) -> str:
    """Format a time in whole seconds, as in envelopes, tickets and tokens."""
    return f"{_to_the_second(_in_utc(moment))}Z"


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:  # as nearly always
        return moment
    assert moment.tzinfo is not None, "a time without a zone is no moment"
    return moment.astimezone(UTC)


def _to_the_second(moment: datetime) -> str:
    two = _TWO_DIGITS
    return (
        f"{moment.year:04}-{two[moment.month]}-{two[moment.day]}"
        f"T{two[moment.hour]}:{two[moment.minute]}:{two[moment.second]}"
    )
