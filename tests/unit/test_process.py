"""The process of a server: the signals that stop it, and how Python is tuned for it."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from ringline.services.process import (
    prefer_event_loop,
    settle_memory,
    stop_on_signals,
    stop_signals,
)


@pytest.fixture
def tuning_as_before() -> Iterator[None]:
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.unfreeze()


@pytest.mark.parametrize(
    ("hang_up", "numbers"),
    [
        (signal.SIG_DFL, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}),
        (signal.SIG_IGN, {signal.SIGINT, signal.SIGTERM}),
    ],
)
def test_a_hang_up_that_is_ignored_stays_ignored(
    monkeypatch: pytest.MonkeyPatch, hang_up: signal.Handlers, numbers: set[signal.Signals]
) -> None:
    monkeypatch.setattr(signal, "getsignal", {signal.SIGHUP: hang_up}.get)
    assert set(stop_signals()) == numbers


async def test_the_first_signal_is_enough() -> None:
    loop = asyncio.get_running_loop()
    numbers = stop_signals()
    stopping = stop_on_signals()
    try:
        assert not stopping.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stopping.wait(), 10)
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@pytest.mark.usefixtures("tuning_as_before")
def test_a_thread_does_not_keep_the_interpreter_for_long() -> None:
    prefer_event_loop()
    assert sys.getswitchinterval() == pytest.approx(0.000_5)


@pytest.mark.usefixtures("tuning_as_before")
def test_what_is_there_at_the_start_is_not_collected_again() -> None:
    settle_memory()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == 10_000
