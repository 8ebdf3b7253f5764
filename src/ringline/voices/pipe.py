"""The protocol of worker processes: framed messages over their standard streams.

A request is `id, length` and a body. Its answer is any number of parts and a last message,
each `id, kind, length` and a body, all little-endian. End of file on a worker's standard
input means that its parent is gone, for whatever reason; the worker then exits at once.

A worker has no arguments, or the user and group id that it switches to before it reads its
first request (see `demotion.py`). If it cannot, it sends the reason as an unsolicited answer.
"""

import os
import signal
import struct
import sys
from collections.abc import Callable, Iterable
from queue import Queue
from threading import Thread

from ringline.voices.demotion import become, gain_nothing

REQUEST_HEAD = struct.Struct("<II")
ANSWER_HEAD = struct.Struct("<IBI")

#: Kinds of answers: a part, the end, and a failure, which is also the end.
PART, END, FAILED = 0, 1, 2
#: The unsolicited answer: the worker stays root, and why. Request ids start at 1.
STAYS_ROOT, NO_REQUEST = 3, 0


def answer_requests(work: Callable[[bytes], Iterable[bytes]], rehearse: Callable[[], None]) -> None:
    """Run as a worker: answer requests one by one until the parent is gone.

    `rehearse` does each kind of work once, and raises if that is impossible.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the server
    # Libraries may write to standard output, so answers get a stream of their own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if sys.argv[1:]:
        uid, gid = map(int, sys.argv[1:])
        if why := become(uid, gid, rehearse=rehearse).encode(errors="replace"):
            answers.write(ANSWER_HEAD.pack(NO_REQUEST, STAYS_ROOT, len(why)) + why)
            answers.flush()
    gain_nothing()
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
            kind = type(error).__name__.encode()  # never the text: it may quote a transcript
            last = ANSWER_HEAD.pack(request_id, FAILED, len(kind)) + kind
        answers.write(last)
        answers.flush()


def _read(requests: Queue[tuple[int, bytes]]) -> None:
    stream = sys.stdin.buffer
    while len(head := stream.read(REQUEST_HEAD.size)) == REQUEST_HEAD.size:
        request_id, length = REQUEST_HEAD.unpack(head)
        requests.put((request_id, stream.read(length)))
    os._exit(0)
