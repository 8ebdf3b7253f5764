"""Opens voices that outlive their providers' connections: one around the voices of all models."""

from collections.abc import Mapping

from ringline.domain.voice import VoiceOpening
from ringline.ports import VoiceListener, VoiceUnavailable
from ringline.voices.lasting_voice import LastingVoice
from ringline.voices.lasting_ways import LastingLimits, Ways

__all__ = ["LastingLimits", "LastingVoices", "Ways"]


class LastingVoices:
    """Opens conversations that last; its `open` is an `OpenVoice` (ports).

    `fallbacks` are the models that take over from a model, in order.
    """

    def __init__(self, ways: Ways, fallbacks: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._ways = ways
        self._fallbacks = fallbacks or {}

    @property
    def longest_s(self) -> float:
        """Return how long opening a conversation can take, with all that is tried."""
        attempts = 2 + max(map(len, self._fallbacks.values()), default=0)
        return attempts * (self._ways.limits.open_s + self._ways.limits.redial_s)

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> LastingVoice:
        """Open a conversation with the config's model, or with one that takes over from it.

        Raises VoiceUnavailable, for the model that was tried last.
        """
        fallbacks = self._fallbacks.get(opening.config.model, ())
        voice = LastingVoice(self._ways, opening, listener=listener, fallbacks=fallbacks)
        try:
            await voice.start()
        except VoiceUnavailable as error:
            await voice.close()
            raise VoiceUnavailable(error.message, error.lost) from None
        except BaseException:
            await voice.close()
            raise
        return voice
