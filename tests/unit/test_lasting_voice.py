"""A voice whose connections are lost: reconnects, fallbacks and the end, in virtual time."""

from asyncio import sleep as pause
from collections.abc import Callable

import pytest

from ringline.domain import voice_limits
from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    PastCall,
    PastItem,
    PastTurn,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    Resumable,
    Resumed,
    ResumeReason,
    Resumption,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
    TurnCleared,
    UpdateConfig,
    UpstreamLoss,
    VoiceFailed,
    VoiceFailure,
)
from ringline.ports import VoiceUnavailable
from ringline.wire.upstream_failures import (
    CONNECT,
    QUOTA,
    STALLED,
    TIMEOUT,
    UNREADABLE,
    Loss,
    closed,
    refused_handshake,
)
from tests import clock as virtual
from tests.lasting import CONFIG, ONE, THREE, TWO, Desk, Provider, conversing, opened
from tests.voice_desk import Said

CALLER, AGENT = TurnRole.CALLER, TurnRole.AGENT
RECONNECTED = Resumed(ResumeReason.RECONNECT, ONE)
BY_ORDER = SessionConfig(
    model=ONE, voice="b", turn_detection=TurnDetection(type=TurnDetectionType.NONE)
)


async def lose(desk: Desk, cause: str = "close_1006", *, again: bool = True) -> None:
    """Lose the connection, and wait until there is another one."""
    count = len(desk.provider.lines)
    desk.provider.line.die(cause, again=again)
    while len(desk.provider.lines) == count:  # noqa: ASYNC110
        await pause(0.05)  # virtual time
    await pause(0)


def a_turn(desk: Desk, item_id: str, text: str) -> None:
    desk.hear(400)
    desk.provider.line.report(
        SpeechStarted(item_id), SpeechStopped(item_id), Transcribed(item_id, text, final=True)
    )


def failed(desk: Desk) -> list[VoiceFailed]:
    return desk.all(VoiceFailed)


# -- a loss is tried again ----------------------------------------------------------------


def test_a_lost_connection_is_dialled_again_within_250_ms() -> None:
    async def main(desk: Desk) -> None:
        await pause(5)
        await lose(desk)
        (_, (redialled_at, model)) = desk.provider.dialled
        assert model == ONE
        assert 5.1 <= redialled_at <= 5.35
        assert desk.all(Resumed) == [RECONNECTED]
        assert failed(desk) == []
        assert desk.provider.lines[0].closed

    conversing(main)


def test_a_second_loss_ends_it_unless_a_response_was_completed() -> None:
    async def main(desk: Desk) -> None:
        await lose(desk)
        desk.voice.send(Respond("r1"))
        desk.provider.line.answer("r1", "Hello.")
        await lose(desk)
        assert desk.all(Resumed) == [RECONNECTED, RECONNECTED]
        desk.voice.send(Respond("r2"))
        desk.provider.line.report(ResponseStarted("r2"))
        desk.provider.line.report(ResponseDone("r2", ResponseEnd.FAILED))
        desk.provider.line.die("close_1011")
        await pause(5)
        (end,) = failed(desk)
        assert (end.code, end.recoverable) == (VoiceFailure.UPSTREAM_CLOSED, False)
        assert end.lost == UpstreamLoss(ONE, "close_1011")
        assert desk.provider.models == [ONE] * 3

    conversing(main)


def test_a_loss_that_another_connection_would_not_mend_ends_it_at_once() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.die("close_1008", again=False)
        (end,) = failed(desk)
        assert end.lost == UpstreamLoss(ONE, "close_1008", again=False)
        await pause(5)
        assert desk.provider.models == [ONE]

    conversing(main)


def test_a_defect_of_ours_is_not_the_providers_and_ends_it() -> None:
    async def main(desk: Desk) -> None:
        broken = VoiceFailed(VoiceFailure.INTERNAL_ERROR, "It failed.", recoverable=False)
        desk.provider.line.report(broken)
        assert failed(desk) == [broken]
        await pause(5)
        assert desk.provider.models == [ONE]

    conversing(main, fallbacks=(TWO,))


def test_a_reconnect_that_is_refused_ends_it() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.refuses[ONE] = [("http_503", True)]
        desk.provider.line.die()
        await pause(5)
        (end,) = failed(desk)
        assert end.lost == UpstreamLoss(ONE, "http_503")
        assert end.message == f"{ONE} is away."

    conversing(main)


def test_a_provider_that_never_answers_the_dial_is_given_up() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.opening_s = 1_000
        desk.provider.line.die()
        await pause(20)
        (end,) = failed(desk)
        assert end.lost == UpstreamLoss(ONE, "timeout")

    conversing(main)


# -- falling back -------------------------------------------------------------------------


def test_each_model_of_the_list_is_tried_once() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.refuses = {ONE: [("connect", True)], TWO: [("http_401", False)]}
        await lose(desk)
        assert desk.provider.models == [ONE, ONE, TWO, THREE]
        assert desk.all(Resumed) == [Resumed(ResumeReason.FALLBACK, THREE, True)]
        desk.provider.refuses = {THREE: [("connect", True)]}
        desk.provider.line.die()
        await pause(5)
        assert desk.provider.models == [ONE, ONE, TWO, THREE], "none is left"
        assert [end.lost for end in failed(desk)] == [UpstreamLoss(THREE, "close_1006")]

    conversing(main, fallbacks=(TWO, THREE))


def test_a_model_that_nobody_has_a_key_for_is_skipped() -> None:
    async def main(desk: Desk) -> None:
        await lose(desk, "quota", again=False)
        assert desk.provider.models == [ONE, TWO]

    conversing(main, fallbacks=("openai/no-key", TWO))


def test_the_other_model_gets_what_it_can_have_and_the_client_keeps_its_rates() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(UpdateConfig(SessionConfig(model=ONE, voice="a", instructions="Be brief.")))
        await lose(desk, "quota", again=False)
        config = desk.provider.line.opening.config
        assert (config.model, config.voice, config.instructions) == (TWO, "x", "Be brief.")
        assert desk.voice.capabilities.input_hz == 16_000
        desk.hear(200)
        assert desk.provider.line.heard_ms == 200, "at 8 kHz, which the line asserts"
        desk.voice.send(UpdateConfig(SessionConfig(model=ONE, voice="a", instructions="Sing.")))
        (update,) = desk.provider.line.orders
        assert isinstance(update, UpdateConfig)
        assert (update.config.model, update.config.voice) == (TWO, "x")

    conversing(main, fallbacks=(TWO,))


@pytest.mark.parametrize("again", [True, False])
def test_a_session_may_begin_with_another_model(again: bool) -> None:
    async def main(desk: Desk) -> None:
        assert desk.provider.models == [ONE, ONE, TWO] if again else [ONE, TWO]
        assert desk.all(Resumed) == [Resumed(ResumeReason.FALLBACK, TWO)]

    refuses = {ONE: [("http_503", again), ("http_503", again)]}
    conversing(main, fallbacks=(TWO,), provider=Provider(refuses=refuses))


def test_a_second_dial_at_the_start_is_nobodys_news() -> None:
    async def main(desk: Desk) -> None:
        assert desk.provider.models == [ONE, ONE]
        assert desk.ear.reports == []

    conversing(main, provider=Provider(refuses={ONE: [("http_503", True)]}))


def test_a_session_that_nobody_can_open_says_why() -> None:
    async def main() -> None:
        provider = Provider(refuses={ONE: [("http_401", False)], TWO: [("http_429", False)]})
        with pytest.raises(VoiceUnavailable) as refusal:
            await opened(provider, fallbacks=(TWO,))
        assert refusal.value.lost == UpstreamLoss(TWO, "http_429", again=False)
        assert provider.models == [ONE, TWO]

    virtual.run(main())


# -- what the next connection knows -------------------------------------------------------


def test_history_holds_what_was_heard_and_said() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(Respond("greeting", "Good day."))
        desk.provider.line.answer("greeting", "Good day.")
        a_turn(desk, "i1", "What time is it?")
        a_turn(desk, "i2", "")  # nobody could read it
        desk.voice.send(Respond("r1"))
        desk.provider.line.report(ResponseStarted("r1"))
        desk.provider.line.say("r1", "It is ten ", 1_000)
        desk.provider.line.say("r1", "past twelve.", 1_000)
        desk.voice.send(Cancel("r1", 1_000))
        desk.voice.send(AddText("Thanks."))
        await lose(desk)
        assert desk.provider.line.opening.history == (
            PastTurn(AGENT, "Good day."),
            PastTurn(CALLER, "What time is it?"),
            PastTurn(AGENT, "It is ten"),
            PastTurn(CALLER, "Thanks."),
        )

    conversing(main)


def test_an_answer_that_was_complete_and_still_played_counts_as_far_as_it_was_heard() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(Respond("r1"))
        desk.provider.line.report(ResponseStarted("r1"))
        desk.provider.line.say("r1", "One two ", 1_000)
        desk.provider.line.say("r1", "three", 1_000)
        desk.provider.line.report(ResponseDone("r1"))
        desk.voice.send(Cancel("r1", 1_000))
        await lose(desk)
        assert desk.provider.line.opening.history == (PastTurn(AGENT, "One two"),)

    conversing(main)


def test_what_happens_while_a_connection_is_made_is_told_before_anything_else() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.report(ResponseStarted("r0"))
        desk.provider.line.report(ToolCall("r0", "c1", "clock", {"tz": "UTC"}))
        desk.provider.line.report(ToolCall("r0", "c2", "lamp", {}))
        desk.provider.line.report(ResponseDone("r0"))

        def meanwhile() -> None:
            desk.voice.send(AddText("Well?"))
            desk.voice.send(ToolResult("c1", "12:00"))
            desk.voice.send(Respond("r1"))
            desk.hear(100)

        desk.provider.meanwhile = meanwhile
        await lose(desk)
        clock, lamp = PastCall("c1", "clock", {"tz": "UTC"}), PastCall("c2", "lamp", {})
        line = desk.provider.line
        assert line.opening.history == (clock, lamp)
        news, *heard, asked = line.sent
        answered = PastCall("c1", "clock", {"tz": "UTC"}, "12:00")
        assert news == Remember((answered, PastTurn(CALLER, "Well?")))
        assert all(isinstance(item, Chunk) for item in heard)
        assert line.heard_ms == 100
        assert asked == Respond("r1")
        desk.voice.send(ToolResult("c2", "on"))
        assert line.sent[-1] == ToolResult("c2", "on"), "a late result is accepted"

    conversing(main)


def test_pictures_wait_in_their_place() -> None:
    async def main(desk: Desk) -> None:
        picture = AddImage("data:image/png;base64,AAAA", text="Look.")
        desk.provider.line.die()
        desk.voice.send(picture)
        desk.voice.send(Respond("r1"))
        await pause(1)
        assert desk.provider.line.sent == [picture, Respond("r1")]
        await lose_again(desk)
        assert desk.provider.line.opening.history == (
            PastTurn(CALLER, "Look."),
            PastTurn(AGENT, "A cat."),
        )

    async def lose_again(desk: Desk) -> None:
        desk.provider.line.answer("r1", "A cat.")
        await lose(desk)

    conversing(main)


def test_too_many_pictures_end_it() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.die()
        most = voice_limits.HELD_CHARACTERS.most
        desk.voice.send(AddImage("x" * (most + 1)))
        (end,) = failed(desk)
        assert end.lost == UpstreamLoss(ONE, "stalled")

    conversing(main)


def test_too_many_requests_end_it() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.die()
        for number in range(voice_limits.HELD_ORDERS.most + 1):
            desk.voice.send(Respond(f"r{number}"))
        assert len(failed(desk)) == 1

    conversing(main)


def test_a_providers_handle_comes_along_with_what_it_does_not_know() -> None:
    async def main(desk: Desk) -> None:
        a_turn(desk, "i1", "One.")
        desk.provider.line.report(Resumable("old"), Resumable("handle"))
        a_turn(desk, "i2", "Two.")
        await lose(desk)
        opening = desk.provider.line.opening
        assert opening.resumption == Resumption("handle", (PastTurn(CALLER, "Two."),))
        assert opening.history == (PastTurn(CALLER, "One."), PastTurn(CALLER, "Two."))
        desk.voice.send(Respond("r1"))
        desk.provider.line.answer("r1", "Three.")
        desk.provider.line.report(Resumable(""))
        await lose(desk)
        assert desk.provider.line.opening.resumption is None

    conversing(main)


def test_a_handle_is_of_no_use_to_another_model() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.report(Resumable("handle"))
        await lose(desk, "quota", again=False)
        assert desk.provider.line.opening.resumption is None

    conversing(main, fallbacks=(TWO,))


# -- responses ----------------------------------------------------------------------------


def test_a_response_that_had_not_begun_is_asked_for_again() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(Respond("r1", "Good day."))
        await lose(desk)
        assert desk.provider.line.orders == [Respond("r1", "Good day.")]
        desk.provider.line.answer("r1", "Good day.")
        assert desk.all(ResponseStarted) == [ResponseStarted("r1")]
        assert desk.all(ResponseDone) == [ResponseDone("r1")]

    conversing(main)


def test_one_of_which_nothing_was_heard_is_asked_for_again_under_its_own_start() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(Respond("r1"))
        desk.provider.line.report(ResponseStarted("r1"))
        await lose(desk)
        assert desk.provider.line.asked == ["r1"]
        desk.provider.line.answer("r1", "Hello.")
        assert desk.all(ResponseStarted) == [ResponseStarted("r1")]
        assert desk.all(ResponseDone) == [ResponseDone("r1")]
        assert desk.ear.text_of("r1") == "Hello."
        await lose(desk)
        assert desk.provider.line.opening.history == (PastTurn(AGENT, "Hello."),)

    conversing(main)


def test_one_that_was_partly_heard_is_ended() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(Respond("r1"))
        desk.provider.line.report(ResponseStarted("r1"))
        desk.provider.line.say("r1", "It is ")
        dead = desk.provider.line
        dead.die()
        assert desk.all(ResponseDone) == [ResponseDone("r1", ResponseEnd.FAILED)]
        await pause(1)
        assert desk.provider.line.asked == []
        assert desk.provider.line.opening.history == (PastTurn(AGENT, "It is "),)
        dead.say("r1", "late")
        dead.report(ResponseDone("r1"))
        assert desk.ear.text_of("r1") == "It is "
        assert len(desk.all(ResponseDone)) == 1

    conversing(main)


def test_one_that_has_called_a_tool_is_ended_as_the_call_was_heard() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(Respond("r1"))
        desk.provider.line.report(ResponseStarted("r1"), ToolCall("r1", "c1", "clock", {}))
        await lose(desk)
        assert desk.all(ResponseDone) == [ResponseDone("r1", ResponseEnd.FAILED)]
        assert desk.provider.line.asked == []
        desk.voice.send(ToolResult("c1", "12:00"))
        desk.voice.send(Respond("r2"))
        assert desk.provider.line.orders == [ToolResult("c1", "12:00"), Respond("r2")]

    conversing(main)


def test_one_that_is_cancelled_meanwhile_is_not_asked_for() -> None:
    async def main(desk: Desk) -> None:
        desk.voice.send(Respond("r1"))
        desk.voice.send(Respond("r2"))
        desk.provider.line.die()
        desk.voice.send(Cancel("r1", 0))
        await pause(1)
        assert desk.provider.line.orders == [Respond("r2")]

    conversing(main)


# -- the caller's audio -------------------------------------------------------------------


def test_audio_is_held_and_sent_after_the_oldest_dropped_beyond_ten_seconds() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.report(SpeechStarted("i1"))
        desk.provider.line.die()
        desk.hear(12_000)
        await pause(1)
        assert desk.provider.line.heard_ms == voice_limits.LASTING_AUDIO_MS.most

    conversing(main)


def test_a_turn_in_progress_is_heard_again_from_its_begin_and_told_once() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(2_000, loud=False)
        desk.hear(200)
        desk.provider.line.report(SpeechStarted("i1", 200.0))
        desk.hear(800)
        await lose(desk)
        line = desk.provider.line
        assert 1_500 <= line.heard_ms <= 1_540, "with what came before speech was noticed"
        line.report(SpeechStarted("other"), Transcribed("other", "What ", final=False))
        desk.hear(500, loud=False)
        line.report(SpeechStopped("other", 500.0), Transcribed("other", "What time?", final=True))
        assert desk.all(SpeechStarted) == [SpeechStarted("i1", 200.0)]
        assert desk.all(SpeechStopped) == [SpeechStopped("i1", 500.0)]
        assert desk.all(Transcribed) == [
            Transcribed("i1", "What ", final=False),
            Transcribed("i1", "What time?", final=True),
        ]
        desk.voice.send(Respond("r1"))
        line.answer("r1", "Ten.")
        await lose(desk)
        assert desk.provider.line.opening.history == (
            PastTurn(CALLER, "What time?"),
            PastTurn(AGENT, "Ten."),
        )

    conversing(main)


def test_a_turn_that_has_ended_without_its_words_is_heard_again_before_its_answer() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(600)
        desk.provider.line.report(SpeechStarted("i1", 600.0))
        desk.hear(500, loud=False)
        desk.provider.line.report(SpeechStopped("i1", 500.0))
        desk.voice.send(Respond("r1"))
        await lose(desk)
        line = desk.provider.line
        assert line.heard_ms >= 1_100
        assert line.asked == [], "it would not know what to answer"
        line.report(SpeechStarted("again"), SpeechStopped("again"))
        assert line.asked == ["r1"]
        line.report(Transcribed("again", "Hello?", final=True))
        assert desk.all(SpeechStarted) == [SpeechStarted("i1", 600.0)]
        assert desk.all(SpeechStopped) == [SpeechStopped("i1", 500.0)]
        assert desk.all(Transcribed) == [Transcribed("i1", "Hello?", final=True)]

    conversing(main)


def test_a_turn_that_is_not_found_again_is_given_up_and_its_answer_asked_for() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(600)
        desk.provider.line.report(SpeechStarted("i1"), SpeechStopped("i1"))
        desk.voice.send(Respond("r1"))
        await lose(desk)
        assert desk.provider.line.asked == []
        await pause(5)
        assert desk.provider.line.asked == ["r1"]
        assert desk.all(Transcribed) == [Transcribed("i1", "", final=True)]

    conversing(main)


def test_a_caller_who_fell_silent_meanwhile_has_finished() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(600)
        desk.provider.line.report(SpeechStarted("i1"), Transcribed("i1", "Hel", final=False))
        await lose(desk)
        await pause(5)
        assert desk.all(SpeechStopped) == [SpeechStopped("i1")]
        assert desk.all(Transcribed)[-1] == Transcribed("i1", "Hel", final=True)
        assert desk.provider.line.told == (PastTurn(CALLER, "Hel"),)

    conversing(main)


def test_an_answered_turn_is_not_heard_again() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(600)
        desk.provider.line.report(
            SpeechStarted("i1"), SpeechStopped("i1"), Transcribed("i1", "Half", final=False)
        )
        desk.voice.send(Respond("r1"))
        desk.provider.line.answer("r1", "Yes.")
        await lose(desk)
        assert desk.provider.line.heard_ms == 0
        assert desk.all(Transcribed)[-1] == Transcribed("i1", "Half", final=True)
        assert desk.provider.line.told == (PastTurn(CALLER, "Half"), PastTurn(AGENT, "Yes."))

    conversing(main)


def test_with_push_to_talk_all_audio_since_the_last_turn_is_heard_again() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(500)
        desk.voice.send(EndTurn())
        a_turn_ends(desk, "i1", "One.")
        desk.hear(3_000)
        desk.provider.line.die()
        desk.hear(1_000)
        desk.voice.send(EndTurn())
        await pause(1)
        assert desk.provider.line.heard_ms == 4_000
        assert desk.provider.line.sent[-1] == EndTurn()
        desk.provider.line.report(SpeechStopped("i2"), Transcribed("i2", "Two.", final=True))
        assert desk.all(Transcribed)[-1] == Transcribed("i2", "Two.", final=True)

    def a_turn_ends(desk: Desk, item_id: str, text: str) -> None:
        desk.provider.line.report(SpeechStopped(item_id), Transcribed(item_id, text, final=True))

    conversing(main, config=BY_ORDER)


def test_clearing_a_turn_while_there_is_no_connection() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(600)
        desk.provider.line.report(SpeechStarted("i1"))
        desk.provider.line.die()
        desk.voice.send(ClearInput())
        assert desk.ear.reports[-2:] == [SpeechStopped("i1"), TurnCleared("i1")]
        await pause(1)
        assert desk.provider.line.sent == []

    conversing(main)


# -- who decides when to answer -----------------------------------------------------------

BY_ITSELF = SessionConfig(model=THREE, voice="a")


def test_a_provider_that_was_about_to_answer_by_itself_owes_an_answer() -> None:
    async def main(desk: Desk) -> None:
        a_turn(desk, "i1", "Hello?")
        await lose(desk)
        assert desk.all(Resumed) == [Resumed(ResumeReason.RECONNECT, THREE, True, owes_answer=True)]
        desk.provider.line.answer("own", "Yes?")
        await lose(desk)
        assert not desk.all(Resumed)[-1].owes_answer

    conversing(main, config=BY_ITSELF)


def test_one_that_hears_the_turn_again_answers_it() -> None:
    async def main(desk: Desk) -> None:
        desk.hear(600)
        desk.provider.line.report(SpeechStarted("i1", 600.0), SpeechStopped("i1"))
        await lose(desk)
        assert not desk.all(Resumed)[-1].owes_answer
        assert desk.provider.line.heard_ms >= 600

    conversing(main, config=BY_ITSELF)


def test_its_response_of_which_nothing_was_heard_is_requested_from_the_next() -> None:
    async def main(desk: Desk) -> None:
        a_turn(desk, "i1", "Hello?")
        desk.provider.line.report(ResponseStarted("own"))
        await lose(desk)
        assert desk.provider.line.orders == [Respond("own")]
        assert not desk.all(Resumed)[-1].owes_answer
        desk.provider.line.answer("own", "Yes?")
        assert desk.all(ResponseStarted) == [ResponseStarted("own")]

    conversing(main, config=BY_ITSELF)


def test_a_result_that_comes_meanwhile_is_told_and_its_answer_is_owed() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.report(ResponseStarted("own"), ToolCall("own", "c1", "clock", {}))
        desk.provider.line.report(ResponseDone("own"))
        desk.provider.line.die()
        desk.voice.send(ToolResult("c1", "12:00"))
        await pause(1)
        assert desk.provider.line.told == (PastCall("c1", "clock", {}, "12:00"),)
        assert desk.all(Resumed)[-1].owes_answer
        assert ToolResult("c1", "12:00") not in desk.provider.line.orders

    conversing(main, config=BY_ITSELF)


def test_closing_while_it_is_dialled_leaves_nothing() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.opening_s = 100
        desk.provider.line.die()
        await pause(1)

    conversing(main)


def test_pieces_of_responses_that_nobody_knows_are_dropped() -> None:
    async def main(desk: Desk) -> None:
        desk.provider.line.say("gone", "Late.")
        assert desk.all(Said) == []

    conversing(main)


def test_the_config_it_was_opened_with_is_its_own() -> None:
    async def main(desk: Desk) -> None:
        assert desk.provider.line.opening.config == CONFIG

    conversing(main)


# -- every row of the table of failures, in every state of a conversation -----------------

ROWS = [
    *(refused_handshake(status) for status in (400, 401, 403, 404, 429, 500, 503)),
    *(closed(code) for code in (1000, 1001, 1005, 1006, 1007, 1008, 1011, 1012, 1013, 1015, 3000)),
    closed(1011, "RESOURCE_EXHAUSTED"),
    *(CONNECT, TIMEOUT, STALLED, UNREADABLE, QUOTA),
]
AGAIN = {
    *("http_500", "http_503", "connect", "timeout", "stalled", "unreadable"),
    *(f"close_{code}" for code in (1000, 1001, 1005, 1006, 1011, 1012, 1013, 1015)),
}


def nothing(desk: Desk) -> None:
    pass


def caller_speaks(desk: Desk) -> None:
    desk.hear(400)
    desk.provider.line.report(SpeechStarted("i1", 400.0))


def response_asked(desk: Desk) -> None:
    desk.voice.send(Respond("r1"))


def response_begun(desk: Desk) -> None:
    response_asked(desk)
    desk.provider.line.report(ResponseStarted("r1"))


def response_heard(desk: Desk) -> None:
    response_begun(desk)
    desk.provider.line.say("r1", "Hello ")


def tool_open(desk: Desk) -> None:
    response_begun(desk)
    desk.provider.line.report(ToolCall("r1", "c1", "clock", {}), ResponseDone("r1"))


State = Callable[[Desk], None]
STATES = [nothing, caller_speaks, response_asked, response_begun, response_heard, tool_open]
ENDED: dict[State, list[ResponseEnd]] = {
    response_heard: [ResponseEnd.FAILED],
    tool_open: [ResponseEnd.COMPLETED],
}
TOLD: dict[State, tuple[PastItem, ...]] = {
    response_heard: (PastTurn(AGENT, "Hello "),),
    tool_open: (PastCall("c1", "clock", {}),),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.cause)
def test_every_loss_in_every_state(row: Loss, state: State) -> None:
    async def main(desk: Desk) -> None:
        state(desk)
        await lose(desk, row.cause, again=row.again)
        again = row.cause in AGAIN
        assert desk.provider.models == [ONE, ONE] if again else [ONE, TWO]
        reason = ResumeReason.RECONNECT if again else ResumeReason.FALLBACK
        assert [each.reason for each in desk.all(Resumed)] == [reason]
        line = desk.provider.line
        asked = ["r1"] if state in (response_asked, response_begun) else []
        assert line.asked == asked
        assert [done.reason for done in desk.all(ResponseDone)] == ENDED.get(state, [])
        assert (line.heard_ms > 0) == (state is caller_speaks)
        assert line.told == TOLD.get(state, ())
        if asked:
            line.answer("r1", "Yes.")
            assert desk.all(ResponseStarted) == [ResponseStarted("r1")]
        assert failed(desk) == []

    conversing(main, fallbacks=(TWO,))
