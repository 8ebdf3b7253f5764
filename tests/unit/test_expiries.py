"""Tokens whose connections end with them, by the second."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ringline.services.expiries import Expiries, Expiry
from tests.samples import NOW, new_id

_TIMES = st.integers(0, 5)


@given(
    st.lists(st.tuples(st.sampled_from(["add", "drop", "look"]), _TIMES, st.integers(0, 9))),
)
def test_each_is_due_once_from_its_second_on_unless_it_was_dropped(
    steps: list[tuple[str, int, int]],
) -> None:
    expiries, waiting, now_s = Expiries(), dict[int, Expiry](), 0
    for verb, at_s, name in steps:
        match verb:
            case "add" if name not in waiting:
                at = NOW + timedelta(seconds=at_s)
                waiting[name] = Expiry(new_id(), at, lambda: None)
                expiries.add(waiting[name], name)
            case "drop" if name in waiting:
                expiries.drop(waiting.pop(name), name)
            case "look":
                now_s += at_s
                now = NOW + timedelta(seconds=now_s, milliseconds=1)
                due = {name for name, expiry in waiting.items() if expiry.at <= now}
                found = expiries.take_due(now)
                assert {expiry.key_id for expiry in found} == {waiting[n].key_id for n in due}
                for gone in due:  # their connections close, and drop what is not there any more
                    expiries.drop(waiting.pop(gone), gone)
            case _:
                pass
    assert {e.key_id for e in expiries.take_due(NOW + timedelta(days=1))} == {
        expiry.key_id for expiry in waiting.values()
    }


def test_nothing_is_due_before_its_second() -> None:
    expiries = Expiries()
    expiry = Expiry(new_id(), NOW + timedelta(seconds=60), lambda: None)
    expiries.add(expiry, "one")
    assert expiries.take_due(NOW + timedelta(seconds=59, milliseconds=999)) == []
    assert expiries.take_due(NOW + timedelta(seconds=60)) == [expiry]
