"""The realtime frames as others have typed them: judges that know nothing of our code.

OpenAI's frames are validated by the classes of its own package, xAI's by pipecat's, as xAI
publishes none. Neither checks base64, ranges or the sequence: the fake provider does.
"""

import sys
import typing
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

from openai.types.live import ClientEvent as LiveClientEvent
from openai.types.live import ServerEvent as LiveServerEvent
from openai.types.realtime import (
    RealtimeClientEvent,
    RealtimeServerEvent,
    RealtimeSessionCreateResponse,
)
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel, ValidationError

Frame = dict[str, Any]
#: Returns what is wrong with a frame; empty if nothing is.
Judge = Callable[[Frame], list[str]]

#: Members of a session that its type for requests does not have.
_OF_A_RUNNING_SESSION = frozenset({".session.id", ".session.object", ".session.expires_at"})


def _classes(union: Any) -> dict[str, type[BaseModel]]:
    """Return the classes of a union by the `type` of their frames."""
    while hasattr(union, "__metadata__"):
        union = typing.get_args(union)[0]
    return {
        name: kind
        for kind in typing.get_args(union)
        for name in typing.get_args(kind.model_fields["type"].annotation)
    }


def extras(value: object, path: str = "") -> Iterator[str]:
    """Yield the paths of unknown members, which the classes themselves let pass."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in (value.model_extra or {}))
        for name in type(value).model_fields:
            yield from extras(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from extras(item, f"{path}[{index}]")


def _judge_by(classes: dict[str, type[BaseModel]]) -> Judge:
    def judge(frame: Frame) -> list[str]:
        kind = classes.get(frame.get("type", ""))
        if kind is None:
            return [f"{frame.get('type')}: no such frame"]
        try:
            read = kind.model_validate(frame, strict=True)
        except ValidationError as error:
            return [f"{frame['type']}: {problem['loc']}" for problem in error.errors()]
        unknown = [path for path in extras(read) if path not in _OF_A_RUNNING_SESSION]
        return [f"{frame['type']}: {path} does not exist" for path in unknown]

    return judge


openai_client = _judge_by(_classes(RealtimeClientEvent))
_openai_server = _judge_by(_classes(RealtimeServerEvent))


live_client = _judge_by(_classes(LiveClientEvent))
_live_server = _judge_by(_classes(LiveServerEvent))
_RESPONSES = _classes(ResponseStreamEvent)


def live_server(frame: Frame) -> list[str]:
    """Judge a frame of a Live session; the events in its envelopes have types of their own."""
    problems = _live_server(frame)
    event = frame.get("event")
    if frame.get("type") == "response.event" and isinstance(event, dict):
        kind = _RESPONSES.get(event.get("type", ""))
        if kind is None:
            return [*problems, f"{event.get('type')}: no such event"]
        try:
            read = kind.model_validate(event, strict=True)
        except ValidationError as error:
            return [*problems, *(f"{event['type']}: {it['loc']}" for it in error.errors())]
        problems += [f"{event['type']}: {path} does not exist" for path in extras(read)]
    return problems


def openai_server(frame: Frame) -> list[str]:
    """Judge a frame of OpenAI's server; a session's own class knows its id as well."""
    problems = _openai_server(frame)
    if frame.get("type") in ("session.created", "session.updated"):
        session = RealtimeSessionCreateResponse.model_validate(frame["session"])
        problems += [f"session{path} does not exist" for path in extras(session)]
    return problems


def _pipecat() -> ModuleType:
    """Load the one module of pipecat that types xAI's frames, without what it imports."""
    stubs = {
        "pipecat.adapters.llm.schemas.direct_function": "DirectFunction",
        "pipecat.adapters.llm.schemas.function_schema": "FunctionSchema",
        "pipecat.adapters.llm.schemas.tools_schema": "ToolsSchema",
        "pipecat.processors.aggregators.llm_context": "LLMContext",
    }
    for name, member in stubs.items():
        module = ModuleType(name)
        as_given = {"_normalize_and_validate_tools": staticmethod(lambda tools, **_: tools)}
        setattr(module, member, type(member, (), as_given))
        sys.modules[name] = module
    path = distribution("pipecat-ai").locate_file("pipecat/services/xai/realtime/events.py")
    spec = spec_from_file_location("pipecat_xai_events", str(path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        for name in stubs:
            del sys.modules[name]
    return module


_XAI = _pipecat()
_XAI_CLIENT: dict[str, type[BaseModel]] = {
    kind.model_fields["type"].default: kind
    for kind in vars(_XAI).values()
    if isinstance(kind, type)
    and issubclass(kind, _XAI.ClientEvent)
    and kind is not _XAI.ClientEvent
}


def xai_client(frame: Frame) -> list[str]:
    """Judge a frame for xAI: whatever the class does not know is lost on the way."""
    kind = _XAI_CLIENT.get(frame.get("type", ""))
    if kind is None:
        return [f"{frame.get('type')}: no such frame"]
    try:
        kept = kind.model_validate(frame).model_dump(exclude_unset=True)
    except ValidationError as error:
        return [f"{frame['type']}: {problem['loc']}" for problem in error.errors()]
    return [] if kept == frame else [f"{frame['type']}: {kept} is what remains of {frame}"]


def xai_server(frame: Frame) -> list[str]:
    """Judge a frame of xAI's server."""
    kind = _XAI._server_event_types.get(frame.get("type", ""))
    if kind is None:
        return [f"{frame.get('type')}: no such frame"]
    try:
        kind.model_validate(frame)
    except ValidationError as error:
        return [f"{frame['type']}: {problem['loc']}" for problem in error.errors()]
    return []
