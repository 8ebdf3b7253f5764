"""`GET /v3/models`: how its query is read and its answer is written."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.agent import TurnDetectionType
from ringline.domain.config_members import Modality
from ringline.domain.model_list import (
    Level,
    ListedModel,
    ModelAbout,
    ModelPage,
    ModelQuery,
    ModelSort,
    Prices,
    TokenPrice,
)
from ringline.domain.session_config import ConfigProblem
from ringline.domain.voice import VoiceCapabilities
from ringline.web.member_schemas import written
from ringline.wire.models import ANSWERED, ASKED, encode_models, read_query

RATES = VoiceCapabilities(16_000, 24_000, ("a", "b"), "b")
EVEN = replace(
    RATES,
    output_hz=16_000,
    modalities=frozenset(Modality),
    turn_detection=frozenset(TurnDetectionType),
    reasoning_efforts=("low", "high"),
    tools=True,
    images=True,
)
TENNER = (TokenPrice(Modality.AUDIO, 10.0), TokenPrice(Modality.TEXT, 2.5))
ABOUT = ModelAbout(
    provider_name="Tests",
    name="Echo",
    description="Says it back.",
    speed=Level.HIGH,
    quality=Level.LOW,
    cost=0.25,
    context_window=1_000,
    prices=Prices(input=TENNER, output=TENNER[:1]),
)


def encoded(*models: ListedModel) -> dict[str, Any]:
    """Encode a page, which must be as its table says."""
    answer = json.loads(encode_models(ModelPage(models, total=7, limit=5, offset=2)))
    jsonschema.Draft202012Validator(written(ANSWERED)).validate(answer)
    return answer


def test_an_entry_holds_every_member() -> None:
    answer = encoded(ListedModel("mock/echo", EVEN, ABOUT))
    assert answer == {
        "models": [
            {
                "id": "mock/echo",
                "type": "realtime",
                "provider": "mock",
                "provider_display_name": "Tests",
                "name": "Echo",
                "model_id": "echo",
                "capabilities": ["audio", "text", "tools", "images", "reasoning"],
                "speed": "high",
                "cost": 0.25,
                "quality": "low",
                "context_window": 1_000,
                "description": "Says it back.",
                "deprecated": False,
                "pricing": {
                    "input": [
                        {"type": "audio", "usd_per_million": 10.0},
                        {"type": "text", "usd_per_million": 2.5},
                    ],
                    "output": [{"type": "audio", "usd_per_million": 10.0}],
                },
                "params": {
                    "realtime": {
                        "default_voice": "b",
                        "input_audio_format": "pcm16",
                        "output_audio_format": "pcm16",
                        "sample_rate": 16_000,
                        "supports_tools": True,
                        "supports_vad": True,
                        "voices": ["a", "b"],
                        "input_sample_rate": 16_000,
                        "output_sample_rate": 16_000,
                        "modalities": ["audio", "text"],
                        "turn_detection": ["server_vad", "semantic_vad", "none"],
                        "reasoning_efforts": ["low", "high"],
                        "supports_images": True,
                        "supports_cancel": True,
                        "supports_update": True,
                    }
                },
            }
        ],
        "total": 7,
        "limit": 5,
        "offset": 2,
    }


def test_what_a_provider_cannot_do_is_said() -> None:
    fixed = replace(RATES, cancels=False, fixed_members=frozenset({"instructions", "voice"}))
    (entry,) = encoded(ListedModel("x/y", fixed, ModelAbout(deprecated=True)))["models"]
    params = entry["params"]["realtime"]
    assert (params["supports_cancel"], params["supports_update"]) == (False, False)
    assert entry["deprecated"] is True
    voice_alone = replace(RATES, fixed_members=frozenset({"voice"}))
    (entry,) = encoded(ListedModel("x/y", voice_alone))["models"]
    assert entry["params"]["realtime"]["supports_update"] is True


def test_rates_that_differ_have_no_common_name() -> None:
    (entry,) = encoded(ListedModel("mock/asym", RATES))["models"]
    params = entry["params"]["realtime"]
    assert "sample_rate" not in params
    assert (params["input_sample_rate"], params["output_sample_rate"]) == (16_000, 24_000)
    assert params["reasoning_efforts"] == []
    assert params["turn_detection"] == ["server_vad", "none"]


@pytest.mark.parametrize(
    ("types", "detects"),
    [
        ({TurnDetectionType.NONE}, False),
        ({TurnDetectionType.SERVER_VAD}, True),
        ({TurnDetectionType.SEMANTIC_VAD, TurnDetectionType.NONE}, True),
    ],
)
def test_a_model_that_only_the_client_ends_turns_of_detects_none(
    types: set[TurnDetectionType], detects: bool
) -> None:
    can = replace(RATES, turn_detection=frozenset(types))
    (entry,) = encoded(ListedModel("x/y", can))["models"]
    assert entry["params"]["realtime"]["supports_vad"] is detects


def test_a_model_that_is_not_realtime_has_no_params_of_sessions() -> None:
    (entry,) = encoded(ListedModel("mock/chat", None))["models"]
    assert (entry["type"], entry["params"], entry["capabilities"]) == ("llm", {}, ["text"])
    assert "pricing" not in entry
    assert (entry["speed"], entry["quality"], entry["cost"]) == ("", "", 0)


@pytest.mark.parametrize(
    ("prices", "written_as"),
    [
        (Prices(), {}),
        (Prices(usd_per_minute=0.05), {"price_per_minute": 0.05}),
        (Prices(usd_per_second=0.0), {"price_per_second": 0.0}),
        (
            Prices(cached_input=TENNER[1:]),
            {"cached_input": [{"type": "text", "usd_per_million": 2.5}]},
        ),
    ],
)
def test_a_price_that_there_is_none_of_is_left_out(
    prices: Prices, written_as: dict[str, Any]
) -> None:
    (entry,) = encoded(ListedModel("x/y", RATES, ModelAbout(prices=prices)))["models"]
    assert entry["pricing"] == written_as


def test_a_query_of_every_parameter_is_read() -> None:
    assert read_query(
        {
            "type": "realtime",
            "provider": "mock",
            "q": "Ech",
            "capability": "tools",
            "deprecated": "true",
            "sort": "cost",
            "order": "desc",
            "limit": "20",
            "offset": "40",
        }
    ) == ModelQuery("realtime", "mock", "Ech", "tools", True, ModelSort.COST, True, 20, 40)


def test_what_is_absent_empty_or_unknown_changes_nothing() -> None:
    empty = {member.name: "" for member in ASKED}
    for parameters in ({}, empty, {"page": "7", "Limit": "0"}):
        assert read_query(parameters) == ModelQuery()


@pytest.mark.parametrize("sort", ModelSort)
def test_every_order_is_read_in_any_case(sort: ModelSort) -> None:
    assert read_query({"sort": sort.upper(), "order": "DESC"}) == ModelQuery(
        sort=sort, descending=True
    )
    assert read_query({"sort": sort, "order": "asc", "deprecated": "False"}) == ModelQuery(
        sort=sort
    )


@pytest.mark.parametrize(
    ("parameter", "text", "number"),
    [
        ("limit", "1", 1),
        ("limit", "500", 500),
        ("limit", "501", 500),
        ("limit", "9" * 4_000, 500),
        ("offset", "0", 0),
        ("offset", "9" * 4_000, 2**53 - 1),
    ],
)
def test_too_many_counts_as_the_most(parameter: str, text: str, number: int) -> None:
    query = read_query({parameter: text})
    assert isinstance(query, ModelQuery)
    assert (query.limit if parameter == "limit" else query.offset) == number


@pytest.mark.parametrize(
    ("parameter", "text", "problem"),
    [
        ("limit", "0", "limit: not an integer from 1"),
        ("limit", "-1", "limit: not an integer from 1"),
        ("limit", "1.5", "limit: not an integer from 1"),
        ("limit", "ten", "limit: not an integer from 1"),
        ("limit", "٣", "limit: not an integer from 1"),
        ("limit", "9" * 5_000, "limit: not an integer from 1"),
        ("offset", "-1", "offset: not an integer from 0"),
        ("offset", "1_0", "offset: not an integer from 0"),
        ("order", "up", "order: not one of asc, desc"),
        ("deprecated", "maybe", "deprecated: not one of true, false"),
        (
            "sort",
            "age",
            "sort: not one of id, name, provider, type, speed, quality, cost, context_window",
        ),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(
    parameter: str, text: str, problem: str
) -> None:
    assert read_query({parameter: text}) == ConfigProblem("invalid_request", problem)


@given(st.dictionaries(st.sampled_from([member.name for member in ASKED]), st.text()))
def test_any_query_is_read_or_refused(parameters: dict[str, str]) -> None:
    query = read_query(parameters)
    if isinstance(query, ConfigProblem):
        assert query.message.partition(":")[0] in parameters
    else:
        assert 1 <= query.limit <= 500
        assert 0 <= query.offset < 2**53
