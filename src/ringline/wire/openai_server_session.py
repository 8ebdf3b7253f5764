"""The session object of OpenAI's protocol and our config: what maps, and what is shown.

Instructions, tools, voice, turn detection, transcription, output modality and reasoning effort
map to our config. Every other member is accepted and shown back (voices, 6). A session is kept
as the client wrote it, merged: members that an update does not name stay.

A client that was written for OpenAI's models names their voices, and turn detection by meaning.
A model that has neither is given its default voice and detection by silence, and the session
shown says so; any other name that it does not know is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from ringline.domain import openai_limits
from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.session_config import ConfigProblem, EffectiveConfig, update
from ringline.domain.voice import VoiceCapabilities
from ringline.wire.openai_realtime import RATE_HZ
from ringline.wire.openai_server_errors import ServerProblem, problem
from ringline.wire.strict_json import as_object, encode

#: A session object, as JSON's values.
Session: TypeAlias = Mapping[str, object]
Members: TypeAlias = dict[str, object]

#: Models without a prefix are this provider's.
PROVIDER = "openai/"
#: The voices of OpenAI's models.
VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"}
)

#: The members that all kinds of turn detection have.
_ANY_DETECTION = ("create_response", "interrupt_response")
_INTERRUPTS = "interrupt_response"

_PCM = "audio/pcm"
_FORMAT: Mapping[str, object] = {"type": _PCM, "rate": RATE_HZ}

#: The path of each member of our config in a session.
PATHS: Mapping[str, str] = {
    "model": "session.model",
    "instructions": "session.instructions",
    "tools": "session.tools",
    "modalities": "session.output_modalities",
    "voice": "session.audio.output.voice",
    "turn_detection": "session.audio.input.turn_detection",
    "input_transcription": "session.audio.input.transcription",
    "input_transcription_model": "session.audio.input.transcription.model",
    "reasoning_effort": "session.reasoning.effort",
}
#: The objects of a session whose members change one by one; all others are replaced whole.
_MERGED = frozenset({"audio", "audio.input", "audio.output", "reasoning"})

#: What a session's config says whatever the client's is: the leg shows what was asked for.
ALWAYS: Mapping[str, object] = {"input_transcription": True, "output_transcription": True}


class Unfit(Exception):
    """A session that cannot be: `problem` says why."""

    def __init__(self, found: ServerProblem) -> None:
        super().__init__(found.code)
        self.problem = found


def full_model(name: str) -> str:
    """Return a model's id: one without a prefix is OpenAI's."""
    return name if "/" in name else PROVIDER + name


def merge(session: Session, changes: Session, *, path: str = "") -> Members:
    """Return a session with its changes: objects in `_MERGED` member by member."""
    merged = dict(session)
    for name, value in changes.items():
        place = f"{path}{name}"
        if place in _MERGED and isinstance(value, dict):
            before, after = as_object(merged.get(name)), as_object(changes[name])
            merged[name] = merge(before, after, path=f"{place}.")
        else:
            merged[name] = changes[name]
    return merged


def config_of(session: Session) -> dict[str, object]:
    """Return what a session sets of our config. Raises Unfit.

    The types of what maps are checked with our config's own.
    """
    _check_kind(session)
    config: dict[str, object] = {}
    for name in ("instructions", "tools"):
        if session.get(name) is not None:
            config[name] = session[name]
    if session.get("model") is not None:
        config["model"] = full_model(_text(session, "model", path="session"))
    if session.get("output_modalities") is not None:
        config["modalities"] = _modalities(session["output_modalities"])
    reasoning = _object(session, "reasoning", path="session")
    if reasoning.get("effort") is not None:
        config["reasoning_effort"] = _text(reasoning, "effort", path="session.reasoning")
    audio = _object(session, "audio", path="session")
    _read_input(_object(audio, "input", path="session.audio"), config)
    _read_output(_object(audio, "output", path="session.audio"), config)
    _check_tools(session)
    return config


def _check_kind(session: Session) -> None:
    kind = session.get("type", "realtime")
    if kind != "realtime":
        raise Unfit(
            problem("unsupported_value", param="session.type", reason="only realtime sessions")
        )
    if session.get("tool_choice", "auto") not in ("auto", None):
        raise Unfit(
            problem(
                "unsupported_value", param="session.tool_choice", reason="tool_choice: only auto"
            )
        )


def _check_tools(session: Session) -> None:
    tools = session.get("tools")
    if not isinstance(tools, list):
        return
    for index, tool in enumerate(cast("list[object]", tools)):
        if as_object(tool).get("type", "function") != "function":
            where = f"session.tools[{index}]"
            raise Unfit(problem("unsupported_value", param=where, reason="only functions"))


def _modalities(value: object) -> list[object]:
    if value not in (["audio"], ["text"]):
        reason = 'output_modalities: either ["audio"] or ["text"]'
        raise Unfit(problem("invalid_value", param=PATHS["modalities"], reason=reason))
    return cast("list[object]", value)


def _read_input(heard: Session, config: dict[str, object]) -> None:
    _check_format(heard, "session.audio.input.format")
    if "transcription" in heard:
        transcription = _object(heard, "transcription", path="session.audio.input")
        config["input_transcription"] = heard["transcription"] is not None
        if transcription.get("model") is not None:
            config["input_transcription_model"] = transcription["model"]
    if "turn_detection" in heard:
        detection = _object(heard, "turn_detection", path="session.audio.input")
        if heard["turn_detection"] is None:
            config["turn_detection"] = {"type": TurnDetectionType.NONE.value}
        elif detection.get("type") == TurnDetectionType.NONE:
            reason = "turn_detection: null is none"
            raise Unfit(problem("invalid_value", param=PATHS["turn_detection"], reason=reason))
        else:
            _check_answers(detection)
            config["turn_detection"] = dict(detection)


def _check_answers(detection: Session) -> None:
    for name in _ANY_DETECTION:
        if not isinstance(detection.get(name), bool | None):
            param, reason = f"{PATHS['turn_detection']}.{name}", f"{name}: true or false"
            raise Unfit(problem("invalid_value", param=param, reason=reason))


def _read_output(spoken: Session, config: dict[str, object]) -> None:
    _check_format(spoken, "session.audio.output.format")
    voice = spoken.get("voice")
    if isinstance(voice, dict):
        voice = as_object(spoken["voice"]).get("id")
        if voice is None:
            raise Unfit(problem("invalid_value", param=PATHS["voice"], reason="voice: no id"))
    if voice is not None:
        config["voice"] = voice


def _check_format(side: Session, path: str) -> None:
    given = side.get("format")
    if given is None:
        return
    format_ = as_object(given)
    if format_.get("type") != _PCM or format_.get("rate", RATE_HZ) != RATE_HZ:
        message = f"only {_PCM} at {RATE_HZ:,} Hz"
        raise Unfit(ServerProblem("unsupported_audio_format", message, path))


def _object(parent: Session, name: str, *, path: str) -> Session:
    """Return a member that is an object; an empty one if it is absent or null."""
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unfit(
            problem("invalid_value", param=f"{path}.{name}", reason=f"{name}: not an object")
        )
    return cast("Session", value)


def _text(parent: Session, name: str, *, path: str) -> str:
    value = parent[name]
    if not isinstance(value, str):
        raise Unfit(problem("invalid_value", param=f"{path}.{name}", reason=f"{name}: not a text"))
    return value


def fit(
    config: Mapping[str, object], capabilities: VoiceCapabilities, *, model: str
) -> dict[str, object]:
    """Return a config with what OpenAI's models alone have replaced by what this one has."""
    fitted = dict(config)
    if not model.startswith(PROVIDER):  # it names a recogniser of OpenAI's
        fitted.pop("input_transcription_model", None)
    voice = fitted.get("voice")
    if isinstance(voice, str) and voice in VOICES and voice not in capabilities.voices:
        fitted["voice"] = ""  # the model's default
    if fitted.get("reasoning_effort") not in (None, *capabilities.reasoning_efforts):
        del fitted["reasoning_effort"]
    semantic = TurnDetectionType.SEMANTIC_VAD
    asked = as_object(fitted.get("turn_detection")).get("type")
    if asked == semantic and semantic not in capabilities.turn_detection:
        fitted["turn_detection"] = {"type": TurnDetectionType.SERVER_VAD.value}
    return fitted


#: The members that problems are about whose message does not begin with a name.
_MEMBERS: Mapping[str, str] = {
    "unsupported_voice": "voice",
    "model_not_found": "model",
    "model_not_realtime": "model",
}


def problem_of(found: ConfigProblem, event_id: str = "") -> ServerProblem:
    """Return a problem of our config as this surface spells it."""
    member = found.message.split(":", 1)[0].split(".", 1)[0].split("[", 1)[0]
    if found.code == "immutable_field":
        member = found.message.split(" ", 1)[0]
    param = PATHS.get(_MEMBERS.get(found.code, member), "")
    return ServerProblem(found.code, found.message, param, event_id)


def check_interruptions(session: Session, capabilities: VoiceCapabilities) -> None:
    """Refuse a session that speech must not interrupt, if it always does. Raises Unfit."""
    if capabilities.interrupts_by_itself and _detection(session).get(_INTERRUPTS) is False:
        param = f"{PATHS['turn_detection']}.{_INTERRUPTS}"
        reason = f"{_INTERRUPTS}: speech always interrupts this model"
        raise Unfit(problem("unsupported_value", param=param, reason=reason))


def _detection(session: Session) -> Session:
    heard = as_object(as_object(session.get("audio")).get("input"))
    return as_object(heard.get("turn_detection"))


def shown(
    session: Session, config: SessionConfig, *, session_id: str, interrupted: bool = False
) -> Members:
    """Return the session object that the client is shown: its own members, and what counts.

    `interrupted` says that speech interrupts the model whatever the session asks for.
    """
    audio = as_object(session.get("audio"))
    heard, spoken = as_object(audio.get("input")), as_object(audio.get("output"))
    transcription = heard.get("transcription")
    members: Members = {
        "instructions": config.instructions,
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        **session,
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": config.model,
        "output_modalities": _shown_modalities(config),
        "tools": _shown_tools(session, config),
        "audio": {
            **audio,
            "input": {
                **heard,
                "format": _FORMAT,
                "transcription": transcription,
                "turn_detection": _shown_detection(
                    heard, config.turn_detection, interrupted=interrupted
                ),
            },
            "output": {"speed": 1.0, **spoken, "format": _FORMAT, "voice": config.voice},
        },
    }
    return {name: value for name, value in members.items() if value is not None}


def _shown_modalities(config: SessionConfig) -> list[str]:
    spoken = Modality.AUDIO in config.modalities
    return [Modality.AUDIO.value if spoken else Modality.TEXT.value]


def _shown_tools(session: Session, config: SessionConfig) -> list[Members]:
    """Return the tools that the session has, with what the client said of them besides."""
    given = session.get("tools")
    named: dict[object, Session] = {}
    if isinstance(given, list):
        for tool in cast("list[object]", given):
            named[as_object(tool).get("name")] = as_object(tool)
    return [
        {
            **named.get(tool.name, {}),
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        }
        for tool in config.tools
    ]


def _shown_detection(
    heard: Session, detection: TurnDetection, *, interrupted: bool
) -> Members | None:
    if detection.type is TurnDetectionType.NONE:
        return None
    given = as_object(heard.get("turn_detection"))
    if given.get("type") != detection.type:  # none was asked for, or one that the model lacks
        given = {name: value for name, value in given.items() if name in _ANY_DETECTION}
    members: Members = {**dict.fromkeys(_ANY_DETECTION, True), **given}
    members["type"] = detection.type.value
    if interrupted:
        members[_INTERRUPTS] = True
    if detection.type is TurnDetectionType.SERVER_VAD:
        members |= {
            "threshold": detection.threshold,
            "prefix_padding_ms": detection.prefix_padding_ms,
            "silence_duration_ms": detection.silence_duration_ms,
        }
    return members


def transcribes(session: Session) -> bool:
    """Return whether the client is to see what the caller said."""
    heard = as_object(as_object(session.get("audio")).get("input"))
    return heard.get("transcription") is not None


@dataclass(frozen=True, slots=True)
class Shown:
    """A running session: its effective config, and its object as the client knows it.

    `given` is what client and ticket have set, merged; what the ticket `bound` always wins.
    """

    session_id: str
    effective: EffectiveConfig
    given: Session
    bound: Session

    @property
    def members(self) -> Members:
        """Return the session object, as events show it."""
        interrupted = self.effective.capabilities.interrupts_by_itself
        config = self.effective.config
        return shown(self.given, config, session_id=self.session_id, interrupted=interrupted)

    @property
    def answers_turns(self) -> bool:
        """Return whether the agent answers turns without a request of the client."""
        if self.effective.config.turn_detection.type is TurnDetectionType.NONE:
            return False
        return _detection(self.given).get("create_response") is not False

    @property
    def speech_interrupts(self) -> bool:
        """Return whether the caller's speech interrupts the agent."""
        if self.effective.capabilities.interrupts_by_itself:
            return True
        return _detection(self.given).get(_INTERRUPTS) is not False

    @property
    def habits(self) -> tuple[bool, bool]:
        """Return what the leg tells the call of the session."""
        return self.answers_turns, self.speech_interrupts

    @property
    def transcribes(self) -> bool:
        """Return whether the client is to see what the caller said."""
        return transcribes(self.given)

    def updated(
        self, changes: Session, event_id: str, *, opening: bool = False
    ) -> "Shown | ServerProblem":
        """Return the session with changes; those that cannot be are a problem.

        While it is `opening` there is no voice yet, and nothing is fixed but the model.
        """
        try:
            config = config_of(changes)
            check_interruptions(changes, self.effective.capabilities)
        except Unfit as unfit:
            return replace(unfit.problem, event_id=event_id)
        running, capabilities = self.effective, self.effective.capabilities
        if opening:
            free = replace(capabilities, fixed_members=frozenset())
            running = replace(running, capabilities=free)
        config = {**fit(config, capabilities, model=running.config.model), **ALWAYS}
        for name in running.capabilities.fixed_members & {"input_transcription_model"}:
            config.pop(name, None)  # the recogniser stays, as it was shown
        effective = update(running, config)
        if isinstance(effective, ConfigProblem):
            return problem_of(effective, event_id)
        effective = replace(effective, capabilities=capabilities)
        given = merge(merge(self.given, changes), self.bound)
        if len(encode(given)) > openai_limits.SESSION_BYTES.most:
            reason = f"the session has at most {openai_limits.SESSION_BYTES.most} bytes"
            return problem("invalid_value", param="session", event_id=event_id, reason=reason)
        return replace(self, effective=effective, given=given)
