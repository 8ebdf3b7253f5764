"""Planned rollovers of a lasting voice, in virtual time: from 10 s on, at 20 s at the latest."""

from asyncio import get_running_loop
from asyncio import sleep as pause
from dataclasses import replace

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddText,
    Cancel,
    GoingAway,
    KeyRefused,
    PastCall,
    PastTurn,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    Resumed,
    ResumeReason,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
    UpdateConfig,
    Usage,
    UsageKind,
    UsageReported,
    VoiceFailed,
)
from tests.lasting import ONE, SOON, THREE, TWO, Desk, Provider, conversing
from tests.voice_desk import Said

CALLER, AGENT = TurnRole.CALLER, TurnRole.AGENT
ROLLED = Resumed(ResumeReason.ROLLOVER, ONE)


def rolling(main: object, **options: object) -> None:
    conversing(main, rollovers=SOON, **options)  # type: ignore[arg-type]


async def until_rolled(desk: Desk, count: int = 1) -> None:
    while len(desk.all(Resumed)) < count:  # noqa: ASYNC110
        await pause(0.01)  # virtual time


def now() -> float:
    return get_running_loop().time()


def test_a_quiet_connection_is_replaced_before_its_limit_again_and_again() -> None:
    async def main(desk: Desk) -> None:
        await pause(35)
        assert [round(at) for at, _ in desk.provider.dialled] == [0, 10, 20, 30]
        assert desk.all(Resumed) == [ROLLED] * 3
        assert [line.closed for line in desk.provider.lines] == [True, True, True, False]
        assert desk.all(VoiceFailed) == []

    rolling(main)


def test_the_new_connection_is_open_before_the_old_one_is_left() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        opened: list[bool] = []
        desk.provider.meanwhile = lambda: opened.append(first.closed)
        await until_rolled(desk)
        assert opened == [False]
        desk.hear(100)
        assert desk.provider.line.heard_ms == 100
        assert first.heard_ms == 0

    rolling(main)


def test_it_waits_until_nobody_speaks_no_response_plays_and_no_tool_call_is_open() -> None:
    async def main(desk: Desk) -> None:
        line = desk.provider.line
        await pause(9.5)
        line.report(SpeechStarted("i1"))
        await pause(1.5)
        line.report(SpeechStopped("i1"), Transcribed("i1", "Time?", final=True))
        desk.voice.send(Respond("r1"))
        line.report(ResponseStarted("r1"), ToolCall("r1", "c1", "clock", {}), ResponseDone("r1"))
        await pause(1.5)
        desk.voice.send(ToolResult("c1", "12:00"))
        desk.voice.send(Respond("r2"))
        line.answer("r2", "Twelve.", 2_000)
        await pause(1.9)
        assert desk.provider.models == [ONE], "it is still played"
        await until_rolled(desk)
        assert 14.5 <= now() <= 15.5
        assert desk.provider.line.opening.history == (
            PastTurn(CALLER, "Time?"),
            PastCall("c1", "clock", {}, "12:00"),
            PastTurn(AGENT, "Twelve."),
        )

    rolling(main)


def test_what_is_said_while_the_new_one_is_made_is_known_to_it_first() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line

        def meanwhile() -> None:
            first.report(SpeechStarted("i1"), SpeechStopped("i1"))
            first.report(Transcribed("i1", "Hello?", final=True))
            desk.voice.send(Respond("r1"))
            first.answer("r1", "Yes?")
            desk.voice.send(UpdateConfig(SessionConfig(model=ONE, instructions="Sing.")))

        desk.provider.meanwhile = meanwhile
        await until_rolled(desk)
        news, update = desk.provider.line.sent
        assert news == Remember((PastTurn(CALLER, "Hello?"), PastTurn(AGENT, "Yes?")))
        assert isinstance(update, UpdateConfig)
        assert first.orders[-1] == update, "the old one was told at once"

    rolling(main)


def test_at_the_latest_the_caller_is_heard_by_the_new_one_in_the_middle_of_a_turn() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        await pause(9)
        desk.hear(300)
        first.report(SpeechStarted("i1", 300.0))
        while not desk.all(Resumed):
            desk.hear(20)
            await pause(0.02)
        assert 19 <= now() <= 20.2
        line = desk.provider.line
        assert line.heard_ms >= 9_900, "the last ten seconds of it"
        line.report(SpeechStarted("x"), SpeechStopped("x"), Transcribed("x", "Long.", final=True))
        assert desk.all(SpeechStarted) == [SpeechStarted("i1", 300.0)]
        assert desk.all(SpeechStopped) == [SpeechStopped("i1")]
        assert desk.all(Transcribed) == [Transcribed("i1", "Long.", final=True)]

    rolling(main)


def busy(desk: Desk) -> None:
    """Begin a response that lasts beyond the latest time."""
    desk.voice.send(Respond("r1"))
    desk.provider.line.report(ResponseStarted("r1"))
    desk.provider.line.say("r1", "One ", 1_000)


def test_a_response_under_way_is_finished_by_the_old_one() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        await pause(9)
        busy(desk)
        await until_rolled(desk)
        desk.hear(100)
        desk.voice.send(Respond("r2"))
        assert desk.provider.line.heard_ms == 100
        assert desk.provider.line.asked == []
        first.say("r1", "two", 1_000)
        used = UsageReported(UsageKind.SESSION, Usage(seconds=1.0))
        first.report(used, SpeechStarted("late"), ResponseStarted("own"))
        first.report(ResponseDone("r1", usage=Usage(text_out_tokens=2)))
        assert desk.ear.text_of("r1") == "One two"
        assert desk.all(ResponseDone) == [ResponseDone("r1", usage=Usage(text_out_tokens=2))]
        assert desk.all(ResponseStarted) == [ResponseStarted("r1")]
        assert desk.all(SpeechStarted) == []
        response = UsageReported(UsageKind.RESPONSE, Usage(text_out_tokens=2))
        assert desk.all(UsageReported) == [replace(it, model=ONE) for it in (used, response)]
        assert desk.provider.line.orders == [
            Remember((PastTurn(AGENT, "One two"),)),
            Respond("r2"),
        ]
        await pause(0.1)
        assert first.closed

    rolling(main)


def test_its_tool_calls_are_known_to_the_new_one_before_their_results() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        await pause(9)
        busy(desk)
        await until_rolled(desk)
        first.report(ToolCall("r1", "c1", "clock", {}))
        desk.voice.send(ToolResult("c1", "12:00"))
        assert desk.provider.line.orders == []
        first.report(ResponseDone("r1"))
        assert desk.provider.line.orders == [
            Remember((PastTurn(AGENT, "One "), PastCall("c1", "clock", {}))),
            ToolResult("c1", "12:00"),
        ]

    rolling(main)


def test_a_caller_who_interrupts_it_lets_the_old_one_go() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        await pause(9)
        busy(desk)
        await until_rolled(desk)
        desk.provider.line.report(SpeechStarted("i1"))
        desk.voice.send(Cancel("r1", 1_000))
        assert first.orders[-1] == Cancel("r1", 1_000)
        first.say("r1", "late")
        assert "late" not in [said.delta for said in desk.all(Said)]
        assert Remember((PastTurn(AGENT, "One"),)) in desk.provider.line.orders
        await pause(0.1)
        assert first.closed

    rolling(main)


def test_an_old_one_that_dies_on_the_way_ends_its_response_alone() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        await pause(9)
        busy(desk)
        await until_rolled(desk)
        first.die()
        assert desk.all(ResponseDone) == [ResponseDone("r1", ResponseEnd.FAILED)]
        assert desk.provider.line.told == (PastTurn(AGENT, "One "),)
        await pause(1)
        assert len(desk.provider.lines) == 2

    rolling(main)


def test_an_old_one_that_had_not_begun_leaves_its_response_to_the_new_one() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        await pause(9)
        desk.voice.send(Respond("r1"))
        await until_rolled(desk)
        assert desk.provider.line.asked == []
        first.die()
        assert desk.provider.line.asked == ["r1"]

    rolling(main)


# -- what goes wrong ----------------------------------------------------------------------


def test_a_rollover_that_is_refused_is_tried_again_while_the_old_one_goes_on() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.refuses[ONE] = [("http_503", True)] * 2
        await until_rolled(desk)
        assert [round(at) for at, _ in desk.provider.dialled] == [0, 10, 15, 20]
        assert desk.all(VoiceFailed) == []

    rolling(main)


def test_a_key_that_is_refused_at_each_attempt_is_reported_once() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.refuses[ONE] = [("http_401", False)] * 3
        await until_rolled(desk)
        assert [round(at) for at, _ in desk.provider.dialled] == [0, 10, 15, 20, 25]
        assert desk.all(KeyRefused) == [KeyRefused(ONE, "http_401", "ab12")]
        assert desk.all(VoiceFailed) == []

    rolling(main)


def test_a_connection_that_is_lost_after_its_key_was_refused_is_followed_by_a_fallback() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.refuses[ONE] = [("http_401", False)] * 9
        desk.provider.refuses[TWO] = [("http_401", False)]
        await pause(17)
        assert desk.provider.models == [ONE] * 3
        desk.provider.line.die()
        await pause(1)
        assert desk.all(Resumed) == [Resumed(ResumeReason.FALLBACK, THREE, True)]
        assert desk.provider.models == [ONE] * 4 + [TWO, THREE]
        refused = [signal.model for signal in desk.all(KeyRefused)]
        assert refused == [ONE, TWO]

    rolling(main, fallbacks=(TWO, THREE))


def test_a_connection_that_is_lost_while_the_next_is_made_is_followed_by_it() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.meanwhile = desk.provider.line.die
        await until_rolled(desk)
        assert desk.all(Resumed) == [Resumed(ResumeReason.RECONNECT, ONE)]
        assert desk.provider.models == [ONE, ONE]

    rolling(main)


def test_a_next_connection_that_is_lost_before_it_is_used_is_made_anew() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        desk.provider.meanwhile = lambda: first.report(SpeechStarted("i1"))
        await pause(11)
        desk.provider.meanwhile = None
        assert desk.all(Resumed) == []
        desk.provider.line.die()
        first.report(SpeechStopped("i1"), Transcribed("i1", "Hm.", final=True))
        await until_rolled(desk)
        assert len(desk.provider.lines) == 3
        assert desk.provider.line.told == (PastTurn(CALLER, "Hm."),)

    rolling(main)


def test_a_connection_that_is_lost_once_the_next_is_ready_is_followed_at_once() -> None:
    async def main(desk: Desk) -> None:
        first = desk.provider.line
        desk.provider.meanwhile = lambda: first.report(SpeechStarted("i1"))
        await pause(11)
        first.die()
        assert desk.all(Resumed) == [ROLLED]
        assert len(desk.provider.lines) == 2

    rolling(main)


# -- what a provider announces ------------------------------------------------------------


def test_a_notice_is_taken_at_the_next_quiet_moment() -> None:
    async def main(desk: Desk) -> None:
        await pause(2)
        desk.provider.line.report(GoingAway(60_000))
        await until_rolled(desk)
        assert now() <= 52
        assert desk.all(GoingAway) == [], "the call need not know"

    conversing(main)


def test_a_short_notice_leaves_half_of_its_time() -> None:
    async def main(desk: Desk) -> None:
        await pause(1)
        busy(desk)
        desk.provider.line.report(GoingAway(1_000))
        await until_rolled(desk)
        assert now() <= 1.9

    conversing(main)


def test_a_notice_later_than_the_plan_changes_nothing() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.report(GoingAway(3_600_000))
        await until_rolled(desk)
        assert round(now()) == 10

    rolling(main)


# -- other kinds of conversations ---------------------------------------------------------


def test_with_push_to_talk_it_waits_until_the_button_is_released() -> None:
    detection = TurnDetection(type=TurnDetectionType.NONE)

    async def main(desk: Desk) -> None:
        await pause(9.5)
        for _ in range(200):
            desk.hear(20)
            await pause(0.02)
        assert desk.provider.models == [ONE]
        await until_rolled(desk)
        assert 14.4 <= now() <= 15
        assert desk.provider.line.heard_ms == 4_000, "what was not ended is heard again"

    rolling(main, config=SessionConfig(model=ONE, turn_detection=detection))


def test_an_answer_that_a_provider_owes_is_waited_for() -> None:
    async def main(desk: Desk) -> None:
        line = desk.provider.line
        await pause(1.9)
        line.report(GoingAway(10_000))
        line.report(SpeechStarted("i1"), SpeechStopped("i1"), Transcribed("i1", "Hi", final=True))
        desk.voice.send(AddText("Well?"))
        await pause(3)
        assert desk.provider.models == [THREE]
        line.answer("own", "Yes?")
        await until_rolled(desk)
        assert desk.all(Resumed) == [Resumed(ResumeReason.ROLLOVER, THREE, True)]

    conversing(main, config=SessionConfig(model=THREE))


def test_a_test_that_waits_for_nothing_sees_no_rollover() -> None:
    async def main(desk: Desk) -> None:
        await pause(100_000)
        assert desk.provider.models == [ONE]

    conversing(main, provider=Provider())
