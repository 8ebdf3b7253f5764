"""The file of voices: what it says, and that its mistakes are named without a value."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ringline.config import Settings, SettingsProblem
from ringline.config.readings import read_voice_url
from ringline.config.voices_file import VoicesFile, read_voices_file
from ringline.domain.cascade import Cascade, Endpoint
from ringline.domain.config_members import Modality
from ringline.domain.rollover import DEFAULTS, RolloverTimes
from tests.pages import DOCS, blocks_of

KEY = "sk-secret-value-0123456789"

GOOD = """
[cascade.house]                      # the model cascade/house
voices = ["alloy", "onyx"]           # the first is the default
[cascade.house.transcription]
url = "http://127.0.0.1:9000/v1"
model = "whisper-large-v3"
key_env = "HOUSE_KEY"
language = "en"
[cascade.house.chat]
url = "http://localhost:9000/v1/"
model = "llama-4"
[cascade.house.speech]
url = "https://speech.example.com/v1"
model = "kokoro"
"""


def read(
    text: str, tmp_path: Path, *, allow_plain: bool = False, key: str = KEY
) -> tuple[Cascade, ...]:
    return whole(text, tmp_path, allow_plain=allow_plain, key=key).cascades


def whole(text: str, tmp_path: Path, *, allow_plain: bool = False, key: str = KEY) -> VoicesFile:
    path = tmp_path / "voices.toml"
    path.write_text(text, "utf-8")
    return read_voices_file(path, {"HOUSE_KEY": key, "EMPTY": " "}, allow_plain=allow_plain)


def refusal(text: str, tmp_path: Path, key: str = KEY) -> str:
    with pytest.raises(SettingsProblem) as caught:
        read(text, tmp_path, key=key)
    message = str(caught.value)
    assert message.startswith("RINGLINE_VOICES_FILE is invalid: ")
    assert message.endswith(".")
    return message.removeprefix("RINGLINE_VOICES_FILE is invalid: ")


def test_a_file_with_a_cascade(tmp_path: Path) -> None:
    (house,) = read(GOOD, tmp_path)
    assert house == Cascade(
        "house",
        ("alloy", "onyx"),
        transcription=Endpoint("http://127.0.0.1:9000/v1", "whisper-large-v3", SecretStr(KEY)),
        chat=Endpoint("http://localhost:9000/v1", "llama-4"),
        speech=Endpoint("https://speech.example.com/v1", "kokoro"),
        language="en",
    )
    assert KEY not in repr(house)
    assert house.model == "cascade/house"
    can = house.capabilities
    assert (can.input_hz, can.output_hz, can.default_voice) == (16_000, 24_000, "alloy")
    assert can.modalities == {Modality.AUDIO, Modality.TEXT}
    assert "whisper-large-v3" in house.about.description


def test_an_empty_file_has_no_voices_and_is_refused_as_a_mistake(tmp_path: Path) -> None:
    assert refusal("", tmp_path).startswith("it has none of the tables [cascade], [fallback]")
    assert read("[cascade]", tmp_path) == ()


def test_several_cascades(tmp_path: Path) -> None:
    text = GOOD + GOOD.replace("cascade.house", "cascade.B-2_x")
    assert [cascade.name for cascade in read(text, tmp_path)] == ["house", "B-2_x"]


SPEECH = "[cascade.house.speech]"

MISTAKES = [
    ("[cascade.house]  ", '[cascade."no/slash"]\n[cascade.house]  ', "[cascade]: a name has"),
    ("[cascade.house]  ", "[fallbacks]\n[cascade.house]  ", '"fallbacks" is not known'),
    ('voices = ["alloy", "onyx"]', "", "[cascade.house]: voices is missing"),
    ('["alloy", "onyx"]', "[]", "[cascade.house]: voices must be a list"),
    ('["alloy", "onyx"]', '["alloy", 5]', "[cascade.house]: voices must be a list"),
    ('["alloy", "onyx"]', '"alloy"', "[cascade.house]: voices must be a list"),
    ('["alloy", "onyx"]', '["alloy", "Alloy"]', "[cascade.house]: voices has an entry twice"),
    ('["alloy", "onyx"]', '["alloy\\n"]', "[cascade.house]: voices must be a list"),
    (SPEECH, "[cascade.house.talk]", '[cascade.house]: "talk" is not known'),
    (SPEECH, "[cascade.house.speech.x]", "[cascade.house.speech]: "),
    ('model = "kokoro"', "", "[cascade.house.speech]: model is missing"),
    ('model = "kokoro"', "model = 5", "[cascade.house.speech]: model must be a text"),
    ('model = "kokoro"', 'model = " "', "[cascade.house.speech]: model must be a text"),
    ('model = "kokoro"', f'model = "{"k" * 256}"', "[cascade.house.speech]: model must be a text"),
    ('model = "kokoro"', 'model = "kokoro"\nvoice = "x"', '[cascade.house.speech]: "voice" is'),
    ('model = "llama-4"', 'model = "llama-4"\nlanguage = "en"', '[cascade.house.chat]: "language"'),
    ('"en"', '"English"', "[cascade.house.transcription]: language must be a code"),
    ("https://speech.example.com", "http://speech.example.com", "[cascade.house.speech]: url is"),
    ("https://speech", "ftp://speech", "[cascade.house.speech]: url is not allowed"),
    ("https://speech", "https://admin:pw@speech", "[cascade.house.speech]: url is not allowed"),
    (".com/v1", ".com/v1?key=1", "[cascade.house.speech]: url is not allowed"),
    (".com/v1", ".com/v1#x", "[cascade.house.speech]: url is not allowed"),
    ('"HOUSE_KEY"', '"NOT_SET"', "[cascade.house.transcription]: key_env must name"),
    ('"HOUSE_KEY"', '"EMPTY"', "[cascade.house.transcription]: key_env must name"),
    ('"HOUSE_KEY"', f'"{KEY}"', "[cascade.house.transcription]: key_env must name"),
]


@pytest.mark.parametrize(("what", "instead", "says"), MISTAKES)
def test_a_mistake_is_named(what: str, instead: str, says: str, tmp_path: Path) -> None:
    assert what in GOOD
    message = refusal(GOOD.replace(what, instead, 1), tmp_path)
    assert says in message
    for value in (KEY, "speech.example", "kokoro", "English", "NOT_SET", "admin", "pw", "/v1"):
        assert value not in message


@pytest.mark.parametrize("key", ["two words", "ümlaut", "x" * 513, "line\nend"])
def test_a_key_that_no_header_can_carry_is_refused(key: str, tmp_path: Path) -> None:
    message = refusal(GOOD, tmp_path, key)
    assert message.startswith("[cascade.house.transcription]: key_env names a variable")
    assert key not in message


def test_a_key_may_end_in_a_line_end(tmp_path: Path) -> None:
    (house,) = read(GOOD, tmp_path, key=KEY + "\n")
    assert house.transcription.key == SecretStr(KEY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[cascade", "the file is not TOML"),
        (b'a = "sk-secret"\na = 1', "the file is not TOML"),
        (b"\xff", "the file is not UTF-8"),
        (b"a = " + b"[" * 100_000, "the file is not TOML"),
        (b"#" * (1024 * 1024 + 1), "the file is larger than 1 MiB"),
        (b"cascade = 1", "cascade must be a table"),
        (b"[cascade]\nhouse = 1", "[cascade]: house must be a table"),
    ],
)
def test_what_is_no_such_file(text: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "voices.toml"
    path.write_bytes(text)
    with pytest.raises(SettingsProblem, match=re.escape(says)) as caught:
        read_voices_file(path, {}, allow_plain=False)
    assert "sk-secret" not in str(caught.value)


def test_a_place_is_named(tmp_path: Path) -> None:
    assert refusal("[cascade]\nx = = 1", tmp_path) == "the file is not TOML (line 2, column 5)."


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingsProblem, match="the file cannot be read"):
            read_voices_file(path, {}, allow_plain=False)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_a_file_or_a_problem(data: bytes) -> None:
    class Read:
        def open(self, _: str) -> "Read":
            return self

        def __enter__(self) -> "Read":
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, _: int) -> bytes:
            return data

    with contextlib.suppress(SettingsProblem):
        read_voices_file(Read(), {}, allow_plain=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/v1",
        "http://127.8.9.1",
        "http://[::1]:80",
        "http://localhost:9000",
        "https://a.example/v1",
    ],
)
def test_urls_that_are_allowed(url: str) -> None:
    assert read_voice_url(url, allow_plain=False) == url.replace(":80", "")


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1", "http://0.0.0.0", "http://localhost.example", "http://[::2]", "http://vm"],
)
def test_urls_that_need_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match="RINGLINE_VOICES_ALLOW_PLAIN"):
        read_voice_url(url, allow_plain=False)
    assert read_voice_url(url, allow_plain=True) == url


def test_the_setting_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().read_voices() == VoicesFile()
    path = tmp_path / "voices.toml"
    path.write_text(GOOD.replace("https://speech", "http://speech"), "utf-8")
    monkeypatch.setenv("RINGLINE_VOICES_FILE", str(path))
    monkeypatch.setenv("HOUSE_KEY", KEY)
    with pytest.raises(SettingsProblem, match="VOICES_ALLOW_PLAIN"):
        Settings.read().read_voices()
    monkeypatch.setenv("RINGLINE_VOICES_ALLOW_PLAIN", "true")
    (house,) = Settings.read().read_voices().cascades
    assert house.speech.url == "http://speech.example.com/v1"


# -- fallbacks, rollovers, further models -------------------------------------------------

OUTLIVE = DOCS / "howto" / "outlive-a-provider.md"
PROVIDERS = ("openai/gpt-realtime-2.1", "xai/grok-voice-latest", "gemini/gemini-3.8-live")


def test_the_pages_file_says_what_the_page_says(tmp_path: Path) -> None:
    (block,) = blocks_of(OUTLIVE, "toml")
    file = whole(block.code + GOOD, tmp_path)
    assert file.fallbacks == {PROVIDERS[0]: PROVIDERS[1:]}
    assert file.rollovers == {"openai/": RolloverTimes(3_300, 3_540)}
    assert file.models == {"openai/gpt-realtime-9": PROVIDERS[0]}
    assert len(file.cascades) == 1
    file.check_models(PROVIDERS)


def test_the_pages_defaults_are_the_defaults() -> None:
    rows = re.findall(r"^\| `(\w+/)` \| ([\d,]+) \| ([\d,]+) \|$", OUTLIVE.read_text("utf-8"), re.M)
    told = {
        prefix: RolloverTimes(float(after.replace(",", "")), float(latest.replace(",", "")))
        for prefix, after, latest in rows
    }
    assert told == DEFAULTS


TIMES = "after_seconds = 1\nlatest_seconds = 2"

FURTHER = [
    ("fallback = 5", "fallback must be a table"),
    ("[fallback]\ngpt = ['xai/x']", "[fallback]: each key must be a model in quotes"),
    ("[fallback]\n'openai/x' = 'xai/x'", "[fallback]: openai/x must be a list"),
    ("[fallback]\n'openai/x' = []", "[fallback]: openai/x must be a list"),
    ("[fallback]\n'openai/x' = ['xai/x', 'xai/x']", "[fallback]: openai/x has an entry twice"),
    ("[fallback]\n'openai/x' = ['openai/x']", "openai/x cannot take over from itself"),
    ("[rollover]\nafter_seconds = 1", "[rollover]: each key must be the beginning of models"),
    ("[rollover.'openai/']", "[rollover.openai/]: after_seconds is missing"),
    (f"[rollover.openai]\n{TIMES}", "[rollover]: each key must be the beginning of models"),
    (f"[rollover.'openai/']\n{TIMES}\nx = 1", '[rollover.openai/]: "x" is not known'),
    ("[rollover.'x/']\nafter_seconds = 3\nlatest_seconds = 2", "must not be above latest_seconds"),
    ("[rollover.'x/']\nafter_seconds = 0\nlatest_seconds = 2", "after_seconds must be above 0"),
    ("[rollover.'x/']\nafter_seconds = inf\nlatest_seconds = 2", "after_seconds must be above 0"),
    ("[rollover.'x/']\nafter_seconds = true\nlatest_seconds = 2", "must be a number of seconds"),
    ("[rollover.'x/']\nafter_seconds = 1\nlatest_seconds = '2'", "must be a number of seconds"),
    ("[model.'openai/x']", "[model.openai/x]: like is missing"),
    ("[model.'openai/x']\nlike = 'xai/y'", "like must be a model of the same provider"),
    ("[model.'openai/x']\nlike = 'openai/y'\nvoice = 'z'", '"voice" is not known'),
]


@pytest.mark.parametrize(("text", "says"), FURTHER)
def test_mistakes_in_the_other_tables_are_named(text: str, says: str, tmp_path: Path) -> None:
    assert says in refusal(text, tmp_path)


UNKNOWN = [
    ("[fallback]\n'openai/y' = ['openai/x']", "[fallback]: openai/y is no model that is known"),
    ("[fallback]\n'openai/x' = ['xai/y']", "[fallback]: entry 1 of openai/x is no model"),
    ("[model.'openai/x']\nlike = 'openai/x'", "[model.openai/x]: the model is known already"),
    ("[model.'openai/z']\nlike = 'openai/y'", "[model.openai/z]: like is no model"),
]


@pytest.mark.parametrize(("text", "says"), UNKNOWN)
def test_models_that_do_not_exist_are_named(text: str, says: str, tmp_path: Path) -> None:
    file = whole(text, tmp_path)
    with pytest.raises(SettingsProblem, match="RINGLINE_VOICES_FILE is invalid") as caught:
        file.check_models({"openai/x"})
    assert says in str(caught.value)


def test_further_models_and_cascades_may_take_over(tmp_path: Path) -> None:
    text = (
        "[fallback]\n'openai/z' = ['cascade/house']\n'cascade/house' = ['openai/z']\n"
        "[model.'openai/z']\nlike = 'openai/x'\n"
    )
    whole(text + GOOD, tmp_path).check_models({"openai/x"})
