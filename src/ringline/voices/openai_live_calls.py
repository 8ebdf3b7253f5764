"""The functions that the backend model of a Live session calls. Pure.

Work that is delegated runs at the service, beside the conversation. A run ends with the calls
it has made; if it fails, they do not count. The service takes their results together, once no
run is under way and every call of the session has its own, and then goes on.
"""

from ringline.domain import voice_limits
from ringline.wire.openai_live_events import FunctionCalled, RunEnded


class BackendCalls:
    """The runs under way, and the calls whose results have not been sent.

    Beyond the bound the oldest ones are forgotten.
    """

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, FunctionCalled]] = {}
        self._results: dict[str, str | None] = {}

    def began(self, delegation_id: str) -> None:
        """Note that a run has begun."""
        self._runs.pop(delegation_id, None)
        while len(self._runs) >= voice_limits.UPSTREAM_CALLS.most:
            del self._runs[next(iter(self._runs))]
        self._runs[delegation_id] = {}

    def called(self, call: FunctionCalled) -> None:
        """Keep a call of a run until that has ended."""
        if call.delegation_id not in self._runs:
            self.began(call.delegation_id)
        calls = self._runs[call.delegation_id]
        if len(calls) < voice_limits.UPSTREAM_CALLS.most and call.call_id not in self._results:
            calls[call.call_id] = call

    def ended(self, ended: RunEnded) -> tuple[FunctionCalled, ...]:
        """Return the calls of a run that has ended, which are to be answered now."""
        calls = self._runs.pop(ended.delegation_id, {})
        if not ended.completed:
            return ()
        for call_id in calls:
            while len(self._results) >= voice_limits.UPSTREAM_CALLS.most:
                del self._results[next(iter(self._results))]
            self._results[call_id] = None
        return tuple(calls.values())

    def answer(self, call_id: str, result: str) -> None:
        """Take a result; it is ignored for a call that is unknown or has one."""
        if self._results.get(call_id, "") is None:
            self._results[call_id] = result

    def take_results(self) -> list[tuple[str, str]]:
        """Return the results by their calls once the service takes them, and forget them."""
        results = [(id_, result) for id_, result in self._results.items() if result is not None]
        if self._runs or len(results) < len(self._results):
            return []
        self._results.clear()
        return results
