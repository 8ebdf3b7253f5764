"""Who decides each member of a session's config: the rules B1 to B12, and 4.1."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ringline.domain.agent import Agent, LocalSettings, Tool, TurnDetection, TurnDetectionType
from ringline.domain.config_members import MEMBERS, Modality, RequestedConfig, SessionConfig
from ringline.domain.ids import Prefix, format_id
from ringline.domain.local_dialogue import read_local
from ringline.domain.session_config import (
    UNBOUND,
    Binding,
    ConfigProblem,
    EffectiveConfig,
    bind,
    check_agent,
    effective,
    update,
)
from ringline.domain.voice import VoiceCapabilities
from ringline.wire import realtime_mint
from ringline.wire.errors import V3_ERRORS
from ringline.wire.realtime_errors import ERRORS, Ends

MODEL = "local/attendant"
RICH = VoiceCapabilities(
    input_hz=24_000,
    output_hz=24_000,
    voices=("marin", "Puck"),
    default_voice="marin",
    modalities=frozenset({Modality.AUDIO, Modality.TEXT}),
    reasoning_efforts=("low", "high"),
    tools=True,
    temperature=(0.0, 2.0),
)
PLAIN = VoiceCapabilities(16_000, 16_000, ("en-us",), "en-us")
SCRIPTED = replace(PLAIN, dialogue=True)
MODELS = {MODEL: PLAIN, "test/rich": RICH, "test/text": None, "test/script": SCRIPTED}
AGENT = Agent(
    UUID(int=7),
    "Attendant",
    "test/rich",
    instructions="be kind",
    voice="Puck",
    greeting="Hello!",
    tools=(Tool(name="clock"),),
    local=LocalSettings(replies={"fallback": "what?"}),
)


def bound(config: dict[str, object], *locked: str, agent: Agent | None = None) -> Binding:
    binding = bind(config, locked, models=MODELS, agent_id=agent.id if agent else None)
    assert isinstance(binding, Binding)
    return realtime_mint.decode_binding(realtime_mint.encode_binding(binding))


def started(
    binding: Binding, config: dict[str, object], agent: Agent | None = None
) -> EffectiveConfig:
    result = effective(binding, config, agent=agent, models=MODELS)
    assert isinstance(result, EffectiveConfig), result
    return result


def session(
    binding: Binding, config: dict[str, object], agent: Agent | None = None
) -> SessionConfig:
    return started(binding, config, agent).config


def refused(config: dict[str, object], model: str = "test/rich") -> ConfigProblem:
    result = effective(UNBOUND, {"model": model, **config}, agent=None, models=MODELS)
    assert isinstance(result, ConfigProblem)
    return result


def test_the_table_of_members_is_what_is_read() -> None:
    read, run = (
        [field.encode_name for field in msgspec.structs.fields(struct)]
        for struct in (RequestedConfig, SessionConfig)
    )
    assert [member.name for member in MEMBERS] == read
    assert sorted(read) == sorted(run)


def test_defaults() -> None:
    assert session(UNBOUND, {"model": MODEL}) == SessionConfig(
        model=MODEL,
        voice="en-us",
        modalities=(Modality.AUDIO,),
        turn_detection=TurnDetection(
            type=TurnDetectionType.SERVER_VAD,
            threshold=0.5,
            prefix_padding_ms=300,
            silence_duration_ms=500,
        ),
    )


def test_b1_what_the_ticket_sets_wins_and_b8_silently() -> None:
    binding = bound({"model": MODEL, "instructions": "bound"})
    config = session(binding, {"model": "test/rich", "instructions": "mine"})
    assert (config.model, config.instructions) == (MODEL, "bound")


def test_b2_a_locked_member_keeps_its_zero() -> None:
    binding = bound({"model": MODEL, "output_transcription": False}, "output_transcription")
    assert not session(binding, {"output_transcription": True}).output_transcription


def test_b3_locking_without_a_value_forces_the_default() -> None:
    binding = bound({}, "instructions", "turn_detection", "temperature")
    config = session(
        binding,
        {
            "model": "test/rich",
            "instructions": "mine",
            "turn_detection": {"type": "none"},
            "temperature": 1,
        },
    )
    assert (config.instructions, config.turn_detection) == ("", TurnDetection())
    assert config.temperature is None


def test_b4_an_unknown_locked_name_is_refused_by_name() -> None:
    problem = bind({}, ["model", "Model"], models=MODELS)  # B12: exact, case-sensitive
    assert isinstance(problem, ConfigProblem)
    assert problem.code == "unknown_locked_field"
    assert '"Model"' in problem.message


def test_b6_b7_b12_set_and_locked_twice_and_repeated_by_the_client() -> None:
    config: dict[str, object] = {"model": MODEL, "instructions": "x"}
    binding = bound(config, "model", "model", "instructions")
    assert session(binding, config) == session(binding, {})


@pytest.mark.parametrize("zero", ["", 0, False, None, [], {}])
def test_zero_values_are_not_bound(zero: object) -> None:
    name = {str: "voice", int: "temperature", bool: "input_transcription", list: "tools"}.get(
        type(zero), "turn_detection"
    )
    assert bound({name: zero}).values == {}


def test_b9_b10_open_members_are_the_clients_and_members_are_replaced_whole() -> None:
    binding = bound({"model": MODEL, "turn_detection": {"threshold": 0.6}})
    config = session(
        binding, {"turn_detection": {"type": "none", "threshold": 0.1}, "input_transcription": True}
    )
    assert config.turn_detection == TurnDetection(threshold=0.6)
    assert config.input_transcription


def test_unknown_members_are_accepted_and_forgotten() -> None:
    assert bound({"model": MODEL, "sparkle": 7}).values == {"model": MODEL}
    assert session(UNBOUND, {"model": MODEL, "sparkle": [7]}).model == MODEL


def test_a_tickets_agent_binds_its_members() -> None:
    begun = started(
        bound({}, agent=AGENT), {"model": MODEL, "voice": "marin", "instructions": "mine"}, AGENT
    )
    config = begun.config
    assert (config.model, config.voice, config.instructions) == ("test/rich", "Puck", "be kind")
    assert config.tools == AGENT.tools
    assert begun.agent == AGENT
    assert begun.capabilities is RICH


def test_a_tickets_own_word_is_stronger_than_its_agents_and_zeros_of_agents_stay_open() -> None:
    agent = structs.replace(AGENT, instructions="")
    binding = bound({"voice": "marin"}, "tools", agent=agent)
    config = session(binding, {"instructions": "mine", "tools": []}, agent)
    assert (config.voice, config.instructions) == ("marin", "mine")
    assert config.tools == AGENT.tools  # locked, and the agent stands for the value


def test_a_tickets_agent_that_is_gone_is_not_found() -> None:
    for agent in (None, structs.replace(AGENT, id=UUID(int=8))):
        result = effective(bound({}, agent=AGENT), {}, agent=agent, models=MODELS)
        assert isinstance(result, ConfigProblem)
        assert result.code == "agent_not_found"


@pytest.mark.parametrize(
    ("agent", "config", "code"),
    [
        (None, {}, "agent_not_found"),
        (structs.replace(AGENT, enabled=False), {}, "agent_not_found"),
        (structs.replace(AGENT, model="nobody/knows"), {}, "model_not_found"),
        (structs.replace(AGENT, model="test/text"), {}, "model_not_realtime"),
        (structs.replace(AGENT, model="nobody/knows"), {"model": MODEL}, ""),  # the ticket's counts
        (structs.replace(AGENT, model=""), {}, ""),  # the client names one
        (AGENT, {}, ""),
    ],
)
def test_what_a_mint_checks_of_its_agent(
    agent: Agent | None, config: dict[str, object], code: str
) -> None:
    problem = check_agent(agent, bound(config, "model", agent=AGENT), models=MODELS)
    assert (problem.code if problem else "") == code


def test_an_agent_that_is_not_enabled_begins_no_session() -> None:
    asleep = structs.replace(AGENT, enabled=False)
    for binding in (UNBOUND, bound({}, agent=AGENT)):
        problem = effective(binding, {}, agent=asleep, models=MODELS)
        assert problem == ConfigProblem("agent_not_found", "the agent is not enabled")


def test_an_agent_of_session_start_gives_defaults() -> None:
    begun = started(UNBOUND, {"voice": "marin", "instructions": ""}, AGENT)
    config = begun.config
    assert (config.model, config.voice, config.instructions) == ("test/rich", "marin", "be kind")
    assert begun.agent == AGENT
    assert session(bound({"model": MODEL, "voice": "en-us"}, "tools"), {}, AGENT).model == MODEL


@pytest.mark.parametrize(
    ("config", "code", "part"),
    [
        ({"voice": "sam"}, "unsupported_voice", '"sam"'),
        ({"modalities": ["video"]}, "unsupported_modality", "audio, text"),
        ({"reasoning_effort": "max"}, "unsupported_reasoning_effort", "low, high"),
        ({"turn_detection": {"type": "magic"}}, "unsupported_turn_detection", "none, server_vad"),
        ({"input_audio_format": "g711"}, "unsupported_audio_format", "input_audio_format"),
        ({"output_audio_format": "opus"}, "unsupported_audio_format", "output_audio_format"),
        ({"input_transcription": "yes"}, "invalid_config", "input_transcription"),
        ({"instructions": 7}, "invalid_config", "instructions: Expected str | null, got int"),
        ({"tools": [{"name": 7}]}, "invalid_config", "tools[0].name: Expected str, got int"),
        ({"modalities": "audio"}, "invalid_config", "modalities"),
        ({"modalities": [7]}, "invalid_config", "modalities"),
        ({"temperature": "hot"}, "invalid_config", "temperature"),
        ({"temperature": True}, "invalid_config", "temperature"),
        ({"temperature": 2.1}, "invalid_config", "temperature"),
        ({"temperature": 10**400}, "invalid_config", "temperature"),
        ({"turn_detection": "server_vad"}, "invalid_config", "turn_detection"),
        ({"turn_detection": {"threshold": 1.1}}, "invalid_config", "turn_detection.threshold"),
        (
            {"turn_detection": {"silence_duration_ms": -1}},
            "invalid_config",
            "turn_detection.silence_duration_ms",
        ),
        (
            {"turn_detection": {"prefix_padding_ms": 1.5}},
            "invalid_config",
            "turn_detection.prefix_padding_ms",
        ),
        ({"tools": [{}]}, "invalid_config", "tools"),
        ({"tools": [7]}, "invalid_config", "tools"),
        ({"tools": [{"name": ""}]}, "invalid_config", "tools[0].name: must not be empty"),
        ({"tools": [{"name": "a"}, {"name": "a"}]}, "invalid_config", "tools[1].name"),
        ({"tools": [{"name": "a", "parameters": 7}]}, "invalid_config", "parameters"),
        ({"local": "hello"}, "invalid_config", "local: must be an object"),
        (
            {"local": {"phrases": [{"text": "hello", "intent": "x"}]}},
            "invalid_config",
            "local.phrases[0].intent: has no reply",
        ),
        ({"local": {"replies": {"x": 1}}}, "invalid_config", "local.replies.x: must be a text"),
        ({"translation_target_language": "es"}, "invalid_config", "translation_target_language"),
    ],
)
def test_what_a_session_cannot_start_with(config: dict[str, object], code: str, part: str) -> None:
    problem = refused(config)
    assert problem.code == code
    assert part in problem.message
    assert ERRORS[code].ends is Ends.AT_START


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"turn_detection": {"type": "magic"}}, "unsupported_turn_detection"),
        ({"turn_detection": {"type": ""}}, "unsupported_turn_detection"),
        ({"turn_detection": {"type": "semantic_vad"}}, "unsupported_turn_detection"),
        ({"modalities": ["audio", "smell"]}, "unsupported_modality"),
    ],
)
def test_a_word_is_held_against_the_model_and_not_before(
    config: dict[str, object], code: str
) -> None:
    binding = bound(config)  # a mint need not know the model yet
    result = effective(binding, {"model": MODEL}, agent=None, models=MODELS)
    assert isinstance(result, ConfigProblem)
    assert result.code == code


def test_the_words_of_a_session_are_enumerations() -> None:
    asked: dict[str, object] = {
        "model": "test/rich",
        "modalities": ["text", "audio"],
        "turn_detection": {"type": "none", "silence_duration_ms": 200},
    }
    for voice in (session(UNBOUND, asked), session(bound(asked), {})):
        assert voice.modalities[0] is Modality.TEXT
        assert voice.turn_detection.type is TurnDetectionType.NONE
        assert voice.turn_detection.silence_duration_ms == 200
        assert msgspec.json.encode(voice.turn_detection) == (
            b'{"type":"none","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":200}'
        )
    default = session(UNBOUND, {"model": MODEL})
    assert default.modalities == (Modality.AUDIO,)
    assert default.turn_detection.type is TurnDetectionType.SERVER_VAD
    assert type(default.turn_detection) is TurnDetection


def test_a_dialogue_is_a_member_like_any_other() -> None:
    mine: dict[str, object] = {"replies": {"fallback": "Hm?"}}
    theirs = {"replies": {"fallback": "No?"}, "phrases": None}
    scripted = structs.replace(AGENT, model="test/script", voice="", tools=())
    assert session(UNBOUND, {"local": mine}, scripted).local == read_local(mine)
    assert session(UNBOUND, {"local": {}}, scripted).local == AGENT.local
    of_agent = bound({}, agent=AGENT)  # replaced whole: its phrases are the agent's too
    assert session(of_agent, {"local": mine}, scripted).local == AGENT.local
    of_ticket = bound({"local": theirs}, agent=AGENT)
    assert session(of_ticket, {"local": mine}, scripted).local == read_local(theirs)
    locked = bound({"model": "test/script"}, "local")
    assert session(locked, {"local": mine}).local is None


def test_a_dialogue_does_nothing_on_other_models_and_says_so() -> None:
    begun = started(UNBOUND, {"model": "test/rich", "local": {"phrase": []}})
    assert begun.config.local is None
    assert begun.warnings == (
        'config.local has no member "phrase"; did you mean "phrases"?',
        "config.local does nothing: test/rich takes no phrases and replies",
    )


def test_unknown_members_are_named_once_wherever_they_stand() -> None:
    at_mint: dict[str, object] = {"instruction": "be kind", "a_later_member": {"a": [1]}}
    at_start: dict[str, object] = {
        "model": "test/rich",
        "a_later_member": 7,
        "turn_detection": {"treshold": 0.4, "type": None},
        "tools": [{"name": "a", "type": "function"}, {"name": "b", "desc": ""}],
        "x" * 100: None,
    }
    assert started(bound(at_mint), at_start).warnings == (
        'config has no member "instruction"; did you mean "instructions"?',
        'config has no member "a_later_member"',
        'config.turn_detection has no member "treshold"; did you mean "threshold"?',
        'config.tools[1] has no member "desc"',
        f'config has no member "{"x" * 64}"',
    )
    assert started(bound({}), {"model": MODEL, "voice": "en-us"}).warnings == ()


def test_so_many_unknown_members_are_named() -> None:
    many: dict[str, object] = {f"unknown{number}": 0 for number in range(9)}
    binding = bound(many | {"model": MODEL})
    begun = started(binding, {f"unknown{number}": 0 for number in range(8, 20)})
    assert begun.warnings == tuple(f'config has no member "unknown{n}"' for n in range(10))


@pytest.mark.parametrize(
    ("model", "code"),
    [("", "model_required"), ("no/such", "model_not_found"), ("test/text", "model_not_realtime")],
)
def test_models(model: str, code: str) -> None:
    assert refused({}, model).code == code
    assert ERRORS[code].close_code == 1008
    at_mint = bind({"model": model}, [], models=MODELS)
    if model:
        assert isinstance(at_mint, ConfigProblem)
        assert at_mint.code == code
        assert V3_ERRORS[code].status == 400
    else:
        assert at_mint == Binding()


def test_a_model_without_tools_is_told_so() -> None:
    assert refused({"tools": [{"name": "a"}]}, MODEL).code == "invalid_config"


def test_voices_are_found_however_they_are_spelt() -> None:
    assert session(UNBOUND, {"model": "test/rich", "voice": "PUCK"}).voice == "Puck"
    assert session(UNBOUND, {"model": "test/rich", "voice": None}).voice == "marin"


def test_what_real_clients_send() -> None:
    config = session(
        UNBOUND,
        {
            "model": "test/rich",
            "modalities": ["audio", "text", "audio"],
            "temperature": 0.7,
            "reasoning_effort": "low",
            "turn_detection": {"type": "server_vad", "threshold": 1, "prefix_padding_ms": None},
            "tools": [
                {
                    "type": "function",
                    "name": "look",
                    "description": None,
                    "parameters": {"type": "object", "properties": {"n": {"minItems": 2}}},
                }
            ],
        },
    )
    assert config.modalities == ("audio", "text")
    assert config.temperature == 0.7
    assert config.turn_detection == TurnDetection(threshold=1.0)
    assert config.tools[0].parameters["type"] == "object"


# A session that runs.


def running(
    binding: Binding = UNBOUND, agent: Agent | None = None, **config: object
) -> EffectiveConfig:
    session = effective(binding, {"model": "test/rich"} | config, agent=agent, models=MODELS)
    assert isinstance(session, EffectiveConfig)
    return session


def updated(session: EffectiveConfig, **changes: object) -> EffectiveConfig:
    after = update(session, changes)
    assert isinstance(after, EffectiveConfig), after
    return after


def not_updated(session: EffectiveConfig, **changes: object) -> ConfigProblem:
    problem = update(session, changes)
    assert isinstance(problem, ConfigProblem)
    return problem


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    session = running(instructions="be kind", tools=[{"name": "clock"}])
    after = updated(session, voice="puck", tools=[])
    assert after.config == msgspec.structs.replace(session.config, voice="Puck", tools=())
    again = updated(after, instructions="be brief", voice=None)
    assert again.config == msgspec.structs.replace(after.config, instructions="be brief")


def test_an_update_is_validated_for_the_model_and_refused_whole() -> None:
    session = running()
    assert not_updated(session, voice="nobody", instructions="x").code == "unsupported_voice"
    assert not_updated(session, reasoning_effort="xhigh").code == "unsupported_reasoning_effort"
    assert not_updated(session, input_transcription="yes").message.startswith("input_transcription")


def test_what_the_ticket_binds_an_update_cannot_change() -> None:
    binding = bound({"voice": "Puck"}, "output_transcription")
    session = running(binding)
    after = updated(session, voice="marin", output_transcription=True, instructions="x")
    assert (after.config.voice, after.config.output_transcription) == ("Puck", False)
    assert after.config.instructions == "x"
    assert after.warnings == ()


def test_what_a_tickets_agent_binds_an_update_cannot_change() -> None:
    binding = bound({"voice": "marin"}, "temperature", agent=AGENT)
    session = running(binding, AGENT)
    after = updated(session, instructions="x", voice="Puck", temperature=1.0, tools=[])
    assert after.config == session.config
    assert updated(session, input_transcription=True).config.input_transcription


def test_a_model_is_fixed_and_so_is_what_a_model_cannot_change() -> None:
    session = running()
    problem = not_updated(session, model=MODEL)
    assert (problem.code, "model" in problem.message) == ("immutable_field", True)
    assert updated(session, model="test/rich").config == session.config
    assert updated(running(bound({"model": "test/rich"})), model=MODEL).config == session.config
    fixed = frozenset({"input_transcription", "input_transcription_model"})
    once = replace(session, capabilities=replace(RICH, fixed_members=fixed))
    problem = not_updated(once, input_transcription=True)
    assert (problem.code, "input_transcription" in problem.message) == ("immutable_field", True)
    assert updated(once, input_transcription=False, voice="Puck").config.voice == "Puck"


def test_an_update_warns_of_its_own_unknown_members() -> None:
    session = running(voise="Puck")
    assert len(session.warnings) == 1
    after = updated(session, instruction="x")
    assert len(after.warnings) == 1
    assert '"instructions"' in after.warnings[0]
    assert updated(after, voice="Puck").warnings == ()
    (ignored,) = updated(session, local={"replies": {"fallback": "what?"}}).warnings
    assert "local" in ignored


def test_a_translation_needs_its_language_and_nothing_else_takes_one() -> None:
    models = {"test/live": replace(PLAIN, translates=True), MODEL: PLAIN}
    for model, language, valid in (
        ("test/live", "pt-BR", True),
        ("test/live", "", False),
        (MODEL, "pt-BR", False),
        (MODEL, "", True),
    ):
        config = {"model": model, "translation_target_language": language}
        made = effective(UNBOUND, config, agent=None, models=models)
        assert isinstance(made, EffectiveConfig) == valid
        if isinstance(made, ConfigProblem):
            assert made.code == "invalid_config"
            assert made.message.startswith("translation_target_language")


def test_a_temperature_of_zero_is_one_and_without_a_knob_it_is_dropped() -> None:
    assert session(UNBOUND, {"model": "test/rich", "temperature": 0}).temperature == 0.0
    assert session(UNBOUND, {"model": MODEL, "temperature": 0.7}).temperature is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CONFIGS = st.dictionaries(
    st.sampled_from([*(member.name for member in MEMBERS), "other"]),
    VALUES | st.sampled_from([MODEL, "test/rich", ["audio"], {"type": "none"}, "pcm16"]),
)


@given(CONFIGS, CONFIGS, st.lists(st.sampled_from([member.name for member in MEMBERS])))
def test_any_config_is_one_or_a_documented_problem(
    at_mint: dict[str, Any], at_start: dict[str, Any], locked: list[str]
) -> None:
    binding = bind(at_mint, locked, models=MODELS)
    if isinstance(binding, ConfigProblem):
        assert binding.code in V3_ERRORS or binding.code in ERRORS
        return
    assert set(locked) <= set(binding.values)
    for agent in (None, AGENT):
        result = effective(binding, at_start, agent=agent, models=MODELS)
        if isinstance(result, ConfigProblem):
            assert ERRORS[result.code].close_code == 1008
            continue
        for name in ("instructions", "input_transcription", "output_transcription"):
            if name in binding.values:  # B1, B2, B3: the ticket decided
                chosen = getattr(result.config, name)
                assert chosen == (binding.values[name] or type(chosen)())


# The body and the answer of a mint.


@pytest.mark.parametrize(
    ("body", "ttl_s"),
    [
        (b"{}", 60),
        (b'{"ttl_seconds":null}', 60),
        (b'{"ttl_seconds":0}', 60),
        (b'{"ttl_seconds":-5}', 1),
        (b'{"ttl_seconds":300}', 300),
        (b'{"ttl_seconds":301}', 300),
        (b'{"ttl_seconds":99999999999999999999}', 300),
        (b'{"config":null,"locked_fields":null,"agent_id":null,"other":1}', 60),
    ],
)
def test_lifetimes_are_clamped(body: bytes, ttl_s: int) -> None:
    asked = realtime_mint.read_mint(body, MODELS)
    assert asked == realtime_mint.TicketRequest(Binding(), ttl_s)


@pytest.mark.parametrize("spelling", [str(AGENT.id), format_id(Prefix.AGENT, AGENT.id)])
def test_an_agent_is_named_in_either_spelling(spelling: str) -> None:
    body = json.dumps({"agent_id": spelling, "locked_fields": ["voice"]}).encode()
    asked = realtime_mint.read_mint(body, MODELS)
    assert isinstance(asked, realtime_mint.TicketRequest)
    assert asked.binding == Binding(values={"voice": None}, agent_id=AGENT.id)


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        (b"", "invalid_json", "JSON"),
        (b"{", "invalid_json", "JSON"),
        (b'{"config":{"voice":"\\u0000"}}', "invalid_json", "U+0000"),
        (b"[]", "invalid_request", "the body"),
        (b'"x"', "invalid_request", "the body"),
        (b'{"config":[]}', "invalid_request", "config"),
        (b'{"locked_fields":"voice"}', "invalid_request", "locked_fields"),
        (b'{"locked_fields":[7]}', "invalid_request", "locked_fields"),
        (b'{"ttl_seconds":"60"}', "invalid_request", "ttl_seconds"),
        (b'{"ttl_seconds":1.5}', "invalid_request", "ttl_seconds"),
        (b'{"ttl_seconds":true}', "invalid_request", "ttl_seconds"),
        (b'{"agent_id":7}', "invalid_request", "agent_id"),
        (b'{"agent_id":"agt_none"}', "agent_not_found", "agent_id"),
        (b'{"locked_fields":["voyce"]}', "unknown_locked_field", "voyce"),
        (b'{"config":{"model":"no/such"}}', "model_not_found", "no/such"),
        (b'{"config":{"model":"test/text"}}', "model_not_realtime", "test/text"),
        (b'{"config":{"voice":7}}', "invalid_config", "voice"),
    ],
)
def test_a_bad_mint_names_the_member(body: bytes, code: str, part: str) -> None:
    problem = realtime_mint.read_mint(body, MODELS)
    assert isinstance(problem, ConfigProblem)
    assert problem.code == code
    assert part in problem.message
    assert V3_ERRORS[code].status == 400


@given(st.binary())
def test_any_body_is_a_request_or_a_problem(body: bytes) -> None:
    result = realtime_mint.read_mint(body, MODELS)
    assert isinstance(result, realtime_mint.TicketRequest) or result.code in V3_ERRORS


def test_the_answer_of_a_mint_has_no_address_unless_it_is_asked_for() -> None:
    expires_at = datetime(2026, 11, 20, 9, 15, 2, 999, tzinfo=UTC)
    assert json.loads(realtime_mint.answer_mint("secret", expires_at, call_id=UUID(int=1))) == {
        "id": "sess_0000000000000000000001",
        "client_secret": "secret",
        "expires_at": "2026-11-20T09:15:02Z",
    }
    with_address = realtime_mint.answer_mint(
        "secret", expires_at, call_id=UUID(int=1), base_url="https://example.com/voice"
    )
    address = "wss://example.com/voice/v3/realtime?ticket=secret"
    assert json.loads(with_address)["ws_url"] == address


# Tools that the ticket does not allow (2.7).

CLOCK, WEATHER = {"name": "clock"}, {"name": "weather"}


def with_tools(
    binding: Binding, config: dict[str, object], *allowed: str, agent: Agent | None = None
) -> EffectiveConfig:
    result = effective(
        binding, config, agent=agent, models=MODELS, allowed_tools=frozenset(allowed)
    )
    assert isinstance(result, EffectiveConfig), result
    return result


def names(session: EffectiveConfig) -> list[str]:
    return [tool.name for tool in session.config.tools]


def test_other_tools_are_taken_out_whoever_brings_them() -> None:
    rich: dict[str, object] = {"model": "test/rich"}
    offered = rich | {"tools": [CLOCK, WEATHER]}
    assert names(with_tools(UNBOUND, offered, "weather", "no such")) == ["weather"]
    assert names(with_tools(bound(offered), {}, "weather")) == ["weather"]
    assert names(with_tools(bound({}, agent=AGENT), {}, "weather", agent=AGENT)) == []
    assert names(with_tools(UNBOUND, rich, "weather", agent=AGENT)) == []
    assert names(with_tools(UNBOUND, offered)) == []


def test_an_update_brings_none_of_them_back() -> None:
    session = with_tools(UNBOUND, {"model": "test/rich", "tools": [WEATHER]}, "weather")
    changed = update(session, {"tools": [CLOCK]})
    assert isinstance(changed, EffectiveConfig)
    assert names(changed) == []
    again = update(changed, {"tools": [WEATHER, CLOCK], "allowed_tools": ["clock"]})
    assert isinstance(again, EffectiveConfig)
    assert names(again) == ["weather"]
    assert again.allowed_tools == frozenset({"weather"})


def test_tools_of_which_none_is_left_trouble_no_model_without_tools() -> None:
    config: dict[str, object] = {"model": MODEL, "tools": [CLOCK]}
    assert names(with_tools(UNBOUND, config, "weather")) == []
    refusal = effective(UNBOUND, config, agent=None, models=MODELS, allowed_tools=None)
    assert isinstance(refusal, ConfigProblem)


def test_a_broken_tool_is_refused_also_if_it_is_not_allowed() -> None:
    config: dict[str, object] = {"model": "test/rich", "tools": [{"name": ""}]}
    result = effective(UNBOUND, config, agent=None, models=MODELS, allowed_tools=frozenset())
    assert isinstance(result, ConfigProblem)


# Whose the tools are: those of the agent are run by its webhook.


@pytest.mark.parametrize(
    ("ticket", "client", "of_agent"),
    [
        ({}, {}, True),
        ({}, {"tools": [WEATHER]}, False),
        ({}, {"tools": []}, True),
        ({}, {"tools": [{"name": "clock"}]}, False),  # of the same name, but its own
        ({"tools": [WEATHER]}, {}, False),
        ({"instructions": "be brief"}, {"tools": None}, True),
    ],
)
@pytest.mark.parametrize("named_by_ticket", [True, False])
def test_tools_are_the_agents_unless_the_ticket_or_the_client_brings_some(
    ticket: dict[str, object], client: dict[str, object], of_agent: bool, named_by_ticket: bool
) -> None:
    binding = bound(ticket, agent=AGENT if named_by_ticket else None)
    session = effective(binding, client, agent=AGENT, models=MODELS)
    assert isinstance(session, EffectiveConfig)
    # A ticket's agent binds its tools, whatever the client brings.
    expected = of_agent or (named_by_ticket and "tools" not in ticket)
    assert session.tools_of_agent is expected
    assert (session.config.tools == AGENT.tools) is (expected or client.get("tools") == [CLOCK])


def test_an_update_of_the_tools_makes_them_the_sessions_for_good() -> None:
    session = effective(UNBOUND, {}, agent=AGENT, models=MODELS)
    assert isinstance(session, EffectiveConfig)
    same = update(session, {"instructions": "be brief", "tools": None})
    assert isinstance(same, EffectiveConfig)
    assert same.tools_of_agent
    other = update(same, {"tools": [WEATHER]})
    assert isinstance(other, EffectiveConfig)
    assert not other.tools_of_agent
    back = update(other, {"tools": [{"name": "clock"}]})
    assert isinstance(back, EffectiveConfig)
    assert not back.tools_of_agent


def test_an_update_cannot_take_the_tools_that_a_tickets_agent_binds() -> None:
    session = effective(bound({}, agent=AGENT), {}, agent=AGENT, models=MODELS)
    assert isinstance(session, EffectiveConfig)
    other = update(session, {"tools": [WEATHER]})
    assert isinstance(other, EffectiveConfig)
    assert other.tools_of_agent
    assert other.config.tools == AGENT.tools


def test_without_an_agent_or_without_its_tools_they_are_the_sessions() -> None:
    for agent in (None, structs.replace(AGENT, tools=())):
        config = {"model": "test/rich", "tools": [WEATHER]}
        session = effective(UNBOUND, config, agent=agent, models=MODELS)
        assert isinstance(session, EffectiveConfig)
        assert not session.tools_of_agent
