"""What a server says that ends unasked, where its stderr is a log for programs."""

import json


def reason(log: str) -> str:
    """Hold the log to be JSON alone; return the sentence that its last line gives."""
    lines = [json.loads(line) for line in log.splitlines()]
    ends = [line["reason"] for line in lines if line["event"] == "server_ended"]
    assert len(ends) == 1, log
    assert lines[-1].get("reason") == ends[0], log
    assert ends[0].endswith((".", "?")), log
    assert "Traceback" not in log
    return ends[0]
