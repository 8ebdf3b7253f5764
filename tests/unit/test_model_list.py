"""The list of models: what each can do, and what a query finds."""

from dataclasses import replace

import pytest

from ringline.domain.config_members import Modality
from ringline.domain.model_list import (
    Level,
    ListedModel,
    ModelAbout,
    ModelCapability,
    ModelPage,
    ModelQuery,
    ModelSort,
    ModelType,
    select_models,
)
from ringline.domain.voice import VoiceCapabilities

PLAIN = VoiceCapabilities(16_000, 24_000, ("one",), "one")
RICH = replace(
    PLAIN,
    modalities=frozenset(Modality),
    reasoning_efforts=("low",),
    tools=True,
    images=True,
    translates=True,
)

ECHO = ListedModel(
    "mock/echo",
    RICH,
    ModelAbout("Tests", "Echo", "Says it back.", Level.HIGH, Level.LOW, cost=0.5),
)
ASYM = ListedModel("mock/asym", PLAIN, ModelAbout("Tests", "asym", cost=0.5, context_window=100))
CHAT = ListedModel("mock/chat", None, ModelAbout(name="Chat", speed=Level.MEDIUM))
OTHER = ListedModel("Other/one", PLAIN, ModelAbout("Ötzi", quality=Level.HIGH, cost=2))
BARE = ListedModel("bare", PLAIN)
ALL = (ECHO, OTHER, CHAT, ASYM)


def found(query: ModelQuery) -> list[str]:
    return [model.id for model in select_models(ALL, query).models]


def test_names_come_from_the_id_unless_they_are_given() -> None:
    assert (ECHO.provider, ECHO.model_id) == ("mock", "echo")
    assert (ECHO.provider_name, ECHO.name) == ("Tests", "Echo")
    assert (CHAT.provider_name, CHAT.name) == ("mock", "Chat")
    assert (OTHER.provider_name, OTHER.name) == ("Ötzi", "one")
    assert (BARE.provider, BARE.provider_name, BARE.model_id, BARE.name) == ("bare", "bare", "", "")


def test_a_model_without_a_voice_is_not_realtime() -> None:
    assert [model.type for model in (ECHO, CHAT)] == [ModelType.REALTIME, ModelType.LLM]
    assert CHAT.capabilities == (ModelCapability.TEXT,)


def test_what_a_model_can_do_follows_from_its_row() -> None:
    assert ECHO.capabilities == tuple(ModelCapability)
    assert ASYM.capabilities == (ModelCapability.AUDIO,)
    for change, capability in (
        ({"modalities": frozenset({Modality.TEXT})}, ModelCapability.TEXT),
        ({"tools": True}, ModelCapability.TOOLS),
        ({"images": True}, ModelCapability.IMAGES),
        ({"reasoning_efforts": ("high",)}, ModelCapability.REASONING),
        ({"translates": True}, ModelCapability.TRANSLATION),
    ):
        row = replace(PLAIN, **{"modalities": frozenset[Modality](), **change})
        assert ListedModel("x/y", row).capabilities == (capability,)


def test_everything_is_found_by_id_without_a_query() -> None:
    page = select_models(ALL, ModelQuery())
    assert page == ModelPage((ASYM, CHAT, ECHO, OTHER), total=4, limit=50, offset=0)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (ModelQuery(type="realtime"), ["mock/asym", "mock/echo", "Other/one"]),
        (ModelQuery(type="llm"), ["mock/chat"]),
        (ModelQuery(type="image"), []),
        (ModelQuery(provider="MOCK"), ["mock/asym", "mock/chat", "mock/echo"]),
        (ModelQuery(provider="moc"), []),
        (ModelQuery(capability="tools"), ["mock/echo"]),
        (ModelQuery(capability="text"), ["mock/chat", "mock/echo"]),
        (ModelQuery(capability="telepathy"), []),
        (ModelQuery(text="ÖTZI"), ["Other/one"]),
        (ModelQuery(text="says it"), ["mock/echo"]),
        (ModelQuery(text="/ch"), ["mock/chat"]),
        (ModelQuery(text="ech"), ["mock/echo"]),
        (ModelQuery(text="nothing"), []),
        (ModelQuery(type="realtime", provider="mock", text="y"), ["mock/asym", "mock/echo"]),
        (ModelQuery(type="realtime", provider="mock", text="y", capability="tools"), ["mock/echo"]),
    ],
)
def test_every_filter_must_pass(query: ModelQuery, ids: list[str]) -> None:
    page = select_models(ALL, query)
    assert [model.id for model in page.models] == ids
    assert page.total == len(ids)


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        (ModelSort.ID, ["mock/asym", "mock/chat", "mock/echo", "Other/one"]),
        (ModelSort.NAME, ["mock/asym", "mock/chat", "mock/echo", "Other/one"]),
        (ModelSort.PROVIDER, ["mock/asym", "mock/chat", "mock/echo", "Other/one"]),
        (ModelSort.TYPE, ["mock/chat", "mock/asym", "mock/echo", "Other/one"]),
        (ModelSort.SPEED, ["mock/asym", "Other/one", "mock/chat", "mock/echo"]),
        (ModelSort.QUALITY, ["mock/asym", "mock/chat", "mock/echo", "Other/one"]),
        (ModelSort.COST, ["mock/chat", "mock/asym", "mock/echo", "Other/one"]),
        (ModelSort.CONTEXT_WINDOW, ["mock/chat", "mock/echo", "Other/one", "mock/asym"]),
    ],
)
def test_every_order_breaks_ties_by_id(sort: ModelSort, ids: list[str]) -> None:
    assert found(ModelQuery(sort=sort)) == ids


def test_a_descending_order_turns_the_values_but_not_the_ties() -> None:
    assert found(ModelQuery(sort=ModelSort.COST, descending=True)) == [
        "Other/one",
        "mock/asym",
        "mock/echo",
        "mock/chat",
    ]
    assert found(ModelQuery(descending=True)) == [
        "Other/one",
        "mock/echo",
        "mock/chat",
        "mock/asym",
    ]


def test_levels_are_ordered_as_people_mean_them() -> None:
    rated = [ListedModel(f"x/{n}", None, ModelAbout(speed=level)) for n, level in enumerate(Level)]
    for models in (rated, rated[::-1]):
        page = select_models(models, ModelQuery(sort=ModelSort.SPEED, descending=True))
        assert [model.about.speed for model in page.models] == ["high", "medium", "low", ""]


def test_pages_cut_the_sorted_list_and_count_all_of_it() -> None:
    first = select_models(ALL, ModelQuery(limit=3))
    assert (first.models, first.total, first.limit) == ((ASYM, CHAT, ECHO), 4, 3)
    second = select_models(ALL, ModelQuery(limit=3, offset=3))
    assert (second.models, second.total, second.offset) == ((OTHER,), 4, 3)
    beyond = select_models(ALL, ModelQuery(offset=2**53 - 1))
    assert (beyond.models, beyond.total) == ((), 4)


def test_deprecated_models_are_listed_on_request() -> None:
    old = ListedModel("mock/old", PLAIN, ModelAbout(deprecated=True))
    listed = select_models((*ALL, old), ModelQuery(provider="mock"))
    assert old not in listed.models
    assert old in select_models((*ALL, old), ModelQuery(provider="mock", deprecated=True)).models
