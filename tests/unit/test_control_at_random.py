"""Control of a call under any interleaving: speech, responses, tools, holds, transfers, ends.

A voice, a bridge, a caller, requests and an operator do what their ports allow, at random.
After every step the invariants hold; and once everybody is quiet, nothing is planned any more
and every built-in tool that was called has its result.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.domain import bridge, leg, voice
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.builtin_tools import BUILTIN_TOOLS, Builtins
from ringline.domain.call_orders import (
    DigitsOrdered,
    EndOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
    Verdict,
)
from ringline.domain.call_status import move_between
from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.endings import EndCause
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.turns import Order
from tests.talking import CALLER, CAPABILITIES, RESPONDS_BY_ITSELF, VOICE, Said, Story, spoke

NUMBER = "+2348000001234"
BUILTINS = Builtins(frozenset(BUILTIN_TOOLS))
ARGUMENTS: dict[str, dict[str, object]] = {
    "transfer_call": {"destination": NUMBER},
    "send_digits": {"digits": "1"},
}


class World:
    """A call and everybody in it."""

    def __init__(self, *, by_itself: bool) -> None:
        self.by_itself = by_itself
        capabilities = RESPONDS_BY_ITSELF if by_itself else CAPABILITIES
        self.story = Story(capabilities=capabilities, builtins=BUILTINS)
        self.making: list[str] = []  # responses that the voice makes, in order
        self.begun: set[str] = set()
        self.sending = ""  # the response that the bridge sends
        self.done: set[str] = set()
        self.held = self.caller_speaks = self.playing = False
        self.called: set[str] = set()
        self.answered: list[str] = []
        self.numbers = 0

    def feed(self, *signals: Said) -> None:
        for signal in signals:
            before = self.story.call.row.status
            ended = self.story.call.ended
            orders = self.story.feed(signal)
            assert not (ended and orders), "an ended call does nothing"
            for order in orders:
                self.take(order)
            after = self.story.call.row.status
            assert after is before or move_between(before, after), "only by the table"
            self.check()

    def take(self, order: Order) -> None:
        match order:
            case leg.Hold():
                assert not self.held
                assert not self.playing, "what was playing is cut first, or has been played"
                self.held = True
            case leg.Resume():
                assert self.held
                self.held = False
            case leg.AgentStarted():
                assert not self.held
                assert not self.playing
                self.playing = True
            case leg.AgentFinished():
                assert self.playing
                self.playing = False
            case leg.AgentSaid():
                assert not self.held
            case bridge.PlayResponse(id_):
                assert not self.held, "nothing is played to a held caller"
                self.sending = id_
            case bridge.DropResponse(id_):
                self.sending = "" if self.sending == id_ else self.sending
            case voice.Respond(id_):
                self.making.append(id_)
            case voice.Cancel(id_):
                self.making = [one for one in self.making if one != id_]
            case voice.ToolResult(id_):
                self.answered.append(id_)
            case leg.ToolCalled(id_):
                assert id_ not in self.called, "a built-in tool is nobody else's"
            case _:
                pass

    def check(self) -> None:
        call, talk = self.story.call, self.story.call.talk
        assert len(set(self.answered)) == len(self.answered), "one result for each"
        if call.ended:
            assert self.story.types.count("call.ended") == 1
            assert self.story.types[-1] == "call.ended"
            assert not self.playing
            return
        assert (call.row.status is CallStatus.HELD) == talk.held == self.held
        told = [type_ for type_ in self.story.types if type_ in ("call.held", "call.resumed")]
        assert told == [("call.held", "call.resumed")[n % 2] for n in range(len(told))]
        assert len(told) % 2 == self.held
        if self.held:
            assert call.routed == {CALLER: (), VOICE: ()}
        assert talk.works_on <= talk.held

    # Everybody.

    def caller_starts(self) -> None:
        if not self.caller_speaks and not self.held:
            self.caller_speaks = True
            self.feed(spoke())

    def caller_stops(self) -> None:
        if self.caller_speaks:
            self.caller_speaks = False
            self.feed(voice.SpeechStopped("item"))

    def client_types(self) -> None:
        self.feed(leg.Typed("hello"), leg.ResponseRequested())

    def client_cancels(self) -> None:
        self.feed(bridge.ClientCancelled(bridge.NOTHING))

    def operator_comes(self) -> None:
        self.feed(TakenOver("ann"))

    def operator_goes(self) -> None:
        self.feed(HandedBack())

    def hold(self) -> None:
        self.feed(HoldOrdered())

    def resume(self) -> None:
        self.feed(ResumeOrdered())

    def transfer(self) -> None:
        self.feed(TransferOrdered(NUMBER))

    def digits(self) -> None:
        self.feed(DigitsOrdered("1"))
        if not self.story.call.ended:
            assert self.story.steps[-1].verdict is Verdict.DONE

    def api_ends(self) -> None:
        self.feed(EndOrdered(EndCause.ENDED_BY_API))

    def line_is_lost(self) -> None:
        self.feed(leg.Left())

    def voice_begins(self) -> None:
        if self.by_itself and not self.making:
            self.numbers += 1
            self.making.append(f"own-{self.numbers}")
        if self.making and self.making[0] not in self.begun:
            self.begun.add(self.making[0])
            self.feed(voice.ResponseStarted(self.making[0]))

    def voice_calls(self, name: str) -> None:
        if self.making and self.making[0] in self.begun:
            self.numbers += 1
            id_ = f"{name}-{self.numbers}"
            living = self.story.call.talk.response
            if name in BUILTIN_TOOLS and living is not None and living.id == self.making[0]:
                self.called.add(id_)
            self.feed(voice.ToolCall(self.making[0], id_, name, ARGUMENTS.get(name, {})))

    def voice_is_done(self) -> None:
        if self.making and self.making[0] in self.begun:
            id_ = self.making.pop(0)
            self.done.add(id_)
            self.feed(voice.ResponseDone(id_))

    def bridge_sends_text(self) -> None:
        if self.sending:
            self.feed(bridge.ResponseAudible(self.sending), bridge.TextSent(self.sending, "word "))

    def bridge_sends_the_last(self) -> None:
        if self.sending in self.done:
            id_, self.sending = self.sending, ""
            self.feed(bridge.ResponseSent(id_, playing=True), bridge.PlaybackFinished())

    def do(self, action: str) -> None:
        if action in (*BUILTIN_TOOLS, "clock"):
            self.voice_calls(action)
        else:
            getattr(self, action)()

    def calm_down(self) -> None:
        """Let everybody finish; nobody begins anything new."""
        for action in ("caller_stops", "operator_goes", "resume"):
            self.do(action)
        for _ in range(12):
            for action in ("voice_is_done", "bridge_sends_the_last", "resume"):
                self.do(action)
            if not self.by_itself:
                self.voice_begins()
        self.feed(bridge.PlaybackFinished())


_USUAL = (
    *["voice_begins"] * 5,
    *["voice_is_done"] * 4,
    *["bridge_sends_text"] * 3,
    *["bridge_sends_the_last"] * 4,
    *["client_types"] * 3,
    *["caller_starts", "caller_stops"] * 2,
    *["hold", "resume"] * 3,
    *["hold_call", "resume_call"] * 3,
    "clock",
    "send_digits",
    "digits",
    "client_cancels",
    "operator_comes",
    *["operator_goes"] * 2,
)
_ENDING = ("transfer", "transfer_call", "hang_up", "api_ends", "line_is_lost")
ACTIONS = st.lists(
    st.one_of(*[st.sampled_from(_USUAL)] * 9, st.sampled_from(_ENDING)), min_size=5, max_size=60
)


@pytest.mark.parametrize("by_itself", [False, True])
@settings(max_examples=300, deadline=None)
@given(actions=ACTIONS)
def test_any_interleaving_keeps_the_rules(by_itself: bool, actions: list[str]) -> None:
    world = World(by_itself=by_itself)
    for action in actions:
        world.do(action)
    world.calm_down()
    call = world.story.call
    if call.ended:
        assert all(participant.left_at is not None for participant in call.participants)
        return
    assert call.talk.plans == ()
    assert not [one for one in call.talk.calls if one.runner is ToolRunner.CALL], (
        "each has its result"
    )
    world.api_ends()
    assert world.story.call.ended


def test_a_world_is_what_it_says() -> None:
    """The model is not vacuous: an agent holds, resumes and hangs up in it."""
    world = World(by_itself=False)
    for action in ("client_types", "voice_begins", "bridge_sends_text", "hold_call"):
        world.do(action)
    for action in ("voice_is_done", "bridge_sends_the_last"):
        world.do(action)
    assert world.held
    for action in ("voice_begins", "resume_call", "bridge_sends_text", "hang_up"):
        world.do(action)
    assert not world.held
    assert len(world.called) == 3
    for action in ("voice_is_done", "bridge_sends_the_last"):
        world.do(action)
    assert world.story.call.ended
