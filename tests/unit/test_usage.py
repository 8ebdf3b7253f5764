"""What calls use, in virtual time: what is written when, told to whom, and what comes late."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from math import inf, nan
from typing import Any

import pytest

from ringline.domain import leg, voice
from ringline.domain.endings import EndCause
from ringline.domain.leash import Budget, Leash
from ringline.domain.records import UsageRow
from ringline.domain.usage import MOST, UNITS, plausible
from ringline.domain.voice import Usage, UsageKind, UsageReported
from ringline.services.live_call import LAST_USAGE_S, LiveCall
from tests.house import LIMITS, PRICES, House, run
from tests.talking import ScriptedLeg, ScriptedVoice

TWO = Usage(audio_in_tokens=2)
HUNG_UP = leg.HangUp(EndCause.ENDED_BY_API)


async def answered(house: House) -> tuple[LiveCall, ScriptedLeg, ScriptedVoice]:
    """Start a call whose client is told what it uses."""
    line = ScriptedLeg()
    live = house.start_on(line, tells_usage=True)
    await asyncio.sleep(0.5)
    return live, line, house.voices[-1]


def report(speaker: ScriptedVoice, kind: UsageKind = UsageKind.SESSION, **units: Any) -> None:
    speaker.listener.on_voice_signal(UsageReported(kind, Usage(**units)))


def ledger(house: House) -> list[UsageRow]:
    return sorted(house.memory.usage.values(), key=lambda row: row.id)


def tokens(house: House) -> list[int]:
    return [row.usage.tokens for row in ledger(house)]


def told(line: ScriptedLeg) -> list[tuple[UsageKind, int]]:
    return [(o.kind, o.usage.tokens) for o in line.news if isinstance(o, leg.UsageWritten)]


def end(live: LiveCall) -> None:
    live.end(EndCause.ENDED_BY_API)


# The rows.


def test_each_report_is_a_row_at_its_price() -> None:
    async def main(house: House) -> None:
        live, _, speaker = await answered(house)
        done = voice.ResponseDone("r", voice.ResponseEnd.CANCELLED, usage=Usage(text_in_tokens=7))
        speaker.listener.on_voice_signal(voice.ResponseStarted("r"))
        speaker.listener.on_voice_signal(done)
        report(speaker, UsageKind.TRANSCRIPTION, audio_in_tokens=3)
        await asyncio.sleep(1)
        first, second = ledger(house)
        assert (first.kind, first.usage, first.usd) == (
            UsageKind.RESPONSE,
            Usage(text_in_tokens=7),
            7.0,
        )
        assert (second.kind, second.usd) == (UsageKind.TRANSCRIPTION, 3.0)
        assert {row.call_id for row in (first, second)} == {live.new.row.id}
        assert {row.model for row in (first, second)} == {"local/attendant"}
        assert {row.prices_date for row in (first, second)} == {PRICES.date}
        assert first.occurred_at <= second.occurred_at

    run(main)


def test_a_response_without_usage_is_no_row() -> None:
    async def main(house: House) -> None:
        _, line, speaker = await answered(house)
        speaker.listener.on_voice_signal(voice.ResponseStarted("r"))
        speaker.listener.on_voice_signal(voice.ResponseDone("r"))
        report(speaker)
        await asyncio.sleep(1)
        assert (ledger(house), told(line)) == ([], [])

    run(main)


def test_rows_are_written_while_the_call_goes_on() -> None:
    async def main(house: House) -> None:
        _, _, speaker = await answered(house)
        for count in range(1, 4):
            report(speaker, text_items=1)
            await asyncio.sleep(0.1)
            assert len(ledger(house)) == count

    run(main)


def test_an_outage_delays_rows_and_loses_none() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house)
        house.store.go_away()
        for _ in range(3):
            report(speaker, audio_in_tokens=1)
            await asyncio.sleep(10)
        assert (tokens(house), told(line)) == ([], [])
        house.store.come_back()
        await asyncio.sleep(5)
        assert tokens(house) == [1, 1, 1]
        assert len(told(line)) == 3
        assert house.calls.count(live.new.scope) == 1

    run(main)


def test_a_lost_answer_to_a_commit_writes_a_row_once_and_tells_it_once() -> None:
    async def main(house: House) -> None:
        _, line, speaker = await answered(house)
        house.store.lose_answers = 1
        report(speaker, audio_in_tokens=1)
        speaker.listener.on_voice_signal(voice.SpeechStarted("i"))
        speaker.listener.on_voice_signal(voice.SpeechStopped("i"))
        speaker.listener.on_voice_signal(voice.Transcribed("i", "so", final=True))
        await asyncio.sleep(5)
        assert tokens(house) == [1]
        assert told(line) == [(UsageKind.SESSION, 1)]
        assert (
            len(
                [
                    one
                    for attempt in house.store.commits
                    for one in attempt
                    if one.records and isinstance(one.records[0], UsageRow)
                ]
            )
            == 2
        )

    run(main)


def test_a_row_that_was_not_written_at_all_is_written_after_the_doubt() -> None:
    async def main(house: House) -> None:
        _, line, speaker = await answered(house)
        house.store.go_away()
        report(speaker, audio_in_tokens=1)
        await asyncio.sleep(5)
        house.store.come_back()
        await asyncio.sleep(5)
        assert (tokens(house), len(told(line))) == ([1], 1)

    run(main)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
def test_a_call_that_lasts_past_midnight_has_rows_of_both_months(zone: tzinfo) -> None:
    async def main(house: House) -> None:
        began = datetime(2026, 12, 31, 23, 58, tzinfo=UTC).astimezone(zone)
        since = asyncio.get_running_loop().time()
        loop = asyncio.get_running_loop()
        house.wall_clock = lambda: began + timedelta(seconds=loop.time() - since)
        _, _, speaker = await answered(house)
        for count in (1, 2, 3):
            report(speaker, audio_in_tokens=count)
            await asyncio.sleep(60)
        months = [row.occurred_at.astimezone(UTC).strftime("%Y-%m") for row in ledger(house)]
        assert months == ["2026-12", "2026-12", "2027-01"]
        assert tokens(house) == [1, 2, 3]

    run(main)


# What the client is told.


def test_the_client_is_told_only_if_it_asked() -> None:
    async def main(house: House) -> None:
        live, line = house.start()
        await asyncio.sleep(0.5)
        report(house.voices[-1], audio_in_tokens=1)
        await asyncio.sleep(1)
        end(live)
        await asyncio.sleep(1)
        assert (tokens(house), told(line), line.hung_up) == ([1], [], HUNG_UP)

    run(main)


def test_what_was_used_before_the_session_started_is_told_after_that() -> None:
    async def main(house: House) -> None:
        house.opening_s = 0
        line = ScriptedLeg()
        house.start_on(line, tells_usage=True)
        await asyncio.sleep(0.0001)
        report(house.voices[-1], audio_in_tokens=1)
        await asyncio.sleep(1)
        assert isinstance(line.news[0], leg.SessionStarted)
        assert told(line) == [(UsageKind.SESSION, 1)]

    run(main)


def test_the_last_of_it_is_told_before_the_end() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house)
        speaker.last_used = UsageReported(UsageKind.SESSION, TWO)
        speaker.closing_s = 1.0
        report(speaker, audio_in_tokens=1)
        end(live)
        await asyncio.sleep(0.5)
        assert line.hung_up is None
        await asyncio.sleep(2)
        assert told(line) == [(UsageKind.SESSION, 1), (UsageKind.SESSION, 2)]
        assert line.news[-1] == HUNG_UP
        assert tokens(house) == [1, 2]

    run(main)


def test_a_last_word_comes_even_if_nothing_more_was_used() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house)
        report(speaker, audio_in_tokens=1)
        await asyncio.sleep(1)
        end(live)
        await asyncio.sleep(1)
        nothing = leg.UsageWritten("local/attendant", UsageKind.SESSION, Usage(), 0.0)
        assert line.news[-2:] == [nothing, HUNG_UP]
        assert tokens(house) == [1]

    run(main)


@pytest.mark.parametrize("hindrance", ["voice", "database"])
def test_the_end_waits_only_so_long(hindrance: str) -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house)
        speaker.last_used = UsageReported(UsageKind.SESSION, TWO)
        if hindrance == "voice":
            speaker.closing_s = 4.0
        else:
            house.store.go_away()
        end(live)
        await asyncio.sleep(LAST_USAGE_S - 0.1)
        assert line.hung_up is None
        await asyncio.sleep(0.2)
        assert line.hung_up == HUNG_UP
        assert told(line) == [(UsageKind.SESSION, 0)]
        house.store.come_back()
        await asyncio.sleep(5)
        assert tokens(house) == [2]
        assert line.news[-1] == HUNG_UP

    run(main)


def test_a_client_that_left_is_told_nothing_more_and_pays() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house)
        speaker.last_used = UsageReported(UsageKind.SESSION, TWO)
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert (told(line), tokens(house)) == ([], [2])

    run(main)


def test_a_call_that_was_never_answered_tells_nothing() -> None:
    async def main(house: House) -> None:
        house.opening_s = 1
        line = ScriptedLeg()
        live = house.start_on(line, tells_usage=True)
        await asyncio.sleep(0.1)
        end(live)
        await asyncio.sleep(5)
        assert line.items == [HUNG_UP]

    run(main)


# What comes late.


def test_a_voice_that_was_replaced_is_still_charged() -> None:
    async def main(house: House) -> None:
        live, _, speaker = await answered(house)
        speaker.last_used = UsageReported(UsageKind.SESSION, TWO)
        await live.replace_voice(live.new.config)
        await asyncio.sleep(1)
        assert speaker.closed
        assert tokens(house) == [2]
        done = voice.ResponseDone("r", usage=TWO)
        speaker.listener.on_voice_signal(done)
        await asyncio.sleep(1)
        assert tokens(house) == [2, 2]

    run(main)


def test_a_report_names_a_model_that_was_used_before() -> None:
    async def main(house: House) -> None:
        _, _, speaker = await answered(house)
        late = UsageReported(UsageKind.RESPONSE, TWO, "local/other")
        speaker.listener.on_voice_signal(late)
        await asyncio.sleep(1)
        assert [row.model for row in ledger(house)] == ["local/other"]

    run(main)


def test_the_budget_counts_what_is_written() -> None:
    async def main(house: House) -> None:
        limits = LIMITS.narrowed(Leash(budget=Budget(tokens=10)))
        line = ScriptedLeg()
        house.start_on(line, limits=limits, tells_usage=True)
        await asyncio.sleep(0.5)
        report(house.voices[-1], audio_in_tokens=4)
        report(house.voices[-1], audio_in_tokens=6)
        await asyncio.sleep(5)
        assert line.hung_up == leg.HangUp(EndCause.BUDGET_EXHAUSTED)
        assert sum(tokens(house)) == sum(count for _, count in told(line)) == 10

    run(main)


def test_a_row_that_is_refused_does_not_end_its_call() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house)
        house.store.refuse_usage = True
        report(speaker, audio_in_tokens=1)
        live.listener.on_leg_signal(leg.Typed("still there?"))
        await asyncio.sleep(5)
        assert (tokens(house), told(line), line.hung_up) == ([], [], None)
        house.store.refuse_usage = False
        report(speaker, audio_in_tokens=1)
        await asyncio.sleep(1)
        assert tokens(house) == [1]

    run(main)


# What providers report.


def test_what_no_provider_could_mean_is_bounded() -> None:
    wild = Usage(-1, 2**70, 3, MOST, MOST + 1, -(2**70), inf, -5)
    assert plausible(wild) == Usage(0, MOST, 3, MOST, MOST, 0, 0.0, 0)
    assert plausible(replace(wild, seconds=nan)).seconds == 0.0
    assert plausible(TWO) is TWO


def test_usages_add_up_unit_by_unit() -> None:
    powers = Usage(*(2**at for at in range(len(UNITS))))
    assert powers + powers == Usage(*(2 * 2**at for at in range(len(UNITS))))
    assert powers + Usage() == powers


def test_every_unit_is_described() -> None:
    assert list(UNITS) == list(Usage.__dataclass_fields__)
