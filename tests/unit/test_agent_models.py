"""An agent's model and its halves, and which model a request means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.agent_models import (
    AI_PROVIDERS,
    BYOM_MODEL,
    AskedModel,
    exists,
    halves_of,
    is_byom,
    model_of,
)

KNOWN = ("local/attendant", "cascade/house", "openai/one", "openai/two", "gemini/three")
OPENABLE = ("local/attendant", "cascade/house", "openai/two")
NAMES = st.text(min_size=1)
PROVIDERS = st.sampled_from(AI_PROVIDERS)


@given(PROVIDERS, NAMES)
def test_the_halves_make_the_model_again(provider: str, name: str) -> None:
    assert halves_of(model_of(provider, name)) == (provider, name)


@given(st.text(), st.text())
def test_a_model_is_made_of_its_halves_again(before: str, after: str) -> None:
    provider, name = halves_of(f"{before}/{after}")
    assert "/" not in provider
    assert model_of(provider, name) == f"{before}/{after}"


@given(st.none() | PROVIDERS, st.none() | NAMES, PROVIDERS, NAMES, st.booleans())
def test_what_is_named_is_what_is_meant(
    provider: str | None, name: str | None, current: str, kept: str, first: bool
) -> None:
    asked = AskedModel(provider, name, first and name is None)
    meant = asked.of(model_of(current, kept), OPENABLE, KNOWN)
    if meant is None:
        assert name is None
        return
    assert halves_of(meant)[0] == (provider or current)
    if name is not None:
        assert halves_of(meant)[1] == name
    elif provider in (None, current) and not asked.first:
        assert halves_of(meant)[1] == kept


@pytest.mark.parametrize(
    ("asked", "current", "meant"),
    [
        (AskedModel(), None, BYOM_MODEL),
        (AskedModel("openai"), None, "openai/two"),  # there is a key for it
        (AskedModel("gemini"), None, "gemini/three"),  # there is none for any
        (AskedModel("xai"), None, None),
        (AskedModel("openai", "one"), None, "openai/one"),
        (AskedModel("openai"), "gemini/three", "openai/two"),
        (AskedModel("openai"), "openai/one", "openai/one"),
        (AskedModel(None, None, True), "openai/one", "openai/two"),
        (AskedModel(None, "one"), "openai/two", "openai/one"),
        (AskedModel("byom"), "openai/two", BYOM_MODEL),
    ],
)
def test_which_model_is_meant(asked: AskedModel, current: str | None, meant: str | None) -> None:
    assert asked.of(current, OPENABLE, KNOWN) == meant


@pytest.mark.parametrize(
    ("model", "there"),
    [
        ("openai/one", True),
        ("openai/none", False),
        ("byom/local", True),
        ("byom/house", True),
        ("byom/other", False),
        ("byom", False),
        ("", False),
    ],
)
def test_which_models_there_are(model: str, there: bool) -> None:
    assert exists(model, KNOWN) is there


def test_whose_words_are_the_webhooks() -> None:
    assert is_byom("byom/local")
    assert not is_byom("byo/m")
