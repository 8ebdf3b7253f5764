"""An agent's model as `/v1` spells it: the two halves around its first slash (live streams, 6.2).

Every model has a provider half; the halves of `openai/gpt-realtime` are `ai_provider` `openai`
and `ai_model` `gpt-realtime`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

#: The voices whose words come from the agent's own webhook (live streams, 4).
BYOM = "byom"
CASCADE = "cascade"
#: The providers, the documented ones first; a new agent's is the first.
AI_PROVIDERS = (BYOM, "openai", "gemini", "xai", "local", CASCADE, "mock")
#: It hears and speaks with the local recognition and speech.
BYOM_MODEL = f"{BYOM}/local"


def halves_of(model: str) -> tuple[str, str]:
    """Return a model's provider and its name there."""
    provider, _, name = model.partition("/")
    return provider, name


def model_of(provider: str, name: str) -> str:
    """Return the model of a provider and a name."""
    return f"{provider}/{name}"


def is_byom(model: str) -> bool:
    """Return whether the agent's webhook says what a model says."""
    return halves_of(model)[0] == BYOM


def exists(model: str, known: Collection[str]) -> bool:
    """Return whether a model is known, or made of the hearing and speech of one that is."""
    provider, name = halves_of(model)
    made = provider == BYOM and model_of(CASCADE, name) in known
    return model in known or model == BYOM_MODEL or made


@dataclass(frozen=True, slots=True)
class AskedModel:
    """What a request says about an agent's model: its halves, None where it is silent."""

    provider: str | None = None
    name: str | None = None
    #: Whether it asks for the provider's first model.
    first: bool = False

    def of(self, current: str | None, *models: Iterable[str]) -> str | None:
        """Return the model that is meant; None if the provider has none in these lists.

        A request that names another provider and no model means that provider's first.
        """
        provider, name = halves_of(current) if current else (AI_PROVIDERS[0], None)
        asked = provider if self.provider is None else self.provider
        if self.name is not None:
            return model_of(asked, self.name)
        if name is not None and asked == provider and not self.first:
            return current
        return default_model(asked, *models)


def default_model(provider: str, *models: Iterable[str]) -> str | None:
    """Return a provider's model in the first of these lists that has one; None if none has."""
    if provider == BYOM:
        return BYOM_MODEL
    for listed in models:
        for model in listed:
            if halves_of(model)[0] == provider:
                return model
    return None
