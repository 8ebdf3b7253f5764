"""The tables and sections of `webhooks.md`: envelopes, headers, schedule, words."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from ringline.domain.builtin_tools import BUILTIN_TOOLS
from ringline.domain.events import EVENT_TYPES
from ringline.domain.retry_schedule import OFFSETS_S
from ringline.domain.webhook_addresses import REFUSED
from ringline.domain.webhook_types import ENDPOINT_TYPES, family_of, sent_type
from ringline.domain.webhook_words import ERROR_MEANS, STATUS_MEANS
from ringline.wire import endpoint_members, envelope, envelope_members, receiver_members
from ringline.wire.coming_payloads import COMING
from ringline.wire.endpoint_envelope import EndpointEnvelope
from ringline.wire.webhook_signature import AGENT_HEADERS, ENDPOINT_HEADERS
from tests import payload_examples
from tests.payload_examples import SCOPE, STORED
from tests.reference_rows import member_rows, row, table

_MEMBER_HEADS = ("member", "value", "means")
_UNITS = ((3_600, "h"), (60, "min"), (1, "s"))


def header_rows(headers: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, holds in headers:
        yield row(f"`{name}`", holds)


def schedule_rows() -> Iterator[str]:
    for number, offset in enumerate(OFFSETS_S, 1):
        jitter = (offset - OFFSETS_S[max(number - 2, 0)]) // 10
        yield row(str(number), _duration(offset), _duration(jitter) if number > 1 else "–")


def _duration(seconds: int) -> str:
    shown: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        shown += [f"{count} {unit}"] if count else []
    return " ".join(shown) or "0 s"


def range_rows() -> Iterator[str]:
    for network, what in REFUSED:
        yield row(f"`{network}`", what)
    yield row("IPv6 outside `2000::/3`", "reserved")


def type_rows() -> Iterator[str]:
    """Yield every type that endpoints are sent, in both spellings."""
    produced = {sent_type(name): data for name, data in EVENT_TYPES.items() if data.durable}
    canonical = {sent_type(name): name for name in (*EVENT_TYPES, *COMING)}
    for type_ in ENDPOINT_TYPES:
        names: tuple[str, ...] = ()
        if type_ in produced:
            names = envelope.NAMES.get(produced[type_], ())
        elif canonical.get(type_) in COMING:
            names = (canonical[type_],)
        yield row(
            f"`{type_}`",
            f"`{family_of(type_)}`",
            ", ".join(f"`{name}`" for name in names) or "–",
            "" if type_ in produced else "not produced yet",
        )


def endpoint_section() -> Iterator[str]:
    """Yield `data` of each type, with an example."""
    for name, kind in EVENT_TYPES.items():
        if not kind.durable:
            continue
        stored = next(stored for stored in STORED if type(stored.event.data) is kind)
        frame = EndpointEnvelope().encode(
            stored.event, payload_examples.position_of(stored), scope=SCOPE
        )
        assert frame is not None
        example = json.dumps(json.loads(frame), indent=2, ensure_ascii=False)
        yield from (f"### `{sent_type(name)}`", "")
        yield from (*table(_MEMBER_HEADS, member_rows(endpoint_members.DATA[kind])), "")
        yield from ("```json", example, "```", "")


def builtin_rows() -> Iterator[str]:
    for name, tool in BUILTIN_TOOLS.items():
        if not tool.description:
            continue  # it is offered to no model
        yield row(
            f"`{name}`",
            f"`{tool.argument}`: {tool.means}" if tool.argument else "–",
            "at once" if tool.at_once else "once heard",
            f'`{{"status": "{tool.status}"}}`',
            tool.description,
        )


def coming_section() -> Iterator[str]:
    for name, event in COMING.items():
        yield from (f"### `{name}`, not produced yet", "", f"{event.means.capitalize()}.", "")
        if event.payload:
            yield from (*table(_MEMBER_HEADS, member_rows(event.payload)), "")


TABLES: Mapping[str, tuple[Sequence[str], Callable[[], Iterator[str]]]] = {
    "types of webhooks": (("endpoints", "family", "agents", ""), type_rows),
    "headers for agents": (("header", "value"), lambda: header_rows(AGENT_HEADERS)),
    "headers for endpoints": (("header", "value"), lambda: header_rows(ENDPOINT_HEADERS)),
    "webhook envelope": (_MEMBER_HEADS, lambda: member_rows(envelope_members.COMMON)),
    "endpoint envelope": (_MEMBER_HEADS, lambda: member_rows(endpoint_members.COMMON)),
    "schedule": (("attempt", "after the first", "later by up to"), schedule_rows),
    "statuses of deliveries": (
        ("`status`", "means"),
        lambda: (row(f"`{word}`", means) for word, means in STATUS_MEANS.items()),
    ),
    "errors of attempts": (
        ("`error`", "means"),
        lambda: (row(f"`{word}`", means) for word, means in ERROR_MEANS.items()),
    ),
    "turn request": (_MEMBER_HEADS, lambda: member_rows(receiver_members.TURN)),
    "turn answer": (_MEMBER_HEADS, lambda: member_rows(receiver_members.TURN_ANSWER)),
    "tool request": (_MEMBER_HEADS, lambda: member_rows(receiver_members.TOOL)),
    "results without an answer": (
        ("result", "when"),
        lambda: (
            row(f"`{result}`", when) for result, when in receiver_members.TOOL_RESULTS.items()
        ),
    ),
    "reasons of tools": (
        ("`reason`", "means"),
        lambda: (row(f"`{word}`", means) for word, means in receiver_members.TOOL_REASONS.items()),
    ),
    "built-in tools": (("tool", "argument", "when", "result", "the model is told"), builtin_rows),
    "failures of receivers": (
        ("cause", "means"),
        lambda: (row(f"`{word}`", means) for word, means in receiver_members.FAILURE_MEANS.items()),
    ),
    "refused addresses": (("addresses", "what they are"), range_rows),
}

SECTIONS: Mapping[str, Callable[[], Iterator[str]]] = {
    "coming envelopes": coming_section,
    "endpoint data": endpoint_section,
}
