"""An agent's tools at its webhook under any interleaving.

A voice, a bridge, a caller, a client and an operator do what their ports allow, at random, and a
webhook answers whenever it likes: late, twice, or after it was told to stop. After every step the
invariants hold: one result for each call, at most one follow-up for each round, so many rounds for
a turn, and nothing of what was given up. Once everybody is quiet, nobody waits for anything.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.domain import bridge, leg, voice
from ringline.domain.agent_tools import CancelTools, InvokeTool, ToolReturned, ToolRunner
from ringline.domain.call_orders import EndOrdered
from ringline.domain.endings import EndCause
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.tool_calls import UNWANTED
from ringline.domain.tool_runs import MAX_ROUNDS, TOO_MANY_ROUNDS
from ringline.domain.turns import Order
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, Said, Story, spoke

OK = '{"ok":true}'


@dataclass
class Round:
    """The tools that one response has called."""

    open: set[str] = field(default_factory=set[str])
    asked: bool = False  # the webhook was, for one at least
    told: bool = False  # the model has a result of one
    stopped: bool = False
    #: How many responses had been requested before its follow-up was due.
    due_at: int | None = None


class World:
    """A call and everybody in it."""

    def __init__(self, *, by_itself: bool) -> None:
        self.by_itself = by_itself
        capabilities = RESPONDS_BY_ITSELF if by_itself else CAPABILITIES
        self.story = Story(capabilities=capabilities, tools_run_by=ToolRunner.WEBHOOK)
        self.making: list[str] = []  # responses that the voice makes, in order
        self.begun: set[str] = set()
        self.done: set[str] = set()
        self.sending = ""
        self.caller_speaks = self.paused = self.playing = False
        self.rounds: dict[str, Round] = {}
        self.calls: dict[str, str] = {}  # of the voice -> the response
        self.answered: list[str] = []
        self.asked: list[InvokeTool] = []
        self.asked_in: list[str] = []  # in which response each was
        self.returned: set[int] = set()
        self.cancelled: set[int] = set()
        self.of_turn = 0  # rounds in which the webhook was asked
        self.requested = self.reasons = self.before = 0
        self.numbers = 0

    def feed(self, *signals: Said) -> None:
        self.before = self.requested
        for signal in signals:
            ended = self.story.call.ended
            orders = self.story.feed(signal)
            assert not (ended and orders), "an ended call does nothing"
            for order in orders:
                self.take(order)
        self.settle()
        self.check()

    def take(self, order: Order) -> None:
        match order:
            case voice.Respond(id_):
                assert not self.paused
                assert not self.caller_speaks
                self.requested += 1
                self.making.append(id_)
            case voice.Cancel(id_):
                self.making = [one for one in self.making if one != id_]
            case voice.ToolResult(id_, result):
                assert id_ not in self.answered, "one result for each"
                self.answered.append(id_)
                if result == TOO_MANY_ROUNDS:
                    assert self.of_turn >= MAX_ROUNDS
                if result != UNWANTED:
                    round_ = self.round_of(id_)
                    round_.open.discard(id_)
                    round_.told = True
            case InvokeTool(arguments={"call": str(id_)}):
                assert not self.story.call.ended
                self.asked.append(order)
                self.asked_in.append(self.calls[id_])
                round_ = self.round_of(id_)
                round_.open.add(id_)
                self.of_turn += not round_.asked
                round_.asked = True
            case CancelTools(ids):
                assert ids
                known = {run.id: number for number, run in enumerate(self.asked)}
                numbers = {known[id_] for id_ in ids}
                assert not numbers & self.cancelled, "once is enough"
                assert not numbers & self.returned, "it has returned"
                self.cancelled |= numbers
            case bridge.PlayResponse(id_):
                self.sending = id_
            case bridge.DropResponse(id_):
                self.sending = "" if self.sending == id_ else self.sending
            case leg.AgentStarted():
                assert not self.playing
                self.playing = True
            case leg.AgentFinished():
                assert self.playing
                self.playing = False
            case leg.ToolCalled():
                raise AssertionError("a tool of the agent is not the client's")
            case _:
                pass

    def living(self) -> list[str]:
        talk = self.story.call.talk
        return [item.id for item in (talk.response, *talk.queued) if item]

    def round_of(self, call_id: str) -> Round:
        return self.rounds.setdefault(self.calls[call_id], Round())

    def settle(self) -> None:
        """Note the rounds whose follow-up has just become due."""
        living = self.living()
        for id_, round_ in self.rounds.items():
            over = id_ not in living and not round_.open and not round_.stopped
            if over and round_.told and round_.due_at is None:
                round_.due_at = self.before
                self.reasons += 1

    def check(self) -> None:
        call, talk = self.story.call, self.story.call.talk
        assert self.of_turn <= MAX_ROUNDS, "so many rounds for a turn, and no more"
        assert self.requested <= self.reasons, "something is answered twice"
        if call.ended or self.by_itself or self.caller_speaks or self.paused:
            return
        waiting = {run.id for number, run in enumerate(self.asked) if self.waits(number)}
        assert {one.run_id for one in talk.calls} == waiting, "what is open is being asked for"
        if not talk.response:
            assert not talk.owed, "a response is owed, and nothing is in its way"
        for round_ in self.rounds.values():
            if round_.due_at is not None and round_.asked:
                assert self.requested > round_.due_at or talk.owed, "results without an answer"

    def waits(self, number: int) -> bool:
        return number not in self.returned | self.cancelled

    # The caller, the client and an operator.

    def stop(self, *signals: Said) -> None:
        """Stop the response under way, with what it has asked for."""
        current = self.story.call.talk.response
        if current is not None and current.id in self.rounds:
            self.rounds[current.id].stopped = True
        self.feed(*signals)
        if current is not None:
            left = [one for one, id_ in enumerate(self.asked_in) if id_ == current.id]
            assert not any(self.waits(one) for one in left), "its questions are closed"

    def caller_starts(self) -> None:
        if not self.caller_speaks:
            self.caller_speaks = True
            self.of_turn = 0
            self.stop(spoke())

    def caller_stops(self) -> None:
        if self.caller_speaks:
            self.caller_speaks = False
            self.reasons += 1
            self.feed(voice.SpeechStopped("item"))

    def client_types(self) -> None:
        self.reasons += 1
        self.of_turn = 0
        self.feed(leg.Typed("hello"))
        self.feed(leg.ResponseRequested())

    def client_cancels(self) -> None:
        self.stop(bridge.ClientCancelled(bridge.NOTHING))

    def operator_takes_over(self) -> None:
        if not self.paused:
            self.paused = True
            self.feed(TakenOver("ann"))

    def operator_hands_back(self) -> None:
        if self.paused:
            self.paused = False
            self.reasons += 1
            self.feed(HandedBack())

    # The voice makes one response at a time.

    def voice_begins(self) -> None:
        if self.by_itself and not self.making:
            self.numbers += 1
            self.making.append(f"own-{self.numbers}")
        if self.making and self.making[0] not in self.begun:
            self.begun.add(self.making[0])
            self.feed(voice.ResponseStarted(self.making[0]))

    def voice_calls(self) -> None:
        if not (self.making and self.making[0] in self.begun):
            return
        response_id = self.making[0]
        self.numbers += 1
        call_id = f"call-{self.numbers}"
        self.calls[call_id] = response_id
        self.feed(voice.ToolCall(response_id, call_id, "lookup", {"call": call_id}))

    def voice_cancels(self) -> None:
        """Let the model take back one of its calls."""
        open_ = [one.id for one in self.story.call.talk.calls]
        if open_:
            self.round_of(open_[0]).open.discard(open_[0])
            self.feed(voice.ToolCallsCancelled((open_[0],)))

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

    # The webhook.

    def webhook_returns(self, number: int = -1) -> None:
        """Return what is waited for; with a number, anything that was ever asked."""
        waiting = [one for one in range(len(self.asked)) if self.waits(one)]
        if number < 0:
            number = waiting[0] if waiting else len(self.asked)
        if number >= len(self.asked):
            return
        late = not self.waits(number)
        before = len(self.story.orders)
        self.returned |= set() if late else {number}
        self.feed(ToolReturned(self.asked[number].id, OK))
        if late or self.story.call.ended:
            assert self.story.orders[before:] == [], "nobody waits for it"
        else:
            told = [one for one in self.story.orders[before:] if isinstance(one, voice.ToolResult)]
            assert [one.result for one in told] == [OK]

    def webhook_returns_the_newest(self) -> None:
        waiting = [one for one in range(len(self.asked)) if self.waits(one)]
        if waiting:
            self.webhook_returns(waiting[-1])

    def webhook_returns_again(self) -> None:
        self.webhook_returns(0)

    def call_ends(self) -> None:
        self.feed(EndOrdered(EndCause.ENDED_BY_API))

    def calm_down(self) -> None:
        """Let everybody finish; nobody begins anything new."""
        self.caller_stops()
        self.operator_hands_back()
        for _ in range(len(self.asked) + 12):
            self.webhook_returns()
            self.voice_is_done()
            self.bridge_sends_the_last()
            if not self.by_itself:
                self.voice_begins()


#: What happens, by the world's method; frequent things stand several times.
ACTIONS = (
    *["voice_begins"] * 6,
    *["voice_calls"] * 7,
    *["voice_is_done"] * 5,
    *["bridge_sends_text"] * 2,
    *["bridge_sends_the_last"] * 5,
    *["webhook_returns"] * 6,
    *["webhook_returns_the_newest"] * 3,
    *["webhook_returns_again"] * 2,
    *["client_types"] * 2,
    "caller_starts",
    *["caller_stops"] * 2,
    "client_cancels",
    "voice_cancels",
    "operator_takes_over",
    *["operator_hands_back"] * 3,
)


@pytest.mark.parametrize("by_itself", [False, True])
@settings(max_examples=300, deadline=None)
@given(
    names=st.lists(st.sampled_from(ACTIONS), min_size=20, max_size=110),
    end_at=st.none() | st.integers(0, 60),
)
def test_any_interleaving_keeps_the_rules(
    by_itself: bool, names: list[str], end_at: int | None
) -> None:
    world = World(by_itself=by_itself)
    for number, name in enumerate(names):
        if number == end_at:
            world.call_ends()
        getattr(world, name)()
    world.calm_down()
    call = world.story.call
    if call.ended:
        return
    assert call.talk.calls == (), "each has its result, or was given up"
    world.call_ends()


def test_a_world_reaches_the_last_round() -> None:
    """The model is not vacuous: a turn has all its rounds in it, and one too many."""
    world = World(by_itself=False)
    world.client_types()
    for _ in range(MAX_ROUNDS + 2):
        for name in ("voice_begins", "voice_calls", "voice_is_done", "webhook_returns"):
            getattr(world, name)()
        world.bridge_sends_the_last()
    assert (world.of_turn, len(world.asked)) == (MAX_ROUNDS, MAX_ROUNDS)
    assert world.requested == MAX_ROUNDS + 2
    assert world.story.all(voice.ToolResult)[-1].result == TOO_MANY_ROUNDS
