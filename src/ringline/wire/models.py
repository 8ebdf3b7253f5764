"""The list of models, `GET /v3/models`: its query and its answer (realtime voice, 7.1)."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from ringline.domain.agent import TurnDetectionType
from ringline.domain.config_members import AUDIO_FORMAT, Modality
from ringline.domain.members import Member, Shape
from ringline.domain.model_list import (
    DEFAULT_PAGE,
    MAX_PAGE,
    Level,
    ListedModel,
    ModelCapability,
    ModelPage,
    ModelQuery,
    ModelSort,
    ModelType,
    Prices,
    TokenPrice,
)
from ringline.domain.session_config import ConfigProblem
from ringline.domain.voice import VoiceCapabilities
from ringline.wire.strict_json import encode

_LEVELS = tuple(Level)
_NONE = "none"
_MAX_OFFSET = 2**53 - 1  # what every JSON parser reads exactly

#: The parameters of the query.
ASKED: tuple[Member, ...] = (
    Member(
        "type", Shape.TEXT, "only models of this type: `realtime`, those that sessions need", _NONE
    ),
    Member("provider", Shape.TEXT, "only models of this provider, in upper or lower case", _NONE),
    Member(
        "q",
        Shape.TEXT,
        "only models with this text, in any case, in their id, name, provider's name or "
        "description",
        _NONE,
    ),
    Member("capability", Shape.TEXT, "only models with this one of `capabilities`", _NONE),
    Member(
        "deprecated",
        Shape.BOOLEAN,
        "whether deprecated models are listed too",
        "false",
    ),
    Member("sort", Shape.TEXT, "what to sort by; then by `id`", '"id"', words=tuple(ModelSort)),
    Member("order", Shape.TEXT, "the direction of `sort`", '"asc"', words=("asc", "desc")),
    Member(
        "limit",
        Shape.INTEGER,
        f"how many models at most, 1 to {MAX_PAGE}; more counts as {MAX_PAGE}",
        str(DEFAULT_PAGE),
    ),
    Member("offset", Shape.INTEGER, "how many models to skip, from 0", "0"),
)

_TOKEN_PRICE = (
    Member("type", Shape.TEXT, "the kind of tokens; ours", words=tuple(Modality)),
    Member("usd_per_million", Shape.NUMBER, "the price of a million tokens, in USD; ours"),
)
_PRICING = (
    Member("input", Shape.OBJECT, "tokens heard and read", members=_TOKEN_PRICE, many=True),
    Member("output", Shape.OBJECT, "tokens spoken and written", members=_TOKEN_PRICE, many=True),
    Member(
        "cached_input",
        Shape.OBJECT,
        "input tokens that the provider still held",
        members=_TOKEN_PRICE,
        many=True,
    ),
    Member("price_per_minute", Shape.NUMBER, "a minute of session, in USD"),
    Member("price_per_second", Shape.NUMBER, "a second of session, in USD"),
)
_REALTIME = (
    Member("default_voice", Shape.TEXT, "the voice of a config that names none"),
    Member("input_audio_format", Shape.TEXT, "of `audio.append`", words=(AUDIO_FORMAT,)),
    Member("output_audio_format", Shape.TEXT, "of `audio.delta`", words=(AUDIO_FORMAT,)),
    Member("sample_rate", Shape.INTEGER, "both rates, only if they are equal", optional=True),
    Member("supports_tools", Shape.BOOLEAN, "whether it calls `tools`"),
    Member(
        "supports_vad",
        Shape.BOOLEAN,
        "whether it detects the end of a turn itself; if not, only `turn_detection` `none`",
    ),
    Member("voices", Shape.TEXT, "the voices it offers", many=True),
    Member("input_sample_rate", Shape.INTEGER, "of `audio.append`, in Hz; ours"),
    Member("output_sample_rate", Shape.INTEGER, "of `audio.delta`, in Hz; ours"),
    Member(
        "modalities", Shape.TEXT, "what it can answer with; ours", words=tuple(Modality), many=True
    ),
    Member(
        "turn_detection",
        Shape.TEXT,
        "the types of `turn_detection` it offers; ours",
        words=tuple(TurnDetectionType),
        many=True,
    ),
    Member(
        "reasoning_efforts",
        Shape.TEXT,
        "the levels of `reasoning_effort`, empty without any; ours",
        many=True,
    ),
    Member("supports_images", Shape.BOOLEAN, "whether it takes `image.input`; ours"),
    Member(
        "supports_cancel",
        Shape.BOOLEAN,
        "whether its provider stops a response that is cancelled; if not, the client hears no more "
        "of it either, but it is produced and billed to its end; ours",
    ),
    Member(
        "supports_update",
        Shape.BOOLEAN,
        "whether `session.update` can change its instructions and tools; ours",
    ),
)
_MODEL = (
    Member("id", Shape.TEXT, "`provider/model`, for `model` of a config"),
    Member("type", Shape.TEXT, "what it is for", words=tuple(ModelType)),
    Member("provider", Shape.TEXT, "the part of `id` before the `/`"),
    Member("provider_display_name", Shape.TEXT, "the provider's name, for people"),
    Member("name", Shape.TEXT, "the model's name, for people"),
    Member("model_id", Shape.TEXT, "the part of `id` after the `/`"),
    Member(
        "capabilities",
        Shape.TEXT,
        "what it can do: answer with `audio` or `text`, call `tools`, see `images`, reason at a "
        "chosen effort, translate",
        words=tuple(ModelCapability),
        many=True,
    ),
    Member("speed", Shape.TEXT, "a rough rating; empty without one", words=_LEVELS),
    Member("cost", Shape.NUMBER, "about a minute of conversation in USD; 0 if it costs nothing"),
    Member("quality", Shape.TEXT, "a rough rating; empty without one", words=_LEVELS),
    Member("context_window", Shape.INTEGER, "in tokens; 0 if unknown"),
    Member("description", Shape.TEXT, "a sentence for people"),
    Member(
        "deprecated",
        Shape.BOOLEAN,
        "whether its provider will withdraw it; it still works; ours",
    ),
    Member(
        "pricing",
        Shape.OBJECT,
        "the prices; absent for a model that costs nothing",
        members=tuple(replace(member, optional=True) for member in _PRICING),
        optional=True,
    ),
    Member(
        "params",
        Shape.OBJECT,
        "what a config may ask of it",
        members=(
            Member(
                "realtime",
                Shape.OBJECT,
                "of a realtime model: what its config is checked against",
                members=_REALTIME,
                optional=True,
            ),
        ),
    ),
)

#: The members of the answer.
ANSWERED: tuple[Member, ...] = (
    Member("models", Shape.OBJECT, "the page", members=_MODEL, many=True),
    Member("total", Shape.INTEGER, "how many models pass the filters, on all pages"),
    Member("limit", Shape.INTEGER, "the `limit` that was applied"),
    Member("offset", Shape.INTEGER, "the `offset` that was applied"),
)

_Word = TypeVar("_Word", bound=StrEnum)


class _Order(StrEnum):
    ASC = "asc"
    DESC = "desc"


class _Switch(StrEnum):
    TRUE = "true"
    FALSE = "false"


class _Refused(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def read_query(parameters: Mapping[str, str]) -> ModelQuery | ConfigProblem:
    """Read the parameters of a query; unknown ones are ignored, an empty one is absent."""
    given = {name: value for name, value in parameters.items() if value}
    try:
        return ModelQuery(
            type=given.get("type", ""),
            provider=given.get("provider", ""),
            text=given.get("q", ""),
            capability=given.get("capability", ""),
            deprecated=_word(given, "deprecated", default=_Switch.FALSE) is _Switch.TRUE,
            sort=_word(given, "sort", default=ModelSort.ID),
            descending=_word(given, "order", default=_Order.ASC) is _Order.DESC,
            limit=_number(given, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE),
            offset=_number(given, "offset", default=0, least=0, most=_MAX_OFFSET),
        )
    except _Refused as refused:
        return ConfigProblem("invalid_request", refused.message)


def _word(given: Mapping[str, str], name: str, *, default: _Word) -> _Word:
    """Read one of an enumeration's words, in any case. Raises _Refused."""
    words = type(default)
    try:
        return words(given.get(name, default).lower())
    except ValueError:
        raise _Refused(f"{name}: not one of {', '.join(words)}") from None


def _number(given: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """Read an integer; a larger one than `most` counts as that. Raises _Refused."""
    text = given.get(name, str(default))
    try:
        number = int(text) if text.isascii() and text.isdigit() else None
    except ValueError:  # too many digits for int()
        number = None
    if number is None or number < least:
        raise _Refused(f"{name}: not an integer from {least}")
    return min(number, most)


def encode_models(page: ModelPage) -> bytes:
    """Encode a page of the list."""
    return encode(
        {
            "models": [_model(model) for model in page.models],
            "total": page.total,
            "limit": page.limit,
            "offset": page.offset,
        }
    )


def _model(model: ListedModel) -> dict[str, Any]:
    about = model.about
    entry: dict[str, Any] = {
        "id": model.id,
        "type": model.type,
        "provider": model.provider,
        "provider_display_name": model.provider_name,
        "name": model.name,
        "model_id": model.model_id,
        "capabilities": model.capabilities,
        "speed": about.speed,
        "cost": about.cost,
        "quality": about.quality,
        "context_window": about.context_window,
        "description": about.description,
        "deprecated": about.deprecated,
        "params": {} if model.realtime is None else {"realtime": _realtime(model.realtime)},
    }
    if about.prices is not None:
        entry["pricing"] = _pricing(about.prices)
    return entry


def _realtime(can: VoiceCapabilities) -> dict[str, Any]:
    params: dict[str, Any] = {
        "default_voice": can.default_voice,
        "input_audio_format": AUDIO_FORMAT,
        "output_audio_format": AUDIO_FORMAT,
        "supports_tools": can.tools,
        "supports_vad": bool(can.turn_detection - {TurnDetectionType.NONE}),
        "voices": can.voices,
        "input_sample_rate": can.input_hz,
        "output_sample_rate": can.output_hz,
        "modalities": [one for one in Modality if one in can.modalities],
        "turn_detection": [one for one in TurnDetectionType if one in can.turn_detection],
        "reasoning_efforts": can.reasoning_efforts,
        "supports_images": can.images,
        "supports_cancel": can.cancels,
        "supports_update": not can.fixed_members & {"instructions", "tools"},
    }
    if can.input_hz == can.output_hz:
        params["sample_rate"] = can.input_hz
    return params


def _pricing(prices: Prices) -> dict[str, Any]:
    charged = {
        "input": _token_prices(prices.input),
        "output": _token_prices(prices.output),
        "cached_input": _token_prices(prices.cached_input),
        "price_per_minute": prices.usd_per_minute,
        "price_per_second": prices.usd_per_second,
    }
    return {name: price for name, price in charged.items() if price not in ([], None)}


def _token_prices(prices: tuple[TokenPrice, ...]) -> list[dict[str, Any]]:
    return [{"type": price.kind, "usd_per_million": price.usd} for price in prices]
