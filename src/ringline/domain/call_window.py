"""The window of the day in which an agent may place calls (live streams, 6.2).

It binds outbound calls alone. A window may pass midnight: 22:00 to 06:00.
"""

from datetime import datetime, time, timedelta, timezone

from ringline.domain.agent import Agent

#: The zone of all windows, by documentation. It has no daylight saving time.
ZONE = timezone(timedelta(hours=1), "Africa/Lagos")


def within_call_window(agent: Agent, now: datetime) -> bool:
    """Return whether an agent may place a call now; without a window it always may."""
    if agent.call_window_start is None or agent.call_window_end is None:
        return True
    start, end = (
        time.fromisoformat(text) for text in (agent.call_window_start, agent.call_window_end)
    )
    there = now.astimezone(ZONE).time()
    if start < end:
        return start <= there < end
    return there >= start or there < end
