"""The models `byom/…`: an agent's webhook is the brain, this server hears and speaks.

`byom/local` hears and speaks with the local voice's recognition and speech, `byom/<name>` with
the endpoints of the operator's `cascade/<name>`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ringline.domain.cascade import Cascade
from ringline.domain.config_members import Modality
from ringline.domain.model_list import Level, ModelAbout
from ringline.domain.voice import VoiceCapabilities, VoiceOpening
from ringline.ports import AnswerTurn, OpenVoice, VoiceListener, VoiceUnavailable
from ringline.voices.agent_brain import AgentBrain
from ringline.voices.attendant import CAPABILITIES
from ringline.voices.cascade import CascadeVoice
from ringline.voices.cascade_stages import Stages
from ringline.voices.detectors import DetectorLibrary
from ringline.voices.endpointing import TurnLimits
from ringline.voices.endpoints import Endpoints
from ringline.voices.local import LocalVoices
from ringline.voices.parts import Brain, Parts

PREFIX = "byom/"
BYOM_LOCAL_MODEL = f"{PREFIX}local"

_PROVIDER = "The agent's webhook"

LOCAL: VoiceCapabilities = replace(
    CAPABILITIES, modalities=frozenset({Modality.AUDIO, Modality.TEXT}), asks_agent=True
)
ABOUT_LOCAL = ModelAbout(
    provider_name=_PROVIDER,
    name="Local",
    description="Asks the agent's webhook for its answers; hears and speaks without any service.",
    speed=Level.HIGH,
    quality=Level.LOW,
)

#: Makes the parts of one conversation from its brain and the language of its caller.
_MakeParts: TypeAlias = Callable[[Brain, str], Parts]


def model_of(cascade: Cascade) -> str:
    """Return the model that hears and speaks with a cascade."""
    return f"{PREFIX}{cascade.name}"


def capabilities_of(cascade: Cascade) -> VoiceCapabilities:
    """Return what that model can do: no tools or images of its own, since nobody asks for them."""
    return replace(
        cascade.capabilities,
        tools=False,
        images=False,
        temperature=None,
        dialogue=True,
        asks_agent=True,
    )


def about(cascade: Cascade) -> ModelAbout:
    """Return what the list of models says about it."""
    return ModelAbout(
        provider_name=_PROVIDER,
        name=cascade.name,
        description=(
            f"Asks the agent's webhook for its answers; transcription by "
            f"{cascade.transcription.model}, speech by {cascade.speech.model}."
        ),
    )


class AgentVoices:
    """Opens conversations whose brain is a webhook."""

    def __init__(
        self,
        answer_turn: AnswerTurn,
        detector: DetectorLibrary,
        *,
        turn_limits: TurnLimits | None = None,
    ) -> None:
        self._answer_turn = answer_turn
        self._detector = detector
        self._turn_limits = turn_limits

    def over_local(self, local: LocalVoices) -> OpenVoice:
        """Return what opens `byom/local`; it raises VoiceUnavailable if something is missing."""

        def parts(brain: Brain, _: str) -> Parts:
            if not local.installed:
                raise VoiceUnavailable(
                    "The local voice is not installed; run `ringline doctor` on the server to "
                    "see how."
                )
            return Parts(
                BYOM_LOCAL_MODEL,
                LOCAL,
                ears=local.ears,
                brain=brain,
                mouth=local.mouth,
                new_partials=local.new_partials,
            )

        return self._opener(parts)

    def over_cascade(self, cascade: Cascade, endpoints: Endpoints) -> OpenVoice:
        """Return what opens `byom/<name>`; it raises VoiceUnavailable without a detector."""

        def parts(brain: Brain, language: str) -> Parts:
            stages = Stages(cascade, endpoints, language=language)
            return Parts(
                model_of(cascade),
                capabilities_of(cascade),
                ears=stages,
                brain=brain,
                mouth=stages,
                completed=stages.grant_retry,
            )

        return self._opener(parts)

    def _opener(self, make_parts: _MakeParts) -> OpenVoice:
        async def open_voice(opening: VoiceOpening, listener: VoiceListener) -> CascadeVoice:
            if opening.call is None or opening.call.agent_id is None:
                raise VoiceUnavailable("A byom model needs an agent, whose webhook answers.")
            if not self._detector.installed:
                raise VoiceUnavailable(
                    "The detector of speech is not installed; run `ringline doctor` on the server "
                    "to see how."
                )
            brain = AgentBrain(opening.call, self._answer_turn, report=listener.on_voice_signal)
            return CascadeVoice(
                make_parts(brain, opening.language),
                opening,
                listener=listener,
                detector=self._detector,
                turn_limits=self._turn_limits,
            )

        return open_voice
