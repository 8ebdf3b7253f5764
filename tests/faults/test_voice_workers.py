"""The workers of the local voice end with the server, however it ends."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

SERVER = """
import asyncio, sys
from ringline.voices.local import LocalVoices

async def main():
    voices = LocalVoices()
    await voices.warm()
    print(*voices.process_ids, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def is_running(process_id: int) -> bool:
    try:
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_server(end: signal.Signals):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with server:
        assert server.stdout is not None
        workers = [int(word) for word in server.stdout.readline().split()]
        assert len(workers) == 2
        assert all(is_running(worker) for worker in workers)
        server.send_signal(end)
        server.wait()
    while any(is_running(worker) for worker in workers):  # the test's time-out is the limit
        time.sleep(0.02)
