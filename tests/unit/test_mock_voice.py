"""The test voices in virtual time: pace, tools, errors, ends, and what they report to use."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from ringline.domain import voice_limits
from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    GoingAway,
    PastTurn,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
    TurnEmpty,
    UpdateConfig,
    Usage,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
)
from ringline.voices import mock
from ringline.voices.mock_sound import Tone, three_for_two
from ringline.voices.mock_speaking import QUEUED_LIMIT
from ringline.voices.mock_voice import MockVoice
from tests import clock as virtual
from tests.voice_desk import Recorder, Report, Said, Spoke, feed, hum, quiet

ECHO = SessionConfig(model="mock/echo", voice="a")
ASYM = SessionConfig(model="mock/asym", voice="a")
CLOCK = replace(ECHO, tools=(Tool(name="clock"), Tool(name="lamp")))
HZ = 24_000


class Talk:
    """A conversation with a test voice, and when it reported what."""

    def __init__(self, voice: MockVoice, ear: Recorder) -> None:
        self.voice, self.ear = voice, ear
        self.times: list[tuple[float, Report]] = []
        self.ended = ResponseDone("")
        self._loop = asyncio.get_running_loop()
        ear.hooks.append(lambda report: self.times.append((self.now_ms, report)))

    @property
    def now_ms(self) -> float:
        return round(self._loop.time() * 1_000, 3)

    def at(self, kind: type[Report]) -> list[float]:
        """Return when reports of a kind came."""
        return [at for at, report in self.times if isinstance(report, kind)]

    async def ask(self, *texts: str, response_id: str = "r") -> str:
        """Type texts, request a response and wait for its end; return what was said."""
        for text in texts:
            self.voice.send(AddText(text))
        return await self.respond(response_id)

    async def respond(self, response_id: str = "r", say: str | None = None) -> str:
        done = len(self.ear.all(ResponseDone)) + 1
        self.voice.send(Respond(response_id, say))
        self.ended = await self.ear.until(ResponseDone, done)
        assert self.ended.response_id == response_id
        return self.ear.text_of(response_id)


def conversing(
    main: Callable[[Talk], Coroutine[Any, Any, None]],
    config: SessionConfig = ECHO,
    *history: PastTurn,
) -> None:
    """Run a test in virtual time; check that nothing is left of the voice at its end."""

    async def whole() -> None:
        ear = Recorder()
        opens = mock.open_asym if config.model == mock.ASYM_MODEL else mock.open_echo
        voice = await opens(VoiceOpening(config, history), ear)
        await main(Talk(voice, ear))
        await voice.close()
        before = list(ear.reports)
        timers: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        assert [timer for timer in timers if not timer.cancelled()] == []
        await asyncio.sleep(1_000)
        assert ear.reports == before, "after close nothing is reported"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual.run(whole())


def tone(ms: int, hz: int = 440) -> bytes:
    return b"".join(Tone(hz, ms).pieces())


# -- echoes and their pace ----------------------------------------------------------------


def test_a_spoken_turn_is_said_back_at_the_pace_of_real_time() -> None:
    async def main(talk: Talk) -> None:
        talk.ear.answer_turns(talk.voice)
        audio = hum(240, HZ)
        feed(talk.voice, quiet(100, HZ) + audio + quiet(500, HZ))
        await talk.ear.until(ResponseDone)
        assert talk.ear.text_of("r1") == "echo: heard 200 ms"
        assert talk.ear.pcm_of("r1") == audio
        assert talk.at(Spoke) == [0, 100, 200]
        assert [said.delta for said in talk.ear.all(Said)] == ["echo: ", "heard ", "200 ms"]
        assert talk.at(ResponseDone) == [200]

    conversing(main)


def test_audio_of_16_khz_is_said_back_at_24_khz() -> None:
    async def main(talk: Talk) -> None:
        talk.ear.answer_turns(talk.voice)
        audio = hum(260, 16_000)
        feed(talk.voice, audio + quiet(500, 16_000))
        await talk.ear.until(ResponseDone)
        assert talk.ear.text_of("r1") == "echo: heard 300 ms"
        assert talk.ear.pcm_of("r1") == three_for_two(audio)
        assert {spoke.chunk.rate_hz for spoke in talk.ear.all(Spoke)} == {HZ}

    conversing(main, ASYM)


def test_a_text_is_said_back_with_a_tone_of_20_ms_a_character() -> None:
    async def main(talk: Talk) -> None:
        assert await talk.ask("Good morning") == "echo: Good morning"
        assert talk.ear.pcm_of("r") == tone(240)
        assert talk.at(Said) == talk.at(Spoke) == [0, 100, 200]

    conversing(main)


def test_voice_b_speaks_an_octave_above() -> None:
    async def main(talk: Talk) -> None:
        await talk.ask("Hello", response_id="a")
        talk.voice.send(UpdateConfig(replace(ECHO, voice="b")))
        await talk.ask("Hello", response_id="b")
        assert talk.ear.pcm_of("a") == tone(100, 440)
        assert talk.ear.pcm_of("b") == tone(100, 880)

    conversing(main)


def test_a_greeting_is_said_as_it_stands_and_answers_nothing() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddText("Hello?"))
        assert await talk.respond("greeting", "Welcome.") == "Welcome."
        assert talk.ear.pcm_of("greeting") == tone(160)
        assert await talk.respond("answer") == "echo: Hello?"

    conversing(main)


def test_without_audio_among_the_modalities_the_text_keeps_its_pace() -> None:
    async def main(talk: Talk) -> None:
        assert await talk.ask("x" * 15) == "echo: " + "x" * 15
        assert talk.ear.all(Spoke) == []
        assert talk.at(Said) == [0, 100, 200]
        assert talk.ended.usage.audio_out_tokens == 0

    conversing(main, replace(ECHO, modalities=(Modality.TEXT,)))


def test_a_voice_that_was_held_up_catches_up() -> None:
    async def main(talk: Talk) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual.VirtualClockLoop)

        def hold_up(report: Report) -> None:
            if isinstance(report, Spoke) and len(talk.ear.all(Spoke)) == 2:
                loop._jumping.now += 0.15  # as if another task had blocked the loop

        talk.ear.hooks.append(hold_up)
        await talk.ask("x" * 25)
        assert talk.at(Spoke) == [0, 100, 250, 300, 400]

    conversing(main)


# -- turns --------------------------------------------------------------------------------


def test_a_turn_ends_when_no_audio_comes_for_twice_its_silence() -> None:
    async def main(talk: Talk) -> None:
        feed(talk.voice, hum(100, HZ))
        await asyncio.sleep(0.9)
        feed(talk.voice, quiet(20, HZ))
        await talk.ear.until(SpeechStopped)
        assert talk.at(SpeechStarted) == [0]
        assert talk.at(SpeechStopped) == [1_900]
        assert [heard.text for heard in talk.ear.all(Transcribed)] == ["heard 100 ms"]

    conversing(main)


def test_even_a_silence_of_0_ms_waits_for_the_next_frame() -> None:
    async def main(talk: Talk) -> None:
        feed(talk.voice, hum(100, HZ))
        assert [type(report) for report in talk.ear.reports] == [SpeechStarted]
        await talk.ear.until(SpeechStopped)
        assert talk.at(SpeechStopped) == [40]

    conversing(main, replace(ECHO, turn_detection=TurnDetection(silence_duration_ms=0)))


def test_without_detection_an_order_ends_the_turn() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(EndTurn())
        assert talk.ear.reports == [TurnEmpty()]
        feed(talk.voice, quiet(400, HZ))
        talk.voice.send(EndTurn())
        feed(talk.voice, hum(400, HZ))
        talk.voice.send(EndTurn())
        talk.voice.send(EndTurn())
        assert [type(report) for report in talk.ear.reports] == [
            TurnEmpty,
            SpeechStopped,
            Transcribed,
            SpeechStopped,
            Transcribed,
            TurnEmpty,
        ]
        assert [heard.text for heard in talk.ear.all(Transcribed)] == ["heard 0 ms", "heard 400 ms"]
        assert len({heard.item_id for heard in talk.ear.all(Transcribed)}) == 2
        assert await talk.respond() == "echo: heard 0 ms\necho: heard 400 ms"
        assert talk.ear.pcm_of("r") == hum(400, HZ)

    by_order = TurnDetection(type=TurnDetectionType.NONE)
    conversing(main, replace(ECHO, turn_detection=by_order))


def test_cleared_audio_is_no_turn_without_detection_either() -> None:
    async def main(talk: Talk) -> None:
        feed(talk.voice, hum(405, HZ))
        talk.voice.send(ClearInput())
        talk.voice.send(EndTurn())
        assert talk.ear.reports == [TurnEmpty()]

    by_order = TurnDetection(type=TurnDetectionType.NONE)
    conversing(main, replace(ECHO, turn_detection=by_order))


def test_unanswered_turns_are_kept_for_a_minute_of_audio() -> None:
    async def main(talk: Talk) -> None:
        for _ in range(4):
            feed(talk.voice, hum(19_000, HZ) + quiet(500, HZ))
        said = await talk.respond()
        assert said == "\n".join(["echo: heard 19000 ms"] * 4)
        assert talk.ear.pcm_of("r") == hum(19_000, HZ) * 3 + hum(3_000, HZ)

    conversing(main)


def test_only_so_many_unanswered_lines_are_kept() -> None:
    most = voice_limits.TEST_VOICE_UNANSWERED.most

    async def main(talk: Talk) -> None:
        said = await talk.ask(*(str(number) for number in range(most + 2)))
        assert said.split("\n") == [f"echo: {number}" for number in range(2, most + 2)]

    conversing(main)


# -- interruptions ------------------------------------------------------------------------


def test_a_cancelled_response_tells_what_was_cut_off() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddText("/long 10000"))
        talk.voice.send(Respond("long"))
        await asyncio.sleep(4.95)
        talk.voice.send(Cancel("long", 4_900))
        done = talk.ear.all(ResponseDone)
        assert [(one.response_id, one.reason) for one in done] == [("long", ResponseEnd.CANCELLED)]
        assert talk.ear.pcm_of("long") == tone(5_000)
        assert talk.ear.text_of("long") == "echo: /long 10000"[: 17 // 2]
        assert done[0].usage == Usage(audio_out_tokens=100, text_in_tokens=3, text_out_tokens=2)
        await asyncio.sleep(20)
        assert len(talk.ear.all(ResponseDone)) == 1

    conversing(main)


def test_a_response_that_is_cancelled_while_it_waits_never_begins() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddText("/slow 5000"))
        talk.voice.send(Respond("slow"))
        await asyncio.sleep(1)
        talk.voice.send(Cancel("slow", 0))
        assert await talk.ask("go on", response_id="next") == "echo: go on"
        assert talk.at(ResponseStarted) == [1_000]

    conversing(main)


def test_a_response_that_is_cancelled_at_once_leaves_its_words_to_the_next() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddText("one"))
        talk.voice.send(Respond("never"))
        talk.voice.send(Cancel("never", 0))
        assert await talk.ask("two") == "echo: one\necho: two"
        assert talk.ear.all(ResponseStarted) == [ResponseStarted("r")]

    conversing(main)


def test_a_report_may_end_the_response_that_it_belongs_to() -> None:
    async def main(talk: Talk) -> None:
        def cancel(report: Report) -> None:
            if isinstance(report, Said):
                talk.voice.send(Cancel(report.response_id, 0))

        talk.ear.hooks.append(cancel)
        await talk.ask("Hello there")
        assert talk.ended.reason is ResponseEnd.CANCELLED
        assert talk.ear.all(Spoke) == [], "its audio must not follow its end"
        await asyncio.sleep(1)
        assert len(talk.ear.all(Said)) == 1

    conversing(main)


def test_more_responses_than_can_wait_are_refused() -> None:
    async def main(talk: Talk) -> None:
        for number in range(QUEUED_LIMIT + 2):
            talk.voice.send(Respond(f"r{number}", "Hi."))
        await talk.ear.until(VoiceFailed)
        refused = f"r{QUEUED_LIMIT + 1}"
        (failed,) = talk.ear.all(VoiceFailed)
        assert (failed.code, failed.recoverable) == (VoiceFailure.OVERLOADED, True)
        assert talk.ear.all(ResponseDone) == [ResponseDone(refused, ResponseEnd.FAILED)]
        await talk.ear.until(ResponseDone, QUEUED_LIMIT + 2)

    conversing(main)


# -- commands -----------------------------------------------------------------------------


def test_slow_waits_before_the_response_begins() -> None:
    async def main(talk: Talk) -> None:
        assert await talk.ask("/slow 700", "x") == "echo: /slow 700\necho: x"
        assert talk.at(ResponseStarted) == [700]
        assert talk.at(Spoke) == [700, 800, 880]

    conversing(main)


def test_several_lines_make_several_calls_in_one_response() -> None:
    async def main(talk: Talk) -> None:
        text = '/tool clock {"tz":"UTC"}\n/tool horn\n/tool lamp'
        assert await talk.ask(text) == "no tool horn"
        clock, lamp = talk.ear.all(ToolCall)
        assert (clock.name, clock.arguments) == ("clock", {"tz": "UTC"})
        assert (lamp.name, lamp.arguments) == ("lamp", {})
        assert clock.tool_call_id != lamp.tool_call_id
        assert {clock.response_id, lamp.response_id} == {"r"}
        talk.voice.send(ToolResult(lamp.tool_call_id, "on"))
        talk.voice.send(ToolResult("call_unknown", "nothing"))
        talk.voice.send(ToolResult(clock.tool_call_id, '{"time":"12:00"}'))
        talk.voice.send(ToolResult(clock.tool_call_id, "again"))
        told = await talk.ask("thanks", response_id="told")
        assert told == ('tool clock returned {"time":"12:00"}\ntool lamp returned on\necho: thanks')
        assert await talk.ask("more", response_id="more") == "echo: more"

    conversing(main, CLOCK)


def test_a_result_is_told_as_soon_as_it_is_in() -> None:
    async def main(talk: Talk) -> None:
        await talk.ask("/tool clock\n/tool lamp")
        clock, lamp = talk.ear.all(ToolCall)
        talk.voice.send(ToolResult(lamp.tool_call_id, "on"))
        assert await talk.respond("first") == "tool lamp returned on"
        talk.voice.send(ToolResult(clock.tool_call_id, "noon"))
        assert await talk.respond("second") == "tool clock returned noon"

    conversing(main, CLOCK)


def test_a_result_that_comes_after_a_request_is_told_by_the_next_response() -> None:
    async def main(talk: Talk) -> None:
        await talk.ask("/tool clock\n/tool lamp")
        clock, lamp = talk.ear.all(ToolCall)
        talk.voice.send(ToolResult(lamp.tool_call_id, "on"))
        talk.voice.send(Respond("cancelled"))
        talk.voice.send(Cancel("cancelled", 0))
        talk.voice.send(Respond("first"))
        talk.voice.send(ToolResult(clock.tool_call_id, "noon"))
        talk.voice.send(Respond("second"))
        await talk.ear.until(ResponseDone, 3)
        assert talk.ear.text_of("first") == "tool lamp returned on"
        assert talk.ear.text_of("second") == "tool clock returned noon"

    conversing(main, CLOCK)


def test_tools_are_those_of_the_newest_config() -> None:
    async def main(talk: Talk) -> None:
        assert await talk.ask("/tool clock", response_id="before") == "no tool clock"
        talk.voice.send(UpdateConfig(CLOCK))
        assert await talk.ask("/tool clock", response_id="after") == ""
        assert len(talk.ear.all(ToolCall)) == 1

    conversing(main)


def test_only_so_many_calls_wait_for_their_results() -> None:
    most = voice_limits.TEST_VOICE_CALLS.most

    async def main(talk: Talk) -> None:
        await talk.ask("\n".join(["/tool clock"] * most))
        await talk.ask("/tool lamp", response_id="lamp")
        calls = talk.ear.all(ToolCall)
        assert len(calls) == most + 1
        for number, call in enumerate(calls):
            talk.voice.send(ToolResult(call.tool_call_id, str(number)))
        told = (await talk.respond("told")).split("\n")
        assert told[0] == "tool clock returned 1", "the oldest call is forgotten"
        assert told[-1] == f"tool lamp returned {most}"

    conversing(main, CLOCK)


def test_the_config_is_told_as_it_is_now() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(UpdateConfig(replace(CLOCK, instructions="Be kind.")))
        told = json.loads(await talk.ask("/config"))
        assert told["instructions"] == "Be kind."
        assert [tool["name"] for tool in told["tools"]] == ["clock", "lamp"]

    conversing(main)


def test_images_are_counted_and_start_no_response() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddImage("data:image/png;base64,AA=="))
        talk.voice.send(AddImage("data:image/png;base64,AA==", text="the page"))
        assert talk.ear.reports == []
        assert await talk.ask("/image") == "2 images"
        assert talk.ended.usage.text_in_tokens == 2 + 2

    conversing(main)


def test_an_error_is_reported_at_once_and_the_voice_goes_on() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddText("/error rate_limit_exceeded"))
        (failed,) = talk.ear.all(VoiceFailed)
        assert (failed.code, failed.recoverable) == (VoiceFailure.UPSTREAM_ERROR, True)
        assert failed.details == "rate_limit_exceeded"
        assert await talk.respond() == "echo: /error rate_limit_exceeded"

    conversing(main)


def test_a_dropped_voice_is_dead_in_the_middle_of_a_word() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddText("/long 10000"))
        talk.voice.send(Respond("long"))
        await asyncio.sleep(1.05)
        spoken = len(talk.ear.all(Spoke))
        talk.voice.send(AddText("/drop\nhello"))
        (failed,) = talk.ear.all(VoiceFailed)
        assert (failed.code, failed.recoverable) == (VoiceFailure.UPSTREAM_CLOSED, False)
        talk.voice.send(AddText("hello?"))
        talk.voice.send(Respond("late"))
        talk.voice.send_audio(Chunk(hum(1_000, HZ) + quiet(1_000, HZ), HZ))
        await asyncio.sleep(20)
        assert isinstance(talk.ear.reports[-1], VoiceFailed)
        assert len(talk.ear.all(Spoke)) == spoken == 11
        assert talk.ear.all(ResponseDone) == []

    conversing(main)


def test_a_cap_is_announced_and_kept() -> None:
    async def main(talk: Talk) -> None:
        assert await talk.ask("/cap 90000\n/cap 5000") == "echo: /cap 90000\necho: /cap 5000"
        assert talk.ear.all(GoingAway) == [GoingAway(90_000), GoingAway(5_000)]
        talk.voice.send(AddText("/long 20000"))
        talk.voice.send(Respond("long"))
        failed = await talk.ear.until(VoiceFailed)
        assert (failed.code, failed.recoverable) == (VoiceFailure.UPSTREAM_CLOSED, False)
        assert talk.at(GoingAway) == [0, 0]
        assert talk.at(VoiceFailed) == [5_000], "the newest one counts"
        await asyncio.sleep(200)
        assert len(talk.ear.all(VoiceFailed)) == 1

    conversing(main)


def test_a_cap_does_not_outlive_its_conversation() -> None:
    async def main(talk: Talk) -> None:
        talk.voice.send(AddText("/cap 1000"))

    conversing(main)


# -- history, usage, defects --------------------------------------------------------------


def test_what_came_before_it_is_echoed_and_never_obeyed() -> None:
    caller, agent = TurnRole.CALLER, TurnRole.AGENT

    async def main(talk: Talk) -> None:
        assert await talk.ask("hello") == "echo: heard 900 ms\necho: /drop\necho: hello"
        assert talk.ear.pcm_of("r") == tone(12 * 20) + tone(5 * 20) + tone(5 * 20)

    history = (
        PastTurn(caller, "one"),
        PastTurn(agent, "echo: on"),
        PastTurn(caller, "heard 900 ms"),
        PastTurn(caller, ""),
        PastTurn(caller, "/drop"),
    )
    conversing(main, ECHO, *history)


def test_use_is_reported_with_each_response_once() -> None:
    async def main(talk: Talk) -> None:
        feed(talk.voice, quiet(700, HZ) + hum(1_240, HZ) + quiet(500, HZ))
        await talk.respond("heard")
        # 1,200 ms heard; 1,240 ms spoken; "echo: heard 1200 ms"
        assert talk.ended.usage == Usage(audio_in_tokens=12, audio_out_tokens=25, text_out_tokens=5)
        await talk.ask("12345", "1234", response_id="typed")
        # 180 ms spoken; "echo: 12345" and "echo: 1234" and a line break
        assert talk.ended.usage == Usage(audio_out_tokens=4, text_in_tokens=3, text_out_tokens=6)
        await talk.respond("greeting", "Hi")
        assert talk.ended.usage == Usage(audio_out_tokens=1, text_out_tokens=1)

    conversing(main)


def test_what_a_tool_returns_is_read() -> None:
    async def main(talk: Talk) -> None:
        await talk.ask("/tool clock")
        assert talk.ended.usage == Usage(text_in_tokens=3)
        (call,) = talk.ear.all(ToolCall)
        talk.voice.send(ToolResult(call.tool_call_id, "12:00"))
        await talk.respond("told")
        assert talk.ended.usage.text_in_tokens == 2

    conversing(main, CLOCK)


def test_a_defect_ends_the_conversation() -> None:
    async def main(talk: Talk) -> None:
        def break_down(report: Report) -> None:
            if isinstance(report, Said):
                raise RuntimeError("a defect")

        talk.ear.hooks.append(break_down)
        talk.voice.send(Respond("greeting", "Hello."))
        failed = await talk.ear.until(VoiceFailed)
        assert (failed.code, failed.recoverable) == (VoiceFailure.INTERNAL_ERROR, False)

    conversing(main)


@pytest.mark.parametrize("order", [AddText("x"), Respond("late"), EndTurn(), ClearInput()])
def test_a_closed_voice_takes_no_orders(order: AddText | Respond | EndTurn | ClearInput) -> None:
    async def main(talk: Talk) -> None:
        feed(talk.voice, hum(100, HZ))
        before = list(talk.ear.reports)
        await talk.voice.close()
        talk.voice.send(order)
        feed(talk.voice, quiet(900, HZ))
        await asyncio.sleep(5)
        assert talk.ear.reports == before == talk.ear.all(SpeechStarted)

    conversing(main)
