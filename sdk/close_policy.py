"""The TypeScript of what a client does when its socket is closed, written from the table."""

import json
from collections.abc import Iterator

from ringline.wire.close_policy import POLICIES, Action, ClosePolicy, Socket
from sdk.typescript import HEAD


def close_policy_module() -> str:
    """Write `close_policy.ts`."""
    return "\n".join(
        (
            HEAD,
            "/** What to do when the server closes a socket with a code. */",
            "export interface ClosePolicy {",
            f"  action: {_words(Action)};",
            "  /** The next connection needs another token or ticket. */",
            "  fresh: boolean;",
            "  /** How long to pause before it, in ms. */",
            "  pauseMs: number;",
            "  /** Why the socket was closed. */",
            "  why: string;",
            "}\n",
            "/** The sockets that the server closes with a code. */",
            f"export type ClosedSocket = {_words(Socket)};\n",
            "/** The policies by socket and close code. */",
            "export const CLOSE_POLICIES: Readonly<",
            "  Record<ClosedSocket, Readonly<Record<number, ClosePolicy>>>",
            "> = {",
            *(line for socket in Socket for line in _policies(socket)),
            "};",
            "",
        )
    )


def _policies(socket: Socket) -> Iterator[str]:
    yield f"  {socket}: {{"
    for code, policy in POLICIES[socket].items():
        yield f"    {code}: {{"
        yield from (f"      {name}: {json.dumps(value)}," for name, value in _members(policy))
        yield "    },"
    yield "  },"


def _members(policy: ClosePolicy) -> Iterator[tuple[str, object]]:
    yield "action", policy.action
    yield "fresh", policy.fresh
    yield "pauseMs", policy.pause_s * 1000
    yield "why", policy.why.replace("`", "")


def _words(kind: type[Action] | type[Socket]) -> str:
    return " | ".join(json.dumps(word) for word in kind)
