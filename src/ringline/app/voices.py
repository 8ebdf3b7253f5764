"""The models that this server offers, and the keys by which they are opened."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from ringline.config import Settings, VoicesFile, python_environment
from ringline.domain.agent import LOCAL_MODEL
from ringline.domain.cascade import Cascade
from ringline.domain.providers import ProviderKey, VoiceProvider
from ringline.domain.rollover import DEFAULTS
from ringline.ports import AnswerTurn
from ringline.services.provider_keys import FindProviderKey, ProviderKeys
from ringline.services.sealer import Sealer
from ringline.services.voices import (
    Catalogue,
    VoiceModel,
    everybody,
    in_test_environment,
)
from ringline.storage.data_directory import EmbeddedError
from ringline.storage.preparation import unprivileged_account
from ringline.storage.stores import Stores
from ringline.voices import byom, mock, providers
from ringline.voices.byom import AgentVoices
from ringline.voices.cascade import Cascades
from ringline.voices.detectors import DETECTORS
from ringline.voices.endpoints import Endpoints, Patience
from ringline.voices.lasting import LastingLimits, LastingVoices, Ways
from ringline.voices.local import LocalVoices
from ringline.voices.resampling import new_resampler
from ringline.voices.upstream import Upstream
from ringline.voices.workers import Surroundings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Voices:
    """The models, and the resources that their conversations share."""

    catalogue: Catalogue
    lasting: LastingVoices
    provider_keys: ProviderKeys
    local: LocalVoices
    cascades: Cascades


def gather_voices(
    settings: Settings,
    own: VoicesFile,
    *,
    stores: Stores,
    sealer: Sealer,
    answer_turn: AnswerTurn,
    dev: bool,
) -> Voices:
    """Gather the models of all kinds; `own` are the ones of the operator's file."""
    detector = DETECTORS[settings.voice_activity_detector]
    local = LocalVoices(detector=detector, surroundings=_surroundings(settings))
    endpoints = Endpoints(Patience(settings.voice_ready_seconds, settings.voice_stall_seconds))
    cascades = Cascades(endpoints, detector)
    agents = AgentVoices(answer_turn, detector)
    provider_keys = ProviderKeys(
        stores.provider_credentials, sealer.open_sealed, of_server=_keys_of(settings)
    )
    catalogue = Catalogue(
        [
            *_built_in(local, dev=dev),
            VoiceModel(
                byom.BYOM_LOCAL_MODEL,
                byom.LOCAL,
                agents.over_local(local),
                about=byom.ABOUT_LOCAL,
            ),
            *_of_endpoints(own.cascades, cascades),
            *_of_agents(own.cascades, agents, endpoints=endpoints),
            *_of_providers(settings, provider_keys.find, further=own.models),
        ],
        provider_keys.usable,
    )
    ways = Ways(
        catalogue.open,
        catalogue.capabilities,
        new_resampler,
        rollovers={**DEFAULTS, **own.rollovers},
        # A voice that is not ready in time says so itself, and why.
        limits=LastingLimits(open_s=settings.voice_ready_seconds + 1),
    )
    lasting = LastingVoices(ways, own.fallbacks)
    return Voices(catalogue, lasting, provider_keys, local=local, cascades=cascades)


def missing_extra(settings: Settings) -> str:
    """Return the extra that the settings ask for and that is not installed; "" if none.

    WebRTC's detector comes with the local voice, and without that needs no word of its own.
    """
    detector = DETECTORS[settings.voice_activity_detector]
    return "" if detector.installed or detector.extra == "local" else detector.extra


def _surroundings(settings: Settings) -> Surroundings:
    """Return what the workers that parse strangers' audio get: no secret, and not root."""
    account = None
    try:
        account = unprivileged_account(settings.data_dir)
    except EmbeddedError as error:
        _log.warning("voice_worker_stays_root", module=None, reason=str(error))
    ids = None if account is None else (account.uid, account.gid)
    return Surroundings(python_environment(), ids)


def _built_in(local: LocalVoices, *, dev: bool) -> list[VoiceModel]:
    """Return the models that need nothing; in `serve` test voices are for test keys alone."""
    testers = everybody if dev else in_test_environment
    return [
        VoiceModel(LOCAL_MODEL, LocalVoices.capabilities, local.open, about=LocalVoices.about),
        VoiceModel(
            mock.ECHO_MODEL, mock.ECHO, mock.open_echo, offered_to=testers, about=mock.ABOUT_ECHO
        ),
        VoiceModel(
            mock.ASYM_MODEL, mock.ASYM, mock.open_asym, offered_to=testers, about=mock.ABOUT_ASYM
        ),
        VoiceModel(mock.CHAT_MODEL, None, None, offered_to=testers, about=mock.ABOUT_CHAT),
    ]


def _of_endpoints(own: Iterable[Cascade], cascades: Cascades) -> list[VoiceModel]:
    """Return the models of the operator's own endpoints."""
    return [
        VoiceModel(
            cascade.model, cascade.capabilities, cascades.opener(cascade), about=cascade.about
        )
        for cascade in own
    ]


def _of_agents(
    own: Iterable[Cascade], agents: AgentVoices, *, endpoints: Endpoints
) -> list[VoiceModel]:
    """Return the models that hear and speak with the endpoints, and ask the agent's webhook."""
    return [
        VoiceModel(
            byom.model_of(cascade),
            byom.capabilities_of(cascade),
            agents.over_cascade(cascade, endpoints),
            about=byom.about(cascade),
        )
        for cascade in own
        if byom.model_of(cascade) != byom.BYOM_LOCAL_MODEL
    ]


def read_voices(settings: Settings) -> VoicesFile:
    """Read the file of voices and check the models that it names. Raises SettingsProblem."""
    file = settings.read_voices()
    ours = (LOCAL_MODEL, byom.BYOM_LOCAL_MODEL, mock.ECHO_MODEL, mock.ASYM_MODEL)
    file.check_models({*ours, *providers.MODELS, *map(byom.model_of, file.cascades)})
    return file


def _keys_of(settings: Settings) -> dict[VoiceProvider, ProviderKey]:
    """Return the server's own keys of providers."""
    return {
        VoiceProvider(provider.name): ProviderKey(provider.key.get_secret_value())
        for provider in settings.providers
        if provider.key is not None
    }


def _of_providers(
    settings: Settings, find_key: FindProviderKey, *, further: Mapping[str, str]
) -> list[VoiceModel]:
    """Return the models of all providers, and further ones like them.

    Each exists for those who have a key of its provider.
    """
    upstreams = {
        VoiceProvider(provider.name): Upstream(
            provider.url,
            partial(find_key, provider=VoiceProvider(provider.name)),
            ready_s=settings.voice_ready_seconds,
            stall_s=settings.voice_stall_seconds,
        )
        for provider in settings.providers
    }
    found = providers.voices_of_providers(
        upstreams,
        detector=DETECTORS[settings.voice_activity_detector],
        delegation_model=settings.openai_delegation_model,
        further=further,
    )
    return [
        VoiceModel(
            name, model.capabilities, voices.open, provider=voices.provider, about=model.about
        )
        for voices in found
        for name, model in voices.models.items()
    ]
