"""Agents as they are stored: a row of `agents`, with its tools and dialogue as JSON text."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import msgspec

from ringline.domain.agent import Agent, BuiltinTool, Language, LocalSettings, Tool

_TOOLS = msgspec.json.Decoder(tuple[Tool, ...])
_LANGUAGES = {language.value: language for language in Language}
_BUILTINS = {tool.value: tool for tool in BuiltinTool}
_LOCAL = msgspec.json.Decoder(LocalSettings)
#: The columns that `agent_of` takes, in this sequence.
COLUMNS = (
    "id",
    "display_name",
    "model",
    "instructions",
    "voice",
    "greeting",
    "tools",
    "local",
    "enabled",
    "recording_enabled",
    "consent_required",
    "webhook_url",
    "language",
    "pre_call_announcement",
    "shareable",
    "call_window_start",
    "call_window_end",
    "idle_timeout_seconds",
    "builtin_tools",
)


_values_of = itemgetter(*COLUMNS)


def read_agent(row: Any) -> Agent:
    """Return the agent of a row that has all its columns."""
    return agent_of(_values_of(row))


def agent_of(values: Iterable[Any]) -> Agent:
    """Return the agent of the values of `COLUMNS`; to find each by its name takes twice as long."""
    (
        agent_id,
        display_name,
        model,
        instructions,
        voice,
        greeting,
        tools,
        local,
        enabled,
        recording_enabled,
        consent_required,
        webhook_url,
        language,
        pre_call_announcement,
        shareable,
        call_window_start,
        call_window_end,
        idle_timeout_seconds,
        builtin_tools,
    ) = values
    return Agent(
        id=agent_id,
        display_name=display_name,
        model=model,
        instructions=instructions,
        voice=voice,
        greeting=greeting,
        tools=() if tools == "[]" else _TOOLS.decode(tools),
        local=None if local is None else _LOCAL.decode(local),
        enabled=enabled,
        recording_enabled=recording_enabled,
        consent_required=consent_required,
        webhook_url=webhook_url,
        language=_LANGUAGES[language],
        pre_call_announcement=pre_call_announcement,
        shareable=shareable,
        call_window_start=call_window_start,
        call_window_end=call_window_end,
        idle_timeout_seconds=idle_timeout_seconds,
        builtin_tools=tuple([_BUILTINS[name] for name in builtin_tools]),
    )
