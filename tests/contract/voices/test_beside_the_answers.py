"""Transcripts, usage, configs and idle talk of providers: what goes on beside the answers."""

from typing import Any

import pytest
from msgspec.structs import replace

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.voice import (
    AddText,
    Cancel,
    Respond,
    ResponseDone,
    SpeechStopped,
    Transcribed,
    UpdateConfig,
    Usage,
    UsageKind,
    UsageReported,
    VoiceFailed,
    VoiceOpening,
)
from ringline.ports import Voice
from tests.contract.voices.rows import ROWS, Adapter, needs
from tests.contract.voices.traits import PRANKS, Trait
from tests.voice_desk import Recorder, Spoke, feed

#: Another value of each member of a config that some voice does not change.
OTHERS: dict[str, Any] = {
    "instructions": "Be rude.",
    "temperature": 1.5,
    "reasoning_effort": "low",
    "turn_detection": TurnDetection(type=TurnDetectionType.NONE),
    "tools": (),
    "input_transcription": True,
    "input_transcription_model": "another",
}


async def until_final(ear: Recorder, count: int = 1) -> list[Transcribed]:
    """Wait for so many final transcripts; return them."""
    while len(finals := [heard for heard in ear.all(Transcribed) if heard.final]) < count:
        await ear.until(Transcribed, len(ear.all(Transcribed)) + 1)
    return finals


async def ask(voice: Voice, ear: Recorder, text: str, *, response_id: str) -> str:
    """Type a text; return the answer."""
    voice.send(AddText(text))
    voice.send(Respond(response_id))
    while response_id not in {done.response_id for done in ear.all(ResponseDone)}:
        await ear.until(ResponseDone, len(ear.all(ResponseDone)) + 1)
    return ear.text_of(response_id)


# -- transcripts --------------------------------------------------------------------------


@needs(Trait.REVISED)
async def test_a_transcript_may_be_revised_until_it_is_final(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    ear.answer_turns(voice)
    feed(voice, adapter.turn)
    (final,) = await until_final(ear)
    partial = [heard.text for heard in ear.all(Transcribed) if not heard.final]
    assert any(not final.text.startswith(text) for text in partial)
    assert final.text == adapter.spoken.text


@needs(Trait.REPEATED)
async def test_a_final_transcript_that_comes_again_changes_nothing(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await adapter.bring(Trait.REPEATED, voice)
    ear.answer_turns(voice)
    feed(voice, adapter.turn)
    await ear.until(ResponseDone)
    await adapter.settled()
    assert [heard.text for heard in await until_final(ear)] == [adapter.spoken.text]
    spent = [report for report in ear.all(UsageReported) if report.kind is UsageKind.TRANSCRIPTION]
    assert len(spent) <= 1, "it is paid once"


@needs(Trait.ENDLESS)
async def test_a_transcript_without_an_end_is_final_after_a_while(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await adapter.bring(Trait.ENDLESS, voice)
    ear.answer_turns(voice)
    feed(voice, adapter.turn)
    await ear.until(ResponseDone)
    (final,) = await until_final(ear)
    heard = [report.text for report in ear.all(Transcribed)]
    assert final.text == heard[-1], "what came of it counts"
    assert heard[-2] == final.text
    feed(voice, adapter.turn)
    await ear.until(SpeechStopped, 2)
    first, second = await until_final(ear, 2)
    assert first.item_id != second.item_id


# -- usage --------------------------------------------------------------------------------


def spent(ear: Recorder) -> list[Usage]:
    """Return what was used for responses, by whichever report."""
    reported = [told.usage for told in ear.all(UsageReported) if told.kind is UsageKind.RESPONSE]
    return [*(done.usage for done in ear.all(ResponseDone)), *reported]


def counted(usages: list[Usage]) -> int:
    return sum(usage.tokens for usage in usages)


@needs(Trait.METERED)
async def test_a_response_says_what_it_used(adapter: Adapter, voice: Voice, ear: Recorder) -> None:
    assert await ask(voice, ear, adapter.typed[0].text, response_id="r1")
    while not counted(spent(ear)):
        await ear.until(UsageReported)
    await adapter.settled()
    first = counted(spent(ear))
    assert await ask(voice, ear, adapter.typed[1].text, response_id="r2")
    while counted(spent(ear)) == first:
        await ear.until(UsageReported, len(ear.all(UsageReported)) + 1)
    # Reports are of what was used since the last one, so the second is no sum.
    assert counted(spent(ear)) < 3 * first


@needs(Trait.METERED)
async def test_a_cancelled_response_says_what_it_used(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    def cancel(report: object) -> None:
        if isinstance(report, Spoke) and len(ear.all(Spoke)) == 2:
            voice.send(Cancel("long", 50))

    if adapter.capabilities.cancels:
        ear.hooks.append(cancel)
    voice.send(AddText(adapter.typed[0].text))
    voice.send(Respond("long"))
    await ear.until(ResponseDone)
    while not counted(spent(ear)):
        await ear.until(UsageReported)


# -- the config ---------------------------------------------------------------------------


@needs(Trait.FIXED)
async def test_an_update_of_what_cannot_change_does_no_harm(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    voices = adapter.capabilities.voices
    others = OTHERS | {"voice": next(name for name in voices if name != adapter.config.voice)}
    fixed = adapter.capabilities.fixed_members
    assert fixed
    for member in sorted(fixed):
        voice.send(UpdateConfig(replace(adapter.config, **{member: others[member]})))
    ear.answer_turns(voice)
    feed(voice, adapter.turn)
    assert [heard.text for heard in await until_final(ear)] == [adapter.spoken.text]
    assert await ask(voice, ear, adapter.typed[1].text, response_id="typed")
    assert [failed for failed in ear.all(VoiceFailed) if not failed.recoverable] == []


@needs(Trait.CHANGES)
async def test_a_change_of_everything_that_can_change(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    fixed = adapter.capabilities.fixed_members
    other = {name: value for name, value in OTHERS.items() if name not in fixed}
    del other["turn_detection"], other["temperature"]
    if not adapter.capabilities.reasoning_efforts:
        del other["reasoning_effort"]
    voice.send(UpdateConfig(replace(adapter.config, **other)))
    assert (await ask(voice, ear, adapter.typed[0].text, response_id="r")) == (
        adapter.typed[0].answer
    )
    assert ear.all(VoiceFailed) == []


# -- idle talk ----------------------------------------------------------------------------


@needs(Trait.CHATTER)
async def test_what_a_provider_sends_besides_is_ignored(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await adapter.bring(Trait.CHATTER, voice)
    answer = await ask(voice, ear, adapter.typed[0].text, response_id="typed")
    assert answer == adapter.typed[0].answer
    await adapter.bring(Trait.CHATTER, voice)
    ear.answer_turns(voice)
    feed(voice, adapter.turn)
    assert [heard.text for heard in await until_final(ear)] == [adapter.spoken.text]
    assert ear.all(VoiceFailed) == []


# -- the table ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
async def test_a_row_has_each_trait_or_says_why_not(name: str) -> None:
    row = ROWS[name]
    async for adapter in row.make():
        assert adapter.pranks.keys() == PRANKS - row.lacks.keys()
        assert bool(adapter.capabilities.fixed_members) == (Trait.FIXED not in row.lacks)
        assert adapter.capabilities.tools == (Trait.TOOLS not in row.lacks)
        assert all(row.lacks.values())
        opened = await adapter.open(VoiceOpening(adapter.config), Recorder())
        await opened.close()


@pytest.mark.parametrize("trait", Trait)
def test_each_trait_is_of_some_voice(trait: Trait) -> None:
    assert [name for name, row in ROWS.items() if trait not in row.lacks]
