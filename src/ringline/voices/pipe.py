"""How a worker process is spoken to: framed messages over its standard streams.

A request is `id, length` and a body. It is answered by any number of parts and one last
message, each `id, kind, length` and a body, all little-endian. End of file on a worker's
standard input is the death of its parent, however that died, and ends the worker at once.
"""

import os
import signal
import struct
import sys
from collections.abc import Callable, Iterable
from queue import Queue
from threading import Thread

REQUEST_HEAD = struct.Struct("<II")
ANSWER_HEAD = struct.Struct("<IBI")

#: Kinds of answers: a part, the end, and the end because the work failed.
PART, END, FAILED = 0, 1, 2


def serve(work: Callable[[bytes], Iterable[bytes]]) -> None:
    """Be a worker: answer requests one by one until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the server
    # Libraries write to standard output as they like: answers get a stream of their own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: Queue[tuple[int, bytes]] = Queue()  # bounded by the parent (workers.py)
    Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        request_id, body = requests.get()
        try:
            for part in work(body):
                answers.write(ANSWER_HEAD.pack(request_id, PART, len(part)) + part)
                answers.flush()
            last = ANSWER_HEAD.pack(request_id, END, 0)
        except BrokenPipeError:
            os._exit(0)
        except Exception as error:
            kind = type(error).__name__.encode()  # never the text: it may quote what was said
            last = ANSWER_HEAD.pack(request_id, FAILED, len(kind)) + kind
        answers.write(last)
        answers.flush()


def _read(requests: Queue[tuple[int, bytes]]) -> None:
    stream = sys.stdin.buffer
    while len(head := stream.read(REQUEST_HEAD.size)) == REQUEST_HEAD.size:
        request_id, length = REQUEST_HEAD.unpack(head)
        requests.put((request_id, stream.read(length)))
    os._exit(0)
