"""How lasting voices open their connections, and how long things may take."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ringline.domain.config_members import SessionConfig
from ringline.domain.fallback_config import config_for
from ringline.domain.rollover import DEFAULTS, RolloverTimes, sooner, times_of
from ringline.domain.voice import (
    UpstreamLoss,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
)
from ringline.ports import NewResampler, OpenVoice, VoiceUnavailable
from ringline.voices.lasting_connection import Connection


@dataclass(frozen=True, slots=True)
class LastingLimits:
    """How long things may take, in seconds."""

    #: Opening a connection; most voices have a bound of their own.
    open_s: float = 16.0
    #: The pause before the same model is dialled again (voices, 5: at most 250 ms).
    redial_s: float = 0.2
    #: The pause before another attempt to prepare a rollover.
    prepare_again_s: float = 5.0
    #: How long before the latest time a rollover is prepared without a quiet moment.
    prepare_s: float = 3.0
    #: How long a turn that is heard again may take to be found.
    replay_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to the models: `capabilities` is None for one that cannot be opened."""

    open_connection: OpenVoice
    capabilities: Callable[[str], VoiceCapabilities | None]
    new_resampler: NewResampler
    #: By prefixes of models.
    rollovers: Mapping[str, RolloverTimes] = field(default_factory=lambda: DEFAULTS)
    limits: LastingLimits = field(default_factory=LastingLimits)

    def config_for(self, config: SessionConfig, model: str) -> SessionConfig:
        """Return a session's config as a model can have it."""
        can = self.capabilities(model)
        return config if can is None else config_for(config, model, can=can)

    async def open(self, connection: Connection, opening: VoiceOpening) -> VoiceFailed | None:
        """Open a connection; return why it could not be opened, or was lost at once."""
        model = connection.model
        try:
            async with asyncio.timeout(self.limits.open_s):
                voice = await self.open_connection(opening, connection)
        except VoiceUnavailable as error:
            return _unavailable(error.message, error.lost)
        except TimeoutError:
            message = f"{model} is not available now."
            return _unavailable(message, UpstreamLoss(model, "timeout"))
        connection.attach(voice)
        connection.opened_at = asyncio.get_running_loop().time()
        if (times := times_of(model, self.rollovers)) is not None:
            connection.times = sooner(connection.times, times)
        return connection.lost


def _unavailable(message: str, lost: UpstreamLoss | None) -> VoiceFailed:
    return VoiceFailed(VoiceFailure.UPSTREAM_CLOSED, message, recoverable=False, lost=lost)
