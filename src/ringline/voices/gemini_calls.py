"""The functions that a model of Gemini Live has called. Pure.

The results of one response's calls go back together: so they have one follow-up, which the
model begins by itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ringline.domain import voice_limits
from ringline.wire.gemini_live import FunctionResult


@dataclass(slots=True)
class _Call:
    name: str
    response_id: str
    result: str | None = None


class ModelCalls:
    """The calls whose results have not been sent; beyond the bound the oldest is forgotten."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        #: The ids of these and of earlier ones: a call that is told again has its result.
        self._known: dict[str, None] = {}

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._calls)

    def __contains__(self, call_id: str) -> bool:
        """Return whether a call has been told already."""
        return call_id in self._known

    def add(self, call_id: str, name: str, *, response_id: str) -> None:
        """Keep a call of a response."""
        for kept in (self._calls, self._known):
            while len(kept) >= voice_limits.UPSTREAM_CALLS.most:
                del kept[next(iter(kept))]
        self._known[call_id] = None
        self._calls[call_id] = _Call(name, response_id)

    def answer(self, call_id: str, result: str) -> list[FunctionResult]:
        """Take a result; return what can be sent now. Unknown calls are ignored."""
        call = self._calls.get(call_id)
        if call is None or call.result is not None:
            return []
        call.result = result
        return self._take_results(call.response_id)

    def cancel(self, call_ids: Iterable[str]) -> tuple[tuple[str, ...], list[list[FunctionResult]]]:
        """Forget calls; return which there were, and the results that can be sent now."""
        gone = {id_: self._calls.pop(id_) for id_ in call_ids if id_ in self._calls}
        responses = dict.fromkeys(call.response_id for call in gone.values())
        ready = [self._take_results(response_id) for response_id in responses]
        return tuple(gone), [results for results in ready if results]

    def _take_results(self, response_id: str) -> list[FunctionResult]:
        """Return the results of a response's calls once all of them are in."""
        calls = [
            (id_, call) for id_, call in self._calls.items() if call.response_id == response_id
        ]
        if any(call.result is None for _, call in calls):
            return []
        return list(self._taken(calls))

    def _taken(self, calls: list[tuple[str, _Call]]) -> Iterator[FunctionResult]:
        for id_, call in calls:
            del self._calls[id_]
            yield FunctionResult(id_, call.name, call.result or "")
