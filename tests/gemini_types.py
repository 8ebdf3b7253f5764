"""Gemini Live's frames checked by the types of its vendor (`google-genai`).

The types are strict (unknown members and bad base64 are refused), but all of their members are
optional and `{}` passes, so what a message must have is checked here. A `setup` is compared
with the one that the vendor's own converter makes of a config, because its type has no
`realtimeInputConfig`. Times, sequence and ranges are typed nowhere.
"""

import json
from typing import Any

from google.genai import Client, types
from google.genai import _live_converters as converters
from google.genai._common import convert_to_dict

#: What a message of ours may be, one at a time.
CLIENT = ("setup", "clientContent", "realtimeInput", "toolResponse", "contextUpdate")

#: What a message of the service may have, several at a time.
SERVER = (
    "setupComplete",
    "serverContent",
    "toolCall",
    "toolCallCancellation",
    "usageMetadata",
    "goAway",
    "sessionResumptionUpdate",
    "voiceActivityDetectionSignal",
    "voiceActivity",
)


class Illegal(AssertionError):
    """A frame that the protocol does not have."""


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def check_client(frame: str | bytes) -> tuple[str, dict[str, Any]]:
    """Check what a client sent; return which message it is, and its body."""
    message = json.loads(frame)
    names = [camel(name) for name in message]
    if len(names) != 1 or names[0] not in CLIENT:
        raise Illegal(f"one member of {CLIENT}, not {names}")
    (body,) = message.values()
    if names == ["setup"]:
        body = dict(body)
        for name in ("realtimeInputConfig", "realtime_input_config"):
            if name in body:  # the type of `setup` lacks it
                types.RealtimeInputConfig.model_validate(body.pop(name))
    if names == ["realtimeInput"] and len(body) != 1:
        raise Illegal(f"one kind of input at a time, not {list(body)}")
    types.LiveClientMessage.model_validate({names[0]: body})
    return names[0], next(iter(message.values()))


def check_server(message: dict[str, Any]) -> dict[str, Any]:
    """Check what the service is about to send; return it."""
    if not message or not set(message) <= set(SERVER):
        raise Illegal(f"some of {SERVER}, not {list(message)}")
    converted = converters._LiveServerMessage_from_mldev(message)
    if len(converted) != len(message):  # the converter drops what it does not know
        raise Illegal(f"lost in conversion: {list(message)} became {list(converted)}")
    types.LiveServerMessage.model_validate(converted)
    return message


def vendor_setup(model: str, config: types.LiveConnectConfig) -> dict[str, Any]:
    """Return the `setup` that the vendor's client sends for a config."""
    api = Client(api_key="none")._api_client
    parameters = types.LiveConnectParameters(model=f"models/{model}", config=config)
    request = converters._LiveConnectParameters_to_mldev(
        api, parameters.model_dump(exclude_none=True)
    )
    return _camelled(convert_to_dict(request)["setup"])


#: Objects whose keys are a client's own.
_OWN_KEYS = ("parametersJsonSchema", "parameters_json_schema", "args", "response")


def _camelled(value: Any) -> Any:
    """Spell an object's keys in camel case; the vendor's converter mixes both."""
    if isinstance(value, dict):
        return {
            camel(name): item if name in _OWN_KEYS else _camelled(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_camelled(item) for item in value]
    return value.value if hasattr(value, "value") else value
