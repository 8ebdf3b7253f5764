"""The list of models: what a client reads of each, and how it selects them (7.1).

What a model can do is its `VoiceCapabilities`, the same row that a session's config is checked
against; a model without them is not realtime. The rest, `ModelAbout`, is for people and menus.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ringline.domain import limits
from ringline.domain.config_members import Modality
from ringline.domain.voice import VoiceCapabilities

DEFAULT_PAGE = 50
MAX_PAGE = limits.PAGE_MODELS.most


class ModelType(StrEnum):
    """What a model is for; sessions need a realtime one."""

    REALTIME = "realtime"
    LLM = "llm"


class ModelCapability(StrEnum):
    """What a model can do, in the words that `capability` filters by."""

    AUDIO = "audio"
    TEXT = "text"
    TOOLS = "tools"
    IMAGES = "images"
    REASONING = "reasoning"
    TRANSLATION = "translation"


class Level(StrEnum):
    """A rough rating, in ascending order."""

    UNRATED = ""
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """The price of a million tokens of one kind, in USD."""

    kind: Modality
    usd: float


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model costs; what is empty or None is not charged for."""

    input: tuple[TokenPrice, ...] = ()
    output: tuple[TokenPrice, ...] = ()
    cached_input: tuple[TokenPrice, ...] = ()
    usd_per_minute: float | None = None
    usd_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class ModelAbout:
    """What people want to know about a model; nothing is checked against it.

    Empty names are taken from the model's id.
    """

    provider_name: str = ""
    name: str = ""
    description: str = ""
    speed: Level = Level.UNRATED
    quality: Level = Level.UNRATED
    #: A minute of conversation in USD, to compare models by; 0 if it costs nothing.
    cost: float = 0.0
    #: In tokens; 0 if unknown.
    context_window: int = 0
    prices: Prices | None = None
    #: Its provider will withdraw it; it is listed on request only, and can still be used.
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model in the list, by its id `provider/model`; `realtime` is None if it is not."""

    id: str
    realtime: VoiceCapabilities | None
    about: ModelAbout = ModelAbout()

    @property
    def type(self) -> ModelType:
        """Return what the model is for."""
        return ModelType.LLM if self.realtime is None else ModelType.REALTIME

    @property
    def provider(self) -> str:
        """Return the provider's id."""
        return self.id.partition("/")[0]

    @property
    def provider_name(self) -> str:
        """Return the provider's name for people."""
        return self.about.provider_name or self.provider

    @property
    def model_id(self) -> str:
        """Return the model's id within its provider."""
        return self.id.partition("/")[2]

    @property
    def name(self) -> str:
        """Return the model's name for people."""
        return self.about.name or self.model_id

    @property
    def capabilities(self) -> tuple[ModelCapability, ...]:
        """Return what the model can do, in the enumeration's sequence."""
        can = self.realtime
        if can is None:
            return (ModelCapability.TEXT,)
        offered = {
            ModelCapability.AUDIO: Modality.AUDIO in can.modalities,
            ModelCapability.TEXT: Modality.TEXT in can.modalities,
            ModelCapability.TOOLS: can.tools,
            ModelCapability.IMAGES: can.images,
            ModelCapability.REASONING: bool(can.reasoning_efforts),
            ModelCapability.TRANSLATION: can.translates,
        }
        return tuple(capability for capability, has in offered.items() if has)


class ModelSort(StrEnum):
    """What the list can be sorted by; ties are in the order of the ids."""

    ID = "id"
    NAME = "name"
    PROVIDER = "provider"
    TYPE = "type"
    SPEED = "speed"
    QUALITY = "quality"
    COST = "cost"
    CONTEXT_WINDOW = "context_window"


_LEVELS = tuple(Level)
_Key: TypeAlias = Callable[[ListedModel], str | float]
_KEYS: Mapping[ModelSort, _Key] = {
    ModelSort.ID: lambda model: model.id.casefold(),
    ModelSort.NAME: lambda model: model.name.casefold(),
    ModelSort.PROVIDER: lambda model: model.provider.casefold(),
    ModelSort.TYPE: lambda model: model.type.value,
    ModelSort.SPEED: lambda model: _LEVELS.index(model.about.speed),
    ModelSort.QUALITY: lambda model: _LEVELS.index(model.about.quality),
    ModelSort.COST: lambda model: model.about.cost,
    ModelSort.CONTEXT_WINDOW: lambda model: model.about.context_window,
}


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """What a client asks of the list; an empty filter lets every model pass.

    A type, provider or capability that no model has leaves none.
    """

    type: str = ""
    provider: str = ""
    text: str = ""
    capability: str = ""
    deprecated: bool = False
    sort: ModelSort = ModelSort.ID
    descending: bool = False
    limit: int = DEFAULT_PAGE
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A page of the list; `total` counts the models that pass the filters."""

    models: tuple[ListedModel, ...]
    total: int
    limit: int
    offset: int


def select_models(models: Iterable[ListedModel], query: ModelQuery) -> ModelPage:
    """Filter and sort the models, and cut the page."""
    found = sorted((model for model in models if _passes(model, query)), key=_KEYS[ModelSort.ID])
    found.sort(key=_KEYS[query.sort], reverse=query.descending)
    page = tuple(found[query.offset : query.offset + query.limit])
    return ModelPage(page, len(found), query.limit, query.offset)


def _passes(model: ListedModel, query: ModelQuery) -> bool:
    text = query.text.casefold()
    return (
        (query.deprecated or not model.about.deprecated)
        and (not query.type or query.type == model.type)
        and (not query.provider or query.provider.casefold() == model.provider.casefold())
        and (not query.capability or query.capability in model.capabilities)
        and (not text or any(text in shown.casefold() for shown in _shown(model)))
    )


def _shown(model: ListedModel) -> tuple[str, ...]:
    """Return the texts that `q` searches."""
    return (model.id, model.name, model.provider_name, model.about.description)
