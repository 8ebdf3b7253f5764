"""The leash of a ticket: its members in the mint's body, and how a ticket keeps it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.leash import UNLEASHED, Budget, Leash
from ringline.domain.session_config import Binding, ConfigProblem
from ringline.wire.realtime_mint import (
    TicketRequest,
    decode_binding,
    decode_leash,
    encode_binding,
    read_mint,
)

MEMBERS = Leash.__struct_fields__
LONGEST = "é" * 127 + "x"  # 255 bytes
METADATA_BYTES = 16 * 1024


def mint(body: object) -> TicketRequest | ConfigProblem:
    return read_mint(json.dumps(body).encode(), {})


def leash_of(body: object) -> Leash:
    asked = mint(body)
    assert isinstance(asked, TicketRequest), asked
    return asked.leash


GOOD: list[tuple[str, Any, Any]] = [
    ("max_duration_seconds", 1, 1),
    ("max_duration_seconds", 86_400, 86_400),
    ("idle_timeout_seconds", 1, 1),
    ("idle_timeout_seconds", 86_400, 86_400),
    ("budget", {"tokens": 1}, Budget(tokens=1)),
    ("budget", {"audio_seconds": 0.5, "usd": None}, Budget(audio_seconds=0.5)),
    ("budget", {"usd": 3}, Budget(usd=3.0)),
    ("budget", {"tokens": 10**30, "audio_seconds": 1e300}, None),
    ("allowed_tools", [], ()),
    ("allowed_tools", ["clock", "clock"], ("clock", "clock")),
    ("allowed_origins", ["https://app.example.com"], ("https://app.example.com",)),
    ("allowed_origins", [f"http://h{n}" for n in range(20)], None),
    ("subject", "x", "x"),
    ("subject", LONGEST, LONGEST),
    ("metadata", {}, {}),
    ("metadata", {"plan": {"tier": [1, None, 2.5]}}, {"plan": {"tier": [1, None, 2.5]}}),
    ("metadata", {"x": "y" * (METADATA_BYTES - 8)}, None),
    ("recording_consent", True, True),
    ("recording_consent", False, False),
]


@pytest.mark.parametrize(("member", "value", "kept"), GOOD)
def test_a_member_is_read_and_kept_with_the_ticket(member: str, value: Any, kept: Any) -> None:
    leash = leash_of({member: value})
    if kept is not None:
        assert getattr(leash, member) == kept
    assert leash != UNLEASHED
    others = [name for name in MEMBERS if name != member]
    assert all(getattr(leash, name) is None for name in others)
    binding = Binding(values={"voice": "a"}, warnings=("w",))
    row = encode_binding(binding, leash)
    assert (decode_binding(row), decode_leash(row)) == (binding, leash)


def test_null_is_absent() -> None:
    assert leash_of(dict.fromkeys(MEMBERS)) == UNLEASHED
    assert leash_of({}) == UNLEASHED


def test_a_subject_has_a_concurrency() -> None:
    leash = leash_of({"subject": "ann", "concurrency": 2})
    assert (leash.subject, leash.concurrency) == ("ann", 2)


def test_a_ticket_from_before_leashes_has_none() -> None:
    """Rows of a version that knew only bindings."""
    for binding in (Binding(), Binding(values={"voice": None}, warnings=("w",))):
        row = msgspec.json.encode(binding)
        assert (decode_binding(row), decode_leash(row)) == (binding, UNLEASHED)
        assert decode_binding(encode_binding(binding)) == binding


BAD: list[tuple[str, Any]] = [
    *((name, wrong) for name in ("max_duration_seconds", "idle_timeout_seconds")
      for wrong in (0, -1, 86_401, 10**30, 1.5, 1.0, "60", True, [], {})),
    *(("budget", wrong) for wrong in (
        {}, [], 5, "5", True,
        {"tokens": None}, {"tokens": 0}, {"tokens": -1}, {"tokens": 1.5}, {"tokens": "1"},
        {"tokens": True}, {"audio_seconds": 0}, {"audio_seconds": -0.5},
        {"audio_seconds": "1"}, {"audio_seconds": False}, {"usd": 0}, {"usd": -1},
        {"usd": "1"}, {"usd": True}, {"usd": []},
        {"eur": 1}, {"tokens": 5, "eur": 1}, {"tokens": 5, "x" * 100_000: 1},
    )),
    *(("allowed_tools", wrong) for wrong in ("clock", [1], [None], [""], ["a", ""], {}, True)),
    *(("allowed_origins", wrong) for wrong in (
        "https://a", [], ["https://a"] * 21, [1], [None], {}, ["null"], ["*"], [""],
        ["https://a/"], ["https://a", "https://b/x"],
    )),
    *(("concurrency", wrong) for wrong in (1, 0, -1, "1", True, 1.5, [])),
    *(("subject", wrong) for wrong in ("", LONGEST + "x", 5, True, [], {})),
    *(("metadata", wrong) for wrong in (
        [], "x", 5, True, {"x": "y" * (METADATA_BYTES - 7)}, {"x": "é" * 8_200},
    )),
    *(("recording_consent", wrong) for wrong in (0, 1, "true", [], {})),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value"), BAD)
def test_a_wrong_value_is_refused_and_the_message_begins_with_the_member(
    member: str, value: Any
) -> None:
    problem = mint({member: value})
    assert isinstance(problem, ConfigProblem)
    assert problem.code == "invalid_request"
    assert problem.message.startswith(member)
    assert len(problem.message) < 200


@pytest.mark.parametrize("concurrency", [0, -1, "1", True])
def test_a_subject_does_not_make_a_wrong_concurrency_right(concurrency: Any) -> None:
    problem = mint({"subject": "ann", "concurrency": concurrency})
    assert isinstance(problem, ConfigProblem)
    assert problem.message.startswith("concurrency")


def test_of_several_wrong_members_one_is_named() -> None:
    wrong = {"max_duration_seconds": 0, "subject": "", "metadata": [], "budget": {"usd": -1}}
    problem = mint(wrong)
    assert isinstance(problem, ConfigProblem)
    assert problem.code == "invalid_request"
    assert problem.message.partition(":")[0].partition(".")[0] in wrong


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "0x10", "1_000"])
@pytest.mark.parametrize("name", ["usd", "audio_seconds"])
def test_what_is_no_number_is_refused(number: str, name: str) -> None:
    problem = read_mint(b'{"budget":{"%b":%b}}' % (name.encode(), number.encode()), {})
    assert isinstance(problem, ConfigProblem)
    assert problem.code in {"invalid_json", "invalid_request"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(MEMBERS), _json))
def test_any_body_is_a_leash_or_a_named_problem(body: dict[str, Any]) -> None:
    asked = mint(body)
    if isinstance(asked, ConfigProblem):
        assert asked.code in {"invalid_json", "invalid_request"}
        if asked.code == "invalid_request":
            assert any(asked.message.startswith(member) for member in body)
    else:
        assert decode_leash(encode_binding(asked.binding, asked.leash)) == asked.leash
