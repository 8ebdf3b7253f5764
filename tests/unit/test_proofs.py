"""The page of what is proved is true: its tests exist, and no voice is left out."""

from dataclasses import replace

from pydantic import SecretStr

from ringline.app import voices as app
from ringline.config import Settings
from ringline.domain.log import Scope
from ringline.domain.providers import VoiceProvider
from ringline.voices.local import LocalVoices
from tests.live import live_voices
from tests.proofs import ADAPTERS, LIVE, OFFLINE, WITHOUT_PROVIDER, missing


def test_every_test_that_proves_something_exists() -> None:
    assert missing(OFFLINE) == []
    assert missing(LIVE) == []


def test_one_that_does_not_is_found() -> None:
    gone = replace(OFFLINE[0], test=f"{OFFLINE[0].test}_any_more")
    elsewhere = replace(OFFLINE[0], test="tests/app/test_nowhere.py::test_it")
    assert missing([gone, OFFLINE[1], elsewhere]) == [gone.test, elsewhere.test]


async def no_key(_: Scope | None, /, provider: VoiceProvider) -> None:
    """Find no key of a provider."""


def test_no_voice_is_left_out() -> None:
    key = SecretStr("a key of the tests")
    names = [name for name in Settings.model_fields if name.endswith("_api_key")]
    settings = Settings.model_validate(dict.fromkeys(names, key))
    of_providers = app._of_providers(settings, no_key, further={})
    models = [*app._built_in(LocalVoices(), dev=True), *of_providers]
    speaking = [model.name for model in models if model.capabilities is not None]
    left_out = [name for name in speaking if not name.startswith(tuple(ADAPTERS))]
    assert left_out == [], "tests/proofs.py names no adapter for these"
    adapters = set(ADAPTERS.values())
    assert {proof.of for proof in OFFLINE} == adapters
    assert {proof.of for proof in LIVE} == adapters - set(WITHOUT_PROVIDER)


def test_the_live_suite_asks_every_provider() -> None:
    asked = {provider.prefix for provider in live_voices.PROVIDERS.values()}
    assert asked == {name for name, adapter in ADAPTERS.items() if adapter not in WITHOUT_PROVIDER}


def test_every_test_of_the_live_suite_is_listed() -> None:
    tests = {name for name in vars(live_voices) if name.startswith("test_")}
    assert tests == {proof.test.partition("::")[2] for proof in LIVE}
