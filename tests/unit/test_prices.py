"""What usage costs: the price list, the file it is read from, and models without a row."""

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ringline.config import SettingsProblem, load_prices
from ringline.domain import limits
from ringline.domain.prices import ModelPrices, PriceList
from ringline.domain.voice import Usage, UsageKind
from ringline.services.pricing import Pricing
from ringline.voices.mock_usage import USD_PER_MILLION
from ringline.wire.prices import BadPrices, read_prices

RESPONSE, TRANSCRIPTION = UsageKind.RESPONSE, UsageKind.TRANSCRIPTION
SECRET = "sk-never-shown"
WHOLE = """
date = "2026-11-28"
["openai/gpt-realtime-2.1"]
audio_in = 32
audio_cached = 0.4
audio_out = 64
text_in = 4
text_cached = 0.5
text_out = 24
["xai/"]
minute = 0.08
text_item = 0.004
transcription_minute = 0.006
"""


def test_each_unit_has_its_price() -> None:
    prices = ModelPrices(
        audio_in=1, audio_cached=2, audio_out=4, text_in=8, text_cached=16, text_out=32,
        minute=60, text_item=3, transcription_minute=120,
    )  # fmt: skip
    million = 1_000_000
    assert prices.usd(RESPONSE, Usage()) == 0
    for usage, usd in (
        (Usage(audio_in_tokens=million), 1),
        (Usage(audio_cached_tokens=million), 2),
        (Usage(audio_out_tokens=million), 4),
        (Usage(text_in_tokens=million), 8),
        (Usage(text_cached_tokens=million), 16),
        (Usage(text_out_tokens=million), 32),
        (Usage(seconds=2), 2),
        (Usage(text_items=5), 15),
        (Usage(million, million, million, million, million, million, 2.0, 5), 63 + 2 + 15),
    ):
        assert prices.usd(RESPONSE, usage) == usd
    assert prices.usd(TRANSCRIPTION, Usage(seconds=2)) == 4


def test_cached_tokens_without_a_price_cost_as_much_as_others() -> None:
    usage = Usage(audio_cached_tokens=1_000_000, text_cached_tokens=1_000_000)
    assert ModelPrices(audio_in=3, text_in=5).usd(RESPONSE, usage) == 8
    free = ModelPrices(audio_in=3, audio_cached=0, text_in=5, text_cached=0)
    assert free.usd(RESPONSE, usage) == 0


def test_tokens_of_all_kinds_add_up() -> None:
    assert Usage(1, 2, 4, 8, 16, 32, 100.0, 100).tokens == 63


def test_a_table_is_read() -> None:
    prices = read_prices(WHOLE)
    assert prices.date == date(2026, 11, 28)
    assert prices.rows == {
        "openai/gpt-realtime-2.1": ModelPrices(32, 0.4, 64, 4, 0.5, 24),
        "xai/": ModelPrices(minute=0.08, text_item=0.004, transcription_minute=0.006),
    }
    assert read_prices("date = 2026-11-28") == PriceList(date(2026, 11, 28), {})


def test_the_longest_prefix_counts() -> None:
    minutes = {"a/": 1, "a/b": 2, "a/bc": 3}
    rows = {prefix: ModelPrices(minute=usd) for prefix, usd in minutes.items()}
    prices = PriceList(date(2026, 1, 1), rows)
    found = [prices.find(model) for model in ("a/x", "a/b", "a/b9", "a/bcd", "b/a", "a", "")]
    told = [None if row is None else row.minute for row in found]
    assert told == [1, 2, 2, 3, None, None, None]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "date"),
        ("date = 5", "date"),
        (f'date = "{SECRET}"', "date"),
        ("date = 2026-11-28T10:00:00Z", "date"),
        ('date = "2026-13-01"', "date"),
        ("date = 2026-11-28\naudio_in = 3", "audio_in"),
        ("date = 2026-11-28\n[[a]]\nminute = 1", "a "),
        ('date = 2026-11-28\n["a/b"]\naudio = 3', '["a/b"] has no price "audio"'),
        (f'date = 2026-11-28\n["a/b"]\naudio_in = "{SECRET}"', '["a/b"] audio_in'),
        ('date = 2026-11-28\n["a/b"]\naudio_in = true', '["a/b"] audio_in'),
        ('date = 2026-11-28\n["a/b"]\nminute = -0.1', '["a/b"] minute'),
        ('date = 2026-11-28\n["a/b"]\nminute = nan', '["a/b"] minute'),
        ('date = 2026-11-28\n["a/b"]\nminute = inf', '["a/b"] minute'),
        (f'date = 2026-11-28\n["a/b"]\nminute = 1{"0" * 400}', '["a/b"] minute'),
        ('date = 2026-11-28\n["a/b"]\nminute = [1]', '["a/b"] minute'),
        ("date = 2026-11-28\n[a.b]\nminute = 1", '["a"] has no price "b"'),
        ("date = 2026-11-28\n[a\nminute = 1", "TOML at line 2"),
        (f"date = 2026-11-28\nx = {SECRET}", "TOML at line 2"),
        ("x = " + "[" * 100_000, ""),
    ],
)
def test_a_mistake_names_table_and_key_and_no_value(text: str, names: str) -> None:
    with pytest.raises(BadPrices) as told:
        read_prices(text)
    assert names in str(told.value)
    assert SECRET not in str(told.value)


@given(st.text(max_size=60))
def test_any_text_is_a_table_or_a_mistake(text: str) -> None:
    with suppress(BadPrices):
        assert isinstance(read_prices(f"date = 2026-11-28\n{text}"), PriceList)


def test_the_table_in_the_package() -> None:
    prices = load_prices(None)
    assert prices.date <= date.today()
    mock = prices.find("mock/echo")
    assert mock is not None
    kinds = (mock.audio_in, mock.audio_out, mock.text_in, mock.text_out)
    assert set(kinds) == {USD_PER_MILLION}
    assert prices.find("local/attendant") == ModelPrices()
    for model in (
        "openai/gpt-realtime-2.1",
        "openai/gpt-realtime-2.1-mini",
        "openai/gpt-realtime-2",
        "openai/gpt-live-1.1",
        "xai/grok-voice-latest",
        "gemini/gemini-3.8-live",
        "gemini/gemini-3.8-live-extended-thinking",
    ):
        row = prices.find(model)
        assert row is not None
        assert row.audio_in or row.minute
    mini = prices.find("openai/gpt-realtime-2.1-mini")
    assert mini is not None
    assert mini.audio_in == 10


def test_an_operators_file_replaces_the_table(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(WHOLE)
    prices = load_prices(path)
    assert prices.find("mock/echo") is None
    assert prices.find("xai/grok") is not None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"\xff", "is not text in UTF-8"),
        (b"date = 5", "date must be a day"),
        (b"#" * (limits.PRICES_BYTES.most + 1), "too large"),
        ("dir", "cannot be read: is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_setting(
    tmp_path: Path, content: bytes | str | None, says: str
) -> None:
    path = tmp_path / "prices.toml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    with pytest.raises(SettingsProblem) as told:
        load_prices(path)
    assert str(told.value).startswith("RINGLINE_PRICES_FILE ")
    assert says in str(told.value)


def test_a_model_without_a_row_costs_nothing_and_is_logged_once() -> None:
    pricing = Pricing(PriceList(date(2026, 11, 28), {"a/": ModelPrices(text_in=1)}))
    usage = Usage(text_in_tokens=1_000_000)
    with capture_logs() as lines:
        assert pricing.usd("a/b", RESPONSE, usage=usage) == 1
        for model in ("b/a", "b/a", "b/c", "b/a"):
            assert pricing.usd(model, RESPONSE, usage=usage) == 0
    assert [(line["event"], line["model"]) for line in lines] == [
        ("model_without_price", "b/a"),
        ("model_without_price", "b/c"),
    ]
