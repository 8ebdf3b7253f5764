"""The TypeScript of a conversation stream's events, written from their tables."""

import inspect
from collections.abc import Iterator

from ringline.domain.events import ThreadEvent
from ringline.wire.conversation_members import frame_of
from ringline.wire.message_payloads import THREAD_EVENTS
from sdk.event_payloads import member_types
from sdk.typescript import HEAD

_IMPORTS = ("Timestamp", "Uuid")


def conversation_module() -> str:
    """Write `conversation_events.ts`: the frames of a thread's stream."""
    return "\n".join(
        (
            HEAD,
            f'import type {{ {", ".join(_IMPORTS)} }} from "./types.js";\n',
            "/** The events of a conversation stream, by their `event_type`. */",
            "export interface ConversationEvents {",
            *(line for kind in THREAD_EVENTS for line in _event(kind)),
            "}\n",
            "/** An event of a conversation stream. */",
            "export type ConversationEvent = ConversationEvents[keyof ConversationEvents];",
            "",
        )
    )


def _event(kind: type[ThreadEvent]) -> Iterator[str]:
    said = (inspect.getdoc(kind) or "").partition("\n")[0]
    yield f"  /** {said} */"
    yield f'  "{kind.type}": {{'
    for name, type_ in member_types(frame_of(kind)).items():
        yield f"    {name}: {type_};"
    yield "  };"
