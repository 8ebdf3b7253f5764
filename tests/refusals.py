"""The reason why a server ended, from its log on stderr."""

import json


def reason(log: str) -> str:
    """Check that the log contains only JSON; return the reason in its last line."""
    lines = [json.loads(line) for line in log.splitlines()]
    ends = [line["reason"] for line in lines if line["event"] == "server_ended"]
    assert len(ends) == 1, log
    assert lines[-1].get("reason") == ends[0], log
    assert ends[0].endswith((".", "?")), log
    assert "Traceback" not in log
    return ends[0]
