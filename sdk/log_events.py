"""The TypeScript of the topic `log`: the rows of `list_events`, by their canonical types."""

import inspect
from collections.abc import Iterator

from ringline.domain.events import EVENT_TYPES, EventData
from ringline.wire.listed_members import data_of, row_of
from sdk.event_payloads import member_types
from sdk.typescript import HEAD

_IMPORTS = ("Timestamp", "UntypedMap", "Uuid")


def log_module() -> str:
    """Write `log_events.ts`: every event of the log, and the parts of turns."""
    return "\n".join(
        (
            HEAD,
            f'import type {{ {", ".join(_IMPORTS)} }} from "./types.js";\n',
            "/** The events of the topic `log`, by their canonical types. */",
            "export interface LogEvents {",
            *(line for kind in EVENT_TYPES.values() for line in _event(kind)),
            "}\n",
            "/** An event of the topic `log`. */",
            "export type LogEvent = LogEvents[keyof LogEvents];",
            "",
        )
    )


def _event(kind: type[EventData]) -> Iterator[str]:
    said = (inspect.getdoc(kind) or "").partition("\n")[0]
    yield f"  /** {said} */"
    yield f'  "{kind.type}": {{'
    for name, type_ in member_types(row_of(kind)).items():
        match name:
            case "type":
                yield f'    type: "{kind.type}";'
            case "callUuid" if kind.type.startswith("call."):
                yield "    callUuid: string;"
            case "callUuid":
                yield "    callUuid: null;"
            case "data":
                yield "    data: {"
                for member, inner in member_types(data_of(kind)).items():
                    yield f"      {member}: {inner};"
                yield "    };"
            case _:
                yield f"    {name}: {type_};"
    yield "  };"
