"""The parts of a voice that is put together: ears, a brain and a mouth.

`CascadeVoice` finds the turns, keeps the conversation and runs the responses; what hears, answers
and speaks are parts, so that each can be an HTTP endpoint, this server's own speech, or the
webhook of an agent.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ringline.domain import limits
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import Respond, ToolCall, Usage, VoiceCapabilities
from ringline.ports import VoiceListener
from ringline.voices.cascade_history import Conversation
from ringline.voices.sentences import SentenceSplitter
from ringline.wire.chat_completions import ChatCall


@dataclass(frozen=True, slots=True)
class Heard:
    """What was made of a turn; empty if nobody could make it out."""

    text: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class LineOrder:
    """A built-in tool that the call runs once the answer has been played."""

    name: str
    arguments: Mapping[str, object]

    def called_in(self, response_id: str) -> ToolCall:
        """Return the call of the tool in a response."""
        return ToolCall(response_id, f"order_{response_id}", self.name, dict(self.arguments))


@dataclass(slots=True)
class Outcome:
    """What an answer holds besides its text; complete at its end.

    Its usage includes that of answers before, which could not be used. With `hang_up` the call
    ends once the answer has been played, with `gives_up` because the agent cannot go on. An
    `order` to the call's line has no result, so the conversation does not hold it.
    """

    calls: tuple[ChatCall, ...] = ()
    order: LineOrder | None = None
    usage: Usage = field(default_factory=Usage)
    hang_up: bool = False
    gives_up: bool = False


class Ears(Protocol):
    """Makes out what a caller says. Raises EndpointFailed."""

    async def transcribe(
        self, pcm: bytes, on_partial: Callable[[str], None], *, config: SessionConfig
    ) -> Heard:
        """Transcribe a turn of 16 kHz; report the text so far as it grows."""
        ...


class Brain(Protocol):
    """Answers the caller. Raises EndpointFailed."""

    def answer(
        self, conversation: Conversation, order: Respond, *, config: SessionConfig, outcome: Outcome
    ) -> AsyncGenerator[str]:
        """Yield the answer to the conversation as it is now; fill the outcome at its end.

        What is spoken comes in sentences, what is only written as it comes.
        """
        ...


class Mouth(Protocol):
    """Speaks. Raises EndpointFailed."""

    def speak(self, text: str, voice: str) -> AsyncGenerator[bytes]:
        """Yield the speech of a text as whole samples, at the voice's output rate."""
        ...


class Partials(Protocol):
    """Reports what a caller says while they say it."""

    def start(self, item_id: str) -> None:
        """Begin with a turn."""
        ...

    def stop(self) -> None:
        """Stop: the turn is over, or the conversation."""
        ...


class NewPartials(Protocol):
    """Makes what reports partials."""

    def __call__(
        self,
        listener: VoiceListener,
        utterance: Callable[[], bytes],
        *,
        config: Callable[[], SessionConfig],
    ) -> Partials:
        """Report to a listener; `utterance` returns the audio of the open turn so far."""
        ...


class NoPartials:
    """Reports nothing: the ears do, or nobody does."""

    def start(self, item_id: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


def no_partials(listener: object, utterance: object, *, config: object) -> NoPartials:
    """Make what reports nothing."""
    return NoPartials()


def _nothing() -> None:
    """Do nothing at the end of a response."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a voice is put together of, under the name of its model.

    `completed` is called at the end of a response that went well.
    """

    model: str
    capabilities: VoiceCapabilities
    ears: Ears
    brain: Brain
    mouth: Mouth
    completed: Callable[[], None] = _nothing
    new_partials: NewPartials = no_partials


async def sentences_of(text: str) -> AsyncGenerator[str]:
    """Yield the sentences of a text that is there already."""
    splitter = SentenceSplitter()
    for sentence in [*splitter.feed(text[: limits.RESPONSE_CHARACTERS.most]), splitter.finish()]:
        if sentence:
            yield sentence
