"""A webhook that is the brain of a conversation: what counts as a failure, at random.

The caller types, is misheard, interrupts; the webhook answers, fails or hangs. However they do,
failures are counted in a row: an answer starts over, a turn that was cancelled does not count,
nor does one that was never asked.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.receivers import (
    ReceiverFailed,
    ReceiverFailure,
    TurnAction,
    TurnAnswer,
    TurnQuestion,
)
from ringline.domain.voice import Respond, ResponseDone, ResponseEnd, ToolCall, VoiceFailed
from ringline.domain.webhook_limits import FAILED_TURNS
from ringline.voices.agent_brain import DEFAULT_APOLOGY, DEFAULT_FALLBACK, AgentBrain
from ringline.voices.byom import LOCAL
from ringline.voices.cascade_history import Conversation
from ringline.voices.cascade_responses import Responses
from ringline.voices.parts import Heard, Parts
from tests.asking import facts
from tests.clock import run
from tests.samples import a_scope, new_id
from tests.voice_desk import Recorder

CONFIG = SessionConfig(model="byom/local", modalities=(Modality.TEXT,))


class Happens(Enum):
    """What may happen to a response."""

    ANSWERED = auto()
    ENDED = auto()  # the answer ends the call, and the caller speaks over it
    SILENT = auto()  # the answer is ""
    FAILED = auto()
    CANCELLED = auto()  # by a newer turn, while the webhook thinks
    MISHEARD = auto()
    REPEATED = auto()  # a response is asked for though nothing is unanswered
    SAID = auto()  # a line of the call's own


#: What each says, where the webhook is asked.
ANSWERS = {
    Happens.ANSWERED: TurnAnswer("Yes."),
    Happens.ENDED: TurnAnswer("Bye.", TurnAction.END_CALL),
    Happens.SILENT: TurnAnswer("", TurnAction.DTMF, "1"),
}


class Deaf:
    """Ears and mouth of a conversation that is written."""

    async def transcribe(
        self, pcm: bytes, on_partial: Callable[[str], None], *, config: SessionConfig
    ) -> Heard:
        raise AssertionError("nothing is spoken")

    def speak(self, text: str, voice: str) -> AsyncGenerator[bytes]:
        raise AssertionError("nothing is spoken")


@dataclass
class Scene:
    """A conversation with a webhook."""

    failure: ReceiverFailure = ReceiverFailure.TIMEOUT
    heard: Recorder = field(default_factory=Recorder)
    happens: Happens = Happens.ANSWERED
    asked: list[TurnQuestion] = field(default_factory=list[TurnQuestion])
    closed: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        self.conversation = Conversation()
        brain = AgentBrain(facts(a_scope()), self.answer, report=self.heard.on_voice_signal)
        deaf = Deaf()
        parts = Parts("byom/local", LOCAL, ears=deaf, brain=brain, mouth=deaf)
        self.responses = Responses(
            self.heard,
            parts,
            conversation=self.conversation,
            config=lambda: CONFIG,
            on_failure=lambda _: True,
        )

    async def answer(self, question: TurnQuestion) -> TurnAnswer:
        """Answer as the webhook does now."""
        self.asked.append(question)
        assert question.transcription == question.messages[-1].text == f"Turn {self.number}."
        if self.happens is Happens.CANCELLED:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.closed += 1
                raise
        if self.happens is Happens.FAILED:
            raise ReceiverFailed(self.failure)
        return ANSWERS[self.happens]

    async def respond(self, happens: Happens) -> ResponseDone:
        """Let something happen to a response; return its end."""
        self.happens = happens
        self.number += 1
        match happens:
            case Happens.MISHEARD:
                self.conversation.add_text("")
            case Happens.SAID | Happens.REPEATED:
                pass
            case _:
                self.conversation.add_text(f"Turn {self.number}.")
        say = "One moment." if happens is Happens.SAID else None
        name = f"r{self.number}"
        running = asyncio.create_task(self.responses.run(Respond(name, say, turn_id=new_id())))
        if happens is Happens.CANCELLED:
            await asyncio.sleep(1)
            assert self.responses.cancel(name)
        await running
        (done,) = [one for one in self.heard.all(ResponseDone) if one.response_id == name]
        return done

    def said(self) -> str:
        return self.heard.text_of(f"r{self.number}")


def failures_after(failures: int, happens: Happens) -> int:
    """Return how many turns in a row have no answer."""
    if happens in ANSWERS:
        return 0
    return failures + 1 if happens is Happens.FAILED else failures


@given(st.lists(st.sampled_from(Happens), max_size=25), st.sampled_from(ReceiverFailure))
def test_failures_are_counted_in_a_row(story: list[Happens], failure: ReceiverFailure) -> None:
    run(tell(story, failure))


async def tell(story: list[Happens], failure: ReceiverFailure) -> None:
    scene, failures, unanswered = Scene(failure), 0, False
    for happens in story:
        if happens is Happens.REPEATED and unanswered:
            continue  # it would ask for what was cancelled
        asked = len(scene.asked)
        done = await scene.respond(happens)
        failures = failures_after(failures, happens)
        unanswered = happens is Happens.CANCELLED

        is_asked = happens in ANSWERS or happens in (Happens.FAILED, Happens.CANCELLED)
        assert len(scene.asked) - asked == is_asked
        ended = ResponseEnd.CANCELLED if unanswered else ResponseEnd.COMPLETED
        assert done.reason is ended
        gives_up = happens is Happens.FAILED and failures >= FAILED_TURNS.most
        assert done.gives_up is gives_up
        assert done.hang_up is (happens is Happens.ENDED)
        assert scene.said() == line_of(happens, gives_up=gives_up)
    told = scene.heard.all(VoiceFailed)
    assert [one.details for one in told] == [failure.value] * story.count(Happens.FAILED)
    assert all(one.recoverable for one in told)
    assert scene.closed == story.count(Happens.CANCELLED)
    assert len(scene.heard.all(ToolCall)) == story.count(Happens.SILENT)


def line_of(happens: Happens, *, gives_up: bool) -> str:
    match happens:
        case Happens.FAILED if gives_up:
            return DEFAULT_APOLOGY
        case Happens.FAILED | Happens.MISHEARD:
            return DEFAULT_FALLBACK
        case Happens.SAID:
            return "One moment."
        case _:
            return ANSWERS[happens].text if happens in ANSWERS else ""
