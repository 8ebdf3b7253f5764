"""What a voice that takes over is told: what was heard, once, in spoken order."""

from ringline.domain import voice_limits
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.recollection import Knowledge, Recollection
from ringline.domain.voice import PastCall, PastTurn

CALLER, AGENT = TurnRole.CALLER, TurnRole.AGENT


def told(memory: Recollection) -> list[PastTurn | PastCall]:
    return list(memory.tell(Knowledge()))


def say(memory: Recollection, response_id: str, *pieces: tuple[str, float]) -> int:
    number = memory.agent_began(response_id)
    for text, ms in pieces:
        memory.agent_said(response_id, text)
        memory.agent_spoke(number, ms)
    return number


def test_turns_stand_where_they_began() -> None:
    memory = Recollection((PastTurn(AGENT, "Good day."),))
    memory.caller_began("i1")
    say(memory, "r1", ("Wait.", 500))
    memory.agent_over("r1")
    assert told(memory) == [PastTurn(AGENT, "Good day."), PastTurn(AGENT, "Wait.")]
    memory.caller_said("i1", "Hello?")
    assert told(memory)[1:] == [PastTurn(CALLER, "Hello?"), PastTurn(AGENT, "Wait.")]


def test_what_nobody_could_read_or_hear_is_left_out() -> None:
    memory = Recollection()
    memory.caller_began("i1")
    memory.caller_said("i1", "")
    say(memory, "r1", ("Hello there", 1_000))
    memory.agent_cut("r1", 0)
    memory.agent_began("r2")
    memory.agent_over("r2")
    assert told(memory) == []


def test_a_response_is_cut_to_whole_words_also_after_it_was_over() -> None:
    memory = Recollection()
    say(memory, "r1", ("One two ", 1_000), ("three four", 1_000))
    memory.agent_over("r1")
    memory.agent_cut("r1", 1_500)
    assert told(memory) == [PastTurn(AGENT, "One two three")]


def test_what_was_only_written_was_read() -> None:
    memory = Recollection()
    memory.agent_began("r1")
    memory.agent_said("r1", "In writing")
    memory.agent_cut("r1", 0)
    assert told(memory) == [PastTurn(AGENT, "In writing")]


def test_a_finished_response_does_not_grow() -> None:
    memory = Recollection()
    number = say(memory, "r1", ("One ", 500))
    memory.agent_cut("r1", 500)
    memory.agent_said("r1", "two")
    memory.agent_spoke(number, 500)
    memory.agent_spoke(0, 500)  # of no response
    assert told(memory) == [PastTurn(AGENT, "One")]


def test_each_voice_is_told_everything_once() -> None:
    memory, known = Recollection(), Knowledge()
    memory.typed("One")
    memory.called(PastCall("c1", "clock", {}))
    other = memory.learnt()
    assert memory.tell(known) == (PastTurn(CALLER, "One"), PastCall("c1", "clock", {}))
    assert memory.tell(known) == ()
    assert memory.has_open_calls
    number = memory.answered("c1", "12:00")
    assert not memory.has_open_calls
    memory.typed("Two")
    news = (PastCall("c1", "clock", {}, "12:00"), PastTurn(CALLER, "Two"))
    copy = known.copy()
    assert memory.tell(known) == news
    assert memory.tell(copy) == news
    other.learn(number)
    assert memory.tell(other) == (PastTurn(CALLER, "Two"),)


def test_results_of_unknown_and_of_cancelled_calls_are_nobodys() -> None:
    memory = Recollection()
    memory.called(PastCall("c1", "clock", {}))
    memory.called(PastCall("c2", "lamp", {}))
    memory.answered("c2", "on")
    memory.calls_cancelled({"c1", "c2"})
    assert memory.answered("c1", "12:00") == memory.answered("x", "y") == 0
    assert told(memory) == [PastCall("c2", "lamp", {}, "on")]


def test_the_oldest_is_forgotten_beyond_the_bound_but_nothing_that_is_open() -> None:
    most = voice_limits.REMEMBERED_CHARACTERS.most
    memory, known = Recollection(), Knowledge()
    memory.called(PastCall("c1", "clock", {}))
    memory.typed("first")
    memory.tell(known)
    memory.caller_began("i1")
    memory.typed("x" * most)
    assert told(memory) == [PastCall("c1", "clock", {}), PastTurn(CALLER, "x" * most)]
    memory.caller_said("i1", "late")
    assert told(memory)[-1] == PastTurn(CALLER, "x" * most)
    memory.tell(known)
    assert len(known.numbers) == 2, "what is forgotten needs no numbers"


def test_a_long_result_is_cut() -> None:
    memory = Recollection()
    memory.called(PastCall("c1", "clock", {}))
    memory.answered("c1", "x" * voice_limits.REMEMBERED_CHARACTERS.most)
    (call,) = told(memory)
    assert isinstance(call, PastCall)
    assert call.result is not None
    assert len(call.result) == voice_limits.REMEMBERED_CHARACTERS.most // 2
