"""The time of day; the centre is given it as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)
