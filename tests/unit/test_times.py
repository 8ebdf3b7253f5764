"""Times as they are written: the same as the standard library writes, in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringline.wire.times import micros, millis, seconds

_ZONES = st.integers(-86_399, 86_399).map(lambda s: timezone(timedelta(seconds=s)))
_MOMENTS = st.datetimes(
    datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.one_of(st.just(UTC), _ZONES)
)


@given(_MOMENTS)
@example(datetime(999, 1, 2, 3, 4, 5, 6, UTC))
@example(datetime(2026, 11, 20, 9, 15, 2, 999_999, timezone(timedelta(hours=-3, minutes=-30))))
def test_a_time_is_written_as_iso_8601_in_utc(moment: datetime) -> None:
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    assert seconds(moment) == plain.isoformat(timespec="seconds") + "Z"
    assert millis(moment) == plain.isoformat(timespec="milliseconds") + "Z"
    assert micros(moment) == plain.isoformat(timespec="microseconds") + "Z"


@pytest.mark.parametrize("write", [seconds, millis, micros])
def test_a_time_without_a_zone_is_a_defect(write: object) -> None:
    assert callable(write)
    with pytest.raises(AssertionError):
        write(datetime(2026, 11, 20))
