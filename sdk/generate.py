"""`python -m sdk.generate`: makes the code of the SDKs that follows from the tables."""

from collections.abc import Mapping
from pathlib import Path

from sdk.close_policy import close_policy_module
from sdk.conversation import conversation_module
from sdk.log_events import log_module
from sdk.realtime import realtime_module
from sdk.rest import rest_module
from sdk.typescript import functions_module, types_module

_SOURCES = Path(__file__).parent / "js" / "src"


def generated() -> Mapping[Path, str]:
    """Make what the generated files should hold."""
    return {
        _SOURCES / "generated.ts": types_module(),
        _SOURCES / "functions.ts": functions_module(),
        _SOURCES / "conversation_events.ts": conversation_module(),
        _SOURCES / "log_events.ts": log_module(),
        _SOURCES / "close_policy.ts": close_policy_module(),
        _SOURCES / "realtime.ts": realtime_module(),
        _SOURCES / "rest.ts": rest_module(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, "utf-8")
