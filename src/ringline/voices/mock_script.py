"""The script of the test voices: what they make of a text, and what they answer. Pure.

A text is echoed, unless its first line is a command: then each of its lines counts for itself
(docs/howto/test-your-app.md). `read` parses a text, and `answer` composes the answer to all
that is unanswered: one line each, joined by line breaks. Nothing here raises: a command that
cannot be read is answered with a sentence.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import msgspec

from ringline.domain import limits, voice_limits
from ringline.domain.config_members import Modality, SessionConfig, plain_config
from ringline.voices.mock_sound import PIECE_MS, Echo, Sound, Tone

#: How long a tone lasts for each character of a text.
CHARACTER_MS = 20

#: The longest tone of an answer to a command, so that tests stay short.
COMMAND_MS = 1_000

#: What is said if a response is requested and nothing is unanswered.
NOTHING = "nothing to answer"

_QUOTED = 64  # characters of a command that cannot be read, or of an error's code
_DIGITS = 9  # numbers with more are too large, whatever they are


# What a text says.


@dataclass(frozen=True, slots=True)
class Text:
    """A text to echo."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """`/tool NAME JSON`: call a tool."""

    name: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True)
class TellConfig:
    """`/config`: tell the config."""


@dataclass(frozen=True, slots=True)
class CountImages:
    """`/image`: tell how many images there were."""


@dataclass(frozen=True, slots=True)
class SpeakFor:
    """`/long MS`: speak for so long."""

    duration_ms: int
    line: str


@dataclass(frozen=True, slots=True)
class WaitFor:
    """`/slow MS`: wait before the answer."""

    duration_ms: int
    line: str


@dataclass(frozen=True, slots=True)
class RaiseError:
    """`/error CODE`: report an error, and go on."""

    code: str
    line: str


@dataclass(frozen=True, slots=True)
class Drop:
    """`/drop`: close the conversation now."""


@dataclass(frozen=True, slots=True)
class CloseIn:
    """`/cap MS`: announce the end of the conversation, and close it then."""

    in_ms: int
    line: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A command that cannot be read."""

    line: str


Line: TypeAlias = (
    Text
    | CallTool
    | TellConfig
    | CountImages
    | SpeakFor
    | WaitFor
    | RaiseError
    | Drop
    | CloseIn
    | Unreadable
)

COMMANDS = frozenset({"/tool", "/config", "/image", "/long", "/slow", "/error", "/drop", "/cap"})


def read(text: str) -> tuple[Line, ...]:
    """Read a text of the caller: as a whole, or line by line if it begins with a command."""
    if _command_of(text.partition("\n")[0]) is None:
        return (Text(text[: limits.RESPONSE_CHARACTERS.most]),)
    lines = text.split("\n")[: voice_limits.TEST_VOICE_LINES.most]
    return tuple(_read_line(line.rstrip()) for line in lines if line.strip())


def _command_of(line: str) -> str | None:
    words = line.split(maxsplit=1)
    return words[0] if words and words[0] in COMMANDS and line.startswith("/") else None


def _read_line(line: str) -> Line:
    command = _command_of(line)
    given = line[len(command or "") :].strip()
    found: Line | None = None
    match command:
        case None:
            return Text(line)
        case "/tool":
            found = _tool_call(given)
        case "/config" if not given:
            found = TellConfig()
        case "/image" if not given:
            found = CountImages()
        case "/drop" if not given:
            found = Drop()
        case "/error" if given and len(given) <= _QUOTED and len(given.split()) == 1:
            found = RaiseError(given, line)
        case "/long" if (ms := _number(given, voice_limits.TEST_VOICE_LONG_MS.most)) is not None:
            found = SpeakFor(ms, line)
        case "/slow" if (ms := _number(given, voice_limits.TEST_VOICE_SLOW_MS.most)) is not None:
            found = WaitFor(ms, line)
        case "/cap" if (ms := _number(given, voice_limits.TEST_VOICE_CAP_MS.most)) is not None:
            found = CloseIn(ms, line)
        case _:
            pass
    return found or Unreadable(line)


def _tool_call(given: str) -> CallTool | None:
    if not given:
        return None
    name, *rest = given.split(maxsplit=1)
    try:
        arguments: object = msgspec.json.decode(rest[0] if rest else "{}")
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict):
        return None
    return CallTool(name, cast("dict[str, object]", arguments))


def _number(given: str, most: int) -> int | None:
    """Return a number of milliseconds, at most `most`; None if it is none."""
    if not (given.isascii() and given.isdigit()):
        return None
    return most if len(given) > _DIGITS else min(int(given), most)


# What is answered.


@dataclass(frozen=True, slots=True)
class Spoken:
    """A turn that the caller spoke: its transcript and its audio."""

    text: str
    sound: Echo


@dataclass(frozen=True, slots=True)
class Returned:
    """What a tool has returned."""

    name: str
    result: str


Unanswered: TypeAlias = Line | Spoken | Returned


def cut(turn: Spoken, before: Iterable[Unanswered]) -> Spoken:
    """Cut a turn's audio to what a response can say after other unanswered turns."""
    kept_ms = sum(item.sound.duration_ms for item in before if isinstance(item, Spoken))
    room_ms = max(0, voice_limits.TEST_VOICE_RESPONSE_MS.most - kept_ms)
    return Spoken(turn.text, turn.sound.up_to(room_ms))


@dataclass(frozen=True, slots=True)
class Scene:
    """What an answer depends on, besides what is unanswered."""

    config: SessionConfig
    images: int
    #: The frequency of the voice's tones.
    hz: int

    @property
    def spoken(self) -> bool:
        """Return whether answers are spoken, not only written."""
        return Modality.AUDIO in self.config.modalities


@dataclass(frozen=True, slots=True)
class Say:
    """A part of an answer: a text, spread evenly over a sound."""

    text: str
    sound: Sound


Step: TypeAlias = Say | CallTool


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: what it says, aloud or not, and how long to wait before it."""

    steps: tuple[Step, ...]
    spoken: bool
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a response; its text belongs to its audio at 24 kHz."""

    text: str
    pcm: bytes


def answer(unanswered: Sequence[Unanswered], scene: Scene) -> Answer:
    """Compose the answer to everything that is unanswered."""
    wait_ms = sum(line.duration_ms for line in unanswered if isinstance(line, WaitFor))
    steps = [_step(item, scene) for item in unanswered]
    if not steps:
        steps = [_text(NOTHING, NOTHING, hz=scene.hz)]
    wait_ms = min(wait_ms, voice_limits.TEST_VOICE_SLOW_MS.most)
    return Answer(tuple(_joined(steps)), scene.spoken, wait_ms)


def say(text: str, scene: Scene) -> Answer:
    """Compose a response with a given text."""
    return Answer(tuple(_joined([_text(text, text, hz=scene.hz)])), scene.spoken)


def spread(part: Say) -> Iterator[Piece]:
    """Cut a part into pieces of 100 ms; their texts together are its text."""
    size, count = len(part.text), -(-part.sound.duration_ms // PIECE_MS)
    if not count:
        yield Piece(part.text, b"")
    for at, pcm in enumerate(part.sound.pieces()):
        yield Piece(part.text[size * at // count : size * (at + 1) // count], pcm)


def _step(item: Unanswered, scene: Scene) -> Step:
    hz = scene.hz
    match item:
        case Spoken(text, sound):
            return Say(f"echo: {text}", sound)
        case Returned(name, result):
            return _briefly(f"tool {name} returned {result}", hz)
        case CallTool(name):
            offered = any(tool.name == name for tool in scene.config.tools)
            return item if offered else _briefly(f"no tool {name}", hz)
        case TellConfig():
            return _briefly(msgspec.json.encode(plain_config(scene.config)).decode(), hz)
        case CountImages():
            return _briefly(f"{scene.images} images", hz)
        case SpeakFor(duration_ms, line):
            return Say(f"echo: {line}", Tone(hz, duration_ms))
        case Text(line) | WaitFor(_, line) | RaiseError(_, line) | CloseIn(_, line):
            return _text(f"echo: {line}", line, hz=hz)
        case Unreadable(line):
            quoted = line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
            return _briefly(f'cannot read "{quoted}"', hz)
        case Drop():
            raise AssertionError("nobody is left to answer it")


def _text(text: str, tone_of: str, *, hz: int) -> Say:
    return Say(text, Tone(hz, CHARACTER_MS * len(tone_of)))


def _briefly(text: str, hz: int) -> Say:
    return Say(text, Tone(hz, min(CHARACTER_MS * len(text), COMMAND_MS)))


def _joined(steps: Iterable[Step]) -> Iterator[Step]:
    """Put a line break before all parts but the first, and cut what is too long."""
    characters, room_ms = limits.RESPONSE_CHARACTERS.most, voice_limits.TEST_VOICE_RESPONSE_MS.most
    between = ""
    for step in steps:
        if isinstance(step, CallTool):
            yield step
            continue
        text, sound = f"{between}{step.text}"[:characters], step.sound.up_to(room_ms)
        characters -= len(text)
        room_ms -= sound.duration_ms
        between = "\n"
        yield Say(text, sound)
