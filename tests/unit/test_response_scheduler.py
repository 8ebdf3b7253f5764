"""The response scheduler under any interleaving: K9, K10, O6, O7, O8, driven at random.

A model plays the voice and the bridge by the rules of their ports, and a client that speaks,
types, answers tools, cancels and asks for responses whenever it likes. After every step the
invariants hold, and once everybody is quiet nothing is owed to anyone.

A fake leg plays what it is sent, a word every 100 ms, and knows what it has played: what is
written of a turn must agree with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.domain import bridge, leg, voice
from ringline.domain.call_signals import EndOrdered
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.endings import EndCause
from ringline.domain.events import TurnCompleted
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.talk import Expected
from ringline.domain.turns import Order
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, Said, Story, spoke


@dataclass
class Making:
    """A response as the voice makes it."""

    id: str
    begun: bool = False
    done: bool = False


@dataclass
class Group:
    """The tool calls of one response, as its client knows them."""

    open: set[str] = field(default_factory=set[str])
    #: The client cancelled the response.
    silent: bool = False
    #: How many responses had been requested before the follow-up was due.
    due_at: int | None = None


WORD, WORD_MS = "word ", 100


@dataclass
class FakeLeg:
    """A leg that plays one response after the other, and discards what is flushed."""

    response_id: str = ""
    sent_ms: int = 0
    played_ms: int = 0
    #: How much was played of each response that was cut off.
    stopped: dict[str, int] = field(default_factory=dict[str, int])

    def start(self, response_id: str) -> None:
        self.response_id, self.sent_ms, self.played_ms = response_id, 0, 0

    @property
    def played(self) -> bridge.Played:
        return bridge.Played(
            self.response_id, self.played_ms, self.played_ms * len(WORD) // WORD_MS
        )

    def flush(self) -> bridge.Played:
        self.sent_ms = self.played_ms
        self.stopped.setdefault(self.response_id, self.played_ms)
        return self.played


class Model:
    """A call whose voice, bridge and client act by the rules of their ports."""

    def __init__(self, *, by_itself: bool) -> None:
        self.by_itself = by_itself
        self.story = Story(capabilities=RESPONDS_BY_ITSELF if by_itself else CAPABILITIES)
        self.making: list[Making] = []
        self.sending: str | None = None
        self.leg = FakeLeg()
        self.tail = False  # sent, and the leg still plays it
        self.cut: set[str] = set()  # the voice gave them up
        self.checked = 0
        self.caller_speaks = self.paused = False
        self.playing = False  # between the start of a response and its end
        self.silenced = False  # the caller spoke: what it interrupted must not be heard
        self.groups: dict[str, Group] = {}
        self.told: set[str] = set()
        #: What may lead to a response so far, and the responses requested.
        self.reasons = self.requested = self.before = 0
        self.numbers = 0

    def feed(self, *signals: Said) -> None:
        """Feed signals, follow the orders, and check what must always hold."""
        self.before = self.requested
        for signal in signals:
            for order in self.story.feed(signal):
                self.take(order)
        self.settle_groups()
        self.check()

    def take(self, order: Order) -> None:
        match order:
            case voice.Respond(id_):
                assert self.living() == [id_], "another response is under way"
                assert not self.paused
                self.requested += 1
                self.making.append(Making(id_))
            case voice.Cancel(id_, played_ms):
                expected = self.leg.played_ms if id_ == self.leg.response_id else 0
                assert played_ms == expected, "the voice is told what was played"
                self.making = [item for item in self.making if item.id != id_]
            case bridge.PlayResponse(id_):
                self.sending, self.tail = id_, False
                self.leg.start(id_)
            case bridge.DropResponse(id_):
                self.sending = None if self.sending == id_ else self.sending
            case leg.AgentStarted():
                assert not self.playing, "K9: one response at a time"
                self.playing, self.silenced = True, False
            case leg.AgentFinished():
                assert self.playing, "K9: every end has its start"
                self.playing = False
            case leg.AgentSaid():
                assert self.playing
                assert not self.silenced, "K10"
            case leg.CallerStarted():
                self.silenced = True
            case leg.ToolCalled(call_id):
                assert self.playing
                assert call_id not in self.told
                self.told.add(call_id)
            case _:
                pass

    def living(self) -> list[str]:
        talk = self.story.call.talk
        return [item.id for item in (talk.response, *talk.queued) if item]

    def number(self, what: str) -> str:
        self.numbers += 1
        return f"{what}-{self.numbers}"

    def settle_groups(self) -> None:
        """Note the groups whose follow-up has just become due."""
        living = self.living()
        for id_, group in self.groups.items():
            over = id_ not in living
            if over:  # calls that it held never reach the client
                group.open &= self.told
            if over and not group.open and not group.silent and group.due_at is None:
                group.due_at = self.before
                self.reasons += 1

    def check_turns(self) -> None:
        """Check what is written of the agent's turns against what the leg has played."""
        turns = self.story.all(TurnCompleted)
        for turn in turns[self.checked :]:
            if turn.role is not TurnRole.AGENT:
                continue
            assert turn.text == WORD * (len(turn.text) // len(WORD))
            if not turn.interrupted:
                assert turn.spoken_text is None
                continue
            assert turn.spoken_text is not None
            assert turn.text.startswith(turn.spoken_text)
            given_up = turn.item_id in self.cut and turn.item_id not in self.leg.stopped
            whole = given_up and not self.story.call.ended
            heard_ms = self.leg.stopped.get(turn.item_id, self.leg.played_ms)
            # The space after a word has its share of the time as well.
            heard = heard_ms * len(WORD) // WORD_MS + 1
            words = (len(turn.text) if whole else heard) // len(WORD)
            assert turn.spoken_text == (WORD * words).rstrip()
        self.checked = len(turns)

    def check(self) -> None:
        self.check_turns()
        talk = self.story.call.talk
        assert self.requested <= self.reasons, "O7, O8: something is answered twice"
        waits = talk.expected is Expected.ANSWER  # the voice's own answer comes first
        if not (talk.response or self.caller_speaks or self.paused or waits):
            assert not talk.owed, "a response is owed and nothing is in its way"
        if self.by_itself or self.caller_speaks or self.paused:
            return
        for group in self.groups.values():
            if group.due_at is not None:
                assert self.requested > group.due_at or talk.owed, "O6: results without an answer"

    # The caller, the client and an operator.

    def caller_starts(self) -> None:
        if not self.caller_speaks:
            self.caller_speaks = True
            self.feed(replace(spoke(), played=self.leg.flush()))

    def caller_stops(self) -> None:
        if self.caller_speaks:
            self.caller_speaks = False
            self.reasons += 1
            self.feed(voice.SpeechStopped("item"))

    def client_clears(self) -> None:
        self.feed(leg.ClearRequested())

    def client_types(self) -> None:
        self.reasons += 1
        self.feed(leg.Typed("hello"))
        self.feed(leg.ResponseRequested())

    def client_requests(self) -> None:
        self.reasons += 1
        current = self.story.call.talk.response
        group = self.groups.get(current.id) if current is not None else None
        before = len(self.story.orders)
        self.feed(leg.ResponseRequested())
        if group is not None and not group.open:
            refused = leg.RequestRefused(leg.Refusal.RESPONSE_ACTIVE)
            assert refused not in self.story.orders[before:], "O8: its follow-up is coming"

    def client_cancels(self) -> None:
        current = self.story.call.talk.response
        if current is not None and current.id in self.groups:
            self.groups[current.id].silent = True
        self.feed(bridge.ClientCancelled(self.leg.flush()))

    def client_answers(self, pick: Callable[[set[str]], str] = min) -> None:
        known = {call for group in self.groups.values() for call in group.open} & self.told
        if not known:
            return
        call_id = pick(known)
        group = next(group for group in self.groups.values() if call_id in group.open)
        group.open.discard(call_id)
        before = len(self.story.orders)
        self.feed(leg.ToolAnswered(call_id, "{}"))
        assert voice.ToolResult(call_id, "{}") in self.story.orders[before:]
        if group.open:
            assert self.requested == self.before, "O7: another result is missing"

    def client_answers_the_newest(self) -> None:
        self.client_answers(max)

    def operator_takes_over(self) -> None:
        if not self.paused:
            self.paused = True
            self.feed(TakenOver("ann", played=self.leg.flush()))

    def operator_hands_back(self) -> None:
        if self.paused:
            self.paused = False
            self.reasons += 1
            self.feed(HandedBack())

    # The voice makes one response at a time.

    def next_making(self) -> Making | None:
        return next((item for item in self.making if not item.done), None)

    def voice_begins(self) -> None:
        item = self.next_making()
        if item is None and self.by_itself:
            item = Making(self.number("own"))
            self.making.append(item)
        if item is not None and not item.begun:
            item.begun = True
            self.feed(voice.ResponseStarted(item.id))

    def voice_calls_a_tool(self) -> None:
        item = self.next_making()
        if item is not None and item.begun:
            call_id = self.number("call")
            if item.id in self.living():
                self.groups.setdefault(item.id, Group()).open.add(call_id)
            self.feed(voice.ToolCall(item.id, call_id, "clock", {}))

    def voice_is_done(self) -> None:
        item = self.next_making()
        if item is not None and item.begun:
            item.done = True
            self.feed(voice.ResponseDone(item.id))

    def voice_fails(self) -> None:
        item = self.next_making()
        if item is not None:
            item.done = True
            self.cut.add(item.id)
            self.feed(voice.ResponseDone(item.id, voice.ResponseEnd.FAILED))

    # The bridge sends what it has.

    def bridge_sends_text(self) -> None:
        if self.sending is not None:
            self.leg.sent_ms += WORD_MS
            self.feed(bridge.ResponseAudible(self.sending), bridge.TextSent(self.sending, WORD))

    def bridge_sends_the_last(self) -> None:
        sent = self.sending
        item = next((item for item in self.making if item.id == sent), None)
        if sent is not None and item is not None and item.done:
            self.sending = None
            self.tail = self.leg.sent_ms > self.leg.played_ms
            characters = self.leg.sent_ms * len(WORD) // WORD_MS
            self.feed(bridge.ResponseSent(sent, self.tail, characters))

    def leg_plays(self) -> None:
        self.leg.played_ms = min(self.leg.sent_ms, self.leg.played_ms + 70)
        if self.tail and self.leg.played_ms == self.leg.sent_ms:
            self.tail = False
            self.feed(bridge.PlaybackFinished())

    def end(self) -> None:
        self.story.played = self.leg.played
        for order in self.story.feed(EndOrdered(EndCause.ENDED_BY_API)):
            self.take(order)
        self.check_turns()
        assert not self.playing, "K9: a response that the end cuts off has an end too"


#: What happens, by the model's method; frequent things stand several times.
ACTIONS = (
    *["voice_begins"] * 5,
    *["voice_calls_a_tool"] * 6,
    *["voice_is_done"] * 4,
    *["bridge_sends_the_last"] * 4,
    *["client_answers"] * 3,
    *["client_answers_the_newest"] * 2,
    *["caller_stops"] * 3,
    *["client_requests"] * 4,
    *["operator_hands_back"] * 6,
    "client_types",
    "caller_starts",
    *["bridge_sends_text"] * 5,
    *["leg_plays"] * 4,
    "client_clears",
    "client_cancels",
    "operator_takes_over",
    "voice_fails",
)


@pytest.mark.parametrize("by_itself", [False, True])
@settings(max_examples=500, deadline=None)
@given(names=st.lists(st.sampled_from(ACTIONS), min_size=30, max_size=120))
def test_any_interleaving_keeps_the_rules(by_itself: bool, names: list[str]) -> None:
    model = Model(by_itself=by_itself)
    for name in names:
        getattr(model, name)()
    model.end()
