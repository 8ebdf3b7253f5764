"""The providers of voices that are reached with a key, and their keys (voices, 3).

A key is a workspace's own in one of its environments, or the server's for workspaces that
have none.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class VoiceProvider(StrEnum):
    """A provider, as it begins the ids of its models: `openai/…`."""

    OPENAI = "openai"
    XAI = "xai"
    GEMINI = "gemini"


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A provider's key; its text is sent to the provider alone, and never shown."""

    text: str = field(repr=False)
    #: The last characters of a workspace's own key, for its log; empty for the server's.
    last_four: str = ""


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A workspace's own key of a provider, as it is stored: encrypted."""

    provider: VoiceProvider
    sealed: bytes = field(repr=False)
    last_four: str


def provider_of(model: str) -> VoiceProvider | None:
    """Return the provider whose key a model needs, by its id; None if it needs none."""
    name, slash, _ = model.partition("/")
    return VoiceProvider(name) if slash and name in tuple(VoiceProvider) else None
