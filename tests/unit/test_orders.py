"""Orders of requests to live calls, in virtual time: told means committed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from ringline.domain import leg, voice
from ringline.domain.call_signals import Verdict
from ringline.domain.call_vocabulary import ParticipantRole
from ringline.domain.endings import EndCause
from ringline.domain.events import CallAudit, TurnCompleted
from ringline.domain.handover import HandedBack
from ringline.domain.log import Environment
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import EntryRefused
from ringline.services.live_call import INBOX_SIZE, LiveCall
from ringline.services.orders import MAX_ORDERS, ORDER_S
from tests.expecting import unavailable_for
from tests.house import SCOPE, House, end_call, hand_back, run, take_over
from tests.samples import a_scope, new_id
from tests.talking import RESPONDS_BY_ITSELF, ScriptedLeg, speech

_T = TypeVar("_T")

#: Another workspace, and another environment of this one.
FOREIGN = (a_scope(2), a_scope(environment=Environment.TEST))


async def answered(house: House, greeting: str = "") -> tuple[LiveCall, ScriptedLeg]:
    live, line = house.start(greeting)
    await asyncio.sleep(1)
    assert isinstance(line.news[0], leg.SessionStarted)
    return live, line


def codes(house: House, live: LiveCall) -> list[str]:
    return [data.code for data in house.events(live) if isinstance(data, CallAudit)]


def types(house: House, live: LiveCall) -> list[str]:
    return [data.type for data in house.events(live)]


def ordering(work: Awaitable[_T]) -> asyncio.Future[_T]:
    return asyncio.ensure_future(work)


async def seconds_until_unavailable(
    work: Awaitable[object], reason: UnavailableReason = UnavailableReason.ORDER_UNCONFIRMED
) -> float:
    """Return how long a request waited until it was told why it may try again."""
    began = asyncio.get_running_loop().time()
    with unavailable_for(reason):
        await work
    return asyncio.get_running_loop().time() - began


# Taking over and handing back.


def test_a_takeover_stops_the_agent_and_is_confirmed_after_the_commit() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house, "A long greeting")
        (speaker,) = house.voices
        listener, greeting = speaker.listener, speaker.asked()
        listener.on_voice_signal(voice.ResponseStarted(greeting))
        for word in ("A ", "long ", "greeting"):
            listener.on_voice_text(greeting, word)
            listener.on_voice_audio(greeting, speech(1_000))
        await asyncio.sleep(1.2)
        assert await take_over(house.calls, SCOPE, live.new.row.id, "ann") is Verdict.DONE
        assert types(house, live)[-3:] == [
            "call.turn_completed",
            "call.participant_joined",
            "call.audit",
        ]
        (turn,) = [data for data in house.events(live) if isinstance(data, TurnCompleted)]
        assert (turn.text, turn.interrupted) == ("A long ", True)
        assert speaker.orders[-1] == voice.Cancel(greeting, 1_200)
        await asyncio.sleep(5)
        assert line.items[-2:] == ["flush", leg.AgentFinished(True, "A")]

    run(main)


@pytest.mark.parametrize("capabilities", [None, RESPONDS_BY_ITSELF])
def test_the_agent_is_silent_until_it_is_let_back_in(
    capabilities: voice.VoiceCapabilities | None,
) -> None:
    async def main(house: House) -> None:
        house.capabilities = capabilities or house.capabilities
        live, line = await answered(house)
        (speaker,) = house.voices
        await take_over(house.calls, SCOPE, live.new.row.id, "bob", ParticipantRole.SUPERVISOR)
        speaker.listener.on_voice_signal(voice.SpeechStarted("item"))
        speaker.listener.on_voice_signal(voice.SpeechStopped("item"))
        speaker.listener.on_voice_signal(voice.Transcribed("item", "hello", final=True))
        speaker.say("own", speech(500), text="hi")
        await asyncio.sleep(5)
        assert line.played == []
        assert not [order for order in speaker.orders if isinstance(order, voice.Respond)]
        assert await hand_back(house.calls, SCOPE, live.new.row.id) is Verdict.DONE
        assert codes(house, live) == ["barged", "ai_resumed"]
        speaker.say(speaker.asked(), speech(500), text="hi")
        await asyncio.sleep(1)
        assert len(line.played) > 0
        turns = [data.text for data in house.events(live) if isinstance(data, TurnCompleted)]
        assert turns == ["hello", "hi"]

    run(main)


def test_repeated_orders_succeed_and_write_nothing() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        call_id = live.new.row.id
        assert await hand_back(house.calls, SCOPE, call_id) is Verdict.DONE
        several = [take_over(house.calls, SCOPE, call_id, "ann") for _ in range(3)]
        assert await asyncio.gather(*several) == [Verdict.DONE] * 3
        await take_over(house.calls, SCOPE, call_id, "ann")
        assert codes(house, live) == ["barged"]
        await asyncio.gather(*(hand_back(house.calls, SCOPE, call_id) for _ in range(3)))
        assert codes(house, live) == ["barged", "ai_resumed"]

    run(main)


def test_operators_leave_at_the_end() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        await take_over(house.calls, SCOPE, live.new.row.id, "ann")
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert house.ended(live).hangup_cause == "caller_hangup"
        assert types(house, live).count("call.participant_left") == 3

    run(main)


# Ending.


def test_an_end_is_confirmed_after_the_commit() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house, "Hello")
        assert await end_call(house.calls, SCOPE, live.new.row.id)
        assert line.hung_up == leg.HangUp(EndCause.ENDED_BY_API)
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("completed", "api_hangup")

    run(main)


def test_a_call_can_be_ended_before_it_is_answered() -> None:
    async def main(house: House) -> None:
        live, line = house.start("Hello")
        assert await end_call(house.calls, SCOPE, live.new.row.id)
        assert line.items == [leg.HangUp(EndCause.ENDED_BY_API)]
        ended = house.ended(live)
        assert (ended.status, ended.hangup_cause) == ("completed", "api_hangup")

    run(main)


def test_concurrent_ends_all_succeed_with_one_event() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        ends: list[asyncio.Future[bool]] = []
        house.store.go_away()
        for turns in range(6):  # until after the call's task is gone
            ends.append(ordering(end_call(house.calls, SCOPE, live.new.row.id)))
            for _ in range(turns):
                await asyncio.sleep(0)
        await asyncio.sleep(1)
        assert house.calls.count(SCOPE) == 0
        ends.append(ordering(end_call(house.calls, SCOPE, live.new.row.id)))
        await asyncio.sleep(1)
        assert not any(end.done() for end in ends)
        house.store.come_back()
        assert await asyncio.gather(*ends) == [True] * 7
        assert house.ended(live).hangup_cause == "api_hangup"
        assert not await end_call(house.calls, SCOPE, live.new.row.id), "it is a record now"

    run(main)


def test_an_order_that_waits_while_the_call_ends_is_answered() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        call_id = live.new.row.id
        live.listener.on_leg_signal(leg.Left())  # before them in the inbox
        barged, resumed, ended = await asyncio.gather(
            take_over(house.calls, SCOPE, call_id, "ann"),
            hand_back(house.calls, SCOPE, call_id),
            end_call(house.calls, SCOPE, call_id),
        )
        assert (barged, resumed, ended) == (Verdict.NOT_ACTIVE, Verdict.NOT_ACTIVE, True)
        assert house.ended(live).hangup_cause == "caller_hangup"
        assert codes(house, live) == []

    run(main)


# Which calls there are.


def test_a_call_that_is_not_answered_is_not_active() -> None:
    async def main(house: House) -> None:
        live, line = house.start("Hello")
        call_id = live.new.row.id
        assert await take_over(house.calls, SCOPE, call_id, "ann") is Verdict.NOT_ACTIVE
        assert await hand_back(house.calls, SCOPE, call_id) is Verdict.NOT_ACTIVE
        await asyncio.sleep(1)
        assert isinstance(line.news[0], leg.SessionStarted)
        assert voice.Respond(house.voices[0].asked(), "Hello") in house.voices[0].orders
        assert codes(house, live) == []

    run(main)


def test_an_unknown_and_a_foreign_call_look_the_same() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house)
        places = [(SCOPE, new_id()), *((scope, live.new.row.id) for scope in FOREIGN)]
        for scope, call_id in places:
            assert not await end_call(house.calls, scope, call_id)
            assert await take_over(house.calls, scope, call_id, "ann") is Verdict.NOT_HERE
            assert await hand_back(house.calls, scope, call_id) is Verdict.NOT_HERE
        await asyncio.sleep(1)
        assert line.hung_up is None
        assert codes(house, live) == []

    run(main)


def test_a_foreign_call_is_not_found_even_while_its_end_is_unwritten() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        house.store.go_away()
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert not await end_call(house.calls, FOREIGN[0], live.new.row.id)
        mine = ordering(take_over(house.calls, SCOPE, live.new.row.id, "ann"))
        house.store.come_back()
        assert await mine is Verdict.NOT_ACTIVE
        assert house.ended(live).hangup_cause == "caller_hangup"

    run(main)


# The database away, and other trouble.

ORDERS: list[Callable[[House, LiveCall], Awaitable[object]]] = [
    lambda house, live: end_call(house.calls, SCOPE, live.new.row.id),
    lambda house, live: take_over(house.calls, SCOPE, live.new.row.id, "ann"),
]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_not_committed_within_10_seconds_is_not_confirmed(
    order: Callable[[House, LiveCall], Awaitable[object]],
) -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        house.store.go_away()
        assert await seconds_until_unavailable(order(house, live)) == pytest.approx(ORDER_S)
        before = len(house.events(live))
        house.store.come_back()
        assert await order(house, live) in (True, Verdict.DONE)
        assert len(house.events(live)) > before, "it was carried out, and is told now"

    run(main)


def test_a_repeated_order_is_not_confirmed_before_the_first_is_committed() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        call_id = live.new.row.id
        house.store.go_away()
        first = ordering(take_over(house.calls, SCOPE, call_id, "ann"))
        await asyncio.sleep(1)
        second = ordering(take_over(house.calls, SCOPE, call_id, "ann"))
        await asyncio.sleep(1)
        assert not any(order.done() for order in (first, second))
        house.store.come_back()
        await second
        assert codes(house, live) == ["barged"]
        await first

    run(main)


def test_the_order_of_a_cancelled_request_is_carried_out() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        call_id = live.new.row.id
        house.store.go_away()
        gone = ordering(take_over(house.calls, SCOPE, call_id, "ann"))
        await asyncio.sleep(0)
        also_gone = ordering(take_over(house.calls, SCOPE, call_id, "ann"))
        stays = ordering(take_over(house.calls, SCOPE, call_id, "ann"))
        gone.cancel()
        await asyncio.sleep(1)
        also_gone.cancel()
        house.store.come_back()
        assert await stays is Verdict.DONE
        assert gone.cancelled()
        assert also_gone.cancelled()
        assert codes(house, live) == ["barged"]

    run(main)


def test_a_takeover_that_is_refused_raises() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house)
        house.store.refused = {live.new.row.id}
        with pytest.raises(EntryRefused):
            await take_over(house.calls, SCOPE, live.new.row.id, "ann")
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.INTERNAL_ERROR)
        assert codes(house, live) == []
        assert types(house, live)[-1] == "call.ended"

    run(main)


def test_an_end_is_written_even_if_a_defect_breaks_the_call() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house)
        line.fails_at = leg.HangUp
        assert await end_call(house.calls, SCOPE, live.new.row.id)
        assert house.ended(live).hangup_cause == "api_hangup"

    run(main)


def test_a_call_that_breaks_at_a_takeover_is_not_active() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house, "Hello")
        (speaker,) = house.voices
        speaker.listener.on_voice_signal(voice.ResponseStarted(speaker.asked()))
        await asyncio.sleep(1)
        line.fails_at = leg.AgentFinished
        assert await take_over(house.calls, SCOPE, live.new.row.id, "ann") is Verdict.NOT_ACTIVE
        assert house.ended(live).hangup_cause == "internal_error"

    run(main)


def test_waiting_orders_are_bounded_and_the_call_goes_on() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house)
        orders = [ordering(live.order(HandedBack())) for _ in range(MAX_ORDERS + 1)]
        answers = await asyncio.gather(*orders, return_exceptions=True)
        assert answers[:-1] == [Verdict.DONE] * MAX_ORDERS
        assert isinstance(answers[-1], Unavailable)
        assert answers[-1].reason is UnavailableReason.TOO_MANY_ORDERS
        assert await live.order(HandedBack()) is Verdict.DONE
        assert line.hung_up is None

    run(main)


def test_orders_are_refused_while_the_inbox_is_full() -> None:
    async def main(house: House) -> None:
        live, line = await answered(house, "Hello")
        speaker = house.voices[0]
        speaker.say(speaker.asked(), speech(2_000))
        await asyncio.sleep(0)
        for _ in range(INBOX_SIZE):
            live.listener.on_leg_signal(leg.Digit("1"))
        for order in ORDERS:
            waited_s = await seconds_until_unavailable(
                order(house, live), UnavailableReason.TOO_MANY_ORDERS
            )
            assert waited_s == 0
        await asyncio.sleep(5)
        assert line.hung_up is None
        assert line.news[-1] == leg.AgentFinished(), "what was playing was not halted"
        assert "flush" not in line.items

    run(main)


def test_a_shutdown_answers_waiting_orders() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        house.store.go_away()
        end = ordering(end_call(house.calls, SCOPE, live.new.row.id))
        await asyncio.sleep(1)
        await house.calls.shutdown()
        await house.journal.close(grace_s=0)
        assert await seconds_until_unavailable(end) == 0

    run(main)
