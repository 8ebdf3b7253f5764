"""Agents as they are stored: a row of `agents`, with its tools and dialogue as JSON text."""

from typing import Any

import msgspec

from ringline.domain.agent import Agent, BuiltinTool, Language, LocalSettings, Tool

_TOOLS = msgspec.json.Decoder(tuple[Tool, ...])
_LOCAL = msgspec.json.Decoder(LocalSettings)


def read_agent(row: Any) -> Agent:
    """Return the agent of a row that has all its columns."""
    return Agent(
        id=row["id"],
        display_name=row["display_name"],
        model=row["model"],
        instructions=row["instructions"],
        voice=row["voice"],
        greeting=row["greeting"],
        tools=_TOOLS.decode(row["tools"]),
        local=None if row["local"] is None else _LOCAL.decode(row["local"]),
        enabled=row["enabled"],
        recording_enabled=row["recording_enabled"],
        consent_required=row["consent_required"],
        webhook_url=row["webhook_url"],
        language=Language(row["language"]),
        pre_call_announcement=row["pre_call_announcement"],
        shareable=row["shareable"],
        call_window_start=row["call_window_start"],
        call_window_end=row["call_window_end"],
        idle_timeout_seconds=row["idle_timeout_seconds"],
        builtin_tools=tuple(BuiltinTool(name) for name in row["builtin_tools"]),
    )
