"""The catalogue of voices: who may name which model, and which voice is opened."""

import pytest

from ringline.domain.config_members import SessionConfig
from ringline.domain.log import Environment, Scope
from ringline.domain.model_list import ListedModel, ModelAbout
from ringline.domain.providers import VoiceProvider
from ringline.domain.session_config import ConfigProblem, check_model
from ringline.domain.voice import VoiceOpening
from ringline.ports import VoiceListener, VoiceUnavailable
from ringline.services.voices import Catalogue, VoiceModel, in_test_environment
from tests import clock as virtual
from tests.samples import a_scope
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, ScriptedVoice
from tests.voice_desk import Recorder

OURS, THEIRS = a_scope(1), a_scope(2)
TWO = ModelAbout(name="Two")


class Provider:
    """Opens scripted voices, and records their openings."""

    def __init__(self) -> None:
        self.openings: list[VoiceOpening] = []

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> ScriptedVoice:
        self.openings.append(opening)
        return ScriptedVoice(listener)


def only_ours(scope: Scope | None) -> bool:
    return scope == OURS


def catalogue(provider: Provider, other: Provider) -> Catalogue:
    return Catalogue(
        (
            VoiceModel("first/one", CAPABILITIES, provider.open),
            VoiceModel(
                "second/two", RESPONDS_BY_ITSELF, other.open, offered_to=only_ours, about=TWO
            ),
        )
    )


async def test_each_workspace_is_offered_its_models() -> None:
    voices = catalogue(Provider(), Provider())
    ours, theirs = await voices.models(OURS), await voices.models(THEIRS)
    assert ours == {"first/one": CAPABILITIES, "second/two": RESPONDS_BY_ITSELF}
    assert theirs == {"first/one": CAPABILITIES}
    assert check_model("second/two", ours) is None
    problem = check_model("second/two", theirs)
    assert problem == ConfigProblem("model_not_found", 'there is no model "second/two"')


async def test_a_model_exists_for_those_who_have_a_key_of_its_provider() -> None:
    openai, xai = VoiceProvider.OPENAI, VoiceProvider.XAI
    usable: dict[Scope | None, set[VoiceProvider]] = {OURS: {openai}, THEIRS: set(), None: {xai}}

    async def usable_by(scope: Scope | None) -> set[VoiceProvider]:
        return usable[scope]

    rows = [
        VoiceModel("openai/one", CAPABILITIES, Provider().open, provider=openai),
        VoiceModel("xai/two", CAPABILITIES, Provider().open, provider=xai),
    ]
    voices = Catalogue(rows, usable_by)
    assert set(await voices.models(OURS)) == {"openai/one"}
    assert [model.id for model in await voices.listed(None)] == ["xai/two"]
    without = await voices.models(THEIRS)
    assert without == {}
    problem = check_model("xai/two", without)
    message = '"xai/two" needs a key of the provider "xai", and there is none'
    assert problem == ConfigProblem("model_not_found", message)
    unknown = check_model("openai/none", await voices.models(OURS))
    assert unknown == ConfigProblem("model_not_found", 'there is no model "openai/none"')
    long = check_model("xai/" + "x" * 10_000, without)
    assert long is not None
    assert len(long.message) < 200


async def test_each_workspace_is_listed_what_it_is_offered() -> None:
    voices = catalogue(Provider(), Provider())
    first, second = (
        ListedModel("first/one", CAPABILITIES),
        ListedModel("second/two", RESPONDS_BY_ITSELF, TWO),
    )
    assert await voices.listed(OURS) == (first, second)
    assert await voices.listed(THEIRS) == await voices.listed(None) == (first,)


def test_the_voice_of_the_named_model_is_opened_as_asked() -> None:
    async def main() -> None:
        first, second = Provider(), Provider()
        voices = catalogue(first, second)
        opening = VoiceOpening(SessionConfig(model="second/two", instructions="Be brief."))
        listener = Recorder()
        voice = await voices.open(opening, listener)
        assert isinstance(voice, ScriptedVoice)
        assert voice.listener is listener
        assert (first.openings, second.openings) == ([], [opening])
        with pytest.raises(VoiceUnavailable, match="no model third/three"):
            await voices.open(VoiceOpening(SessionConfig(model="third/three")), listener)

    virtual.run(main())


async def test_a_model_for_tests_exists_for_test_keys_alone() -> None:
    row = VoiceModel("mock/one", CAPABILITIES, Provider().open, offered_to=in_test_environment)
    voices = Catalogue((row,))
    assert await voices.models(a_scope(1, Environment.TEST)) == {"mock/one": CAPABILITIES}
    assert await voices.models(a_scope(1, Environment.LIVE)) == {}
    assert await voices.listed(None) == ()


def test_a_model_that_is_not_realtime_is_known_and_cannot_be_opened() -> None:
    async def main() -> None:
        voices = Catalogue((VoiceModel("mock/chat", None, None),))
        models = await voices.models(OURS)
        assert models == {"mock/chat": None}
        problem = check_model("mock/chat", models)
        assert problem is not None
        assert problem.code == "model_not_realtime"
        with pytest.raises(VoiceUnavailable, match="mock/chat is not a realtime model"):
            await voices.open(VoiceOpening(SessionConfig(model="mock/chat")), Recorder())

    virtual.run(main())


def test_a_model_is_listed_only_once() -> None:
    row = VoiceModel("first/one", CAPABILITIES, Provider().open)
    with pytest.raises(AssertionError, match="twice"):
        Catalogue((row, row))
