"""The config of a voice session, and who sets what (realtime voice, 2.3, 4).

A config is an object of optional members. Three parties can set one, by precedence:

1. the ticket: every non-zero member of its `config`, every member that it locks, and every
   non-zero member of the agent it names ("bound", B1 to B12);
2. the client, in `session.start`, for what the ticket left open;
3. the agent named in `session.start`, for what neither of them has set.

Members are replaced whole, never merged (B10). Bound members win silently (B8). If a ticket
names an agent and sets a member itself, the ticket's own value wins, as the more specific one
of the same author. `bind` makes the ticket's part, small and serialisable; `effective` makes
the whole config and checks it against the model's capabilities; `update` changes it while the
session runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec
from msgspec import inspect

from ringline.domain.agent import Agent, LocalSettings
from ringline.domain.agent_checks import tool_flaws
from ringline.domain.config_members import (
    AUDIO_FORMAT,
    NAMES,
    Modality,
    RequestedConfig,
    SessionConfig,
)
from ringline.domain.config_warnings import unknown_members, warnings_of
from ringline.domain.local_dialogue import local_flaws
from ringline.domain.members import NESTED, described, kinds_of, plain
from ringline.domain.providers import provider_of
from ringline.domain.voice import VoiceCapabilities

MAX_PADDING_MS = 10_000
_MAX_QUOTED = 64  # characters of a client's text that an error quotes
#: Why a change of a member is refused.
IMMUTABLE = "{member} cannot be changed while the session runs"

#: The known models; None for a model that is not realtime.
Models: TypeAlias = Mapping[str, VoiceCapabilities | None]


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What a ticket fixes: bound members, and the agent if it names one.

    A member locked without a value is None: it keeps its default. Unknown members are
    dropped, and the session warns about them.
    """

    values: dict[str, Any] = {}
    agent_id: UUID | None = None
    warnings: tuple[str, ...] = ()


#: The binding of a session that was opened with a key instead of a ticket.
UNBOUND = Binding()


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """Why a config is refused: the surface's code and a sentence for the client."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class EffectiveConfig:
    """A session's complete config, valid for its model; and its agent, if any."""

    config: SessionConfig
    capabilities: VoiceCapabilities
    agent: Agent | None = None
    #: Sentences for the client about members that have no effect.
    warnings: tuple[str, ...] = ()
    #: The members that were set, and those of them that the client cannot change.
    members: Mapping[str, object] = field(default_factory=dict[str, object])
    bound: Mapping[str, object] = field(default_factory=dict[str, object])
    #: The only tools that the session may have, whoever brings them; None is all.
    allowed_tools: frozenset[str] | None = None
    #: The config's tools are those of the agent, not of the ticket or the client.
    tools_of_agent: bool = False


def bind(
    config: Mapping[str, object],
    locked_fields: Sequence[str],
    *,
    models: Models,
    agent_id: UUID | None = None,
) -> Binding | ConfigProblem:
    """Make a ticket's binding from the members of a mint (B1 to B12).

    Names, types and the model's existence are checked here; the model's capabilities are
    checked when the session starts.
    """
    for name in locked_fields:
        if name not in NAMES:
            message = f'locked_fields names "{name[:_MAX_QUOTED]}", which is no config member'
            return ConfigProblem("unknown_locked_field", message)
    requested = _read(config)
    if isinstance(requested, ConfigProblem):
        return requested
    locked = set(locked_fields)
    known = {name: value for name, value in config.items() if name in NAMES}
    values: dict[str, Any] = dict.fromkeys(sorted(locked))
    values |= {name: value for name, value in known.items() if name in locked or value}
    if requested.model:
        problem = check_model(requested.model, models)
        if problem is None and agent_id is None:
            problem = _check_receiver(requested.model, None, models=models)
        if problem is not None:
            return problem
    return Binding(values=values, agent_id=agent_id, warnings=unknown_members(config))


def check_model(model: str, models: Models) -> ConfigProblem | None:
    """Check that a model exists and is realtime."""
    quoted = model[:_MAX_QUOTED]
    if model not in models:
        return ConfigProblem("model_not_found", _missing_model(model, models))
    if models[model] is None:
        return ConfigProblem("model_not_realtime", f'"{quoted}" is not a realtime model')
    return None


def _missing_model(model: str, models: Models) -> str:
    """Say why a model does not exist; all of a provider's models do, or none of them."""
    quoted, provider = model[:_MAX_QUOTED], provider_of(model)
    if provider is None or any(provider_of(known) is provider for known in models):
        return f'there is no model "{quoted}"'
    return f'"{quoted}" needs a key of the provider "{provider.value}", and there is none'


def check_agent(agent: Agent | None, binding: Binding, *, models: Models) -> ConfigProblem | None:
    """Check that a ticket may name an agent; None stands for a missing agent.

    The agent's model is checked like one in the ticket's `config`, unless that names one. A ticket
    for a model that asks an agent must name the agent, or its holder would choose whose.
    """
    if agent is None or not agent.enabled:
        return _missing(agent)
    model = binding.values.get("model") or agent.model
    if not model:
        return None
    return check_model(model, models) or _check_receiver(model, agent, models=models)


def _check_receiver(model: str, agent: Agent | None, *, models: Models) -> ConfigProblem | None:
    """Check that a model whose words are an agent's has an agent that can be asked."""
    capabilities = models[model]
    asks = capabilities is not None and capabilities.asks_agent
    if not asks or (agent is not None and agent.webhook_url):
        return None
    message = f'model: "{model}" asks an agent, so the session needs one with a webhookUrl'
    return ConfigProblem("invalid_config", message)


def _missing(agent: Agent | None) -> ConfigProblem:
    message = "there is no such agent" if agent is None else "the agent is not enabled"
    return ConfigProblem("agent_not_found", message)


def effective(
    binding: Binding,
    client_config: Mapping[str, object],
    *,
    agent: Agent | None,
    models: Models,
    allowed_tools: frozenset[str] | None = None,
) -> EffectiveConfig | ConfigProblem:
    """Make a session's effective config (4.1); tools that are not allowed are left out.

    `agent` is the one named by the binding, or else by `session.start`. A bound agent that
    was deleted since the mint, or one that is not enabled, is `agent_not_found`.
    """
    agent_bound = binding.agent_id is not None
    if agent_bound and (agent is None or agent.id != binding.agent_id):
        return _missing(None)
    if agent is not None and not agent.enabled:
        return _missing(agent)
    agent_members = _members_of(agent) if agent is not None else {}
    client = {name: value for name, value in client_config.items() if name in NAMES}
    merged: dict[str, object] = dict(client)
    bound: dict[str, object] = dict(binding.values)
    if agent_bound:
        set_by_ticket = {name: value for name, value in bound.items() if value is not None}
        bound |= agent_members | set_by_ticket
    else:
        merged |= {name: value for name, value in agent_members.items() if not client.get(name)}
    merged |= bound
    requested = _without_builtins(_allowed(_read(merged), allowed_tools), agent)
    if isinstance(requested, ConfigProblem):
        return requested
    if not requested.model:
        return ConfigProblem("model_required", "the config names no model")
    problem = check_model(requested.model, models) or _check_receiver(
        requested.model, agent, models=models
    )
    if problem is not None:
        return problem
    capabilities = models[requested.model]
    assert capabilities is not None, "check_model refuses what is not realtime"
    fitted = _fit(requested, capabilities)
    if isinstance(fitted, ConfigProblem):
        return fitted
    ignored = _ignored(requested, capabilities)
    warnings = warnings_of(binding.warnings, unknown_members(client_config), ignored)
    return EffectiveConfig(
        fitted,
        capabilities,
        agent,
        warnings,
        merged,
        bound,
        allowed_tools,
        tools_of_agent="tools" in agent_members and merged["tools"] is agent_members["tools"],
    )


def update(
    session: EffectiveConfig, changes: Mapping[str, object]
) -> EffectiveConfig | ConfigProblem:
    """Change the config of a running session (4.1); members that are absent stay.

    Bound members win silently, as at the start. `warnings` are those of this update alone.
    """
    present = {name: value for name, value in changes.items() if value is not None}
    known = {name: value for name, value in present.items() if name in NAMES}
    merged = {**session.members, **known, **session.bound}
    requested = _without_builtins(_allowed(_read(merged), session.allowed_tools), session.agent)
    if isinstance(requested, ConfigProblem):
        return requested
    if requested.model != session.config.model:
        return _immutable("model")
    fitted = _fit(requested, session.capabilities)
    if isinstance(fitted, ConfigProblem):
        return fitted
    for name in sorted(session.capabilities.fixed_members):
        if getattr(fitted, name) != getattr(session.config, name):
            return _immutable(name)
    changed = {"local", "tools"} & known.keys()
    ignored = _ignored(requested, session.capabilities) if changed else ()
    warnings = warnings_of(unknown_members(present), ignored)
    kept = merged.get("tools") is session.members.get("tools")
    return replace(
        session,
        config=fitted,
        warnings=warnings,
        members=merged,
        tools_of_agent=session.tools_of_agent and kept,
    )


def _allowed(
    requested: RequestedConfig | ConfigProblem, tools: frozenset[str] | None
) -> RequestedConfig | ConfigProblem:
    """Leave out the tools that are not allowed (2.7)."""
    if isinstance(requested, ConfigProblem) or tools is None:
        return requested
    kept = tuple(tool for tool in requested.tools if tool.name in tools)
    return msgspec.structs.replace(requested, tools=kept)


def _without_builtins(
    requested: RequestedConfig | ConfigProblem, agent: Agent | None
) -> RequestedConfig | ConfigProblem:
    """Refuse a tool that has the name of one that the agent's calls run themselves."""
    if isinstance(requested, ConfigProblem) or agent is None:
        return requested
    for index, tool in enumerate(requested.tools):
        if tool.name in agent.builtin_tools:
            message = f"tools[{index}].name: is the name of a built-in tool of the agent"
            return ConfigProblem("invalid_config", message)
    return requested


def _immutable(name: str) -> ConfigProblem:
    return ConfigProblem("immutable_field", IMMUTABLE.format(member=name))


def _ignored(requested: RequestedConfig, capabilities: VoiceCapabilities) -> tuple[str, ...]:
    model, ignored = requested.model, list[str]()
    if requested.local is not None and not capabilities.dialogue:
        ignored.append(f"config.local does nothing: {model} takes no phrases and replies")
    if requested.tools and capabilities.asks_agent:
        ignored.append(f"config.tools does nothing: behind {model} a webhook runs its own")
    return tuple(ignored)


def _members_of(agent: Agent) -> dict[str, object]:
    """Return an agent's non-zero config members, greeting excluded (contract, 5)."""
    members = {name: getattr(agent, name) for name in agent.__struct_fields__}
    return {
        name: msgspec.to_builtins(value)
        for name, value in members.items()
        if name in NAMES and value and value != LocalSettings()
    }


def _read(config: Mapping[str, object]) -> RequestedConfig | ConfigProblem:
    """Check names, types and the ranges that hold for every model."""
    if config.get("local") is not None:
        for flaw in local_flaws(config["local"]):
            return ConfigProblem("invalid_config", f"{flaw.path_from('local')}: {flaw.problem}")
    try:
        present = _without_nulls(dict(config), described(RequestedConfig))
        requested = msgspec.convert(present, RequestedConfig)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$.")
        member = path.rstrip("`") or "config"
        if member in NAMES and "null" not in problem:  # null counts as absent
            problem = problem.replace("`, got", " | null`, got")
        return ConfigProblem("invalid_config", f"{member}: {problem.replace('`', '')}")
    return _check_ranges(requested) or requested


def _without_nulls(value: object, kind: inspect.Type) -> object:
    """Drop null members, at any depth: null counts as absent."""
    if type(value) not in NESTED:
        return value  # most members, and matching takes time
    match plain(kind):
        case inspect.StructType(cls=struct) if isinstance(value, dict):
            kinds = kinds_of(struct)
            members = cast("dict[str, object]", value)
            return {
                name: _without_nulls(member, kinds[name]) if name in kinds else member
                for name, member in members.items()
                if member is not None
            }
        case inspect.VarTupleType(item_type=item) if isinstance(value, list):
            return [_without_nulls(member, item) for member in cast("list[object]", value)]
        case _:
            return value


def _check_ranges(requested: RequestedConfig) -> ConfigProblem | None:
    for flaw in tool_flaws(requested.tools):
        return ConfigProblem("invalid_config", f"{flaw.path_from('tools')}: {flaw.problem}")
    detection = requested.turn_detection
    if not 0 <= detection.threshold <= 1:
        return ConfigProblem("invalid_config", "turn_detection.threshold: not within 0 and 1")
    for name, value in (
        ("prefix_padding_ms", detection.prefix_padding_ms),
        ("silence_duration_ms", detection.silence_duration_ms),
    ):
        if not 0 <= value <= MAX_PADDING_MS:
            message = f"turn_detection.{name}: not within 0 and {MAX_PADDING_MS}"
            return ConfigProblem("invalid_config", message)
    for name, value in (
        ("input_audio_format", requested.input_audio_format),
        ("output_audio_format", requested.output_audio_format),
    ):
        if value and value != AUDIO_FORMAT:
            return ConfigProblem("unsupported_audio_format", f"{name}: only {AUDIO_FORMAT}")
    return None


def _fit(
    requested: RequestedConfig, capabilities: VoiceCapabilities
) -> SessionConfig | ConfigProblem:
    """Fill in the model's defaults and check a config against its capabilities."""
    model = requested.model
    voice = _find_voice(requested.voice, capabilities)
    if voice is None:
        message = f'voice "{requested.voice[:_MAX_QUOTED]}" is not offered by {model}'
        return ConfigProblem("unsupported_voice", message)
    modalities = tuple(dict.fromkeys(requested.modalities or (Modality.AUDIO,)))
    if not capabilities.modalities.issuperset(modalities):
        offered = ", ".join(sorted(capabilities.modalities))
        return ConfigProblem("unsupported_modality", f"modalities: {model} offers {offered}")
    effort = requested.reasoning_effort
    if effort and effort not in capabilities.reasoning_efforts:
        offered = ", ".join(capabilities.reasoning_efforts) or "none"
        message = f"reasoning_effort: {model} offers {offered}"
        return ConfigProblem("unsupported_reasoning_effort", message)
    detection = requested.turn_detection
    if detection.type not in capabilities.turn_detection:
        offered = ", ".join(sorted(capabilities.turn_detection))
        message = f"turn_detection.type: {model} offers {offered}"
        return ConfigProblem("unsupported_turn_detection", message)
    if requested.tools and not (capabilities.tools or capabilities.asks_agent):
        return ConfigProblem("invalid_config", f"tools: {model} calls no tools")
    translates = bool(requested.translation_target_language)
    if translates != capabilities.translates:
        needs = "needs one" if capabilities.translates else "is no translation model"
        return ConfigProblem("invalid_config", f"translation_target_language: {model} {needs}")
    temperature = requested.temperature if capabilities.temperature else None  # ignored without
    if temperature is not None and capabilities.temperature:
        low, high = capabilities.temperature
        if not low <= temperature <= high:
            return ConfigProblem("invalid_config", f"temperature: not within {low} and {high}")
    fitted = msgspec.structs.replace(
        requested,
        voice=voice,
        modalities=modalities,
        temperature=temperature,
        input_audio_format=AUDIO_FORMAT,
        output_audio_format=AUDIO_FORMAT,
        local=requested.local if capabilities.dialogue else None,
        tools=requested.tools if capabilities.tools else (),
    )
    return msgspec.convert(fitted, SessionConfig, from_attributes=True)


def _find_voice(asked: str, capabilities: VoiceCapabilities) -> str | None:
    """Return a voice as the model spells it, or its default; None if not offered."""
    if not asked:
        return capabilities.default_voice
    spellings = {voice.casefold(): voice for voice in capabilities.voices}
    return spellings.get(asked.casefold())
